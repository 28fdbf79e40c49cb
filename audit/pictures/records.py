"""What a picture gave: its lines and codes with their places in it, or why it was not read."""

from __future__ import annotations

from enum import StrEnum

from pydantic.dataclasses import dataclass

from models.vocabulary import NotScreened

#: At or above this score a line counts as read. Measured on drawn text of 10 to 60 px, rotated, in
#: low contrast and noisy: right lines score 0.9 and more, lines with wrong characters 0.5 to 0.8.
SURE = 0.75


class Sort(StrEnum):
    """How bytes are to be looked at."""

    PICTURE = "picture"
    FILM = "film"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in a picture as it is shown, in its pixels from the upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"左{self.x} 上{self.y} 宽{self.width} 高{self.height}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, as a program read it, with its score from 0 to 1."""

    text: str
    score: float
    region: Region

    @property
    def sure(self) -> bool:
        """Whether the program was sure of what it read."""
        return self.score >= SURE


@dataclass(frozen=True, slots=True)
class Code:
    """A QR or bar code and what it says."""

    target: str
    symbology: str
    region: Region

    @property
    def label(self) -> str:
        """What officers call it."""
        return "二维码" if "QR" in self.symbology.upper() else "条形码"


@dataclass(frozen=True, slots=True)
class View:
    """One still: a picture, a frame of an animation or film (``place`` says which)."""

    place: str
    width: int
    height: int
    lines: tuple[Line, ...] = ()
    codes: tuple[Code, ...] = ()

    @property
    def unsure(self) -> int:
        """How many lines the program was not sure of."""
        return sum(not line.sure for line in self.lines)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one picture or film gave; with a ``reason`` it was not read."""

    views: tuple[View, ...] = ()
    reason: NotScreened | None = None

    @property
    def unsure(self) -> int:
        """How many lines the program was not sure of, over all stills."""
        return sum(view.unsure for view in self.views)
