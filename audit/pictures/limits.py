"""How much one picture or film may cost. Past a limit it is a row of the ledger, never silence."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Caps for one picture or film. Sizes are in bytes unless said otherwise."""

    picture_bytes: int = 64 * _MIB
    film_bytes: int = 512 * _MIB
    #: Pixels of a picture when unpacked, three bytes each. Cameras of 2022 made 64 million; a JPEG
    #: beyond is unpacked at a smaller scale, anything else is too large.
    pixels: int = 80_000_000
    #: Pictures of an animation that are looked at: the first, and others spread over its length.
    animation_frames: int = 4
    film_frames: int = 12
    #: Lines of one picture that are kept; a dense A4 page has about 60.
    lines: int = 600
    codes: int = 32
    #: Wall-clock seconds for one picture or film in the child. A dense page takes 5 of processor.
    seconds: float = 180.0
    cpu_seconds: int = 90
    #: Address space of the child: 1.7 GB measured with the models loaded and a dense page read, and
    #: room for a picture of the most pixels.
    memory_bytes: int = 3072 * _MIB


DEFAULT = PictureLimits()
