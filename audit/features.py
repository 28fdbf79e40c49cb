"""What a text is made of, for a linear model: words, characters and cues, as hashed keys.

Words and pairs of words from jieba, runs of one to four characters, and *cues*: named patterns of
a family, alone and in pairs. A model learns what each is worth; the cues let it do so from a few
hundred examples, for ``微信`` and ``➕VX`` are the same thing to it.

A key is 32 bits of a rolling hash of the characters, computed for a whole batch at once. A model
keeps keys only: no text that it was trained on can be read from its file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import yaml

from rules import segmentation
from rules.folding import fold

#: Rises when features change meaning; part of every model's digest, and a model of another
#: version is refused.
FEATURES_VERSION = 2

#: A cue counts this much against a word or run in a text of average length. Of 0, 0.1, 0.2 and
#: 0.3 (macro-F1 0.81, 0.85, 0.85, 0.87 with groups held out) the last let cues alone decide: a
#: statute's list of training agencies scored above every lesson.
CUE_VALUE = 0.2
#: Texts with fewer known features of a sort are weighed as having this many, so that no single word
#: decides.
_FEATURES_FLOOR = 15

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_BLANK = re.compile(r"\s+")

Keys = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Wide = npt.NDArray[np.uint64]

#: Base of the rolling hash (odd, so that it has an inverse) and its inverse modulo 2**64.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
#: Constants of MurmurHash3's last step, which spreads every bit over all.
_SPREAD = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)

#: The sorts of features; each is weighed by itself, and equal characters of two sorts differ.
RUN, WORD, CUE = 0, 1, 2
_PAIR_SALT = 17

_tokenizer = segmentation._tokenizer()  # noqa: SLF001 -- until segmentation offers words itself


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
        """The cues in a plain text, then each pair of them."""
        hits = [name for name, pattern in self._compiled.items() if pattern.search(plain)]
        yield from hits
        yield from (f"{one}+{other}" for one, other in combinations(hits, 2))


NO_CUES = Cues({})


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which features a model looks at.

    Attributes:
        runs: The longest run of characters; 0 for none.
        words: The longest run of words, at most 2; 0 for none, which spares the tokenizer.
        cues: The named patterns.
    """

    runs: int = 4
    words: int = 2
    cues: Cues = field(default=NO_CUES)

    @property
    def plain(self) -> tuple[int, int]:
        """What two recipes must share to share their features, cues aside."""
        return self.runs, self.words


@dataclass(frozen=True, slots=True)
class Grams:
    """Every occurrence of a feature in a batch of texts, in no order.

    Attributes:
        rows: Which text.
        keys: Which feature.
        sorts: ``RUN`` or ``WORD``.
        starts: Where it begins in the text.
        ends: Where it ends.
    """

    rows: Positions
    keys: Keys
    sorts: npt.NDArray[np.int8]
    starts: Positions
    ends: Positions


@dataclass(frozen=True, slots=True)
class Bags:
    """The features of a batch of texts, each once a text, by text, sort and key.

    Attributes:
        texts: How many texts.
        blocks: Twice the text's number, and one more for a word.
        keys: Which features.
    """

    texts: int
    blocks: Positions
    keys: Keys

    def known(self, keys: Keys) -> Known:
        """Those of the features that are among these (sorted) keys, and how much each counts.

        A text's runs count less the more of them are known, and so do its words: unknown ones
        say nothing and thin nothing out (macro-F1 on COLD 0.917, and 0.914 if they do).
        """
        at = np.searchsorted(keys, self.keys)
        at[at == len(keys)] = 0
        hit = keys[at] == self.keys if len(keys) else np.zeros(len(at), dtype=bool)
        blocks = self.blocks[hit]
        counts = np.bincount(blocks, minlength=2 * self.texts)
        values = 1 / np.sqrt(np.maximum(counts[blocks], _FEATURES_FLOOR))
        return Known(blocks >> 1, at[hit], values)


class Known(NamedTuple):
    """Features of texts that a model knows: which text, which of its keys, how much it counts."""

    rows: Positions
    at: Positions
    values: Values


def plain_form(text: str) -> str:
    """Folded, lower case, and numbers by their length only: which number it is teaches nothing."""
    return _BLANK.sub(" ", _NUMBER.sub(_shape, fold(text).text.lower()))


