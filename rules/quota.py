"""Quotas: how many spaces each unit may recommend, as versioned data.

A unit is a county, or a school directly under the city. Names are compared without spaces and
with full and half width made equal; every spelling that counts is listed, so that a school whose
name merely contains another's is never taken for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Self

from pydantic import Field, model_validator

from rules.record import Record


def name_key(name: str) -> str:
    """A name as it is compared: NFKC, without white space."""
    return "".join(unicodedata.normalize("NFKC", name).split())


@dataclass(frozen=True, slots=True)
class QuotaUnit:
    """The unit whose places a space competes for.

    Attributes:
        title: Its name; one unit has one title, whatever spelling the nomination used.
        places: Ordinary places.
        direct: Whether it is a school that applies to the city directly.
        listed: Whether the quotas name it; an unlisted unit has no places.
        order: Where it stands in lists.
    """

    title: str
    places: int
    direct: bool
    listed: bool
    order: tuple[int, int, str]


class Named(Record):
    """Something with a name, other spellings of it, and places."""

    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    places: int = Field(ge=0, strict=True)

    @property
    def keys(self) -> set[str]:
        """All spellings, as they are compared."""
        return {name_key(name) for name in (self.name, *self.aliases)}


class CountyQuotas(Record):
    """Places of the counties (annex 3 of the notice, which is not public)."""

    source: str = Field(min_length=1)
    sample: bool
    units: tuple[Named, ...]


class DirectRule(Record):
    """Places of the schools that apply to the city directly."""

    source: str = Field(min_length=1)
    #: What stands in the column 县区 of a space of such a school.
    counties: tuple[str, ...]
    #: Schools with a number of their own.
    schools: tuple[Named, ...]
    other_places: int = Field(ge=0, strict=True)


class PilotRule(Record):
    """Places that a pilot school has on top, for front-line teachers in the pilot only."""

    source: str = Field(min_length=1)
    extra_places: int = Field(ge=0, strict=True)
    #: The pilot schools, where a list is at hand; without it the nomination is believed.
    schools: tuple[str, ...] | None = None


class Quotas(Record):
    """All places of the county stage."""

    counties: CountyQuotas
    direct: DirectRule
    pilot: PilotRule

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        for entries in (self.counties.units, self.direct.schools):
            twice = _repeated(key for entry in entries for key in entry.keys)
            if twice:
                raise ValueError(f"named twice: {', '.join(twice)}")
        return self

    @property
    def sample(self) -> bool:
        """Whether numbers in it are made up."""
        return self.counties.sample

    def unit_of(self, county: str, recommender: str, school: str) -> QuotaUnit:
        """The unit whose places a space takes.

        A school that the direct rule names, or whose county or recommender says that it is
        direct, is a unit of its own. Otherwise the recommending unit decides, then the county.
        """
        named = self._direct_schools.get(name_key(school))
        if named is not None:
            return named
        keys = name_key(recommender), name_key(county)
        direct = {name_key(name) for name in self.direct.counties}
        if direct.intersection(keys):
            title = name_key(school)
            return QuotaUnit(title, self.direct.other_places, True, True, (2, 0, title))
        for key in keys:
            if key in self._counties:
                return self._counties[key]
        title = recommender.strip() or county.strip()
        return QuotaUnit(title, 0, False, False, (3, 0, title))

    def school_of(self, school: str) -> str:
        """One name for a school, whichever of its listed spellings was used."""
        named = self._direct_schools.get(name_key(school))
        return named.title if named else name_key(school)

    def has_pilot_places(self, school: str) -> bool:
        """Whether the school may be a pilot school."""
        if self.pilot.schools is None:
            return True
        return self.school_of(school) in {self.school_of(name) for name in self.pilot.schools}

    @cached_property
    def _counties(self) -> Mapping[str, QuotaUnit]:
        return _lookup(self.counties.units, direct=False)

    @cached_property
    def _direct_schools(self) -> Mapping[str, QuotaUnit]:
        return _lookup(self.direct.schools, direct=True)


def _lookup(entries: Iterable[Named], *, direct: bool) -> Mapping[str, QuotaUnit]:
    found = {}
    for number, entry in enumerate(entries):
        unit = QuotaUnit(entry.name, entry.places, direct, True, (int(direct), number, ""))
        found.update(dict.fromkeys(entry.keys, unit))
    return MappingProxyType(found)


def _repeated(keys: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice = []
    for key in keys:
        if key in seen:
            twice.append(key)
        seen.add(key)
    return twice
