"""The order of spaces: total first, then the scheme's tie-breaks, last the identifier.

Every criterion is a number of which the higher comes first, so that the order is the same however
the spaces came in; identifiers are compared as text, the lower first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ranking.records import Entry
from rules.scheme import RuralMode, RuralPolicy, Scheme, TieBreak

LAST_RESORT = "空间编号先后(前面各项都相同时的最后办法)"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that orders spaces; a space without a value comes after those with one."""

    title: str
    value: Callable[[Entry], float]


def criteria(scheme: Scheme, rural: RuralPolicy | None) -> tuple[Criterion, ...]:
    """All criteria, in the order they are asked; without a policy nothing leans to rural schools."""
    found = [Criterion("总分", lambda entry: _present(entry.ordering_total))]
    if rural is not None and rural.mode is RuralMode.TIE_BREAK:
        found.append(
            Criterion(
                "农村偏远学校优先", lambda entry: float(entry.candidate.school_kind in rural.kinds)
            )
        )
    found.extend(_tie_break(rule, scheme) for rule in scheme.tie_breaks)
    return tuple(found)


def in_order(entries: Iterable[Entry], by: Sequence[Criterion]) -> list[Entry]:
    """The entries from first to last."""
    return sorted(
        entries,
        key=lambda entry: (
            tuple(-criterion.value(entry) for criterion in by),
            entry.candidate.space,
        ),
    )


def decided_by(first: Entry, second: Entry, by: Sequence[Criterion]) -> str:
    """The title of the criterion that orders two entries."""
    for criterion in by:
        if criterion.value(first) != criterion.value(second):
            return criterion.title
    return LAST_RESORT


def _tie_break(rule: TieBreak, scheme: Scheme) -> Criterion:
    if rule.measure is not None:
        measure = rule.measure
        return Criterion(measure.label, lambda entry: _present(entry.candidate.measured(measure)))
    item = scheme.items_by_id[rule.item or ""]
    return Criterion(f"“{item.title}”得分", lambda entry: _present(entry.score.points_of(item.id)))


def _present(value: float | None) -> float:
    return -math.inf if value is None else value
