"""The list of a campaign's spaces: where each stands and what waits for a person.

Every number comes from one grouped query a table, so that thousands of spaces stay quick: the database
counts, and single findings are read only of spaces on which somebody has decided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from audit.review import STATES, in_force
from models.tables import (
    Campaign,
    Coverage,
    Decision,
    Finding,
    Resource,
    Screening,
    Snapshot,
    Space,
)
from models.vocabulary import (
    Access,
    CoverageKind,
    FindingState,
    Severity,
    VerdictState,
    Visibility,
)
from service.desk import Desk
from service.facts import SpaceFacts, campaign_facts, decisions_of, keys_of
from service.nominations import NominatedSpace
from service.report import Count, VerdictShown, verdict_shown
from service.scope import EVERYTHING, Scope

#: Kinds of the coverage ledger that lists show, in this order.
SHOWN_COVERAGE = (CoverageKind.PAGE, CoverageKind.RESOURCE, CoverageKind.IMAGE)

_NOTHING = Count()


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One space in the list.

    ``open`` counts the findings that nobody has decided on, by severity; ``decided`` the others by
    state.
    """

    nomination: NominatedSpace
    visibility: Visibility | None
    verdict: VerdictShown | None
    open: Mapping[Severity, int]
    decided: Mapping[FindingState, int]
    resources: int
    resources_open: int
    coverage: Mapping[CoverageKind, Count]

    @property
    def state(self) -> VerdictState | None:
        """Where the space stands; None before its first verdict."""
        return self.verdict.state if self.verdict else None

    @property
    def covered(self) -> bool:
        """Whether everything found was screened."""
        counts = self.coverage.values()
        return bool(self.coverage) and all(each.found == each.screened for each in counts)

    def count(self, kind: CoverageKind) -> Count:
        """Found and screened of one kind."""
        return self.coverage.get(kind, _NOTHING)


@dataclass(frozen=True, slots=True)
class _Sums:
    #: Of spaces without a decision: all are open, by screening.
    undecided: Mapping[str, Mapping[Severity, int]]
    #: Fingerprint and severity of each finding of the other spaces, by screening.
    findings: Mapping[str, Sequence[tuple[str, Severity]]]
    resources: Mapping[str, tuple[int, int]]
    coverage: Mapping[str, Mapping[CoverageKind, Count]]


def campaign_overview(
    session: Session, desk: Desk, campaign: Campaign, scope: Scope = EVERYTHING
) -> list[OverviewRow]:
    """Every space of the campaign that may be seen, in the order of first import."""
    facts = campaign_facts(session, campaign, scope)
    snapshots, screenings = keys_of(facts)
    sums = _Sums(
        undecided=_undecided(session, campaign, set(screenings)),
        findings=_findings(session, campaign, set(screenings)),
        resources=_resources(session, campaign, set(snapshots)),
        coverage=_coverage(session, campaign, set(screenings)),
    )
    decisions = decisions_of(session, [each.nomination.space_id for each in facts])
    rows = []
    for each in facts:
        held = in_force(decisions.get(each.nomination.space_id, ()))
        screening = each.screening.id if each.screening else ""
        states = [
            (
                STATES[held[fingerprint].action] if fingerprint in held else FindingState.OPEN,
                severity,
            )
            for fingerprint, severity in sums.findings.get(screening, ())
        ]
        rows.append(_row(desk, campaign, each, sums, states))
    return rows


def _row(
    desk: Desk,
    campaign: Campaign,
    facts: SpaceFacts,
    sums: _Sums,
    states: Sequence[tuple[FindingState, Severity]],
) -> OverviewRow:
    found, free = sums.resources.get(facts.snapshot.id, (0, 0)) if facts.snapshot else (0, 0)
    return OverviewRow(
        nomination=facts.nomination,
        visibility=facts.snapshot.visibility if facts.snapshot else None,
        verdict=verdict_shown(desk, campaign, facts),
        open=_open(facts, sums, states),
        decided=Counter(state for state, _ in states if state is not FindingState.OPEN),
        resources=found,
        resources_open=free,
        coverage=sums.coverage.get(facts.screening.id, {}) if facts.screening else {},
    )


def _open(
    facts: SpaceFacts, sums: _Sums, states: Sequence[tuple[FindingState, Severity]]
) -> Counter[Severity]:
    counted = Counter(severity for state, severity in states if state is FindingState.OPEN)
    if facts.screening is not None:
        counted.update(sums.undecided.get(facts.screening.id, {}))
    return counted


def _own(campaign: Campaign) -> Any:  # noqa: ANN401  (SQLModel's type of a key that may be None)
    return select(Space.id).where(Space.campaign_id == campaign.id)


def _undecided(
    session: Session, campaign: Campaign, screenings: set[str]
) -> dict[str, dict[Severity, int]]:
    found: dict[str, dict[Severity, int]] = defaultdict(dict)
    columns = (col(Finding.screening_id), col(Finding.severity))
    query = (
        select(*columns, func.count())
        .where(col(Finding.space_id).in_(_own(campaign)))
        .where(col(Finding.space_id).not_in(select(Decision.space_id)))
        .group_by(*columns)
    )
    for screening, severity, number in session.exec(query):
        if screening in screenings:
            found[screening][severity] = number
    return found


def _findings(
    session: Session, campaign: Campaign, screenings: set[str]
) -> dict[str, list[tuple[str, Severity]]]:
    found: dict[str, list[tuple[str, Severity]]] = defaultdict(list)
    query = (
        select(col(Finding.screening_id), col(Finding.fingerprint), col(Finding.severity))
        .where(col(Finding.space_id).in_(_own(campaign)))
        .where(col(Finding.space_id).in_(select(Decision.space_id)))
    )
    for screening, fingerprint, severity in session.exec(query):
        if screening in screenings:
            found[screening].append((fingerprint, severity))
    return found


def _resources(
    session: Session, campaign: Campaign, snapshots: set[str]
) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    columns = (col(Resource.snapshot_id), col(Resource.openness))
    own = select(Snapshot.id).where(col(Snapshot.space_id).in_(_own(campaign)))
    query = select(*columns, func.count()).where(columns[0].in_(own)).group_by(*columns)
    for snapshot, openness, number in session.exec(query):
        if snapshot in snapshots:
            total, free = found.get(snapshot, (0, 0))
            is_open = openness.access is Access.PUBLIC
            found[snapshot] = (total + number, free + (number if is_open else 0))
    return found


def _coverage(
    session: Session, campaign: Campaign, screenings: set[str]
) -> dict[str, dict[CoverageKind, Count]]:
    found: dict[str, dict[CoverageKind, Count]] = defaultdict(dict)
    columns = (col(Coverage.screening_id), col(Coverage.kind), col(Coverage.screened))
    own = select(Screening.id).where(col(Screening.space_id).in_(_own(campaign)))
    query = select(*columns, func.count()).where(columns[0].in_(own)).group_by(*columns)
    for screening, kind, screened, number in session.exec(query):
        if screening in screenings:
            so_far = found[screening].get(kind, _NOTHING)
            found[screening][kind] = Count(
                found=so_far.found + number,
                screened=so_far.screened + (number if screened else 0),
            )
    return found
