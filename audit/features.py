"""What a text is made of, for a linear model: words, characters and cues.

Words and pairs of words from jieba, runs of one to three characters, and *cues*: named patterns of
a family, alone and in pairs. A model learns what each is worth; the cues let it do so from a few
hundred examples, for ``微信`` and ``➕VX`` are the same thing to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import yaml

from rules import segmentation
from rules.folding import fold

#: Rises when features change meaning; part of every model's digest, and a model of another
#: version is refused.
FEATURES_VERSION = 1

#: Prefixes that keep the sorts of features apart.
WORD, RUN, CUE = "w:", "c:", "cue:"

#: A cue counts this much against a word or run in a text of average length. Of 0, 0.1, 0.2 and
#: 0.3 (macro-F1 0.81, 0.85, 0.85, 0.87 with groups held out) the last let cues alone decide: a
#: statute's list of training agencies scored above every lesson.
CUE_VALUE = 0.2
#: Texts with fewer features are weighed as having this many, so that no single word decides.
_FEATURES_FLOOR = 30

_LONGEST_RUN = 3
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_BLANK = re.compile(r"\s+")
_HAN = re.compile("[\u3400-\u9fff]")
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;\n]*|[。！？!?；;\n]+")

#: A piece of text to judge is at least this long where the text allows: shorter ones say nothing.
_PIECE_FROM = 16
#: And at most this long, as the training examples are: a longer one thins a hidden sentence out.
_PIECE_TO = 200
#: Fewer Chinese characters than this are formulas, tables of numbers or foreign words.
_HAN_FROM = 8

_tokenizer = segmentation._tokenizer()  # noqa: SLF001 -- until segmentation offers words itself


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of sentences, as a span of the text it was cut from."""

    start: int
    end: int
    text: str


class Cues:
    """The named patterns of one family."""

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self.patterns = {name: tuple(parts) for name, parts in patterns.items()}
        self._compiled = {name: re.compile("|".join(parts)) for name, parts in patterns.items()}

    @classmethod
    def read(cls, path: Path) -> Cues:
        """Cues from a YAML file; a family without one has none."""
        if not path.exists():
            return cls({})
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    def found(self, plain: str) -> Iterator[str]:
        """The cues in a plain text, then each pair of them, as features."""
        hits = [name for name, pattern in self._compiled.items() if pattern.search(plain)]
        yield from (CUE + name for name in hits)
        yield from (f"{CUE}{one}+{other}" for one, other in combinations(hits, 2))


def plain_form(text: str) -> str:
    """Folded, lower case, and numbers by their length only: which number it is teaches nothing."""
    return _BLANK.sub(" ", _NUMBER.sub(_shape, fold(text).text.lower()))


def _shape(number: re.Match[str]) -> str:
    length = len(number.group())
    if length < 5:
        return "0"
    return "00000" if length < 11 else "00000000000"


def features(text: str, cues: Cues) -> frozenset[str]:
    """All features of a text."""
    plain = plain_form(text)
    words = [word for word in _tokenizer.cut(plain, HMM=False) if word.strip()]
    found = {WORD + word for word in words}
    found.update(f"{WORD}{one} {other}" for one, other in pairwise(words))
    found.update(
        RUN + plain[start : start + length]
        for length in range(1, _LONGEST_RUN + 1)
        for start in range(len(plain) - length + 1)
    )
    found.update(cues.found(plain))
    return frozenset(found)


def weigh(found: frozenset[str]) -> dict[str, float]:
    """How much each feature of a text counts: a long text's words less, its cues the same."""
    scale = 1 / math.sqrt(max(len(found), _FEATURES_FLOOR))
    return {name: CUE_VALUE if name.startswith(CUE) else scale for name in found}


def pieces(text: str) -> list[Piece]:
    """The text cut at sentence ends into pieces that can be judged; formulas are left out."""
    cut = (
        Piece(low, min(low + step, end), text[low : min(low + step, end)])
        for start, end in _spans(text)
        for step in [_even_step(end - start)]
        for low in range(start, end, step)
    )
    return [piece for piece in cut if len(_HAN.findall(piece.text)) >= _HAN_FROM]


def _spans(text: str) -> list[tuple[int, int]]:
    """Runs of whole sentences, none too short unless the text is; the last takes in the rest."""
    ends = [0]
    for sentence in _SENTENCE.finditer(text):
        if sentence.end() - ends[-1] >= _PIECE_FROM:
            ends.append(sentence.end())
    if len(ends) > 1 and ends[-1] < len(text):
        ends.pop()
    if ends[-1] < len(text):
        ends.append(len(text))
    return list(pairwise(ends))


def _even_step(length: int) -> int:
    """The length of equal parts of a span, so that no stump is left over."""
    return math.ceil(length / math.ceil(length / _PIECE_TO))
