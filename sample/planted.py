"""Walks a space and says where each of its texts is to be found by an anonymous visitor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from models.vocabulary import Openness, Part, Visibility
from sample.filespecs import FileSpec, Pdf, Picture
from sample.markup import Marked
from sample.records import Article, Resource, Space
from sample.views import file_path, page_gate, picture_path

Medium = Literal["text", "picture"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A text at the place where a visitor meets it."""

    text: Marked
    path: str
    part: Part
    medium: Medium = "text"
    locator: str | None = None


def is_open(space: Space, column: str | None = None, number: int | None = None) -> bool:
    """Whether everybody may see a page of a space."""
    return page_gate(space, column, number).visibility is Visibility.PUBLIC


def open_articles(space: Space) -> Iterator[tuple[int, Article]]:
    """The articles that everybody may read, with their numbers."""
    for number, article in enumerate(space.articles, start=1):
        if is_open(space, "articles", number):
            yield number, article


def open_resources(space: Space) -> Iterator[tuple[int, Resource]]:
    """The resources whose page everybody may see, with their numbers."""
    for number, resource in enumerate(space.resources, start=1):
        if is_open(space, "resources", number):
            yield number, resource


def placed_texts(space: Space) -> Iterator[Placed]:
    """Every text of a space that an anonymous visitor can come to."""
    if not is_open(space):
        return
    yield Placed(space.about, space.path, Part.PAGE)
    yield from _in_articles(space)
    yield from _in_resources(space)
    if is_open(space, "album"):
        for photo in space.album:
            yield Placed(photo.caption, f"{space.path}/album", Part.PAGE)
            yield from _in_picture(space, photo.picture)
    if is_open(space, "board"):
        for message in space.board:
            yield Placed(message.text, f"{space.path}/board", Part.PAGE)


def _in_articles(space: Space) -> Iterator[Placed]:
    for number, article in open_articles(space):
        path = f"{space.path}/article/{number}"
        yield Placed(article.title, path, Part.PAGE)
        yield Placed(article.text, path, Part.PAGE)
        for link in article.links:
            yield Placed(link.text, path, Part.LINK if link.tucked else Part.PAGE)
        for picture in article.pictures:
            yield from _in_picture(space, picture)


def _in_resources(space: Space) -> Iterator[Placed]:
    for number, resource in open_resources(space):
        path = f"{space.path}/resource/{number}"
        yield Placed(resource.title, path, Part.PAGE)
        yield Placed(resource.description, path, Part.PAGE)
        if resource.file is not None and resource.openness is Openness.OPEN:
            yield from _in_file(resource.file, file_path(space, resource))


def _in_picture(space: Space, picture: Picture) -> Iterator[Placed]:
    for line in picture.lines:
        yield Placed(line, picture_path(space, picture), Part.IMAGE, "picture")


def _in_file(spec: FileSpec, path: str) -> Iterator[Placed]:
    scanned = isinstance(spec, Picture) or (isinstance(spec, Pdf) and spec.scanned)
    for locator, text in spec.texts():
        yield Placed(text, path, Part.ATTACHMENT, "picture" if scanned else "text", locator)
