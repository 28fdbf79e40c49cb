"""The verdict feed: what the ranking and other programs are told, ids and codes only.

Rows come from the append-only verdict table. Their JSON columns are read through the closed
records below, so that nothing else (a quotation, a name, an address with one) can leave by the feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from models.tables import Campaign, Space, Verdict
from models.vocabulary import (
    CoverageKind,
    FeedEvent,
    NotScreened,
    Severity,
    VerdictReason,
    VerdictState,
    Visibility,
)
from service.scope import EVERYTHING, Scope


class _FeedRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FeedReason(_FeedRecord):
    """One reason of a verdict.

    ``basis`` is a document and clause, never a quotation; ``findings`` is how many things it is about.
    """

    code: VerdictReason
    basis: str = ""
    severity: Severity | None = None
    findings: int = 0


class FeedBasis(_FeedRecord):
    """What the verdict stands on; when one of these is no longer today's, it is stale."""

    snapshot: str | None = None
    content_digest: str | None = None
    rule_pack: str | None = None
    models: Mapping[str, str] = Field(default_factory=dict)
    policy: str | None = None


class FeedGap(_FeedRecord):
    """How many things were not screened for one reason."""

    reason: NotScreened
    count: int


class FeedCoverage(_FeedRecord):
    """What was found and screened, by kind; what was not is counted by reason, without addresses."""

    found: Mapping[CoverageKind, int] = Field(default_factory=dict)
    screened: Mapping[CoverageKind, int] = Field(default_factory=dict)
    not_screened: tuple[FeedGap, ...] = ()
    complete: bool = False
    gaps_allowed: bool = False


class DecidedBy(StrEnum):
    """Whose word a verdict is: the feed names no persons."""

    MACHINE = "machine"
    PERSON = "person"


class FeedItem(_FeedRecord):
    """One verdict as issued; an issued item is never rewritten."""

    serial: int
    event: FeedEvent
    space: str
    verdict_id: str
    supersedes: str | None
    state: VerdictState
    visibility: Visibility | None
    reasons: tuple[FeedReason, ...]
    basis: FeedBasis
    coverage: FeedCoverage
    decided_by: DecidedBy
    decided_at: datetime
    valid_until: datetime | None


def feed_item(verdict: Verdict, space: str) -> FeedItem:
    """The item for a verdict of the space with this identifier."""
    return FeedItem(
        serial=verdict.serial or 0,
        event=verdict.event,
        space=space,
        verdict_id=verdict.id,
        supersedes=verdict.supersedes,
        state=verdict.state,
        visibility=verdict.visibility,
        reasons=reasons_of(verdict),
        basis=FeedBasis.model_validate(verdict.basis or {}),
        coverage=FeedCoverage.model_validate(verdict.coverage or {}),
        decided_by=_decided_by(verdict),
        decided_at=verdict.decided_at,
        valid_until=verdict.valid_until,
    )


def _decided_by(verdict: Verdict) -> DecidedBy:
    machine = verdict.decided_by == DecidedBy.MACHINE
    return DecidedBy.MACHINE if machine else DecidedBy.PERSON


def reasons_of(verdict: Verdict) -> tuple[FeedReason, ...]:
    """The reasons of a verdict, the gravest first."""
    return tuple(FeedReason.model_validate(reason) for reason in verdict.reasons or ())


def log_after(
    session: Session,
    serial: int,
    limit: int,
    campaign: str | None = None,
    scope: Scope = EVERYTHING,
) -> list[FeedItem]:
    """Up to ``limit`` verdicts after a serial, in the order of their serials."""
    query = select(Verdict, Space.code).join(Space, col(Space.id) == col(Verdict.space_id))
    if campaign is not None:
        query = query.join(Campaign, col(Campaign.id) == col(Verdict.campaign_id))
        query = query.where(Campaign.code == campaign)
    query = query.where(col(Verdict.serial) > serial, scope.covers(col(Verdict.space_id)))
    query = query.order_by(col(Verdict.serial)).limit(limit)
    return [feed_item(verdict, code) for verdict, code in session.exec(query)]


def newest_after(
    session: Session,
    serial: int,
    limit: int,
    campaign: str | None = None,
    scope: Scope = EVERYTHING,
) -> list[tuple[Verdict, Campaign, str]]:
    """The newest verdict of each space, of those after a serial, in the order of their serials."""
    newest = select(func.max(Verdict.serial)).group_by(col(Verdict.space_id))
    query = (
        select(Verdict, Campaign, Space.code)
        .join(Space, col(Space.id) == col(Verdict.space_id))
        .join(Campaign, col(Campaign.id) == col(Verdict.campaign_id))
        .where(col(Verdict.serial).in_(newest), col(Verdict.serial) > serial)
        .where(scope.covers(col(Verdict.space_id)))
    )
    if campaign is not None:
        query = query.where(Campaign.code == campaign)
    return list(session.exec(query.order_by(col(Verdict.serial)).limit(limit)).all())


def newest_of(session: Session, space: Space) -> Verdict | None:
    """The newest verdict of one space."""
    query = select(Verdict).where(Verdict.space_id == space.id)
    return session.exec(query.order_by(col(Verdict.serial).desc()).limit(1)).first()


def log_before(
    session: Session, campaign: Campaign, limit: int, scope: Scope = EVERYTHING
) -> list[FeedItem]:
    """The newest verdicts of a campaign, the newest first."""
    query = (
        select(Verdict, Space.code)
        .join(Space, col(Space.id) == col(Verdict.space_id))
        .where(Verdict.campaign_id == campaign.id, scope.covers(col(Verdict.space_id)))
        .order_by(col(Verdict.serial).desc())
        .limit(limit)
    )
    return [feed_item(verdict, code) for verdict, code in session.exec(query)]
