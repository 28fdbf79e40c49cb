"""Frozen records of the sample's content: spaces and their items."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from models.vocabulary import Openness, SchoolKind, Visibility
from sample.filespecs import FileSpec, Picture, Record, Text
from sample.markup import Marked

DAY = r"^20\d\d-[01]\d-[0-3]\d$"


class Way(StrEnum):
    """How a refusal is served, where the same refusal has several faces on real platforms."""

    USUAL = "usual"
    #: A bare status code: 401 or 403 where the usual is a redirect or a page, 404 for a file.
    STATUS = "status"
    #: A notice in a page that answers 200 (a soft 404, a login box in place).
    PAGE = "page"
    #: A JSON answer with status 200.
    JSON = "json"


class Behaviour(StrEnum):
    """What a space does beside being readable."""

    FLAKY = "flaky"
    SLOW = "slow"
    REDIRECTING = "redirecting"
    PRIVATE_REDIRECT = "private_redirect"


class Gate(Record):
    """Who may see a page; ``label`` is what the platform claims, where that differs."""

    visibility: Visibility = Visibility.PUBLIC
    way: Way = Way.USUAL
    label: str | None = None

    @property
    def shown_label(self) -> str:
        """The label that visitors read."""
        return self.label or self.visibility.label


class Link(Record):
    """A link below a text; ``tucked`` ones are in the page but not to be seen."""

    text: Text
    href: str
    tucked: bool = False
    #: Leads to a net disk or a shop: counts as a resource that is not on the platform.
    offsite: bool = False


class Article(Record):
    """A text of the teacher's."""

    title: Text
    date: str = Field(pattern=DAY)
    text: Text
    source: str = "原创"
    gate: Gate = Gate()
    pictures: tuple[Picture, ...] = ()
    links: tuple[Link, ...] = ()


class Resource(Record):
    """Something offered for download: a file of this platform, or a place elsewhere."""

    title: Text
    date: str = Field(pattern=DAY)
    description: Text
    #: The name under ``/files/{space}/``; empty for a place elsewhere.
    name: str = ""
    #: The address elsewhere.
    href: str = ""
    file: FileSpec | None = None
    openness: Openness = Openness.OPEN
    way: Way = Way.USUAL
    #: What it costs, in points.
    points: int = Field(default=0, ge=0)
    gate: Gate = Gate()

    @model_validator(mode="after")
    def _consistent(self) -> Resource:
        if bool(self.name) == bool(self.href):
            raise ValueError(f"{self.title}: give either a name or an href")
        if bool(self.href) != (self.openness is Openness.OFFSITE):
            raise ValueError(f"{self.title}: an href is offsite, and only an href")
        if self.openness in (Openness.OPEN, Openness.CORRUPT, Openness.PASSWORD) and not self.file:
            raise ValueError(f"{self.title}: a served file needs its content")
        return self


class Photo(Record):
    """A picture of the album with its caption."""

    picture: Picture
    caption: Text


class Message(Record):
    """An entry of the message board."""

    who: str
    date: str = Field(pattern=DAY)
    text: Text


class Space(Record):
    """One teacher's space and how it behaves."""

    id: str = Field(pattern=r"^s\d{3}$")
    name: str
    teacher: str
    school: str
    county: str
    kind: SchoolKind
    stage: Literal["幼儿园", "小学", "初中", "高中"]
    subject: str
    #: Takes part in a "5G+专递课堂" pilot; teaches; has agreed that all is free and open.
    pilot: bool = False
    frontline: bool = True
    consent: bool = True
    motto: str = ""
    about: Text = Marked("")
    visibility: Visibility = Visibility.PUBLIC
    way: Way = Way.USUAL
    label: str | None = None
    behaviour: Behaviour | None = None
    #: The address that was nominated, when it is not the present one.
    former_path: str | None = None
    #: Columns shown although empty, or closed as a whole.
    columns: dict[Literal["articles", "resources", "album", "board"], Gate] = Field(
        default_factory=dict
    )
    articles: tuple[Article, ...] = ()
    resources: tuple[Resource, ...] = ()
    album: tuple[Photo, ...] = ()
    board: tuple[Message, ...] = ()
    #: The board loads more while one scrolls.
    endless_board: bool = False

    @property
    def path(self) -> str:
        """Where the space is."""
        return f"/space/{self.id}"

    @property
    def nominated_path(self) -> str:
        """Where the nomination says it is."""
        return self.former_path or self.path

    @property
    def gate(self) -> Gate:
        """Who may see the home page: a partly public space has a public one."""
        partly = self.visibility is Visibility.PARTIAL
        shown = Visibility.PUBLIC if partly else self.visibility
        return Gate(visibility=shown, way=self.way, label=self.label)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures shown on the pages."""
        illustrations = [picture for article in self.articles for picture in article.pictures]
        return (*illustrations, *(photo.picture for photo in self.album))

    @property
    def shown_columns(self) -> dict[str, Gate]:
        """The columns in the navigation, in its order, with who may see each."""
        filled = {
            "articles": self.articles,
            "resources": self.resources,
            "album": self.album,
            "board": self.board,
        }
        return {
            name: self.columns.get(name, Gate())  # type: ignore[call-overload]
            for name, items in filled.items()
            if items or name in self.columns
        }
