"""The verdict: what follows from access, openness, coverage, findings and people's decisions.

The machine alone rejects only what is measured. A verdict stands on the content, the rules, the
models and the policy of its day; when one of them is no longer today's, it is stale, and current
again when the change is taken back (design §3).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlmodel import Session, col, func, select

from audit.records import newest_screening
from audit.review import ReviewedFinding
from audit.tally import tally
from models.audit_log import record
from models.database import take_writer_lock
from models.tables import Coverage, Decision, Resource, Snapshot, Verdict
from models.vocabulary import (
    Access,
    Action,
    CoverageKind,
    FeedEvent,
    FindingState,
    Openness,
    Severity,
    SignOffLevel,
    VerdictReason,
    VerdictState,
    Visibility,
)
from rules.policy import Policy

#: When several things hold a space back, the gravest names its state.
GRAVITY: Sequence[VerdictState] = (
    VerdictState.REJECTED,
    VerdictState.UNDETERMINED,
    VerdictState.PENDING,
    VerdictState.ELIGIBLE,
)

#: Reasons of equal gravity in the order of the vocabulary, not in that of the rows.
_ORDER = {reason: number for number, reason in enumerate(VerdictReason)}

#: Files that are there but of no use, apart from those that are kept back.
BROKEN = frozenset({Openness.MISSING, Openness.EMPTY, Openness.CORRUPT})


#: What is missing when a level has not signed.
SIGN_OFF_WORDS: Mapping[SignOffLevel, str] = MappingProxyType(
    {
        SignOffLevel.TEACHER: "教师同意开放",
        SignOffLevel.SCHOOL: "学校安全签署",
        SignOffLevel.COUNTY: "县区安全签署",
        SignOffLevel.CITY: "市级安全签署",
    }
)

#: A person's word that what was asked is mended. It passes the content, but says nothing of what no
#: machine could read, so it closes no gap of coverage.
MENDED = "mended"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict stands on."""

    snapshot: str | None
    content_digest: str | None
    rule_pack: str
    models: Mapping[str, str]
    policy: str

    def as_json(self) -> dict[str, Any]:
        """As the table and the feed carry it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason for a verdict: a code, how many things it is about, and the rule behind it."""

    code: VerdictReason
    state: VerdictState
    count: int = 0
    severity: Severity | None = None
    basis: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the table and the feed carry it; no quoted content."""
        return {
            "code": self.code.value,
            "basis": self.basis,
            "severity": self.severity.value if self.severity else None,
            "findings": self.count,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a space when it is judged."""

    snapshot: Snapshot | None
    resources: Sequence[Resource] = ()
    ledger: Sequence[Coverage] = ()
    findings: Sequence[ReviewedFinding] = ()
    #: The decision on the space as a whole that holds, if there is one.
    word: Decision | None = None
    #: Content digest of the snapshot that this decision was given on: it passes that content, whenever
    #: it was fetched.
    word_content: str | None = None
    #: Whether a person's rejection holds that no person took back (on the space or any finding).
    rejected_before: bool = False
    screened: bool = False
    #: Levels whose word is on record and holds for this content.
    signed: frozenset[SignOffLevel] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """A state and its grounds, the gravest first."""

    state: VerdictState
    grounds: tuple[Ground, ...] = field(default_factory=tuple)


def judge(facts: Facts, policy: Policy) -> Judged:
    """Judge a space; pure, so that the same facts always give the same verdict."""
    if facts.snapshot is None:
        return _settled([Ground(VerdictReason.NO_SNAPSHOT, VerdictState.UNDETERMINED)])
    grounds = [
        *_access(facts.snapshot.visibility),
        *_openness(facts.resources, policy),
        *_people(facts),
        *_findings(facts.findings, policy),
        *_coverage(facts, policy),
        *_sign_offs(facts, policy),
    ]
    return _settled(grounds)


def _settled(grounds: list[Ground]) -> Judged:
    if not grounds:
        grounds = [Ground(VerdictReason.ALL_CLEAR, VerdictState.ELIGIBLE)]
    ordered = sorted(grounds, key=lambda ground: (GRAVITY.index(ground.state), _ORDER[ground.code]))
    return Judged(ordered[0].state, tuple(ordered))


def _access(visibility: Visibility) -> list[Ground]:
    basis = "泉教装〔2022〕3号 三(四)"
    if visibility.access is Access.NOT_PUBLIC:
        return [Ground(VerdictReason.NOT_PUBLIC, VerdictState.REJECTED, basis=basis)]
    if visibility.access is Access.CANNOT_TELL:
        return [Ground(VerdictReason.ACCESS_UNKNOWN, VerdictState.UNDETERMINED, basis=basis)]
    return []


