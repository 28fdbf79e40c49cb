"""How much one file may cost. Past a limit the rest of the file is a gap, never silence."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps for one file together with everything packed inside it. Sizes are in bytes.

    The defaults are several times what teachers' real files need (a 200-slide lesson is about
    60 MB of pictures, 2 MB of XML and 60,000 characters) and a fraction of what a bomb asks for.
    """

    file_bytes: int = 256 * _MIB
    #: One XML part or text file: parsing takes about ten times as much memory.
    text_bytes: int = 48 * _MIB
    #: All that is unpacked from one file, nested archives included.
    unpacked_bytes: int = 512 * _MIB
    #: Unpacked against packed, over a whole archive. XML reaches 60; a bomb starts at 1,000.
    ratio: int = 200
    #: Archives below this size unpacked are let off the ratio: they cannot hurt.
    ratio_floor: int = 16 * _MIB
    entries: int = 5_000
    #: Archives inside archives; the file itself is depth 0.
    depth: int = 3
    pages: int = 1_000
    #: Cells that hold something, over one workbook.
    cells: int = 200_000
    segments: int = 200_000
    characters: int = 8_000_000
    gaps: int = 5_000
    #: One embedded picture or recording that is handed on to be looked at.
    picture_bytes: int = 32 * _MIB
    #: All that is handed on of one file: it passes through memory twice.
    pictures_bytes: int = 128 * _MIB
    #: Pages without text that are drawn to be read as pictures; a drawn page is about 0.3 MB, and
    #: reading it costs seconds.
    drawn_pages: int = 120
    #: Wall-clock seconds for one file in the worker.
    seconds: float = 60.0
    #: Processor seconds for one file in the worker.
    cpu_seconds: int = 45
    #: Address space of the worker process.
    memory_bytes: int = 1536 * _MIB


DEFAULT = Limits()
