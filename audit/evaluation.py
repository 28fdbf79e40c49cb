"""How well labels are told: measuring a model on labelled texts, and counting labels."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sklearn.metrics import precision_recall_fscore_support

from audit.classifier import Classifier
from audit.corpus import CorpusError, read_corpus


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label is told."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``spaceaudit evaluate --json`` prints; rates are per second of processor time."""

    n: int
    accuracy: float
    macro_f1: float
    labels: Mapping[str, LabelScore]
    docs_per_s: float
    mb_per_s: float

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def evaluate(model: Classifier, jsonl: Path) -> Evaluation:
    """Measure a model on labelled texts, each taken as a whole; an unknown label counts as missed.

    Raises:
        CorpusError: The file cannot be read or is empty.
    """
    examples = read_corpus(jsonl).examples
    if not examples:
        raise CorpusError(f"{jsonl} holds no labelled text")
    texts = [example.text for example in examples]
    # what is loaded once, jieba's dictionary and the folding table, is no part of the rate
    model.probabilities(texts[:1])
    started = time.process_time()
    said = model.said(model.probabilities(texts))
    seconds = max(time.process_time() - started, 1e-9)
    truth = [example.label for example in examples]
    by_label = label_scores(truth, said)
    return Evaluation(
        n=len(examples),
        accuracy=round(accuracy(truth, said), 4),
        macro_f1=macro_f1(by_label),
        labels=by_label,
        docs_per_s=round(len(examples) / seconds, 1),
        mb_per_s=round(sum(len(text.encode()) for text in texts) / 1e6 / seconds, 3),
    )


def label_scores(truth: Sequence[str], said: Sequence[str]) -> dict[str, LabelScore]:
    """Precision, recall and F1 of each label that is true or said."""
    labels = sorted({*truth, *said})
    columns = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0.0)
    return {
        label: LabelScore(
            round(float(precision), 4), round(float(recall), 4), round(float(f1), 4), int(support)
        )
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }


def macro_f1(by_label: Mapping[str, LabelScore]) -> float:
    """The mean of the labels' F1."""
    return round(sum(score.f1 for score in by_label.values()) / len(by_label), 4)


def accuracy(truth: Sequence[str], said: Sequence[str]) -> float:
    """The share of texts whose label is said."""
    return sum(one == other for one, other in zip(truth, said, strict=True)) / len(truth)
