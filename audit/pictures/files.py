"""The pictures and films of one file: which of its gaps they answer, and what was read in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from audit.extract.records import EmbeddedPicture, Extraction, Gap, joined
from audit.pictures.records import Reading, Sort
from models.vocabulary import NotScreened, ResourceKind

#: How a resource of a kind is looked at; other kinds are read by extraction alone.
SORTS = {ResourceKind.IMAGE: Sort.PICTURE, ResourceKind.VIDEO: Sort.FILM}
#: What extraction says of pictures that it leaves to be looked at.
_ANSWERED = frozenset({NotScreened.PICTURE_TEXT, NotScreened.NO_TEXT_LAYER})

Read = Callable[[bytes, Sort], Reading]


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture or film and its reading. ``name`` is its place in the file, empty for the file itself."""

    name: str
    sort: Sort
    reading: Reading


def look(data: bytes, kind: ResourceKind, extraction: Extraction, read: Read) -> Iterator[Looked]:
    """Look at a file that is a picture or film, or at what an extraction found in it."""
    sort = SORTS.get(kind)
    if sort is not None:
        yield Looked("", sort, read(data, sort))
    for picture in extraction.pictures:
        if picture.data:
            inner = SORTS[picture.kind]
            yield Looked(picture.name, inner, read(picture.data, inner))


def unanswered(kind: ResourceKind, name: str, extraction: Extraction) -> tuple[Gap, ...]:
    """The gaps of a file that stay when its pictures are looked at.

    A film's sound stays unread: its gap stays with it.
    """
    looked = {joined(name, picture.name) for picture in extraction.pictures if _is_still(picture)}
    if kind is ResourceKind.IMAGE:
        looked.add(name)
    gaps = extraction.gaps
    return tuple(gap for gap in gaps if gap.reason not in _ANSWERED or gap.what not in looked)


def _is_still(picture: EmbeddedPicture) -> bool:
    return bool(picture.data) and picture.kind is ResourceKind.IMAGE
