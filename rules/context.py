"""How a hit is meant: the words around it that let it stand or fall."""

from __future__ import annotations

from dataclasses import dataclass

from rules.folding import fold
from rules.rule import Context, Cues
from rules.segmentation import sentence_around

#: How far the brackets of a title may be from a hit inside it.
_TITLE_REACH = 40

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a hit stands, and the words that it stands (or falls) by."""

    stands: bool
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FoldedCues:
    words: tuple[str, ...]
    window: int | None
    but_not: tuple[str, ...]

    @classmethod
    def of(cls, cues: Cues) -> _FoldedCues:
        words, but_not = (
            tuple(fold(word).text for word in words) for words in (cues.words, cues.but_not)
        )
        return cls(words, cues.window, but_not)

    def first_near(self, text: str, span: Span, sentence: Span, *, inside: bool) -> str | None:
        """The first word near the span; one wholly inside it counts only if ``inside``."""
        start, end = span
        first, last = sentence
        if self.window is not None:
            first, last = max(0, start - self.window), min(len(text), end + self.window)
        near = text[first:last]
        # Most hits have none of the words near, and the exceptions only ever take some away.
        there = [word for word in self.words if word in near]
        if not there:
            return None
        for phrase in self.but_not:
            if phrase in near:
                near = near.replace(phrase, "\0" * len(phrase))
        hit = (0, 0) if inside else (start - first, end - first)
        return next((word for word in there if _occurs(word, near, hit)), None)


def _occurs(word: str, near: str, hit: tuple[int, int]) -> bool:
    """Whether a word stands in the text near a hit; inside the hit itself it does not count."""
    at = near.find(word)
    while at >= 0:
        if at < hit[0] or at + len(word) > hit[1]:
            return True
        at = near.find(word, at + 1)
    return False


class ContextCheck:
    """A rule's context, folded and ready to be asked."""

    def __init__(self, context: Context) -> None:
        self._require = tuple(_FoldedCues.of(cues) for cues in context.require)
        self._exclude = tuple(_FoldedCues.of(cues) for cues in context.exclude)
        self._skip_titles = context.skip_titles
        both = (*self._require, *self._exclude)
        self._by_sentence = any(cues.window is None for cues in both)

    def judge(self, text: str, start: int, end: int, *, gapped: bool = False) -> Standing:
        """Judge a span of folded text.

        ``gapped`` says that the span holds words the rule did not name (a pattern's gap); there
        an excluding word counts too: 国歌[不得用于]广告.
        """
        if self._skip_titles and _in_title(text, start, end):
            return Standing(stands=False, seen=("《》",))
        span = start, end
        sentence = sentence_around(text, start, end) if self._by_sentence else span
        for cues in self._exclude:
            if (word := cues.first_near(text, span, sentence, inside=gapped)) is not None:
                return Standing(stands=False, seen=(word,))
        needed = [cues.first_near(text, span, sentence, inside=False) for cues in self._require]
        seen = tuple(word for word in needed if word is not None)
        return Standing(stands=len(seen) == len(needed), seen=seen)


def _in_title(text: str, start: int, end: int) -> bool:
    opened = text.rfind("《", max(0, start - _TITLE_REACH), start)
    closed = text.find("》", end, end + _TITLE_REACH)
    return opened >= 0 and closed >= 0 and "》" not in text[opened:start]
