"""Where the bands of a model begin, and what reaches them with whole groups held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.classifier import Thresholds
from audit.features import Values
from audit.fitting import Truth

#: Share of a corpus's own hard negatives (lessons against fraud, bans on paid tutoring …) that may
#: reach each band with their group held out.
SUSPECT_SHARE = 0.03
STRONG_SHARE = 0.01
#: A legitimate lesson must not come out suspect: the threshold lies this many standard deviations
#: above the mean log-odds of the seed's lessons with their group held out. A lesson has many
#: sentences, so that it must lie far beyond what is usual: at 4.2 few or none of 1,388 exam
#: questions with explanations (15,000 pieces) are flagged by any family.
LESSON_DEVIATIONS = 4.2
LESSON_SHARE = 0.001

#: Of several labels the likeliest is taken for sure from the probability on which this share of
#: answers is right.
SURE, VERY_SURE = 0.95, 0.99


@dataclass(frozen=True, slots=True)
class BandShares:
    """A threshold, and the shares that reach it with their group held out.

    Attributes:
        threshold: The calibrated probability; of several labels, that of the likeliest.
        recall: Share of the family's texts; of several labels, of texts answered.
        false_alarms: Share of the others; of several labels, of answers that are wrong.
        lessons: Share of the legitimate lessons of the seed.
    """

    threshold: float
    recall: float
    false_alarms: float
    lessons: float = 0.0


def thresholds(chances: Values, truth: Truth, lessons: Values) -> Thresholds:
    """Where few of the negatives and none of the lessons come out suspect.

    Args:
        chances: Calibrated probabilities of the last label, with groups held out.
        truth: Whether each text has that label.
        lessons: The same probabilities of legitimate lessons.
    """
    negatives = chances[truth == 0]
    suspect, strong = np.quantile(negatives, [1 - SUSPECT_SHARE, 1 - STRONG_SHARE])
    if len(lessons):
        suspect = max(suspect, _above(lessons))
    strong = max(strong, (1 + suspect) / 2)
    return Thresholds(round(float(suspect), 4), round(float(strong), 4))


def _above(lessons: Values) -> float:
    odds = np.log(lessons / (1 - lessons))
    # whatever the shape of their distribution, hardly one of our own lessons reaches it
    seldom = float(np.quantile(odds, 1 - LESSON_SHARE))
    reached = max(float(odds.mean() + LESSON_DEVIATIONS * odds.std()), seldom)
    return float(1 / (1 + np.exp(-reached)))


def sure_thresholds(chances: Values, truth: Truth) -> Thresholds:
    """From which probability on the likeliest of several labels is right so often."""
    best = chances.max(axis=1)
    right = chances.argmax(axis=1) == truth
    order = np.argsort(-best, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    found = []
    for wanted in (SURE, VERY_SURE):
        enough = np.flatnonzero(share >= wanted)
        found.append(round(float(best[order][enough[-1]]), 4) if len(enough) else 1.0)
    return Thresholds(found[0], max(found))


def shares(chances: Values, truth: Truth, lessons: Values, threshold: float) -> BandShares:
    """What reaches a threshold of a model with two labels."""
    reached = chances >= threshold
    return BandShares(
        threshold,
        _mean(reached[truth == 1]),
        _mean(reached[truth == 0]),
        _mean(lessons >= threshold),
    )


def sure_shares(chances: Values, truth: Truth, threshold: float) -> BandShares:
    """What reaches a threshold of a model with several labels."""
    reached = chances.max(axis=1) >= threshold
    wrong = chances.argmax(axis=1) != truth
    return BandShares(threshold, _mean(reached), _mean(wrong[reached]))


def _mean(values: npt.NDArray[np.bool_]) -> float:
    return round(float(np.mean(values)), 4) if len(values) else 0.0