def _openness(resources: Sequence[Resource], policy: Policy) -> list[Ground]:
    counted = Counter(
        (_openness_reason(resource.openness), policy.openness[resource.openness])
        for resource in resources
        if resource.openness is not Openness.OPEN
    )
    return [
        Ground(code, state, count, basis="泉教装〔2022〕3号 三(四)")
        for (code, state), count in counted.items()
        if state is not VerdictState.ELIGIBLE
    ]


def _openness_reason(openness: Openness) -> VerdictReason:
    if openness.access is Access.CANNOT_TELL:
        return VerdictReason.RESOURCE_UNKNOWN
    if openness in BROKEN:
        return VerdictReason.RESOURCE_BROKEN
    return VerdictReason.RESOURCE_NOT_OPEN


def _people(facts: Facts) -> list[Ground]:
    if facts.word is not None and facts.word.action is Action.CONFIRM:
        return [Ground(VerdictReason.REJECTED_BY_PERSON, VerdictState.REJECTED)]
    confirmed = any(item.state is FindingState.CONFIRMED for item in facts.findings)
    if facts.rejected_before and not confirmed and not _passed(facts):
        return [Ground(VerdictReason.PERSON_MUST_PASS, VerdictState.PENDING)]
    return []


def _passed(facts: Facts) -> bool:
    """Whether a person passed this very content as a whole."""
    word = facts.word
    if word is None or word.action is not Action.DISMISS or facts.snapshot is None:
        return False
    same_content = facts.word_content == facts.snapshot.content_digest
    return same_content or word.snapshot_id == facts.snapshot.id


def _seen(facts: Facts) -> bool:
    """Whether a person passed this content having looked at what was not screened."""
    return _passed(facts) and facts.word is not None and facts.word.reason != MENDED


def _findings(findings: Sequence[ReviewedFinding], policy: Policy) -> list[Ground]:
    confirmed = [i for i in findings if i.state is FindingState.CONFIRMED]
    holding = [
        item
        for item in findings
        if item.state is FindingState.OPEN
        and item.finding.severity.rank >= policy.holding_severity.rank
    ]
    grounds = []
    if confirmed:
        grounds.append(_ground(VerdictReason.FINDING_CONFIRMED, VerdictState.REJECTED, confirmed))
    if holding:
        grounds.append(_ground(VerdictReason.FINDING_OPEN, VerdictState.PENDING, holding))
    return grounds


def _ground(code: VerdictReason, state: VerdictState, items: Sequence[ReviewedFinding]) -> Ground:
    worst = max((item.finding for item in items), key=lambda one: (one.severity.rank, one.basis))
    return Ground(code, state, len(items), worst.severity, worst.basis)


def _coverage(facts: Facts, policy: Policy) -> list[Ground]:
    if facts.snapshot is None or facts.snapshot.visibility.access is not Access.PUBLIC:
        return []
    counted = tally(facts.ledger)
    # An empty ledger has no gaps either: a space of which no page was read is not clean.
    clean = counted.screened.get(CoverageKind.PAGE, 0) > 0 and counted.allowed(policy)
    if facts.screened and (clean or _seen(facts)):
        return []
    return [Ground(VerdictReason.COVERAGE_GAP, VerdictState.PENDING, counted.held_by(policy))]


def _sign_offs(facts: Facts, policy: Policy) -> list[Ground]:
    missing = [level for level in policy.required_sign_offs if level not in facts.signed]
    if not missing:
        return []
    named = "缺:" + "、".join(SIGN_OFF_WORDS[level] for level in missing)
    code = VerdictReason.SIGN_OFF_MISSING
    return [Ground(code, VerdictState.PENDING, len(missing), basis=named)]


@dataclass(frozen=True, slots=True)
class CurrentVerdict:
    """The verdict in force and whether it still stands."""

    row: Verdict
    state: VerdictState
    stale_because: tuple[VerdictReason, ...]


