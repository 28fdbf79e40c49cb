"""Gathers all that is known of a space, for the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, select

from audit.records import newest_screening, newest_snapshot
from audit.review import ReviewedFinding, decisions, in_force, with_states
from audit.verdict import Facts
from models.tables import Coverage, Finding, Resource
from models.vocabulary import Action


def facts_of(current: Session, space_id: int) -> Facts:
    """All that is known of a space."""
    snapshot = newest_snapshot(current, space_id)
    if snapshot is None:
        return Facts(None)
    screening = newest_screening(current, snapshot.id)
    held = in_force(decisions(current, space_id))
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
        rejected_before=any(decision.action is Action.CONFIRM for decision in held.values()),
        screened=screening is not None,
    )
