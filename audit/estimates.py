"""Figures with their uncertainty: shares of a sample, and how far two reviewers agree.

The intervals are scipy's, kappa is scikit-learn's; here is only what a person has to be told beside them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

#: Of every hundred such intervals, so many contain the true value.
CONFIDENCE = 0.95
#: Below so many cases a figure is shown with a warning: the usual rule of thumb for a proportion's
#: normal range, and below it a 95 % interval is wider than ±18 percentage points in the middle.
SMALL_SAMPLE = 30
#: Resamples of a bootstrap; at 2,000 the ends of the interval move by less than 0.02 between seeds.
RESAMPLES = 2000
#: Fixed, so that the same opinions give the same interval every time.
BOOTSTRAP_SEED = 20221010


class Interval(StrEnum):
    """How a share's interval is computed, as scipy names it."""

    CLOPPER_PEARSON = "exact"
    WILSON = "wilson"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a sample with its interval; the three are None of an empty sample."""

    found: int
    of: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def small(self) -> bool:
        """Whether there are too few cases to lean on."""
        return self.of < SMALL_SAMPLE


def share(found: int, of: int, interval: Interval = Interval.CLOPPER_PEARSON) -> Share:
    """The share ``found / of`` with its 95 % interval.

    Clopper-Pearson never covers less than it says, also at none found, which is the usual outcome of a
    sample of clean spaces; Wilson's is narrower and right on average.
    """
    if of == 0:
        return Share(found, of, None, None, None)
    bounds = binomtest(found, of).proportion_ci(CONFIDENCE, method=interval.value)
    return Share(found, of, found / of, float(bounds.low), float(bounds.high))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two people agree beyond chance.

    Attributes:
        pairs: Things that both judged.
        same: Of these, judged the same.
        kappa: Cohen's; None with no pairs, or where both always said one and the same thing, so that
            chance alone would agree as well.
        low: Lower end of the 95 % bootstrap interval; None with ``kappa``.
        high: Upper end.
    """

    pairs: int
    same: int
    kappa: float | None
    low: float | None
    high: float | None

    @property
    def small(self) -> bool:
        """Whether there are too few pairs to lean on."""
        return self.pairs < SMALL_SAMPLE


def agreement(pairs: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    """Cohen's kappa of pairs of judgements with a bootstrap interval."""
    same = sum(first == second for first, second in pairs)
    labels = sorted({str(each) for pair in pairs for each in pair})
    if len(labels) < 2:
        return Agreement(len(pairs), same, None, None, None)
    firsts, seconds = zip(*((str(a), str(b)) for a, b in pairs), strict=True)
    kappa = float(cohen_kappa_score(firsts, seconds, labels=labels))
    low, high = _bootstrapped(firsts, seconds, labels)
    return Agreement(len(pairs), same, kappa, low, high)


def _bootstrapped(
    firsts: Sequence[str], seconds: Sequence[str], labels: Sequence[str]
) -> tuple[float, float]:
    """The percentile interval: tables drawn anew with the shares that were seen."""
    seen = Counter(zip(firsts, seconds, strict=True))
    cells = [(a, b) for a in labels for b in labels]
    shares = np.array([seen[cell] for cell in cells], dtype=float) / len(firsts)
    drawn = np.random.default_rng(BOOTSTRAP_SEED).multinomial(len(firsts), shares, RESAMPLES)
    tables = drawn.reshape(RESAMPLES, len(labels), len(labels)) / len(firsts)
    observed = np.trace(tables, axis1=1, axis2=2)
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1)
    usable = expected < 1 - 1e-12
    kappas = (observed[usable] - expected[usable]) / (1 - expected[usable])
    if not kappas.size:
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(kappas, (tail, 1 - tail))
    return float(low), float(high)
