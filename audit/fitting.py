"""The numbers behind training: weights, out-of-fold scores, calibration and thresholds.

Naive-Bayes-weighted linear models (Wang & Manning 2012): each feature is scaled by the log ratio
of its frequencies inside and outside a class, then a linear model is fitted. Of several labels each
is held against the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from audit.classifier import Calibration, Linear
from audit.features import CUE_VALUE, Keys, Recipe, Values, bags, joined, plain_form

Truth = npt.NDArray[np.int64]

FOLDS = 5
_SEED = 0
#: Texts whose features are computed at once: their arrays stay in the processor's cache.
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a model is fitted with."""

    #: Inverse strength of regularisation, of the weighted and of the plain features.
    c: float = 0.4
    c_plain: float = 0.3
    #: Features of fewer texts than this are left out.
    min_texts: int = 2
    #: Added to every count before the log ratio.
    smoothing: float = 1.0


DEFAULT = Parameters()


@dataclass(frozen=True, slots=True)
class Design:
    """Texts as a matrix: a row a text, a column for each key kept and then for each cue."""

    matrix: sparse.csr_array
    keys: Keys
    cues: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str], recipe: Recipe, min_texts: int) -> Design:
        """Compute the features of texts, and keep those of at least so many of them."""
        plains = [plain_form(text) for text in texts]
        bag = joined(
            [bags(plains[at : at + _BATCH], recipe) for at in range(0, len(plains), _BATCH)]
        )
        keys, texts_with = np.unique(bag.keys, return_counts=True)
        keys = keys[texts_with >= min_texts]
        rows, at, values = bag.known(keys)
        runs = _sparse(values, rows, at, (len(plains), len(keys)))
        hits, cues = _cue_matrix(plains, recipe, min_texts)
        return cls(sparse.hstack([runs, hits], format="csr"), keys, cues)

    def linear(self, weights: Values, intercept: Values) -> Linear:
        """The model of these weights, a column a class."""
        at = len(self.keys)
        cues = {name: weights[at + index] for index, name in enumerate(self.cues)}
        return Linear(self.keys, weights[:at], cues, intercept)


def _cue_matrix(
    plains: Sequence[str], recipe: Recipe, min_texts: int
) -> tuple[sparse.csr_array, tuple[str, ...]]:
    found = [set(recipe.cues.found(plain)) for plain in plains]
    names = sorted({name for hits in found for name in hits})
    kept = [name for name in names if sum(name in hits for hits in found) >= min_texts]
    column = {name: index for index, name in enumerate(kept)}
    where = [(r, column[n]) for r, hits in enumerate(found) for n in sorted(hits) if n in column]
    rows, columns = zip(*where, strict=True) if where else ((), ())
    values = np.full(len(where), CUE_VALUE)
    return _sparse(values, rows, columns, (len(plains), len(kept))), tuple(kept)


def _sparse(
    values: Values, rows: npt.ArrayLike, columns: npt.ArrayLike, shape: tuple[int, int]
) -> sparse.csr_array:
    where = (np.asarray(rows, dtype=np.int32), np.asarray(columns, dtype=np.int32))
    return sparse.csr_array((values, where), shape=shape)


def fit(
    matrix: sparse.csr_array, truth: Truth, classes: int, parameters: Parameters
) -> tuple[Values, Values]:
    """Weights and intercepts, a column a class; of two classes only the second has one."""
    wanted = [1] if classes == 2 else range(classes)
    fitted = [_against_rest(matrix, truth == one, parameters) for one in wanted]
    weights, intercepts = zip(*fitted, strict=True)
    return np.column_stack(weights), np.array(intercepts)


def _against_rest(
    matrix: sparse.csr_array, inside: npt.NDArray[np.bool_], parameters: Parameters
) -> tuple[Values, float]:
    """The mean of a model of weighted features and one of plain ones, each to its own measure.

    Their errors differ: on COLD (macro-F1 0.917 and 0.910 apart) the two together reach 0.919.
    """
    ratio = _log_ratio(matrix, inside, parameters.smoothing)
    weights, intercept = np.zeros(matrix.shape[1]), 0.0
    for scale, c in ((ratio, parameters.c), (np.ones_like(ratio), parameters.c_plain)):
        model = LinearSVC(C=c, class_weight="balanced", max_iter=20_000, random_state=_SEED)
        design = _short(matrix @ sparse.diags_array(scale))
        model.fit(design, inside)
        spread = max(float(np.std(design @ model.coef_[0])), 1e-9)
        weights += scale * model.coef_[0] / spread
        intercept += float(model.intercept_[0]) / spread
    return weights, intercept


def _short(matrix: sparse.sparray) -> sparse.csr_array:
    """The same with the short indices that scikit-learn's solvers want."""
    rows = sparse.csr_array(matrix)
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def _log_ratio(matrix: sparse.csr_array, inside: npt.NDArray[np.bool_], smoothing: float) -> Values:
    """How much more frequent a feature is in the class's texts, as a logarithm."""
    there = matrix.astype(bool).astype(float)
    within = smoothing + there.T @ inside.astype(float)
    without = smoothing + there.T @ (~inside).astype(float)
    return np.asarray(np.log(within / within.sum()) - np.log(without / without.sum()))


def out_of_fold(
    matrix: sparse.csr_array,
    truth: Truth,
    groups: Sequence[str],
    classes: int,
    parameters: Parameters,
) -> Values:
    """Each text's scores by a model that saw no text of its group."""
    scores = np.zeros((len(truth), 1 if classes == 2 else classes))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=_SEED)
    for rest, held in folds.split(np.zeros(len(truth)), truth, groups):
        weights, intercept = fit(matrix[rest], truth[rest], classes, parameters)
        scores[held] = matrix[held] @ weights + intercept
    return scores


def calibration(scores: Values, truth: Truth) -> Calibration:
    """What makes scores probabilities: a sigmoid (Platt), or one slope for several classes."""
    if scores.shape[1] == 1:
        model = LogisticRegression(C=1e6).fit(scores, truth)
        return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))

    def loss(slope: float) -> float:
        chances = Calibration(slope, 0.0).probabilities(scores)
        return -float(np.log(chances[np.arange(len(truth)), truth] + 1e-12).mean())

    return Calibration(float(optimize.minimize_scalar(loss, bounds=(0.1, 50)).x), 0.0)
