"""Screens stored snapshots with the rules and models in force, and shows what that would change."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, select

from audit.records import keep_screening, newest_screening, newest_snapshot, stands
from audit.screening import Screened, screen, screening_id
from models.database import session, take_writer_lock
from models.tables import Campaign, Finding, Snapshot
from service.models import keep_shadow
from service.nominations import NominatedSpace
from service.verdicts import issue_for
from service.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Difference:
    """What another screening of a stored snapshot would change, by fingerprint."""

    space: str
    new: tuple[str, ...]
    gone: tuple[str, ...]
    same: int


def screen_space(bench: Workbench, campaign: Campaign, space: NominatedSpace) -> bool:
    """Screen a space's newest snapshot with the rules and models in force, and issue its verdict.

    Returns whether there was anything to screen; a screening that stands already is not repeated.
    """
    with session(bench.engine) as current:
        snapshot = newest_snapshot(current, space.space_id)
        if snapshot is not None:
            snapshot_id, wacz = snapshot.id, snapshot.wacz
            key = screening_id(snapshot_id, bench.tools, space.subject, space.stage)
            newest = newest_screening(current, snapshot_id)
            done = newest is not None and stands(newest, key)
    if snapshot is None:
        return False
    screened = None if done else _screen(bench, wacz, space)
    if screened is not None:
        keep_shadow(bench.config.home / "models", snapshot_id, screened.shadow)
    with session(bench.engine) as current:
        take_writer_lock(current)
        if screened is not None:
            keep_screening(
                current,
                screened,
                bench.tools,
                screening_id=key,
                snapshot=current.get_one(Snapshot, snapshot_id),
                at=bench.now(),
            )
        issue_for(current, bench, campaign, space.space_id)
    return screened is not None


def _screen(bench: Workbench, wacz: str, space: NominatedSpace) -> Screened:
    with bench.store.reader(wacz) as reader:
        return screen(reader, bench.tools, subject=space.subject, stage=space.stage)


def difference(bench: Workbench, space: NominatedSpace) -> Difference | None:
    """What screening the stored snapshot again would change; nothing is written."""
    with session(bench.engine) as current:
        snapshot = newest_snapshot(current, space.space_id)
        if snapshot is None:
            return None
        wacz = snapshot.wacz
        standing = newest_screening(current, snapshot.id)
        before = _fingerprints(current, standing.id) if standing is not None else set()
    after = {found.fingerprint for found in _screen(bench, wacz, space).findings}
    return Difference(
        space.code,
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        len(after & before),
    )


def run_shadow(bench: Workbench, space: NominatedSpace) -> bool:
    """Let the candidates read a space's newest snapshot; only their counts are kept.

    Returns whether there was anything to read.
    """
    with session(bench.engine) as current:
        snapshot = newest_snapshot(current, space.space_id)
        if snapshot is None:
            return False
        snapshot_id, wacz = snapshot.id, snapshot.wacz
    counts = _screen(bench, wacz, space).shadow
    keep_shadow(bench.config.home / "models", snapshot_id, counts)
    return True


def _fingerprints(current: Session, screening: str) -> set[str]:
    statement = select(Finding.fingerprint).where(Finding.screening_id == screening)
    return set(current.exec(statement))
