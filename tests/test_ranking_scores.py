"""Scores: bands, proportion, experts, and totals that leave out what nobody scored."""

from __future__ import annotations

import pytest

from models.vocabulary import Term
from ranking.records import RankingError, Score
from ranking.scoring import half_up, how, score
from rules.indicators import Measure
from tests.ranking_samples import candidate, ranked, scheme


def scored(missing: str = "not_scored", index: float | None = None, **fields: object) -> Score:
    return score(candidate("s1", index, **fields), scheme(missing=missing))


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (-1, 0),
        (0, 0),
        (0.99, 0),
        (1, 3),
        (2, 3),
        (3, 5),
        (5, 5),
        (6, 8),
        (11, 8),
        (12, 10),
        (99, 10),
    ],
)
def test_bands(value: float, points: float) -> None:
    found = scored(measures={"open_resources": value})
    assert found.points_of("resource_amount") == points


@pytest.mark.parametrize(
    ("value", "points"), [(-5, 0), (0, 0), (25, 5), (99.5, 19.9), (100, 20), (250, 20)]
)
def test_proportion(value: float, points: float) -> None:
    assert scored(index=value).points_of("depth") == pytest.approx(points)


def test_measures_are_known_by_their_vocabulary() -> None:
    assert issubclass(Measure, Term)
    assert scored(measures={"open-resources": 5}).points_of("resource_amount") is None


@pytest.mark.parametrize(
    ("experts", "points"),
    [((12.0,), 12.0), ((12, 14), 13.0), ((0, 15), 7.5), ((10, 11, 11), 32 / 3)],
)
def test_experts_are_averaged(experts: tuple[float, ...], points: float) -> None:
    found = scored(expert_scores={"resource_quality": experts})
    assert found.points_of("resource_quality") == pytest.approx(points)
    again = scored(expert_scores={"resource_quality": experts[::-1]})
    assert again == found or again.total == found.total


@pytest.mark.parametrize("wrong", [-0.01, 15.01, float("nan"), float("inf")])
def test_an_impossible_expert_score_is_refused(wrong: float) -> None:
    with pytest.raises(RankingError, match="资源质量与原创性"):
        scored(expert_scores={"resource_quality": (12, wrong)})


def test_a_measure_that_is_no_number_is_refused() -> None:
    with pytest.raises(RankingError, match="免费开放的资源数"):
        scored(measures={"open_resources": float("nan")})


def test_what_nobody_scored_is_left_out_and_named() -> None:
    found = scored(index=50, measures={"pages": 12}, expert_scores={"design": ()})
    assert (found.points, found.scored_max, found.full) == (20, 30, 100)
    assert found.total == 66.67
    assert {item.id for item in found.missing} == {
        "design", "resource_amount", "resource_variety", "writing", "resource_quality", "updates",
        "innovation",
    }  # fmt: skip


def test_zero_policy_counts_nothing_for_it() -> None:
    assert scored("zero", index=50, measures={"pages": 12}).total == 20


def test_a_zero_is_a_score_and_an_absence_is_not() -> None:
    assert scored(measures={"pages": 0}).total == 0
    assert scored().total is None


def test_whoever_has_no_score_at_all_is_not_ranked() -> None:
    ranking = ranked([candidate("s1", None), candidate("s2", 0)])
    assert [entry.rank for entry in ranking.entries] == [1, None]
    assert ranking.entry("s1").gate.admitted


@pytest.mark.parametrize(
    ("value", "rounded"), [(1.005, 1.01), (2.675, 2.68), (1.0049, 1.0), (0, 0), (66.665, 66.67)]
)
def test_halves_go_up(value: float, rounded: float) -> None:
    assert half_up(value) == rounded


def test_how_says_where_points_come_from() -> None:
    found = scored(
        index=40,
        measures={"pages": 7, "articles": 0},
        expert_scores={"design": (8.5, 9), "innovation": (8,)},
    )
    said = {item.item.id: how(item) for item in found.items}
    assert said["content_extent"] == "机器测量:页面数 7,达到“6 及以上”一档"
    assert said["writing"] == "机器测量:文章数 0,在最低一档"
    assert said["updates"] == "机器测量:没有数据"
    assert said["design"] == "专家评分:2 位专家(8.5、9)平均,等次“优秀”"
    assert said["innovation"] == "专家评分:1 位专家(8)平均,等次“待改进”"
    assert said["resource_quality"] == "专家评分:未评分"
    assert said["depth"] == "平台数据:教师深度应用指数 40,达到 100 得满分,按比例计"
