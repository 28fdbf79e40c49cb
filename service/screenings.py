"""Screens stored snapshots with the rules and models in force."""

from __future__ import annotations

from audit.records import keep_screening, newest_screening, newest_snapshot, stands
from audit.screening import Screened, screen, screening_id
from models.database import session, take_writer_lock
from models.tables import Campaign, Snapshot
from service.models import keep_shadow
from service.nominations import NominatedSpace
from service.verdicts import issue_for
from service.workbench import Workbench


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
        screened = screen(reader, bench.tools, subject=space.subject, stage=space.stage)
    if bench.tools.answers is not None:
        bench.tools.answers.flush()
    return screened


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
