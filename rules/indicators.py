"""Indicators of a scoring scheme: the tree of items, and how each of them is scored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

from pydantic import Field, FiniteFloat, model_validator

from models.vocabulary import Term
from rules.record import Record


class Scorer(Term):
    """Who scores an item."""

    MACHINE = "machine", "机器测量"
    EXPERT = "expert", "专家评分"
    PLATFORM = "platform", "平台数据"


class Measure(Term):
    """What is measured of a space; schemes name these and nothing else."""

    OPEN_RESOURCES = "open_resources", "免费开放的资源数"
    RESOURCE_KINDS = "resource_kinds", "资源类型数"
    PAGES = "pages", "页面数"
    ARTICLES = "articles", "文章数"
    IMAGES = "images", "图片数"
    TEXT_CHARS = "text_chars", "正文字数"
    UPDATES = "updates", "更新次数"
    DEPTH_INDEX = "depth_index", "教师深度应用指数"


#: Comes from the provincial platform's export, not from a snapshot.
PLATFORM_MEASURES = frozenset({Measure.DEPTH_INDEX})


class Band(Record):
    """From this value on, so many points."""

    at_least: FiniteFloat
    points: FiniteFloat = Field(ge=0)


class Level(Record):
    """A level that experts score by: its name, where it starts and what it looks like."""

    title: str = Field(min_length=1)
    at_least: FiniteFloat = Field(ge=0)
    anchor: str = Field(min_length=1)


class Item(Record):
    """One indicator.

    An expert's item has ``levels``. The others have a ``measure``, and either ``bands`` or
    ``full_at``, the value from which all points are given; below it they are in proportion.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    scorer: Scorer
    max: FiniteFloat = Field(gt=0)
    evidence: str = Field(min_length=1)
    measure: Measure | None = None
    bands: tuple[Band, ...] = ()
    full_at: FiniteFloat | None = Field(default=None, gt=0)
    levels: tuple[Level, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.scorer is Scorer.EXPERT:
            self._check_expert()
        else:
            self._check_measured()
        return self

    def _check_expert(self) -> None:
        if self.measure or self.bands or self.full_at is not None:
            raise ValueError("an expert's item has levels, and no measure, bands or full_at")
        if not self.levels:
            raise ValueError("an expert's item needs levels")
        _check_steps("levels", [level.at_least for level in self.levels])
        if self.levels[-1].at_least > self.max:
            raise ValueError(f"the highest level starts above max ({self.max:g})")

    def _check_measured(self) -> None:
        if self.levels or self.measure is None or bool(self.bands) == (self.full_at is not None):
            raise ValueError("a measured item has a measure and either bands or full_at, no levels")
        if (self.measure in PLATFORM_MEASURES) != (self.scorer is Scorer.PLATFORM):
            raise ValueError(f"{self.measure} is not measured by {self.scorer}")
        if self.bands:
            _check_steps("bands", [band.at_least for band in self.bands])
            points = [band.points for band in self.bands]
            if points != sorted(points) or points[-1] != self.max:
                raise ValueError(f"points of the bands must rise, the last to max ({self.max:g})")

    def points_for(self, value: float) -> float:
        """Points for a measured value."""
        if self.full_at is not None:
            return self.max * min(max(value / self.full_at, 0.0), 1.0)
        band = self.band_of(value)
        return band.points if band else 0.0

    def band_of(self, value: float) -> Band | None:
        """The highest band that a measured value reaches."""
        reached = [band for band in self.bands if value >= band.at_least]
        return reached[-1] if reached else None

    def level_of(self, points: float) -> Level:
        """The level that an expert's points stand for."""
        return [level for level in self.levels if points >= level.at_least][-1]


class Group(Record):
    """Items that belong together; ``points`` repeats their sum, so that a slip shows."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    points: FiniteFloat
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(item.max for item in self.items)
        if abs(total - self.points) > 1e-9:
            raise ValueError(f"its items come to {total:g} points, not {self.points:g}")
        return self


def _check_steps(what: str, starts: Sequence[float]) -> None:
    if starts[0] != 0:
        raise ValueError(f"{what} must start at 0")
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise ValueError(f"{what} must rise")
