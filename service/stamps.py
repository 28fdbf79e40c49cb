"""What the audit log holds of snapshots' time stamps: which were stamped, and which could not be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from crawler.task import Receipt
from models.audit_log import record
from models.tables import AuditEvent, Snapshot

STAMPED = "snapshot.stamped"
UNSTAMPED = "snapshot.unstamped"


def record_stamp(current: Session, snapshot: Snapshot, receipt: Receipt, at: datetime) -> None:
    """Append what became of the time stamp; nothing when none was asked for."""
    if receipt.stamped_at is not None:
        action = STAMPED
        details = {"time": receipt.stamped_at.isoformat(), "token": receipt.token}
    elif receipt.unstamped:
        action, details = UNSTAMPED, {"why": receipt.unstamped}
    else:
        return
    record(current, actor="crawler", action=action, at=at, row=snapshot, details=details)


def recorded_tokens(current: Session) -> Mapping[str, str]:
    """The digest of the time stamp that each stamped snapshot came with, by the snapshot's id."""
    query = select(AuditEvent).where(col(AuditEvent.action) == STAMPED)
    return {
        event.subject.partition(":")[2]: str(event.details["token"])
        for event in current.exec(query)
    }