def newest_verdict(session: Session, space_id: int) -> Verdict | None:
    """The latest verdict that was issued for a space; announcements of staleness are none."""
    statement = (
        select(Verdict)
        .where(Verdict.space_id == space_id, Verdict.event != FeedEvent.STALED)
        .order_by(col(Verdict.serial).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def current_verdict(
    session: Session, space_id: int, basis: Basis, now: datetime
) -> CurrentVerdict | None:
    """The latest verdict, held against what is in force today."""
    row = newest_verdict(session, space_id)
    return hold_against(row, basis, now) if row is not None else None


def hold_against(row: Verdict, basis: Basis, now: datetime) -> CurrentVerdict:
    """A verdict held against the basis in force: stale when anything it stands on has changed."""
    stood: Mapping[str, Any] = row.basis
    because = [
        reason
        for reason, then, today in (
            (VerdictReason.CONTENT_CHANGED, stood["content_digest"], basis.content_digest),
            (VerdictReason.RULES_CHANGED, stood["rule_pack"], basis.rule_pack),
            (VerdictReason.MODELS_CHANGED, stood["models"], dict(basis.models)),
            (VerdictReason.POLICY_CHANGED, stood["policy"], basis.policy),
        )
        if then != today
    ]
    if row.valid_until is not None and now >= row.valid_until:
        because.append(VerdictReason.EXPIRED)
    state = VerdictState.STALE if because else row.state
    return CurrentVerdict(row, state, tuple(because))


def issue_verdict(  # noqa: PLR0913  (a verdict is of a space, on a basis, by somebody, at a time)
    session: Session,
    facts: Facts,
    policy: Policy,
    basis: Basis,
    *,
    campaign_id: int,
    space_id: int,
    decided_by: str,
    now: datetime,
) -> Verdict:
    """Judge a space and append the verdict; one that says the same as the last is not repeated."""
    take_writer_lock(session)
    judged = judge(_by_todays_tools(session, facts, basis), policy)
    last = newest_verdict(session, space_id)
    row = Verdict(
        id="",
        campaign_id=campaign_id,
        space_id=space_id,
        event=_event(last, judged.state, decided_by),
        supersedes=last.id if last else None,
        state=judged.state,
        visibility=facts.snapshot.visibility if facts.snapshot else None,
        reasons=[ground.as_json() for ground in judged.grounds],
        basis=basis.as_json(),
        coverage=tally(facts.ledger).as_json(policy, seen=_seen(facts)),
        decided_by=decided_by,
        decided_at=now,
        valid_until=_valid_until(facts, policy),
    )
    if last is not None and _same(last, row):
        # What was announced as stale is issued again when it stands again, and only then.
        ran_out = row.valid_until is not None and now >= row.valid_until
        if ran_out or not _announced_stale(session, last):
            return last
    return _append(session, row, now)


def _by_todays_tools(session: Session, facts: Facts, basis: Basis) -> Facts:
    """The facts; unscreened when the last screening was by other rules or models than today's."""
    screening = newest_screening(session, facts.snapshot.id) if facts.snapshot else None
    if screening is None:
        return facts
    then = (screening.rule_pack_digest, screening.models)
    return (
        facts if then == (basis.rule_pack, dict(basis.models)) else replace(facts, screened=False)
    )


def announce_stale(session: Session, current: CurrentVerdict, now: datetime) -> Verdict | None:
    """Tell the feed that a verdict no longer stands; once, and not when it was replaced meanwhile."""
    take_writer_lock(session)
    last = newest_verdict(session, current.row.space_id)
    if last is None or last.serial != current.row.serial:
        return None
    if not current.stale_because or _announced_stale(session, last):
        return None
    row = Verdict(
        **{
            **last.model_dump(exclude={"serial", "id"}),
            "id": "",
            "event": FeedEvent.STALED,
            "supersedes": last.id,
            "state": VerdictState.STALE,
            "reasons": [
                Ground(code, VerdictState.STALE).as_json() for code in current.stale_because
            ],
            "decided_by": "machine",
            "decided_at": now,
        }
    )
    return _append(session, row, now)


def _append(session: Session, row: Verdict, now: datetime) -> Verdict:
    # Numbered here under the writer's lock: the database's own counter may leave gaps.
    row.serial = (session.exec(select(func.max(Verdict.serial))).one() or 0) + 1
    key = json.dumps([row.serial, row.space_id, row.basis, row.reasons], sort_keys=True)
    row.id = "vd_" + hashlib.sha256(key.encode()).hexdigest()[:16]
    session.add(row)
    record(session, actor=row.decided_by, action=row.event, at=now, row=row)
    return row


def _announced_stale(session: Session, verdict: Verdict) -> bool:
    statement = select(Verdict.serial).where(
        Verdict.space_id == verdict.space_id,
        Verdict.event == FeedEvent.STALED,
        col(Verdict.serial) > verdict.serial,
    )
    return session.exec(statement).first() is not None


def _same(last: Verdict, row: Verdict) -> bool:
    names = ("state", "visibility", "reasons", "basis", "coverage", "valid_until")
    return all(getattr(last, name) == getattr(row, name) for name in names)


def _event(last: Verdict | None, state: VerdictState, decided_by: str) -> FeedEvent:
    overturned = (
        last is not None
        and last.state is VerdictState.REJECTED
        and state is not VerdictState.REJECTED
        and decided_by != "machine"
    )
    return FeedEvent.OVERTURNED if overturned else FeedEvent.ISSUED


def _valid_until(facts: Facts, policy: Policy) -> datetime | None:
    if facts.snapshot is None:
        return None
    return facts.snapshot.taken_at + timedelta(days=policy.valid_days)
