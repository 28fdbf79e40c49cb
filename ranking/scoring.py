"""Scores: each item by who scores it, and a total that says what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ranking.records import Candidate, ItemScore, RankingError, Score
from ranking.wording import number
from rules.indicators import Item, Scorer
from rules.scheme import MissingPolicy, Scheme

#: Totals are kept to so many decimals; what is equal to that precision is a tie.
DECIMALS = 2
#: Lifts a half that binary fractions left a hair too low (1.005 is 1.00499…); far below a point.
_HALF_SLACK = 1e-9


def score(candidate: Candidate, scheme: Scheme) -> Score:
    """Score a space.

    A measured item counts by its bands or in proportion, an expert's item by the mean of the
    experts. What nobody scored is left out, and under the policy ``not_scored`` the total is taken
    over what was scored and brought to the scheme's full points.

    Raises:
        RankingError: an expert's score is outside its item, or a value is not a number.
    """
    items = tuple(_item_score(candidate, item) for item in scheme.items)
    points = math.fsum(found.points for found in items if found.points is not None)
    scored_max = math.fsum(found.item.max for found in items if found.points is not None)
    return Score(
        total=_total(points, scored_max, scheme),
        points=half_up(points),
        scored_max=scored_max,
        full=scheme.full_points,
        items=items,
        sample=scheme.sample,
    )


def half_up(value: float) -> float:
    """Round half up to the decimals that totals are kept to, as one does on paper."""
    scale = 10.0**DECIMALS
    return math.floor(value * scale + 0.5 + _HALF_SLACK) / scale


def how(found: ItemScore) -> str:
    """How the points of an item came about, in Chinese."""
    item = found.item
    if found.points is None:
        lacking = "未评分" if item.scorer is Scorer.EXPERT else "没有数据"
        return f"{item.scorer.label}:{lacking}"
    if item.scorer is Scorer.EXPERT:
        each = "、".join(number(value) for value in sorted(found.values))
        level = item.level_of(found.points).title
        return f"{item.scorer.label}:{len(found.values)} 位专家({each})平均,等次“{level}”"
    value = number(found.values[0])
    measure = item.measure.label if item.measure else ""
    if item.full_at is not None:
        return f"{item.scorer.label}:{measure} {value},达到 {number(item.full_at)} 得满分,按比例计"
    band = item.band_of(found.values[0])
    above = band is not None and band.at_least > 0
    reached = f"达到“{number(band.at_least)} 及以上”一档" if band and above else "在最低一档"
    return f"{item.scorer.label}:{measure} {value},{reached}"


def _total(points: float, scored_max: float, scheme: Scheme) -> float | None:
    if not scored_max:
        return None
    if scheme.missing is MissingPolicy.NOT_SCORED:
        return half_up(points * scheme.full_points / scored_max)
    return half_up(points)


def _item_score(candidate: Candidate, item: Item) -> ItemScore:
    if item.measure is None:
        return _expert_score(candidate, item)
    value = candidate.measured(item.measure)
    if value is None:
        return ItemScore(item, (), None)
    if not math.isfinite(value):
        raise RankingError(
            f"空间 {candidate.space} 的“{item.measure.label}”不是有效数值。请核对数据。"
        )
    return ItemScore(item, (value,), item.points_for(value))


def _expert_score(candidate: Candidate, item: Item) -> ItemScore:
    values: Sequence[float] = candidate.expert_scores.get(item.id, ())
    if not values:
        return ItemScore(item, (), None)
    for value in values:
        # Written so that a value which is not a number is refused, too.
        if not 0 <= value <= item.max:
            raise RankingError(
                f"空间 {candidate.space} 的“{item.title}”有专家评分 {value},"
                f"应在 0 至 {number(item.max)} 之间。请核对评分。"
            )
    return ItemScore(item, tuple(values), math.fsum(values) / len(values))
