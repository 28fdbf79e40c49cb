"""Opening personal data at a terminal leaves a trace in the audit log."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from models.audit_log import record
from service.console import actor


def log_unmasked(session: Session, what: str, campaign: str, at: datetime) -> None:
    """Record that somebody had personal data shown whole: what of which campaign."""
    subject = f"campaign {campaign}"
    record(
        session, actor=actor(), action="unmasked", at=at, subject=subject, details={"what": what}
    )
