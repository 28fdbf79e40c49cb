"""The report of a campaign: every space with its evidence, findings, coverage and verdict.

The records below are the shape of ``spaceaudit report --format json``: fields are added, never
renamed. The whole campaign takes one query a table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from audit.review import ReviewedFinding, in_force, with_states
from audit.verdict import hold_against
from models.manifest import Manifest
from models.tables import Campaign, Coverage, Decision, Finding, Resource, Snapshot
from models.vocabulary import (
    CoverageKind,
    Dimension,
    FindingState,
    NotScreened,
    Openness,
    Part,
    ResourceKind,
    Severity,
    VerdictReason,
    VerdictState,
    Visibility,
)
from service.desk import Desk
from service.errors import UserError
from service.facts import (
    SpaceFacts,
    campaign_facts,
    coverage_of,
    decisions_of,
    findings_of,
    keys_of,
    resources_of,
)
from service.feed import reasons_of
from service.wording import masked


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class RulePackShown(_Shown):
    """The rules in force when the report was made."""

    id: str
    version: str
    digest: str


class SnapshotShown(_Shown):
    """The newest visit; ``wacz`` is the object's name in the snapshot store."""

    id: str
    taken_at: datetime
    wacz: str
    digest: str


class AccessReason(_Shown):
    """Why a visibility was measured, with its evidence."""

    code: str
    evidence: str


class VisibilityShown(_Shown):
    """Whether everybody can see the space, and after how many attempts that was certain."""

    state: Visibility
    reasons: tuple[AccessReason, ...]
    attempts: int
    #: Whose written consent opened what robots.txt closes; empty: it was obeyed.
    robots_authority: str = ""


class ResourceShown(_Shown):
    """A file that the space offers."""

    url: str
    name: str
    kind: ResourceKind
    openness: Openness
    reason: str
    bytes: int | None
    sha256: str | None


class Where(_Shown):
    """The place of a finding."""

    url: str
    part: Part
    locator: str


class FindingShown(_Shown):
    """A finding; ``text`` is exactly what the space says, personal data hidden if ``masked``."""

    id: str
    fingerprint: str
    rule: str
    dimension: Dimension
    family: str
    severity: Severity
    where: Where
    text: str
    context: str
    explanation: str
    basis: str
    state: FindingState
    #: The ends of personal data are hidden by ``*``; the lengths are those of the original.
    masked: bool = False


class Count(_Shown):
    """How many were found, and how many of them screened."""

    found: int = 0
    screened: int = 0


class Gap(_Shown):
    """A thing that was found and not screened."""

    what: str
    reason: NotScreened


class CoverageShown(_Shown):
    """What was screened; complete when nothing that was found was left out."""

    pages: Count = Count()
    resources: Count = Count()
    images: Count = Count()
    not_screened: tuple[Gap, ...] = ()
    complete: bool = False


class VerdictShown(_Shown):
    """Where the space stands now: a verdict that no longer holds is shown as stale."""

    state: VerdictState
    reasons: tuple[VerdictReason, ...]
    serial: int
    valid_until: datetime | None
    stale_because: tuple[VerdictReason, ...] = ()


class SpaceReport(_Shown):
    """One nominated space; None is what does not exist yet."""

    space: str
    url: str
    teacher: str
    school: str
    county: str
    title: str
    stage: str
    subject: str
    snapshot: SnapshotShown | None
    visibility: VisibilityShown | None
    resources: tuple[ResourceShown, ...]
    findings: tuple[FindingShown, ...]
    coverage: CoverageShown
    verdict: VerdictShown | None


class Report(_Shown):
    """A campaign at one moment."""

    campaign: str
    generated_at: datetime
    policy: str
    rule_pack: RulePackShown
    spaces: tuple[SpaceReport, ...]


