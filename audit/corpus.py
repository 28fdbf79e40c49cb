"""Labelled texts as JSON lines: what models are trained and measured on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: The label of what belongs to no family.
OTHER = "other"
SEED = Path(__file__).parent / "seed"


class CorpusError(ValueError):
    """A line is no labelled text, or the labels cannot train a model; nothing is written."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. Texts of one group are about the same thing and stay in one fold."""

    text: str
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """The examples of one file, with the SHA-256 of its bytes."""

    examples: tuple[Example, ...]
    digest: str

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, ``other`` first and the rest in order.

        Raises:
            CorpusError: There are fewer than two.
        """
        found = sorted({example.label for example in self.examples})
        if len(found) < 2:
            raise CorpusError(f"two labels or more are needed, not {found}")
        return tuple(sorted(found, key=lambda label: (label != OTHER, label)))

    @property
    def family(self) -> str | None:
        """The one label beside ``other``, if the labels are such a pair."""
        labels = self.labels
        return labels[1] if len(labels) == 2 and labels[0] == OTHER else None


def seed_corpus(family: str) -> Path:
    """Where the seed corpus of a family is."""
    return SEED / f"{family}.jsonl"


def cue_file(family: str) -> Path:
    """Where the cues of a family are, if it has some."""
    return SEED / f"{family}.cues.yaml"


def read_corpus(path: Path) -> Corpus:
    """Read a corpus.

    Raises:
        CorpusError: The file cannot be read, or a line is no object with ``text`` and ``label``.
    """
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read as UTF-8 text: {error}") from error
    return Corpus(tuple(_examples(lines, path)), f"sha256:{hashlib.sha256(data).hexdigest()}")


def made_corpus(examples: Iterable[Example]) -> Corpus:
    """A corpus that stands in no file, with a digest of its examples."""
    kept = tuple(examples)
    text = json.dumps([[e.text, e.label, e.group] for e in kept], ensure_ascii=False)
    return Corpus(kept, f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


def _examples(lines: Iterable[str], path: Path) -> Iterator[Example]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _example(line, f"{path}:{number}")


def _example(line: str, place: str) -> Example:
    try:
        row = json.loads(line)
        text, label = row["text"], row["label"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{place} is no object with text and label") from error
    if not isinstance(text, str) or not isinstance(label, str):
        raise CorpusError(f"{place}: text and label must be strings")
    if not text.strip() or not label.strip():
        raise CorpusError(f"{place}: text and label must not be empty")
    # without a group, a text stands for itself; equal texts still stay together
    return Example(text, label, str(row.get("group", text)))
