"""A trained model that says which label a text belongs to, how likely, and why.

The model is linear and its file holds numbers, hashed keys and the names of labels and cues (skops,
no pickle). A family's model has two thresholds that make three bands; whatever the band, a person
decides.
"""

from __future__ import annotations

import zipfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from audit.features import (
    CUE_VALUE,
    FEATURES_VERSION,
    Bags,
    Cues,
    Keys,
    Recipe,
    Values,
    bags,
    grams,
    plain_form,
    words,
)
from audit.pieces import Piece, pieces

#: Terms of an explanation.
_TERMS = 8
#: Texts judged at once: their arrays stay in the processor's cache.
_BATCH = 256
#: Runs of text whose judgement is remembered: headers and menus come again on every page.
_REMEMBERED = 4096


class ModelError(ValueError):
    """A model file is missing, damaged or of another version; train again."""


class Band(StrEnum):
    """Where a probability lies against the two thresholds; a person decides in any case."""

    SILENT = "silent"
    SUSPECT = "suspect"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Classification:
    """What a classifier says of a text.

    Attributes:
        probability: Calibrated, of the strongest piece of the text.
        band: Against the model's two thresholds.
        terms: Words and cues that spoke for it, the strongest first, with what they added to the
            score; empty when silent.
        start: Where the strongest piece begins in the text.
        end: Where it ends.
    """

    probability: float
    band: Band
    terms: tuple[tuple[str, float], ...] = ()
    start: int = 0
    end: int = 0


SILENT = Classification(0.0, Band.SILENT)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated probabilities from which a text is suspect, or looks confirmed.

    Of several labels, those from which the likeliest is nearly always right.
    """

    suspect: float
    strong: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes scores probabilities: a sigmoid of one score, a softmax of several."""

    slope: float
    offset: float

    def probabilities(self, scores: Values) -> Values:
        """A row a text, a column a label."""
        if scores.shape[1] == 1:
            chance = 1 / (1 + np.exp(-(self.slope * scores + self.offset)))
            return np.hstack([1 - chance, chance])
        exponents = self.slope * (scores - scores.max(axis=1, keepdims=True))
        odds = np.exp(exponents)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model over features.

    Attributes:
        keys: The features it knows, in order.
        weights: A row a key, a column a class; of two classes only the second has one.
        cues: Weights of the cues and their pairs, by name.
        intercept: A number a class.
    """

    keys: Keys
    weights: Values
    cues: Mapping[str, Values]
    intercept: Values

    def cue_parts(self, names: Sequence[str]) -> dict[str, Values]:
        """What cues and their pairs add to the scores."""
        return {name: CUE_VALUE * self.cues[name] for name in names if name in self.cues}

    def scores(self, bag: Bags, plains: Sequence[str], cues: Cues) -> Values:
        """The scores of texts, a row each, not yet calibrated."""
        rows, at, values = bag.known(self.keys)
        parts = values[:, None] * self.weights[at]
        sums = [np.bincount(rows, column, minlength=len(plains)) for column in parts.T]
        scores = np.column_stack(sums) + self.intercept
        if self.cues:
            for row, plain in enumerate(plains):
                for part in self.cue_parts(list(cues.found(plain))).values():
                    scores[row] += part
        return scores


class Classifier:
    """A model and what it is called.

    Attributes:
        family: The family of a model for screening; of another one its file's name.
        labels: What it tells apart; of a family's model ``other`` and the family.
        digest: SHA-256 of all that made it.
        thresholds: Where the bands of its last label begin.
        longest: The longest text that :meth:`classify` judges, in characters; a longer one is no
            headline.
    """

    def __init__(  # noqa: PLR0913  (a model is its name, labels, digest and numbers)
        self,
        family: str,
        labels: Sequence[str],
        digest: str,
        *,
        recipe: Recipe,
        linear: Linear,
        calibration: Calibration,
        thresholds: Thresholds,
        longest: int | None = None,
    ) -> None:
        self.family = family
        self.labels = tuple(labels)
        self.digest = digest
        self.recipe = recipe
        self.thresholds = thresholds
        self.longest = longest
        self._linear = linear
        self._calibration = calibration

    @property
    def size(self) -> int:
        """How many features it knows."""
        return len(self._linear.keys) + len(self._linear.cues)

    def probabilities(self, texts: Sequence[str]) -> Values:
        """Calibrated probabilities of whole texts: a row a text, a column a label."""
        made = []
        for at in range(0, len(texts), _BATCH):
            plains = [plain_form(text) for text in texts[at : at + _BATCH]]
            made.append(self._judged(plains, bags(plains, self.recipe)))
        return np.vstack(made) if made else np.zeros((0, len(self.labels)))

    def said(self, probabilities: Values) -> list[str]:
        """The likeliest label of each row."""
        return [self.labels[index] for index in probabilities.argmax(axis=1)]

    def surely(self, text: str) -> str | None:
        """The label of a whole text, where the likeliest is nearly always right."""
        chances = self.probabilities([text])[0]
        best = int(chances.argmax())
        return self.labels[best] if chances[best] >= self.thresholds.suspect else None

    def classify(self, text: str) -> Classification:
        """Judge a text by its strongest piece; a text without Chinese sentences is silent."""
        return classify_all((self,), text)[self.family]

    def strongest(self, plains: Sequence[str], bag: Bags, cut: Sequence[Piece]) -> Classification:
        """Judge the pieces of a text by the strongest, for the last label."""
        chances = self._judged(plains, bag)[:, -1]
        best = int(chances.argmax())
        chance = float(chances[best])
        band = self._band(chance)
        terms = () if band is Band.SILENT else self.explain(plains[best])
        return Classification(chance, band, terms, cut[best].start, cut[best].end)

    def explain(self, plain: str, label: str | None = None) -> tuple[tuple[str, float], ...]:
        """Words and cues of a plain text that speak for a label (the last), the strongest first.

        What a run of characters adds is shared among its characters, and a word has what its own
        have together.
        """
        column = self._column(label)
        added: dict[str, float] = defaultdict(float)
        for word, share in _by_word(plain, self._by_character(plain, column)):
            added[word] += share
        for name, part in self._linear.cue_parts(list(self.recipe.cues.found(plain))).items():
            added[name] += float(part[column])
        ranked = sorted(added.items(), key=lambda item: (-item[1], item[0]))
        return tuple((term, round(share, 3)) for term, share in ranked[:_TERMS] if share > 0)

    def _by_character(self, plain: str, column: int) -> Values:
        """What each character of a text adds, its features' parts shared out evenly."""
        found, bag = grams([plain], self.recipe), bags([plain], self.recipe)
        _, at, values = bag.known(self._linear.keys)
        known = dict(
            zip(
                self._linear.keys[at].tolist(),
                (values * self._linear.weights[at, column]).tolist(),
                strict=True,
            )
        )
        times = Counter(found.keys.tolist())
        parts = np.array([known.get(key, 0.0) / times[key] for key in found.keys.tolist()])
        shares = parts / (found.ends - found.starts)
        change = np.zeros(len(plain) + 1)
        np.add.at(change, found.starts, shares)
        np.subtract.at(change, found.ends, shares)
        return np.cumsum(change)[:-1]

    def _column(self, label: str | None) -> int:
        return -1 if label is None or len(self.labels) == 2 else self.labels.index(label)

    def _judged(self, plains: Sequence[str], bag: Bags) -> Values:
        scores = self._linear.scores(bag, plains, self.recipe.cues)
        return self._calibration.probabilities(scores)

    def _band(self, probability: float) -> Band:
        if probability >= self.thresholds.strong:
            return Band.STRONG
        return Band.SUSPECT if probability >= self.thresholds.suspect else Band.SILENT

    def save(self, path: Path) -> None:
        """Write the model; readers see the old file or the new one, never half of it."""
        linear, bands = self._linear, self.thresholds
        content = {
            "features_version": FEATURES_VERSION,
            "family": self.family,
            "labels": list(self.labels),
            "digest": self.digest,
            "longest": self.longest or 0,
            "recipe": [self.recipe.runs, self.recipe.words],
            "cues": {name: list(parts) for name, parts in self.recipe.cues.patterns.items()},
            "keys": linear.keys,
            "weights": linear.weights.astype(np.float32),
            "cue_weights": {name: part.tolist() for name, part in linear.cues.items()},
            "intercept": linear.intercept.tolist(),
            "calibration": [self._calibration.slope, self._calibration.offset],
            "thresholds": [bands.suspect, bands.strong],
        }
        half = path.with_suffix(".part")
        skops.io.dump(content, half)
        half.replace(path)