def _shape(number: re.Match[str]) -> str:
    length = len(number.group())
    if length < 5:
        return "0"
    return "00000" if length < 11 else "00000000000"


def words(plain: str) -> list[str]:
    """A plain text's words, blanks among them; together they are the text."""
    return list(_tokenizer.cut(plain, HMM=False))


def grams(plains: Sequence[str], recipe: Recipe) -> Grams:
    """All runs and words of plain texts."""
    lengths = np.array([len(plain) for plain in plains], dtype=np.int64)
    text_ends = np.cumsum(lengths)
    rows = np.repeat(np.arange(len(plains)), lengths)
    joined = np.frombuffer("".join(plains).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    hashed = _Hashed(joined)
    parts = [_runs(text_ends, rows, length) for length in range(1, recipe.runs + 1)]
    if recipe.words:
        parts += _words(plains, recipe.words)
    starts, ends, sorts, salts = (np.concatenate(column) for column in zip(*parts, strict=True))
    of = rows[starts]
    offset = (text_ends - lengths)[of]
    keys = hashed.keys(starts, ends, salts)
    return Grams(of, keys, sorts.astype(np.int8), starts - offset, ends - offset)


_Part = tuple[Positions, Positions, Positions, Positions]


def _runs(text_ends: Positions, rows: Positions, length: int) -> _Part:
    starts = np.arange(len(rows))
    starts = starts[starts + length <= text_ends[rows]]
    sort = np.full(len(starts), RUN)
    return starts, starts + length, sort, sort


def _words(plains: Sequence[str], longest: int) -> list[_Part]:
    cut = [words(plain) for plain in plains]
    lengths = np.array([len(word) for one in cut for word in one], dtype=np.int64)
    seen = np.array([not word.isspace() for one in cut for word in one], dtype=bool)
    rows = np.repeat(np.arange(len(cut)), [len(one) for one in cut])
    ends = np.cumsum(lengths)[seen] if len(lengths) else lengths
    rows, lengths = rows[seen], lengths[seen]
    starts = ends - lengths
    sort = np.full(len(starts), WORD)
    found: list[_Part] = [(starts, ends, sort, sort)]
    if longest > 1:
        same = rows[1:] == rows[:-1]
        # the salt says where the first word ends: 加微|信 is not 加|微信
        salts = _PAIR_SALT + lengths[:-1][same]
        found.append((starts[:-1][same], ends[1:][same], sort[1:][same], salts))
    return found


class _Hashed:
    """A rolling hash of a text, from which that of any span follows."""

    def __init__(self, characters: npt.NDArray[np.uint32]) -> None:
        size = len(characters)
        powers = _powers(_BASE, size)
        sums = np.cumsum(characters.astype(np.uint64) * powers, dtype=np.uint64)
        self._sums = np.concatenate((np.zeros(1, np.uint64), sums))
        self._back = _powers(_INVERSE, size + 1)

    def keys(self, starts: Positions, ends: Positions, salts: Positions) -> Keys:
        span = (self._sums[ends] - self._sums[starts]) * self._back[starts]
        return _spread(span + salts.astype(np.uint64) * np.uint64(_SPREAD[1]))


def _powers(base: int, size: int) -> Wide:
    steps = np.full(size, base, dtype=np.uint64)
    steps[:1] = 1
    return np.cumprod(steps, dtype=np.uint64)


def _spread(mixed: Wide) -> Keys:
    for factor in _SPREAD:
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return (mixed >> np.uint64(32)).astype(np.uint32)


def bags(plains: Sequence[str], recipe: Recipe) -> Bags:
    """The features of plain texts, without their cues."""
    found = grams(plains, recipe)
    # sort, text and key in one number, so that one sort groups all three
    packed = (found.rows.astype(np.uint64) << np.uint64(33)) | (
        (found.sorts.astype(np.uint64) << np.uint64(32)) | found.keys
    )
    packed = np.unique(packed)
    return Bags(len(plains), (packed >> np.uint64(32)).astype(np.int64), packed.astype(np.uint32))


def joined(batches: Sequence[Bags]) -> Bags:
    """Batches of texts as one."""
    before = np.cumsum([0, *(bag.texts for bag in batches)])
    blocks = [bag.blocks + 2 * start for bag, start in zip(batches, before, strict=False)]
    keys = [bag.keys for bag in batches]
    return Bags(int(before[-1]), np.concatenate(blocks), np.concatenate(keys))