_Space = TypeVar("_Space", bound=SpaceReport)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The rows of all tables that a report is put together from, by the key of their owner."""

    resources: Mapping[str, Sequence[Resource]]
    findings: Mapping[str, Sequence[Finding]]
    coverage: Mapping[str, Sequence[Coverage]]
    decisions: Mapping[int, Sequence[Decision]]


def build_report(
    session: Session, desk: Desk, campaign: Campaign, only: Collection[str] | None = None
) -> Report:
    """The report of a campaign, or of the spaces ``only`` names.

    Raises:
        UserError: ``only`` names a space that the campaign does not have.
    """
    facts = _chosen(campaign_facts(session, campaign), campaign, only)
    snapshots, screenings = keys_of(facts)
    rows = _Gathered(
        resources=resources_of(session, snapshots),
        findings=findings_of(session, screenings),
        coverage=coverage_of(session, screenings),
        decisions=decisions_of(session, [each.nomination.space_id for each in facts]),
    )
    pack = desk.pack
    return Report(
        campaign=campaign.code,
        generated_at=desk.clock(),
        policy=campaign.policy,
        rule_pack=RulePackShown(id=pack.id, version=pack.version, digest=pack.digest),
        spaces=tuple(_space(desk, campaign, each, rows) for each in facts),
    )


def _chosen(
    facts: list[SpaceFacts], campaign: Campaign, only: Collection[str] | None
) -> list[SpaceFacts]:
    if only is None:
        return facts
    unknown = sorted(set(only) - {each.nomination.code for each in facts})
    if unknown:
        raise UserError(
            f"campaign {campaign.code} has no space {', '.join(unknown)}",
            f"see the identifiers with: spaceaudit report --campaign {campaign.code}",
        )
    return [each for each in facts if each.nomination.code in only]


def _space(desk: Desk, campaign: Campaign, facts: SpaceFacts, rows: _Gathered) -> SpaceReport:
    nominated, snapshot, screening = facts.nomination, facts.snapshot, facts.screening
    held = in_force(rows.decisions.get(nominated.space_id, ()))
    resources = rows.resources.get(snapshot.id, ()) if snapshot else ()
    findings = rows.findings.get(screening.id, ()) if screening else ()
    ledger = rows.coverage.get(screening.id, ()) if screening else ()
    return SpaceReport(
        space=nominated.code,
        url=nominated.url,
        teacher=nominated.teacher,
        school=nominated.school,
        county=nominated.county,
        title=nominated.title,
        stage=nominated.stage,
        subject=nominated.subject,
        snapshot=_snapshot(snapshot) if snapshot else None,
        visibility=_visibility(desk, snapshot) if snapshot else None,
        resources=tuple(_resource(row) for row in resources),
        findings=tuple(_finding(each) for each in with_states(findings, held)),
        coverage=coverage_shown(ledger),
        verdict=verdict_shown(desk, campaign, facts),
    )


def _snapshot(row: Snapshot) -> SnapshotShown:
    return SnapshotShown(id=row.id, taken_at=row.taken_at, wacz=row.wacz, digest=row.digest)


def _visibility(desk: Desk, row: Snapshot) -> VisibilityShown:
    manifest = desk.snapshots.manifest(row.wacz)
    return VisibilityShown(
        state=row.visibility,
        reasons=_access_reasons(manifest),
        attempts=len(manifest.attempts) if manifest else 0,
        robots_authority=manifest.robots_authority if manifest else "",
    )


def _access_reasons(manifest: Manifest | None) -> tuple[AccessReason, ...]:
    found = manifest.reasons if manifest else ()
    return tuple(AccessReason(code=each.code, evidence=each.evidence) for each in found)


def _resource(row: Resource) -> ResourceShown:
    return ResourceShown(
        url=row.url,
        name=row.name,
        kind=row.kind,
        openness=row.openness,
        reason=row.reason,
        bytes=row.size,
        sha256=row.sha256,
    )


def _finding(reviewed: ReviewedFinding) -> FindingShown:
    row = reviewed.finding
    return FindingShown(
        id=row.id,
        fingerprint=row.fingerprint,
        rule=row.rule,
        dimension=row.dimension,
        family=row.family,
        severity=row.severity,
        where=Where(url=row.url, part=row.part, locator=row.locator),
        text=row.text,
        context=row.context,
        explanation=row.explanation,
        basis=row.basis,
        state=reviewed.state,
    )


def without_personal_data(space: _Space) -> _Space:
    """A space's report as it may leave the house: personal data of pupils half hidden.

    The audit's own evidence (names, addresses and states of files) may quote it as well.
    """
    return space.model_copy(
        update={
            "findings": tuple(map(_masked_finding, space.findings)),
            "resources": tuple(
                each.model_copy(update={"name": masked(each.name), "reason": masked(each.reason)})
                for each in space.resources
            ),
            "coverage": space.coverage.model_copy(
                update={
                    "not_screened": tuple(
                        gap.model_copy(update={"what": masked(gap.what)})
                        for gap in space.coverage.not_screened
                    )
                }
            ),
        }
    )


def _masked_finding(finding: FindingShown) -> FindingShown:
    hidden = {name: masked(getattr(finding, name)) for name in ("text", "context", "explanation")}
    where = finding.where.model_copy(update={"locator": masked(finding.where.locator)})
    changed = any(value != getattr(finding, name) for name, value in hidden.items())
    return finding.model_copy(update={**hidden, "where": where, "masked": changed})


def coverage_shown(ledger: Iterable[Coverage]) -> CoverageShown:
    """The sums of a coverage ledger; an empty ledger is not complete: nothing was screened."""
    rows = list(ledger)
    gaps = [row for row in rows if not row.screened]
    return CoverageShown(
        pages=_count(rows, CoverageKind.PAGE),
        resources=_count(rows, CoverageKind.RESOURCE),
        images=_count(rows, CoverageKind.IMAGE),
        not_screened=tuple(
            Gap(what=row.what, reason=row.reason or NotScreened.NOT_CAPTURED) for row in gaps
        ),
        complete=bool(rows) and not gaps,
    )


def _count(rows: Iterable[Coverage], kind: CoverageKind) -> Count:
    screened = [row.screened for row in rows if row.kind is kind]
    return Count(found=len(screened), screened=sum(screened))


def verdict_shown(desk: Desk, campaign: Campaign, facts: SpaceFacts) -> VerdictShown | None:
    """Where a space stands now, or None before its first verdict."""
    row = facts.verdict
    if row is None:
        return None
    held = hold_against(row, desk.basis(campaign, facts.snapshot), desk.clock())
    return VerdictShown(
        state=held.state,
        reasons=tuple(reason.code for reason in reasons_of(row)),
        serial=row.serial or 0,
        valid_until=row.valid_until,
        stale_because=held.stale_because,
    )
