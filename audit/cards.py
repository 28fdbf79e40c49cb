"""The card of a model: what it is, what it learnt from, how it does, and what it is not for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audit.bands import BandShares

INTENDED_USE = (
    "Puts sentences before a human auditor as a reason to look, in screening public teacher web "
    "spaces. Its word is never a decision, and nothing is refused because of it."
)
LIMITS = (
    "Judges single sentences of Chinese; knows no context beyond them, no pictures, no links. "
    "Cues were written by the people who wrote the corpus, so figures on other sources are lower. "
    "Texts that speak against a thing look like the thing."
)


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """How a model does on the texts of one group, with the group held out where there are many."""

    texts: int
    right: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is, what it learnt from and how it does; written beside the model."""

    family: str
    labels: tuple[str, ...]
    digest: str
    #: Name of the model's file, in the folder of the card.
    file: str
    #: Digest of the labelled texts.
    corpus: str
    #: Where the texts are from: ``seed``, ``data``, and texts of the auditors' decisions.
    sources: Mapping[str, int]
    examples: Mapping[str, int]
    groups: int
    #: Legitimate lessons of the seed, on which the thresholds were set too.
    lessons: int
    parameters: Mapping[str, float]
    versions: Mapping[str, str]
    features: int
    bytes: int
    #: Over all folds, whole groups held out (or equal texts, where ``held_out`` says so).
    macro_f1: float
    accuracy: float
    auc: float | None
    held_out: str
    suspect: BandShares
    strong: BandShares
    by_group: Mapping[str, GroupFigures] = field(default_factory=dict)
    trained_on: str | None = None
    intended_use: str = INTENDED_USE
    limits: str = LIMITS

    def write(self, folder: Path) -> None:
        """Write ``FAMILY.md`` for people and ``FAMILY.json`` for programs."""
        (folder / f"{self.family}.md").write_text("\n".join(_readable(self)), encoding="utf-8")
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / f"{self.family}.json").write_text(text + "\n", encoding="utf-8")


def read_card(path: Path) -> Mapping[str, Any] | None:
    """The values of a card; None when there is no readable one."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _readable(card: ModelCard) -> Iterator[str]:
    yield f"# {card.family}: {', '.join(card.labels)}"
    yield ""
    yield f"Digest {card.digest}, trained {card.trained_on or 'on an unknown day'}."
    yield f"{card.intended_use} {card.limits}"
    yield ""
    yield f"* Learnt from {_counts(card.examples)} in {card.groups} groups ({_counts(card.sources)})"
    yield f"  with digest {card.corpus}, and {card.lessons} legitimate lessons."
    yield f"* {card.features} features, {card.bytes} bytes; {_counts(card.parameters)};"
    yield f"  {_counts(card.versions)}."
    yield f"* Macro-F1 {card.macro_f1}, accuracy {card.accuracy}, by {card.held_out} held out."
    yield ""
    yield "| band | from | recall | false alarms | lessons reached |"
    yield "|---|---|---|---|---|"
    for name, band in (("suspect", card.suspect), ("strong", card.strong)):
        numbers = (band.threshold, band.recall, band.false_alarms, band.lessons)
        yield f"| {name} | " + " | ".join(map(str, numbers)) + " |"
    yield ""
    yield from _groups(card.by_group)


def _groups(by_group: Mapping[str, GroupFigures]) -> Iterator[str]:
    if by_group:
        yield "| group | texts | right |"
        yield "|---|---|---|"
    for name, figures in by_group.items():
        yield f"| {name.replace('|', '/')} | {figures.texts} | {figures.right} |"
    yield ""


def _counts(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
