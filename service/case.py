"""One space under review: its evidence, findings, decisions and verdicts, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from sqlmodel import Session, col, select

from audit.review import decisions, in_force, with_states
from audit.verdict import hold_against
from models.manifest import Attempt, Canary, Manifest, PageCapture, Politeness
from models.tables import (
    Campaign,
    Coverage,
    Decision,
    Finding,
    Resource,
    Snapshot,
    Space,
    User,
    Verdict,
)
from models.vocabulary import (
    Action,
    FeedEvent,
    FindingState,
    VerdictReason,
    VerdictState,
    Visibility,
)
from rules.families import families
from rules.reasons import load_reasons
from service.desk import Desk
from service.errors import UserError
from service.facts import SpaceFacts, campaign_facts, coverage_of, findings_of, resources_of
from service.feed import FeedItem, feed_item, reasons_of
from service.nominations import NominatedSpace
from service.report import CoverageShown, SpaceReport, build_report, coverage_shown
from service.scope import EVERYTHING, Scope


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What a person decided, in words."""

    row: Decision
    user: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """A finding with what an officer needs to judge it.

    ``mend`` is what the teacher should do; "" when the rule is no longer in the pack.
    """

    row: Finding
    state: FindingState
    decision: PastDecision | None
    title: str
    family: str
    mend: str


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """One verdict of the space; ``state`` is what it is worth now."""

    row: Verdict
    state: VerdictState
    reasons: tuple[VerdictReason, ...]
    stale_because: tuple[VerdictReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Everything about one space of a campaign. None and empty are what does not exist (yet)."""

    campaign: Campaign
    space: Space
    nomination: NominatedSpace
    snapshot: Snapshot | None
    #: None also when the store has lost the snapshot.
    manifest: Manifest | None
    screened: bool
    resources: Sequence[Resource]
    findings: Sequence[CaseFinding]
    coverage: CoverageShown
    ledger: Sequence[Coverage]
    decisions: Sequence[PastDecision]
    #: The decision on the space as a whole that holds.
    word: PastDecision | None
    #: The newest first.
    verdicts: Sequence[CaseVerdict]

    @property
    def verdict(self) -> CaseVerdict | None:
        """The verdict in force, which may have become stale."""
        return next((v for v in self.verdicts if v.row.event is not FeedEvent.STALED), None)

    @property
    def pages(self) -> tuple[PageCapture, ...]:
        """The pages that the newest visit found."""
        return self.manifest.pages if self.manifest else ()

    @property
    def waiting(self) -> int:
        """Findings that nobody has decided on."""
        return sum(each.state is FindingState.OPEN for each in self.findings)


def load_case(
    session: Session, desk: Desk, campaign: Campaign, code: str, scope: Scope = EVERYTHING
) -> Case:
    """The case of a space.

    Raises:
        UserError: the campaign has no such space that may be seen.
    """
    facts = next(iter(campaign_facts(session, campaign, scope, code)), None)
    if facts is None:
        raise UserError(
            f"campaign {campaign.code} has no space {code}",
            f"see the identifiers with: spaceaudit report --campaign {campaign.code}",
        )
    return _case(session, desk, campaign, facts)


def _case(session: Session, desk: Desk, campaign: Campaign, facts: SpaceFacts) -> Case:
    space = session.get_one(Space, facts.nomination.space_id)
    snapshot, screening = facts.snapshot, facts.screening
    taken = decisions(session, facts.nomination.space_id)
    told = {each.row.id: each for each in _told(session, taken)}
    held = {key: told[row.id] for key, row in in_force(taken).items()}
    ledger = coverage_of(session, [screening.id]).get(screening.id, []) if screening else []
    rows = findings_of(session, [screening.id]).get(screening.id, []) if screening else []
    return Case(
        campaign=campaign,
        space=space,
        nomination=facts.nomination,
        snapshot=snapshot,
        manifest=desk.snapshots.manifest(snapshot.wacz) if snapshot else None,
        screened=screening is not None,
        resources=resources_of(session, [snapshot.id]).get(snapshot.id, []) if snapshot else [],
        findings=_findings(desk, rows, held),
        coverage=coverage_shown(ledger),
        ledger=ledger,
        decisions=list(reversed(told.values())),
        word=held.get(None),
        verdicts=_verdicts(session, desk, campaign, facts),
    )


def _told(session: Session, taken: Sequence[Decision]) -> list[PastDecision]:
    people = {row.user_id for row in taken}
    names = dict(session.exec(select(User.id, User.name).where(col(User.id).in_(people))).all())
    reasons = load_reasons()
    return [
        PastDecision(
            row=row,
            user=names.get(row.user_id, ""),
            reason=reasons[row.reason].label if row.reason in reasons else row.reason,
        )
        for row in taken
    ]


def _findings(
    desk: Desk, rows: Sequence[Finding], held: Mapping[str | None, PastDecision]
) -> list[CaseFinding]:
    rules = {rule.id: rule for rule in desk.pack.rules}
    in_words = {key: past.row for key, past in held.items()}
    found = []
    for reviewed in with_states(rows, in_words):
        row = reviewed.finding
        rule = rules.get(row.rule)
        label = families()[row.family].label if row.family in families() else row.family
        found.append(
            CaseFinding(
                row=row,
                state=reviewed.state,
                decision=held.get(row.fingerprint),
                title=rule.title if rule else f"疑似{label}",
                family=label,
                mend=rule.mend if rule else "",
            )
        )
    return found


def _verdicts(
    session: Session, desk: Desk, campaign: Campaign, facts: SpaceFacts
) -> list[CaseVerdict]:
    query = select(Verdict).where(Verdict.space_id == facts.nomination.space_id)
    rows = session.exec(query.order_by(col(Verdict.serial).desc())).all()
    shown = []
    for row in rows:
        state = row.state
        stale_because: tuple[VerdictReason, ...] = ()
        if facts.verdict is not None and row.id == facts.verdict.id:
            held = hold_against(row, desk.basis(campaign, facts.snapshot), desk.clock())
            state, stale_because = held.state, held.stale_because
        reasons = tuple(reason.code for reason in reasons_of(row))
        shown.append(CaseVerdict(row, state, reasons, stale_because))
    return shown


class AccessShown(BaseModel):
    """The evidence of access: every attempt, what the platform declares, our own way to it."""

    attempts: tuple[Attempt, ...] = ()
    declared: Visibility | None = None
    canary: Canary | None = None
    #: Whose written consent opened what robots.txt closes; empty: it was obeyed.
    robots_authority: str = ""
    #: How the site was spared; None in older snapshots.
    politeness: Politeness | None = None


class DecisionShown(BaseModel):
    """What a person decided; without a fingerprint, on the space as a whole."""

    id: str
    fingerprint: str | None
    action: Action
    reason: str
    note: str
    user: str
    decided_at: datetime


class CaseReport(SpaceReport):
    """``spaceaudit case --json``: the space as in the report, and how it came to that."""

    campaign: str
    access: AccessShown
    decisions: tuple[DecisionShown, ...]
    verdicts: tuple[FeedItem, ...]


def case_report(session: Session, desk: Desk, case: Case) -> CaseReport:
    """The case as data; decisions and verdicts with the newest first."""
    code, manifest = case.nomination.code, case.manifest
    reported = build_report(session, desk, case.campaign, {code}).spaces[0]
    access = AccessShown()
    if manifest is not None:
        access = AccessShown(
            attempts=manifest.attempts,
            declared=manifest.declared,
            canary=manifest.canary,
            robots_authority=manifest.robots_authority,
            politeness=manifest.politeness,
        )
    return CaseReport(
        **dict(reported),
        campaign=case.campaign.code,
        access=access,
        decisions=tuple(_decision(past) for past in case.decisions),
        verdicts=tuple(feed_item(each.row, code) for each in case.verdicts),
    )


def _decision(past: PastDecision) -> DecisionShown:
    row = past.row
    return DecisionShown(
        id=row.id,
        fingerprint=row.fingerprint,
        action=row.action,
        reason=row.reason,
        note=row.note,
        user=past.user,
        decided_at=row.decided_at,
    )
