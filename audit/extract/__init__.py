"""Text out of files: one call, one registry, and every failure a named gap.

``extract`` works in this process and suits files one trusts and tests; files from the web go
through ``audit.extract.worker.ExtractionWorker``, which does the same under limits on memory,
processor and time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from audit.extract.limits import DEFAULT, Limits
from audit.extract.records import EmbeddedPicture, Extraction, Gap, Item, Segment, joined
from audit.extract.registry import Context, items
from models.vocabulary import NotScreened, ResourceKind

__all__ = ["DEFAULT", "EmbeddedPicture", "Extraction", "Gap", "Limits", "Segment", "extract"]

#: PostgreSQL refuses NUL in text, and UTF-8 has no lone surrogates.
_NUL = str.maketrans({"\0": "\N{REPLACEMENT CHARACTER}"})


def extract(data: bytes, kind: ResourceKind, name: str, limits: Limits = DEFAULT) -> Extraction:
    """Read one file.

    Args:
        data: The file's bytes.
        kind: What the file is, by its content.
        name: The file's name, for gaps and for formats that bytes alone do not tell (csv).
        limits: Past these, the rest is a gap.

    Returns:
        Segments in reading order, gaps, and embedded pictures. Nothing is raised for a bad file.
    """
    return collect(items(data, Context.of(name, kind, limits)), name, limits)


def collect(source: Iterable[Item], name: str, limits: Limits) -> Extraction:
    """Sort the items of one file by sort, within the limits on their number and length."""
    segments: list[Segment] = []
    gaps: list[Gap] = []
    pictures: list[EmbeddedPicture] = []
    left, room = limits.characters, limits.pictures_bytes
    for item in source:
        match item:
            case Segment() if item.text.strip():
                left -= len(item.text)
                if left < 0 or len(segments) >= limits.segments:
                    gaps.append(Gap(joined(name, f"{item.locator}及以后"), NotScreened.BUDGET))
                    break
                segments.append(Segment(_storable(item.text), item.part, _storable(item.locator)))
            case Gap():
                if len(gaps) >= limits.gaps:
                    gaps.append(Gap(joined(name, "其余未读部分"), NotScreened.BUDGET))
                    break
                gaps.append(Gap(_storable(joined(name, item.what)), item.reason))
            case EmbeddedPicture():
                carried = _within(item, min(room, limits.picture_bytes))
                room -= len(carried.data)
                pictures.append(carried)
    return Extraction(tuple(segments), tuple(gaps), tuple(pictures))


def _within(picture: EmbeddedPicture, room: int) -> EmbeddedPicture:
    """The picture, without its bytes where they are more than may be handed on."""
    return picture if len(picture.data) <= room else replace(picture, data=b"")


def _storable(text: str) -> str:
    return text.translate(_NUL).encode("utf-8", "replace").decode("utf-8")
