"""What extraction hands on: runs of text with their place, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.vocabulary import NotScreened, Part, ResourceKind

#: Between the steps of a place: "文件内 a/b.docx → 第2段".
STEP = " → "


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text and where it stands, e.g. ``第3张幻灯片·备注``.

    The locator is for people and stable: the same bytes give the same locators.
    """

    text: str
    part: Part
    locator: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was found and not read; ``what`` begins with the file's name."""

    what: str
    reason: NotScreened


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture inside a file: its place and name, the SHA-256 (hex) and length of its bytes.

    The extractor that names it also yields a gap of the same name: it did not read the picture.
    Whoever does, from ``data``, answers that gap.
    """

    name: str
    sha256: str
    length: int
    #: What there is to look at, as a picture file (a drawn page for a scan); empty where it is over
    #: the limits or nothing need be looked at.
    data: bytes = b""
    #: A picture or a film.
    kind: ResourceKind = ResourceKind.IMAGE


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that one file gave. What is in no segment is in a gap."""

    segments: tuple[Segment, ...] = ()
    gaps: tuple[Gap, ...] = ()
    pictures: tuple[EmbeddedPicture, ...] = ()


#: What an extractor yields, in reading order.
Item = Segment | Gap | EmbeddedPicture


def inside(place: str, item: Item) -> Item:
    """The same item, with ``place`` put before its own place."""
    match item:
        case Segment():
            return replace(item, locator=joined(place, item.locator))
        case Gap():
            return replace(item, what=joined(place, item.what))
        case EmbeddedPicture():
            return replace(item, name=joined(place, item.name))


def joined(outer: str, inner: str) -> str:
    """One place from an outer and an inner one; an empty inner place is the outer itself."""
    return f"{outer}{STEP}{inner}" if inner else outer
