"""Frozen records of the files to be made, each with the texts that a reader finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sample.markup import Marked, parse_marked

#: A place in a file, for people, and the text there.
Located = tuple[str, Marked]


class Record(BaseModel):
    """A frozen record that refuses unknown fields, so that a typo in the content is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _marked(value: object) -> object:
    return parse_marked(value) if isinstance(value, str) else value


Text = Annotated[Marked, BeforeValidator(_marked)]


class Picture(Record):
    """A picture to be drawn: a style, lines of text, perhaps a QR code."""

    kind: Literal["picture"] = "picture"
    name: str = Field(pattern=r"\.(png|jpg)$")
    style: Literal["poster", "certificate", "blackboard", "map", "photo", "notice"] = "poster"
    lines: tuple[Text, ...] = ()
    qr: str | None = None

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        yield from (("line", line) for line in self.lines)


class Docx(Record):
    """A Word document: page header, paragraphs, a table, a text box."""

    kind: Literal["docx"]
    header: Text | None = None
    heading: Text
    paragraphs: tuple[Text, ...] = ()
    table: tuple[tuple[Text, ...], ...] = ()
    textbox: Text | None = None

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        if self.header:
            yield "header", self.header
        yield "heading", self.heading
        yield from (("paragraph", paragraph) for paragraph in self.paragraphs)
        for row in self.table:
            yield from (("table", cell) for cell in row)
        if self.textbox:
            yield "text box", self.textbox


class Slide(Record):
    """One slide; the notes are what the teacher sees."""

    title: Text
    bullets: tuple[Text, ...] = ()
    notes: Text | None = None


class Pptx(Record):
    """A presentation."""

    kind: Literal["pptx"]
    slides: tuple[Slide, ...]

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        for number, slide in enumerate(self.slides, start=1):
            yield f"slide {number}", slide.title
            yield from ((f"slide {number}", bullet) for bullet in slide.bullets)
            if slide.notes:
                yield f"notes of slide {number}", slide.notes


class Sheet(Record):
    """One sheet; its first row is the header."""

    name: str
    rows: tuple[tuple[Text, ...], ...]
    hidden: bool = False


class Xlsx(Record):
    """A workbook."""

    kind: Literal["xlsx"]
    sheets: tuple[Sheet, ...]

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        for sheet in self.sheets:
            for row in sheet.rows:
                yield from ((f"sheet {sheet.name}", cell) for cell in row)


class Pdf(Record):
    """A PDF: with text, with a password, or scanned (a picture only)."""

    kind: Literal["pdf"]
    heading: Text
    paragraphs: tuple[Text, ...] = ()
    password: str | None = None
    scanned: bool = False

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        yield "heading", self.heading
        yield from (("paragraph", paragraph) for paragraph in self.paragraphs)


class Txt(Record):
    """A plain text file."""

    kind: Literal["txt"]
    text: Text
    encoding: Literal["utf-8", "gb18030"] = "utf-8"

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        yield "text", self.text


class Audio(Record):
    """A short tune; the title goes into the file's tags."""

    kind: Literal["audio"]
    title: str
    notes: tuple[int, ...] = (60, 62, 64, 65, 67)

    def texts(self) -> Iterator[Located]:
        """None: nothing in it can be read."""
        return iter(())


class Video(Record):
    """A few seconds of title cards."""

    kind: Literal["video"]
    cards: tuple[str, ...]

    def texts(self) -> Iterator[Located]:
        """None: nothing in it can be read."""
        return iter(())


class Archive(Record):
    """A zip with documents in it."""

    kind: Literal["zip"]
    members: dict[str, Annotated[Docx | Pdf | Txt, Field(discriminator="kind")]]

    def texts(self) -> Iterator[Located]:
        """The texts with their places."""
        for name, member in self.members.items():
            yield from ((f"{name}: {at}", text) for at, text in member.texts())


FileSpec = Annotated[
    Docx | Pptx | Xlsx | Pdf | Txt | Audio | Video | Archive | Picture,
    Field(discriminator="kind"),
]