@lru_cache(maxsize=_REMEMBERED)
def classify_all(classifiers: tuple[Classifier, ...], text: str) -> Mapping[str, Classification]:
    """What several models say of a text's strongest pieces; features are computed only once."""
    cut = pieces(text)
    if not cut:
        return {each.family: SILENT for each in classifiers}
    plains = [plain_form(piece.text) for piece in cut]
    made: dict[tuple[int, int], Bags] = {}
    said = {}
    for each in classifiers:
        if each.longest is not None and len(text) > each.longest:
            said[each.family] = SILENT
            continue
        plain = each.recipe.plain
        if plain not in made:
            made[plain] = bags(plains, each.recipe)
        said[each.family] = each.strongest(plains, made[plain], cut)
    return said


def _by_word(plain: str, shares: Values) -> list[tuple[str, float]]:
    """What each word of more than one letter adds; a single character says too little."""
    cut = words(plain)
    ends = list(accumulate(len(word) for word in cut))
    return [
        (word, float(shares[end - len(word) : end].sum()))
        for word, end in zip(cut, ends, strict=True)
        if len(word) > 1 and any(character.isalpha() for character in word)
    ]


def load(path: Path) -> Classifier:
    """Read a model.

    Raises:
        ModelError: The file is missing, no model, or of another version of the features.
    """
    try:
        content = skops.io.load(path, trusted=[])
        if content["features_version"] == FEATURES_VERSION:
            return _restored(content)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no readable model; run `spaceaudit train`") from error
    except UntrustedTypesFoundException as error:
        raise ModelError(f"{path} holds more than numbers and text; delete it") from error
    raise ModelError(f"{path} is of another version; run `spaceaudit train` again")


def _restored(content: Mapping[str, Any]) -> Classifier:
    runs, longest = content["recipe"]
    cues = {name: np.array(parts) for name, parts in content["cue_weights"].items()}
    weights = content["weights"].astype(np.float64)
    return Classifier(
        content["family"],
        content["labels"],
        content["digest"],
        recipe=Recipe(runs, longest, Cues(content["cues"])),
        linear=Linear(content["keys"], weights, cues, np.array(content["intercept"])),
        calibration=Calibration(*content["calibration"]),
        thresholds=Thresholds(*content["thresholds"]),
        longest=content["longest"] or None,
    )
