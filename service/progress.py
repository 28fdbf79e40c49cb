"""How far a running crawl is: written by the command at work, read by the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models.database import session
from models.outbox_tables import Progress
from models.tables import Campaign

#: A job that has said nothing for so long has probably died: a visit may take 20 minutes, but hands over
#: pages all the while.
SILENT = timedelta(minutes=10)
#: A finished job stays on the page for so long.
SHOWN_FOR = timedelta(hours=12)
KIND = "crawl"


@dataclass(frozen=True, slots=True)
class Job:
    """One running or just finished job, as the page shows it."""

    row: Progress
    silent: bool

    @property
    def state(self) -> str:
        """In a word, for officers."""
        if self.row.finished_at is not None:
            return "已结束"
        return "长时间无响应" if self.silent else "进行中"

    @property
    def waiting(self) -> int:
        """Spaces that are neither done nor failed."""
        return max(0, self.row.total - self.row.done - self.row.failed)


def running(current: Session, campaign: Campaign, now: datetime) -> list[Job]:
    """The jobs of a campaign that run, or ended within the last hours; the newest first."""
    query = (
        select(Progress)
        .where(
            Progress.campaign_id == campaign.id,
            col(Progress.finished_at).is_(None) | (col(Progress.finished_at) > now - SHOWN_FOR),
        )
        .order_by(col(Progress.started_at).desc())
    )
    return [Job(row, now - row.changed_at > SILENT) for row in current.exec(query)]


@dataclass(slots=True)
class Reporter:
    """What a command at work tells of itself: one short write a step."""

    engine: Engine
    campaign_id: int
    job: str
    #: Spaces that were done or failed.
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def start(self, total: int, at: datetime) -> None:
        """Begin, or begin again after a stop."""
        with session(self.engine) as current:
            row = current.get(Progress, self.job) or Progress(
                job=self.job, campaign_id=self.campaign_id, kind=KIND, started_at=at, changed_at=at
            )
            row.total, row.done, row.failed = total, len(self.done), len(self.failed)
            row.text, row.changed_at, row.finished_at = "", at, None
            current.add(row)

    def step(self, event: str, space: str, text: str, at: datetime) -> None:
        """A space is done (``stored``), has ``failed``, is read, or waits and why."""
        if event == "stored":
            self.done.add(space)
        elif event == "failed":
            self.failed.add(space)
        with session(self.engine) as current:
            row = current.get(Progress, self.job)
            if row is not None:
                row.done, row.failed = len(self.done), len(self.failed - self.done)
                row.text, row.changed_at = text, at
                current.add(row)

    def finish(self, text: str, at: datetime) -> None:
        """End it."""
        with session(self.engine) as current:
            row = current.get(Progress, self.job)
            if row is not None:
                row.text, row.changed_at, row.finished_at = text, at, at
                current.add(row)
