"""A trained model that says how likely a text belongs to one family, and why.

The model is linear and its file holds numbers and strings only (skops, no pickle). Two thresholds
make three bands; whatever the band, a person decides.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from audit.features import CUE, FEATURES_VERSION, RUN, WORD, Cues, Piece, features, pieces, weigh

#: Terms of an explanation.
_TERMS = 8


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
        terms: Words and cues that spoke for it, the strongest first, with their weight in
            log-odds; empty when silent.
        start: Where the strongest piece begins in the text.
        end: Where it ends.
    """

    probability: float
    band: Band
    terms: tuple[tuple[str, float], ...] = ()
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated probabilities from which a text is suspect, or looks confirmed."""

    suspect: float
    strong: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model over features, and the sigmoid that makes its scores probabilities."""

    weights: Mapping[str, float]
    intercept: float
    slope: float
    offset: float

    def contributions(self, found: frozenset[str]) -> dict[str, float]:
        """What each known feature of a text adds to its score."""
        return {
            name: value * self.weights[name]
            for name, value in weigh(found).items()
            if name in self.weights
        }

    def probability(self, contributions: Mapping[str, float]) -> float:
        """The calibrated probability of a sum of contributions."""
        # fsum: the same on every run, whatever the order of the set the features came from
        score = math.fsum(contributions.values()) + self.intercept
        return 1 / (1 + math.exp(-(self.slope * score + self.offset)))


class _Content(TypedDict):
    """What a model's file holds."""

    features_version: int
    family: str
    digest: str
    names: str
    weights: list[float]
    intercept: float
    sigmoid: list[float]
    thresholds: list[float]
    cues: dict[str, list[str]]


class Classifier:
    """One family's model."""

    def __init__(
        self, family: str, digest: str, linear: Linear, cues: Cues, thresholds: Thresholds
    ) -> None:
        self.family = family
        self.digest = digest
        self.thresholds = thresholds
        self._linear = linear
        self._cues = cues

    def classify(self, text: str) -> Classification:
        """Judge a text by its strongest piece; a text without Chinese sentences is silent."""
        best = Classification(0.0, Band.SILENT)
        for piece in pieces(text):
            found = self._judged(piece)
            if found.probability > best.probability:
                best = found
        return best

    def _judged(self, piece: Piece) -> Classification:
        contributions = self._linear.contributions(features(piece.text, self._cues))
        probability = self._linear.probability(contributions)
        band = self._band(probability)
        terms = () if band is Band.SILENT else _strongest(contributions)
        return Classification(probability, band, terms, piece.start, piece.end)

    def _band(self, probability: float) -> Band:
        if probability >= self.thresholds.strong:
            return Band.STRONG
        return Band.SUSPECT if probability >= self.thresholds.suspect else Band.SILENT

    def save(self, path: Path) -> None:
        """Write the model; readers see the old file or the new one, never half of it."""
        names = sorted(self._linear.weights)
        content: _Content = {
            "features_version": FEATURES_VERSION,
            "family": self.family,
            "digest": self.digest,
            "names": "\n".join(names),
            "weights": [self._linear.weights[name] for name in names],
            "intercept": self._linear.intercept,
            "sigmoid": [self._linear.slope, self._linear.offset],
            "thresholds": [self.thresholds.suspect, self.thresholds.strong],
            "cues": {name: list(parts) for name, parts in self._cues.patterns.items()},
        }
        half = path.with_suffix(".part")
        skops.io.dump(content, half)
        half.replace(path)


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


def _restored(content: _Content) -> Classifier:
    weights = dict(zip(content["names"].split("\n"), content["weights"], strict=True))
    slope, offset = content["sigmoid"]
    suspect, strong = content["thresholds"]
    return Classifier(
        content["family"],
        content["digest"],
        Linear(weights, content["intercept"], slope, offset),
        Cues(content["cues"]),
        Thresholds(suspect, strong),
    )


def _strongest(contributions: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Words and cues that spoke for it; character runs only say the same less readably."""
    readable = {
        name.removeprefix(WORD).removeprefix(CUE): weight
        for name, weight in contributions.items()
        if weight > 0 and not name.startswith(RUN) and any(char.isalpha() for char in name[2:])
    }
    ranked = sorted(readable.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, round(weight, 3)) for name, weight in ranked[:_TERMS])
