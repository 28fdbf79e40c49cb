"""Keeps what a screening found, and reads back what is in force: snapshot, screening, ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from audit.accounting import balance
from audit.screening import PICTURES_LEFT, Screened, Tools
from models.audit_log import record
from models.manifest import Manifest
from models.tables import Coverage, Finding, Resource, Screening, Snapshot

#: Between the id of a screening and the number of times it was kept.
_AGAIN = "-"


def newest_snapshot(session: Session, space_id: int) -> Snapshot | None:
    """The snapshot of the latest visit to a space."""
    statement = (
        select(Snapshot)
        .where(Snapshot.space_id == space_id)
        .order_by(col(Snapshot.taken_at).desc(), col(Snapshot.recorded_at).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def newest_screening(session: Session, snapshot_id: str) -> Screening | None:
    """The latest screening of a snapshot."""
    statement = (
        select(Screening)
        .where(Screening.snapshot_id == snapshot_id)
        .order_by(col(Screening.screened_at).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def screening_of(session: Session, space_id: int) -> Screening | None:
    """The latest screening of a space's latest snapshot."""
    snapshot = newest_snapshot(session, space_id)
    return newest_screening(session, snapshot.id) if snapshot else None


def keep_snapshot(  # noqa: PLR0913  (where the snapshot is, and whose)
    session: Session,
    manifest: Manifest,
    *,
    space_id: int,
    wacz: str,
    digest: str,
    at: datetime,
) -> Snapshot:
    """Append the row of a stored snapshot and its resources; the same one again changes nothing."""
    known = session.get(Snapshot, manifest.snapshot_id)
    if known is not None:
        return known
    snapshot = Snapshot(
        id=manifest.snapshot_id,
        crawl_id=manifest.crawl_id,
        space_id=space_id,
        url=manifest.url,
        wacz=wacz,
        digest=digest,
        content_digest=manifest.content_digest,
        visibility=manifest.visibility,
        taken_at=manifest.taken_at,
        recorded_at=at,
    )
    session.add(snapshot)
    session.flush()
    for resource in manifest.resources:
        session.add(
            Resource(
                snapshot_id=snapshot.id,
                url=resource.url,
                name=resource.name,
                kind=resource.kind,
                openness=resource.openness,
                reason=resource.evidence,
                size=resource.bytes,
                sha256=resource.sha256,
            )
        )
    record(session, actor="crawler", action="snapshot.stored", at=at, row=snapshot)
    return snapshot


def keep_screening(  # noqa: PLR0913  (what a screening is of, by and with)
    session: Session,
    screened: Screened,
    tools: Tools,
    *,
    screening_id: str,
    snapshot: Snapshot,
    at: datetime,
) -> Screening:
    """Append a screening with its findings and ledger; the newest one again changes nothing.

    One that stood before others is kept once more, so that going back to earlier rules puts what
    they found back in force.

    Raises:
        LedgerError: the ledger does not add up; nothing is kept.
    """
    balance(screened.ledger, screened.account)
    newest = newest_screening(session, snapshot.id)
    if newest is not None and stands(newest, screening_id):
        return newest
    screening = Screening(
        id=_free_id(session, screening_id),
        snapshot_id=snapshot.id,
        space_id=snapshot.space_id,
        rule_pack=tools.pack.id,
        rule_pack_version=tools.pack.version,
        rule_pack_digest=tools.pack.digest,
        models=tools.models,
        screened_at=after(newest.screened_at if newest else None, at),
        measures=screened.measures,
    )
    session.add(screening)
    session.flush()
    session.add_all(finding_rows(screened, screening))
    session.add_all(coverage_rows(screened, screening))
    details = {"findings": len(screened.findings), "ledger": len(screened.ledger)}
    record(session, actor="screen", action="screening.kept", at=at, row=screening, details=details)
    return screening


def stands(screening: Screening, screening_id: str) -> bool:
    """Whether a kept screening is the one with this id, the first time or once more.

    One that left pictures for another time does not stand: that time is now.
    """
    same = screening.id.partition(_AGAIN)[0] == screening_id
    return same and not (screening.measures or {}).get(PICTURES_LEFT)


def _free_id(session: Session, screening_id: str) -> str:
    number, free = 1, screening_id
    while session.get(Screening, free) is not None:
        number += 1
        free = f"{screening_id}{_AGAIN}{number}"
    return free


def after(last: datetime | None, at: datetime) -> datetime:
    """The time to put on a fact that follows another: now, but never before the other.

    What holds is told by time, and a clock can stand still (in a rehearsal) or be set back.
    """
    return at if last is None else max(at, last + timedelta(microseconds=1))


def coverage_rows(screened: Screened, screening: Screening) -> Iterable[Coverage]:
    """The ledger of a screening as rows of the table."""
    for row in screened.ledger:
        yield Coverage(
            screening_id=screening.id,
            kind=row.kind,
            what=row.what,
            screened=row.screened,
            reason=row.reason,
        )


def finding_rows(screened: Screened, screening: Screening) -> Iterable[Finding]:
    """The findings of a screening as rows of the table."""
    for found in screened.findings:
        key = f"{screening.id} {found.fingerprint} {found.place.part}"
        yield Finding(
            id="fd_" + hashlib.sha256(key.encode()).hexdigest()[:12],
            screening_id=screening.id,
            space_id=screening.space_id,
            fingerprint=found.fingerprint,
            rule=found.rule,
            rule_digest=found.rule_digest,
            dimension=found.dimension,
            family=found.family,
            severity=found.severity,
            url=found.place.url,
            part=found.place.part,
            locator=found.place.locator,
            start=found.start,
            end=found.end,
            text=found.text,
            context=found.context,
            explanation=found.explanation,
            basis=found.basis,
            boxes=[[b.x, b.y, b.width, b.height] for b in found.boxes],
        )
