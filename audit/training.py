"""Training and measuring a family's classifier.

Calibration and both thresholds come from scores with whole groups held out, so a model is never
judged on texts like those it learnt from. The same corpus, cues, parameters and versions give the
same model and the same digest.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from audit.classifier import Classifier
from audit.corpus import OTHER, Corpus, CorpusError, cue_file, read_corpus
from audit.features import CUE_VALUE, FEATURES_VERSION, Cues, features
from audit.fitting import (
    DEFAULT,
    FOLDS,
    STRONG_SHARE,
    SUSPECT_SHARE,
    Parameters,
    Scores,
    Truth,
    fit,
    out_of_fold,
    sigmoid,
    thresholds,
)

#: Rises when the same input would give another model.
TRAINING_VERSION = 1
#: A text counts as the family's from this calibrated probability on, where two classes are wanted.
EVEN = 0.5

_LIMITS = (
    "Judges single sentences of Chinese; knows no context beyond them, no pictures, no links. "
    "Cues were written by the people who wrote the corpus, so figures on other sources are lower. "
    "Its word is a reason for a person to look, never a decision."
)


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


@dataclass(frozen=True, slots=True)
class BandShares:
    """A threshold, and the shares of both classes that reach it with their group held out."""

    threshold: float
    recall: float
    false_alarms: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is, what it learnt from and how it does; written beside the model."""

    family: str
    digest: str
    #: Name of the model's file, in the folder of the card.
    file: str
    corpus: str
    examples: Mapping[str, int]
    groups: int
    parameters: Mapping[str, float]
    versions: Mapping[str, str]
    #: Over all folds, whole groups held out.
    macro_f1: float
    auc: float
    suspect: BandShares
    strong: BandShares
    limits: str = _LIMITS


def train(corpus: Path, out: Path, parameters: Parameters = DEFAULT) -> ModelCard:
    """Train on a corpus and write ``FAMILY.skops`` and ``FAMILY.json`` into the folder ``out``.

    Raises:
        CorpusError: The corpus cannot be read, has not two labels, or has too few groups.
    """
    read = read_corpus(corpus)
    cues = Cues.read(cue_file(read.family))
    classifier, card = fitted(read, cues, parameters)
    out.mkdir(parents=True, exist_ok=True)
    classifier.save(out / card.file)
    text = json.dumps(asdict(card), ensure_ascii=False, indent=2)
    (out / f"{card.family}.json").write_text(text + "\n", encoding="utf-8")
    return card


def fitted(
    corpus: Corpus, cues: Cues, parameters: Parameters = DEFAULT
) -> tuple[Classifier, ModelCard]:
    """A classifier and its card; nothing is written.

    Raises:
        CorpusError: The corpus has not two labels, or has too few groups of one.
    """
    family = corpus.family
    _check_groups(corpus)
    found = [features(example.text, cues) for example in corpus.examples]
    truth = np.array([example.label == family for example in corpus.examples])
    groups = [example.group for example in corpus.examples]
    scores = out_of_fold(found, truth, groups, parameters)
    slope, offset = sigmoid(scores, truth)
    probabilities = 1 / (1 + np.exp(-(slope * scores + offset)))
    bands = thresholds(probabilities, truth)
    linear = fit(found, truth, parameters).calibrated(slope, offset)
    digest = _digest(corpus, cues, parameters)
    labels = [example.label for example in corpus.examples]
    card = ModelCard(
        family=family,
        digest=digest,
        file=f"{family}.skops",
        corpus=corpus.digest,
        examples=dict(sorted(Counter(labels).items())),
        groups=len(set(groups)),
        parameters=_parameters(parameters),
        versions=_versions(),
        macro_f1=_macro_f1(_by_label(labels, _said(probabilities, family))),
        auc=round(float(roc_auc_score(truth, scores)), 4),
        suspect=_shares(probabilities, truth, bands.suspect),
        strong=_shares(probabilities, truth, bands.strong),
    )
    return Classifier(family, digest, linear, cues, bands), card


def evaluate(model: Classifier, jsonl: Path) -> Evaluation:
    """Measure a model on labelled texts; a label that it does not know counts as missed.

    Raises:
        CorpusError: The file cannot be read or is empty.
    """
    examples = read_corpus(jsonl).examples
    if not examples:
        raise CorpusError(f"{jsonl} holds no labelled text")
    started = time.process_time()
    probabilities = [model.classify(example.text).probability for example in examples]
    seconds = max(time.process_time() - started, 1e-9)
    truth = [example.label for example in examples]
    said = _said(np.array(probabilities), model.family)
    by_label = _by_label(truth, said)
    right = sum(one == other for one, other in zip(truth, said, strict=True))
    size = sum(len(example.text.encode()) for example in examples)
    return Evaluation(
        n=len(examples),
        accuracy=round(right / len(examples), 4),
        macro_f1=_macro_f1(by_label),
        labels=by_label,
        docs_per_s=round(len(examples) / seconds, 1),
        mb_per_s=round(size / 1e6 / seconds, 3),
    )


def _check_groups(corpus: Corpus) -> None:
    for label in (corpus.family, OTHER):
        groups = {example.group for example in corpus.examples if example.label == label}
        if len(groups) < FOLDS:
            raise CorpusError(f"label {label!r} needs texts of {FOLDS} groups, not {len(groups)}")


def _said(probabilities: Scores, family: str) -> list[str]:
    return [family if probability >= EVEN else OTHER for probability in probabilities]


def _by_label(truth: Sequence[str], said: Sequence[str]) -> dict[str, LabelScore]:
    labels = sorted({*truth, *said})
    columns = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0.0)
    return {
        label: LabelScore(
            round(float(precision), 4), round(float(recall), 4), round(float(f1), 4), int(support)
        )
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }


def _macro_f1(by_label: Mapping[str, LabelScore]) -> float:
    return round(sum(score.f1 for score in by_label.values()) / len(by_label), 4)


def _shares(probabilities: Scores, truth: Truth, threshold: float) -> BandShares:
    reached = probabilities >= threshold
    recall, false_alarms = float(reached[truth].mean()), float(reached[~truth].mean())
    return BandShares(threshold, round(recall, 4), round(false_alarms, 4))


def _parameters(parameters: Parameters) -> dict[str, float]:
    shares = {"suspect_share": SUSPECT_SHARE, "strong_share": STRONG_SHARE, "folds": FOLDS}
    return asdict(parameters) | shares | {"cue_value": CUE_VALUE}


def _versions() -> dict[str, str]:
    ours = {"features": str(FEATURES_VERSION), "training": str(TRAINING_VERSION)}
    return ours | {name: version(name) for name in ("jieba", "scikit-learn")}


def _digest(corpus: Corpus, cues: Cues, parameters: Parameters) -> str:
    """SHA-256 of everything that makes a model what it is."""
    made_of = [corpus.digest, cues.patterns, _parameters(parameters), _versions()]
    text = json.dumps(made_of, ensure_ascii=False, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
