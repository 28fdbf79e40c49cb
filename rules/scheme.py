"""Scoring schemes: indicators, tie-breaks, quotas and the rural policy of one round, as data.

The annexes of the notice are not public. What ships is a sample, says so in its title, and
everything computed with it carries ``sample``; a bureau's own file takes its place.

    SchemeError    a scheme is unknown or malformed; the command stops with exit code 2
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, FiniteFloat, ValidationError, model_validator

from models.vocabulary import SchoolKind, Term
from rules.indicators import Group, Item, Measure
from rules.quota import Quotas
from rules.record import Record
from rules.yamltext import read_yaml

SCHEME_SUFFIX = ".yaml"
SAMPLE_MARK = "示例"


class SchemeError(ValueError):
    """A scheme is unknown or malformed; the command stops with exit code 2."""


class MissingPolicy(Term):
    """What an item counts that nobody scored."""

    NOT_SCORED = "not_scored", "未评的项不计入,总分按已评项折算"
    ZERO = "zero", "未评的项按 0 分计"


class RuralMode(Term):
    """How the recommendation leans towards rural and remote schools."""

    NONE = "none", "不倾斜"
    TIE_BREAK = "tie_break", "同分时优先"
    BONUS = "bonus", "加分"
    RESERVED_SHARE = "reserved_share", "保留名额"


class RuralPolicy(Record):
    """The lean towards rural and remote schools in the county stage.

    ``bonus_points`` belong to the mode ``bonus``. ``share_percent`` belongs to
    ``reserved_share``: at least that share of a county's ordinary places, rounded up, goes to
    such schools as long as they have candidates.
    """

    mode: RuralMode
    source: str = Field(min_length=1)
    sample: bool
    kinds: frozenset[SchoolKind] = frozenset({SchoolKind.RURAL, SchoolKind.REMOTE})
    bonus_points: FiniteFloat | None = Field(default=None, gt=0)
    share_percent: int | None = Field(default=None, gt=0, le=100, strict=True)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.bonus_points is not None) != (self.mode is RuralMode.BONUS):
            raise ValueError("bonus_points belong to mode bonus, and to no other")
        if (self.share_percent is not None) != (self.mode is RuralMode.RESERVED_SHARE):
            raise ValueError("share_percent belongs to mode reserved_share, and to no other")
        return self

    def reserved(self, places: int) -> int:
        """How many of a county's ordinary places are kept for rural and remote schools."""
        return -(-places * (self.share_percent or 0) // 100)

    def describe(self) -> str:
        """The policy in Chinese, marked when it is a sample."""
        numbers = {
            RuralMode.BONUS: f"加 {self.bonus_points or 0:g} 分",
            RuralMode.RESERVED_SHARE: f"保留不少于 {self.share_percent}% 的名额",
        }
        mark = f"({SAMPLE_MARK})" if self.sample else ""
        return f"农村偏远倾斜:{numbers.get(self.mode, self.mode.label)}{mark}"


class TieBreak(Record):
    """What decides between equal totals: an item's points or a measure, the higher first."""

    item: str | None = None
    measure: Measure | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.item is None) == (self.measure is None):
            raise ValueError("a tie-break names either an item or a measure")
        return self


class Award(Record):
    """How many the city chooses, and how many wait behind them."""

    source: str = Field(min_length=1)
    places: int = Field(ge=0, strict=True)
    reserve: int = Field(ge=0, strict=True)


