"""Marks inside sample texts: which words are a planted problem, which must raise no alarm.

``{{normative/contact|加微信 abc}}`` is a problem of that dimension and family;
``{{ok: why|text}}`` is a hard negative. The mark is stripped before the text is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.vocabulary import Dimension

_MARK = re.compile(r"\{\{(?P<tag>[^|{}]+)\|(?P<text>[^{}\n]+)\}\}")
_HARMLESS = "ok:"
_DIMENSIONS = {dimension.value: dimension for dimension in Dimension}


class MarkupError(ValueError):
    """A mark is malformed; the build stops and names it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Words that a reviewer has to be shown."""

    text: str
    dimension: Dimension
    family: str


@dataclass(frozen=True, slots=True)
class HardNegative:
    """Words that look like a problem and are none."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as a visitor sees it, with what is planted in it."""

    text: str
    problems: tuple[Problem, ...] = ()
    hard_negatives: tuple[HardNegative, ...] = ()

    @property
    def planted(self) -> tuple[str, ...]:
        """All marked words, problems and hard negatives."""
        return (
            *(problem.text for problem in self.problems),
            *(negative.text for negative in self.hard_negatives),
        )


def parse_marked(source: str) -> Marked:
    """Strip the marks off a text and keep what they say.

    Raises:
        MarkupError: a mark is open, empty or of an unknown dimension.
    """
    problems: list[Problem] = []
    harmless: list[HardNegative] = []

    def strip(match: re.Match[str]) -> str:
        tag, text = match["tag"].strip(), match["text"].strip()
        if tag.startswith(_HARMLESS):
            harmless.append(HardNegative(text, tag.removeprefix(_HARMLESS).strip()))
        else:
            problems.append(_problem(tag, text))
        return text

    text = _MARK.sub(strip, source).strip()
    if "{{" in text or "}}" in text:
        raise MarkupError(f"an open or empty mark in {text[:60]!r}")
    return Marked(text, tuple(problems), tuple(harmless))


def _problem(tag: str, text: str) -> Problem:
    dimension, slash, family = tag.partition("/")
    if not slash or not family or dimension not in _DIMENSIONS:
        raise MarkupError(f"{tag!r} is not DIMENSION/FAMILY (on {text[:40]!r})")
    return Problem(text, _DIMENSIONS[dimension], family)
