"""Texts and phrases for the matching benchmark, the same on every run.

Texts: statutes and lessons where a folder of them is given or lies beside the checkout, and the
repository's own harmless examples; then, up to the size asked for, sentences that a chain of words
learned from those makes: each is new, so that no side gains by what it remembers.
Phrases: those of the built-in packs, pairs of dictionary words that hardly ever stand together, and
as many that do occur as make the wanted number of occurrences.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rules.pack import load_packs
from rules.segmentation import words_in

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT.parent / "shared" / "data"
SEED = 2022
#: Characters a document, about a page of an attachment.
DOCUMENT = 3000
#: Characters that the chain of words learns from.
LEARNED = 400_000
#: Occurrences in 10,000 characters. On statutes the built-in packs' phrases have 0.4; public lists
#: of a thousand entries have 50 and more. A bureau's own list lies between.
DENSITY = 10
#: A phrase that occurs may have this share of the occurrences.
LARGEST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Material:
    """Documents, and what they were made of."""

    documents: tuple[str, ...]
    source: str

    @property
    def characters(self) -> int:
        """The length of all documents."""
        return sum(map(len, self.documents))

    @property
    def megabytes(self) -> float:
        """The same in UTF-8."""
        return sum(len(text.encode()) for text in self.documents) / 1e6


def material(size: int, folders: Sequence[Path]) -> Material:
    """Documents of so many bytes of UTF-8 in all."""
    real = [line for folder in folders for line in _lines_of(folder) if _is_mostly_chinese(line)]
    own = list(_own_lines())
    lines, length = [], 0
    for line in (*real, *own):
        if length < size:
            lines.append(line)
            length += len(line.encode()) + 1
    truly = length
    for line in _made("\n".join((*real, *own))[:LEARNED]):
        if length >= size:
            break
        lines.append(line)
        length += len(line.encode()) + 1
    told = f"{truly / 1e6:.1f} MB of texts ({', '.join(f.name for f in folders) or 'repository'})"
    return Material(tuple(_documents(lines)), f"{told}, {(length - truly) / 1e6:.1f} MB made")


def _lines_of(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.txt")):
        yield from file.read_text(encoding="utf-8").splitlines()
    for file in sorted(folder.rglob("*.jsonl")):
        for entry in file.read_text(encoding="utf-8").splitlines():
            yield from str(json.loads(entry)["text"]).splitlines()


def _own_lines() -> Iterator[str]:
    """The repository's harmless texts."""
    yield from (ROOT / "tests" / "ordinary_texts.txt").read_text(encoding="utf-8").splitlines()
    yield from (text for rule in load_packs().rules for text in rule.near_misses)


def _made(text: str) -> Iterator[str]:
    """Sentences of a chain of words, without end."""
    following: dict[str, list[str]] = defaultdict(list)
    words = list(words_in(text))
    for word, after in pairwise(words):
        following[word].append(after)
    choose = random.Random(SEED)
    word, line = words[0], ""
    while True:
        line += word
        word = choose.choice(following.get(word) or words)
        if (len(line) > 40 and word in "。;\n") or len(line) > 200:
            yield line
            line = ""


def _documents(lines: Sequence[str]) -> Iterator[str]:
    document: list[str] = []
    length = 0
    for line in lines:
        document.append(line.replace("\f", " "))
        length += len(line) + 1
        if length >= DOCUMENT:
            yield "\n".join(document)
            document, length = [], 0
    if document:
        yield "\n".join(document)


def phrases(number: int, texts: Material) -> list[str]:
    """So many phrases, those that occur among them."""
    choose = random.Random(SEED + number)
    occurring = list(_occurring(texts, choose))[: number // 4]
    own = [phrase for rule in load_packs().rules for phrase in rule.phrases]
    choose.shuffle(own)
    found = dict.fromkeys((*occurring, *own[: number // 4]))
    words = _dictionary()
    while len(found) < number:
        found["".join(choose.sample(words, 2))] = None
    return list(found)


def _occurring(texts: Material, choose: random.Random) -> Iterator[str]:
    """Words and pairs of words of the texts that make up the wanted occurrences."""
    sample = "".join(texts.documents[:: max(1, len(texts.documents) // 100)])
    words = [word for word in words_in(sample) if _is_chinese(word)]
    counts = Counter(word for word in words if 2 <= len(word) <= 4)
    wanted = DENSITY * len(sample) / 10_000
    candidates = sorted(word for word, count in counts.items() if count <= wanted * LARGEST_SHARE)
    choose.shuffle(candidates)
    made = 0.0
    for word in candidates:
        if made >= wanted:
            return
        made += sample.count(word)
        yield word


def _is_mostly_chinese(line: str) -> bool:
    return 2 * sum(map(_is_chinese, line)) > len(line)


def _is_chinese(word: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in word)


def _dictionary() -> list[str]:
    """Common words of the texts' language, sorted."""
    text = "\n".join(_own_lines())
    return sorted({word for word in words_in(text) if len(word) > 1 and _is_chinese(word)})
