"""How well a pack tells problems from harmless texts, on labelled cases that its authors never saw.

A problem counts as found when any rule hits it, whatever the severity, since every hit reaches a
person; found *in kind* when a rule of its own family does. A harmless text counts as a false alarm
from :attr:`Severity.SUSPECT` up: a notice asks nobody to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from models.vocabulary import Severity
from rules.families import families
from rules.hits import Hit
from rules.matcher import Matcher
from rules.record import Record


class CaseError(ValueError):
    """A line of cases cannot be read; the message names file, line and field."""


class Case(Record):
    """A text with what a careful reader says of it.

    ``family`` is what a problem is an instance of; what a harmless text could be mistaken for.
    """

    text: str = Field(min_length=1)
    label: Literal["problem", "harmless"]
    family: str
    why: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """A case and what the rules say of it."""

    case: Case
    hits: tuple[Hit, ...]

    @property
    def worst(self) -> int:
        """The rank of the gravest hit; -1 for none."""
        return max((hit.rule.severity.rank for hit in self.hits), default=-1)

    @property
    def in_kind(self) -> bool:
        """Whether a rule of the case's own family hits."""
        return any(hit.rule.family == self.case.family for hit in self.hits)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over some readings."""

    problems: int
    found: int
    in_kind: int
    #: Problems with a hit at suspect or above.
    suspected: int
    harmless: int
    #: Harmless texts with a hit of any severity, at suspect or above, at serious.
    noticed: int
    alarms: int
    serious: int

    @property
    def recall(self) -> float:
        """Share of the problems that any rule hits."""
        return self.found / self.problems

    @property
    def recall_in_kind(self) -> float:
        """Share of the problems that a rule of their own family hits."""
        return self.in_kind / self.problems

    @property
    def false_alarm(self) -> float:
        """Share of the harmless texts that are flagged at suspect or above."""
        return self.alarms / self.harmless


def parse_cases(text: str, where: str) -> tuple[Case, ...]:
    """Read JSON lines, one case a line.

    Raises:
        CaseError: naming ``where``, the line and the field.
    """
    cases = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            case = Case.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors()[0]
            field = ".".join(map(str, fault["loc"])) or "line"
            raise CaseError(f"{where}:{number}: {field}: {fault['msg']}") from error
        if case.family not in families():
            raise CaseError(f"{where}:{number}: family: there is none called {case.family!r}")
        cases.append(case)
    return tuple(cases)


def read_cases(matcher: Matcher, cases: Iterable[Case]) -> tuple[Reading, ...]:
    """Hold every case against the rules, with nothing known of teacher, stage or day."""
    return tuple(Reading(case, tuple(matcher.match(case.text))) for case in cases)


def tally(readings: Sequence[Reading]) -> Tally:
    """Count; a share over no case raises ZeroDivisionError when asked for."""
    problems = [reading for reading in readings if reading.case.label == "problem"]
    harmless = [reading for reading in readings if reading.case.label == "harmless"]
    return Tally(
        problems=len(problems),
        found=_at_least(problems, Severity.NOTICE),
        in_kind=sum(reading.in_kind for reading in problems),
        suspected=_at_least(problems, Severity.SUSPECT),
        harmless=len(harmless),
        noticed=_at_least(harmless, Severity.NOTICE),
        alarms=_at_least(harmless, Severity.SUSPECT),
        serious=_at_least(harmless, Severity.SERIOUS),
    )


def tally_by_family(readings: Sequence[Reading]) -> dict[str, Tally]:
    """A tally for each family that has cases, in the order of the families."""
    present = {reading.case.family for reading in readings}
    return {
        family: tally([reading for reading in readings if reading.case.family == family])
        for family in families()
        if family in present
    }


def precision_by_family(readings: Sequence[Reading]) -> dict[str, float]:
    """Of the cases that a family's rules hit at any severity, the share that are problems.

    A problem of another family counts as rightly shown; a family that hits nothing is left out.
    """
    shares = {}
    for family in families():
        hit = [r for r in readings if any(each.rule.family == family for each in r.hits)]
        if hit:
            shares[family] = sum(r.case.label == "problem" for r in hit) / len(hit)
    return shares


def misses(readings: Iterable[Reading]) -> list[Reading]:
    """What is read otherwise than a careful reader would: not found, or a false alarm."""
    return [
        reading
        for reading in readings
        if (
            not reading.hits
            if reading.case.label == "problem"
            else reading.worst >= Severity.SUSPECT.rank
        )
    ]


def _at_least(readings: Iterable[Reading], severity: Severity) -> int:
    return sum(reading.worst >= severity.rank for reading in readings)