class Scheme(Record):
    """One round's rules of selection.

    Between equal totals the ``tie_breaks`` decide in their order; what they leave equal is
    ordered by the space's identifier, which is arbitrary but always the same.
    """

    id: str = Field(pattern=r"^[a-z0-9_.-]+$")
    version: str
    title: str
    source: str = Field(min_length=1)
    date: date
    sample: bool
    #: What the items of all groups come to.
    full_points: FiniteFloat
    missing: MissingPolicy
    groups: tuple[Group, ...] = Field(min_length=1)
    tie_breaks: tuple[TieBreak, ...] = ()
    rural: RuralPolicy
    #: How many wait behind the selected of each unit.
    reserve_per_unit: int = Field(ge=0, strict=True)
    award: Award
    quotas: Quotas

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.made_up and SAMPLE_MARK not in self.title:
            raise ValueError(f"it has made-up numbers, so its title must say {SAMPLE_MARK}")
        total = sum(group.points for group in self.groups)
        if abs(total - self.full_points) > 1e-9:
            raise ValueError(f"its groups come to {total:g} points, not {self.full_points:g}")
        names = Counter([*(group.id for group in self.groups), *(item.id for item in self.items)])
        twice = sorted(name for name, number in names.items() if number > 1)
        if twice:
            raise ValueError(f"used twice as an id: {', '.join(twice)}")
        for rule in self.tie_breaks:
            if rule.item is not None and rule.item not in self.items_by_id:
                raise ValueError(f"a tie-break names the unknown item {rule.item!r}")
        return self

    @property
    def made_up(self) -> bool:
        """Whether any number in it is a sample's; what is computed with it must say so."""
        return self.sample or self.quotas.sample or self.rural.sample

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items of all groups, in order."""
        return tuple(item for group in self.groups for item in group.items)

    @cached_property
    def items_by_id(self) -> dict[str, Item]:
        """The items by their ids."""
        return {item.id: item for item in self.items}

    @cached_property
    def digest(self) -> str:
        """What the scheme says, comments and layout aside: an altered copy has another digest."""
        said = self.model_dump_json(exclude={"rural": {"kinds"}})
        kinds = ",".join(sorted(self.rural.kinds))
        return "sha256:" + hashlib.sha256(f"{said}{kinds}".encode()).hexdigest()

    def with_rural(self, rural: RuralPolicy) -> Scheme:
        """The same scheme under another rural policy, to see what that would change."""
        return Scheme.model_validate({**self.model_dump(), "rural": rural.model_dump()})


def load_scheme(name_or_path: str | Path = "sample-2022") -> Scheme:
    """Load a scheme that ships by its id, or any by the path of its ``.yaml`` file.

    Raises:
        SchemeError: there is no such scheme, or its file is malformed.
    """
    path = Path(name_or_path)
    try:
        if path.suffix == SCHEME_SUFFIX:
            return parse_scheme(path.read_text(encoding="utf-8"), str(path))
        entry = resources.files(__package__) / "schemes" / f"{path}{SCHEME_SUFFIX}"
        return parse_scheme(entry.read_text(encoding="utf-8"), f"{path}{SCHEME_SUFFIX}")
    except UnicodeDecodeError as error:
        raise SchemeError(f"{path}: not UTF-8 text. Save the scheme as UTF-8.") from error
    except OSError as error:
        raise SchemeError(
            f"no scheme {str(path)!r} ({error.strerror}). Name one that ships "
            f"({', '.join(scheme_names())}) or give the path of a {SCHEME_SUFFIX} file."
        ) from error


def scheme_names() -> list[str]:
    """The ids of the schemes that ship."""
    folder = resources.files(__package__) / "schemes"
    files = (entry.name for entry in folder.iterdir())
    return sorted(n.removesuffix(SCHEME_SUFFIX) for n in files if n.endswith(SCHEME_SUFFIX))


def parse_scheme(text: str, where: str) -> Scheme:
    """Read a scheme from YAML; ``where`` names the file in errors.

    Raises:
        SchemeError: names the file, the field and what is wrong with it, for every such field.
    """
    try:
        data = read_yaml(text)
    except yaml.YAMLError as error:
        raise SchemeError(f"{where}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SchemeError(f"{where}: a scheme is a mapping of fields")
    try:
        return Scheme.model_validate(data)
    except ValidationError as error:
        raise SchemeError("\n".join(_problems(error, where))) from error


def _problems(error: ValidationError, where: str) -> Iterator[str]:
    for problem in error.errors():
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"])
        place = "".join(steps).removeprefix(".") or "the whole"
        yield f"{where}: {place}: {problem['msg'].removeprefix('Value error, ')}"
