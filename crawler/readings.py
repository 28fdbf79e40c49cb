"""What comes back of a rendered page, as plain records; nothing here judges what was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from crawler.screenshots import UNKNOWN, Size
from models.manifest import TextBlock
from models.vocabulary import ResourceSource


@dataclass(frozen=True, slots=True)
class FoundLink:
    """An address on a page; ``file`` when the page marks it as something to download."""

    url: str
    text: str = ""
    hidden: bool = False
    file: bool = False
    #: Which of the profile's selectors of member links it matches.
    members: frozenset[str] = frozenset()
    #: It stands in what the page is about, and not in a menu, a side column or a footer.
    main: bool = True
    #: The page marks it as its author.
    author: bool = False
    source: ResourceSource = ResourceSource.LINK


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one frame holds besides what it shows, for the search for files."""

    #: What relative addresses in it are relative to.
    base: str
    #: Type and text of each inline script.
    scripts: tuple[tuple[str, str], ...]
    #: Tag, name, value, and the element's own words.
    attributes: tuple[tuple[str, str, str, str], ...]
    #: There was more than is taken of one frame.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A picture shown on a page, with its natural size."""

    url: str
    alt: str
    width: int
    height: int
    #: Laid behind the content by a style sheet: its size is then that of the place it fills.
    background: bool = False


@dataclass(frozen=True, slots=True)
class Embed:
    """Something a page shows or names that a browser need not ask for: a player's file, an icon."""

    url: str
    kind: str


@dataclass(slots=True)
class PageReading:
    """All that was read of one rendered page, its frames included."""

    url: str = ""
    title: str = ""
    blocks: list[TextBlock] = field(default_factory=list)
    links: list[FoundLink] = field(default_factory=list)
    images: list[FoundImage] = field(default_factory=list)
    frames_unread: list[str] = field(default_factory=list)
    embeds: list[Embed] = field(default_factory=list)
    #: What is shown and holds no text that can be read: ``canvas``, ``closed_shadow``.
    unread: list[str] = field(default_factory=list)
    gathered: list[Gathered] = field(default_factory=list)
    #: How many addresses of files in scripts and data were left, being too many.
    files_left: int = 0
    #: Scripts or data were too long to be searched to their end.
    search_cut: bool = False
    password_field: bool = False
    shown: frozenset[str] = frozenset()
    declared: str | None = None
    price: str | None = None
    #: The screenshot, in strips one below the other.
    strips: list[bytes] = field(default_factory=list)
    cut_at: int | None = None
    more_below: bool = False
    size: Size = UNKNOWN
    #: Addresses of the frames that were read as parts of this page.
    frames: list[str] = field(default_factory=list)
    #: States behind tabs and pagers that were read after the page as it first stood.
    states: list[str] = field(default_factory=list)
    #: Pages of a list that were read here, and how many there are by its own word.
    pages_read: int = 1
    pages_stated: int | None = None
    #: What of this page was left unread, in words for the ledger.
    left_unread: list[str] = field(default_factory=list)
    #: The document as it first stood, where it was turned to other states since.
    dom: str | None = None

    @property
    def text(self) -> str:
        """The visible text, one block a line."""
        return "\n".join(block.text for block in self.blocks if block.role != "link")
