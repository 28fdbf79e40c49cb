"""Gathers all that is known of a space, for the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, select

from audit.records import newest_screening, newest_snapshot
from audit.review import ReviewedFinding, decisions, in_force, rejected, with_states
from audit.sign_offs import levels_signed
from audit.verdict import Facts
from models.tables import Coverage, Decision, Finding, Resource, Snapshot


def facts_of(current: Session, space_id: int) -> Facts:
    """All that is known of a space."""
    snapshot = newest_snapshot(current, space_id)
    if snapshot is None:
        return Facts(None)
    screening = newest_screening(current, snapshot.id)
    taken = decisions(current, space_id)
    held = in_force(taken)
    findings: list[ReviewedFinding] = []
    ledger: Sequence[Coverage] = ()
    if screening is not None:
        rows = current.exec(select(Finding).where(Finding.screening_id == screening.id)).all()
        findings = with_states(rows, held)
        ledger = current.exec(select(Coverage).where(Coverage.screening_id == screening.id)).all()
    return Facts(
        snapshot=snapshot,
        resources=current.exec(select(Resource).where(Resource.snapshot_id == snapshot.id)).all(),
        ledger=ledger,
        findings=findings,
        word=held.get(None),
        word_content=_content_of(current, held.get(None)),
        rejected_before=rejected(taken),
        screened=screening is not None,
        signed=levels_signed(current, snapshot),
    )


def _content_of(current: Session, word: Decision | None) -> str | None:
    """The content digest of the snapshot that a decision was given on."""
    if word is None or word.snapshot_id is None:
        return None
    snapshot = current.get(Snapshot, word.snapshot_id)
    return snapshot.content_digest if snapshot is not None else None
