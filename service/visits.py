"""Visits to nominated spaces: which are due, in which crawl, and what of them is recorded.

A snapshot is recorded when its receipt stands, so a crawl that was killed goes on where it was, and
running it again gives the same result once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from audit.records import keep_snapshot, newest_snapshot
from audit.verdict import current_verdict
from crawler.run import Progress, receipts, run
from crawler.task import CrawlOrder, EarlierVisit, Limits, Receipt, SpaceTask
from models.audit_log import record
from models.database import session, take_writer_lock
from models.manifest import Manifest
from models.tables import Campaign, Crawl, Snapshot, Space
from models.vocabulary import NotifiedEvent, VerdictState, Visibility
from rules.policy import load_policy
from service.config import Config
from service.nominations import NominatedSpace, current_nominations
from service.notifying import Message, notify
from service.progress import Reporter
from service.stamps import record_stamp
from service.verdicts import basis_of
from service.workbench import Workbench

#: Events of a crawl that its progress tells; pages and files would be a write each.
TOLD = frozenset({"stored", "failed", "waiting"})


@dataclass(slots=True)
class CrawlResult:
    """What a crawl did."""

    crawl_id: str | None = None
    visited: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def spaces_to_visit(
    current: Session, bench: Workbench, campaign: Campaign, only: Sequence[str]
) -> list[NominatedSpace]:
    """The nominated spaces that the main job has to visit (again).

    Those without a snapshot of their address of today, and those of which the last visit could
    tell nothing or whose verdict has run out.
    """
    return [
        space
        for space in _nominated(current, campaign, only)
        if _needs_visit(current, bench, campaign, space)
    ]


def _nominated(current: Session, campaign: Campaign, only: Sequence[str]) -> list[NominatedSpace]:
    nominated = current_nominations(current, campaign)
    return [space for space in nominated if not only or space.code in only]


def _needs_visit(
    current: Session, bench: Workbench, campaign: Campaign, space: NominatedSpace
) -> bool:
    snapshot = newest_snapshot(current, space.space_id)
    if snapshot is None or snapshot.url != space.url:
        return True
    policy = load_policy(campaign.policy)
    if bench.now() >= snapshot.taken_at + timedelta(days=policy.valid_days):
        return True
    verdict = current_verdict(
        current, space.space_id, basis_of(bench, campaign, snapshot), bench.now()
    )
    return verdict is not None and verdict.state is VerdictState.UNDETERMINED


def crawl(
    bench: Workbench,
    campaign: str,
    spaces: Sequence[NominatedSpace],
    follow: Callable[[Progress], None],
) -> CrawlResult:
    """Visit spaces; an unfinished crawl of the campaign is gone on with first.

    ``follow`` hears of every page and file; a ``stored`` event comes after its snapshot was
    recorded.
    """
    result = CrawlResult()
    order = _order(bench, campaign, spaces)
    result.crawl_id = order.crawl_id
    for receipt in receipts(order):
        _record_receipt(bench, receipt)
    done = {receipt.space for receipt in receipts(order)}
    left = order.model_copy(
        update={"spaces": tuple(t for t in order.spaces if t.space not in done)}
    )

    reporter = _reporter(bench, order, done)

    def heard(progress: Progress) -> None:
        if progress.event in TOLD:
            why = progress.details.get("why", progress.space)
            reporter.step(progress.event, progress.space, str(why), bench.now())
        if progress.event == "stored":
            for receipt in receipts(order):
                if receipt.space == progress.space:
                    _record_receipt(bench, receipt)
            result.visited.append(progress.space)
        elif progress.event == "failed":
            result.failed.append(progress.space)
        follow(progress)

    try:
        if left.spaces:
            run(left, heard)
    except Exception as error:
        reporter.finish(f"中止:{type(error).__name__}", bench.now())
        _tell(bench, campaign, result, NotifiedEvent.CRAWL_FAILED)
        raise
    with session(bench.engine) as current:
        row = current.get_one(Crawl, order.crawl_id)
        row.finished_at = bench.now()
        current.add(row)
    reporter.finish("全部访问完毕", bench.now())
    _tell(bench, campaign, result, NotifiedEvent.CRAWL_FINISHED)
    return result


def _tell(bench: Workbench, campaign: str, result: CrawlResult, event: NotifiedEvent) -> None:
    """Into the outbox: a crawl ended, or broke off."""
    now = bench.now()
    message = Message(
        event=event,
        key=f"{event.value}:{result.crawl_id}:{now.isoformat()}",
        title=f"活动 {campaign}:{event.label}",
        body=f"访问 {len(result.visited)} 个空间,失败 {len(result.failed)} 个。",
    )
    with session(bench.engine) as current:
        notify(current, message, now)


def _reporter(bench: Workbench, order: CrawlOrder, done: set[str]) -> Reporter:
    """What tells the dashboard; the spaces that an earlier run finished are done."""
    with session(bench.engine) as current:
        row = current.get_one(Crawl, order.crawl_id)
        reporter = Reporter(bench.engine, row.campaign_id, order.crawl_id)
    codes = {task.space for task in order.spaces}
    reporter.done.update(done & codes)
    reporter.start(len(codes), bench.now())
    return reporter


def _order(bench: Workbench, campaign: str, spaces: Sequence[NominatedSpace]) -> CrawlOrder:
    """The order of the campaign's unfinished crawl, or of a new one."""
    with session(bench.engine) as current:
        row = current.exec(select(Campaign).where(Campaign.code == campaign)).one()
        tasks = {space.code: _task(current, space) for space in spaces}
        unfinished = _unfinished(current, row)
        if unfinished is not None and set(tasks) <= _recorded_in(current, unfinished):
            # It was killed between its last snapshot and its end: nothing of it is left to do.
            unfinished.finished_at = bench.now()
            unfinished = None
        crawl_id = unfinished.id if unfinished else _new_crawl_id(current, campaign, bench.now())
        order = CrawlOrder(
            crawl_id=crawl_id,
            campaign=campaign,
            profile=row.profile,
            spaces=tuple(tasks.values()),
            limits=_limits(bench.config),
            egress_allow=bench.config.egress_allow,
            browser=bench.config.browser,
            store=bench.config.store,
            directory=bench.config.home / "crawls" / crawl_id,
            key=bench.key,
            contact=bench.config.user_agent_contact,
            timestamp_url=bench.config.timestamp_url,
            timestamp_ca=bench.config.timestamp_ca,
            robots_authority=bench.config.robots_authority,
            site_slots=bench.config.home / "site-slots",
            now=bench.config.now,
        )
        if unfinished is None:
            settings = order.model_dump(mode="json", exclude={"spaces", "key", "store"})
            added = Crawl(
                id=crawl_id, campaign_id=row.id or 0, started_at=bench.now(), settings=settings
            )
            current.add(added)
            record(
                current,
                actor="crawler",
                action="crawl.started",
                at=bench.now(),
                row=added,
                details={"spaces": len(tasks)},
            )
    return order


def _task(current: Session, space: NominatedSpace) -> SpaceTask:
    """A space to visit, with the last snapshot of its address in which it was seen."""
    newest = current.exec(
        select(Snapshot)
        .where(
            Snapshot.space_id == space.space_id,
            Snapshot.url == space.url,
            col(Snapshot.visibility).in_((Visibility.PUBLIC, Visibility.PARTIAL)),
        )
        .order_by(col(Snapshot.taken_at).desc(), col(Snapshot.recorded_at).desc())
        .limit(1)
    ).first()
    earlier = None
    if newest is not None:
        earlier = EarlierVisit(snapshot_id=newest.id, wacz=newest.wacz, digest=newest.digest)
    return SpaceTask(space=space.code, url=space.url, earlier=earlier)


def _unfinished(current: Session, campaign: Campaign) -> Crawl | None:
    statement = (
        select(Crawl)
        .where(Crawl.campaign_id == campaign.id, col(Crawl.finished_at).is_(None))
        .order_by(col(Crawl.started_at).desc())
    )
    return current.exec(statement).first()


def _recorded_in(current: Session, crawl_row: Crawl) -> set[str]:
    """The spaces of which a crawl's snapshots are recorded."""
    statement = select(Space.code).join(Snapshot).where(Snapshot.crawl_id == crawl_row.id)
    return set(current.exec(statement))


def _new_crawl_id(current: Session, campaign: str, now: datetime) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", campaign).strip("-")[:40] or "campaign"
    stem = f"{slug}-{now:%Y%m%dT%H%M%S}"
    number = 0
    while current.get(Crawl, f"{stem}-{number}") is not None:
        number += 1
    return f"{stem}-{number}"


def _limits(config: Config) -> Limits:
    return Limits(
        attempt_gap_seconds=config.attempt_gap_seconds,
        max_attempts=config.max_attempts,
        page_seconds=config.page_seconds,
        max_pages=config.max_pages,
        max_depth=config.max_depth,
        max_resources=config.max_resources,
        max_file_bytes=int(config.max_file_bytes),
        max_visit_bytes=int(config.max_visit_bytes),
        visit_minutes=config.visit_minutes,
        full_visit_days=config.full_visit_days,
        concurrency=config.concurrency,
        site_concurrency=config.site_concurrency,
        quiet_hours=config.quiet_hours,
        timezone=config.timezone,
    )


def _record_receipt(bench: Workbench, receipt: Receipt) -> None:
    with session(bench.engine) as current:
        if current.get(Snapshot, receipt.snapshot_id) is not None:
            return
        take_writer_lock(current)
        manifest = _manifest(bench, receipt.wacz)
        space = _space(current, manifest.campaign, manifest.space)
        snapshot = keep_snapshot(
            current,
            manifest,
            space_id=space.id or 0,
            wacz=receipt.wacz,
            digest=receipt.digest,
            at=bench.now(),
        )
        record_stamp(current, snapshot, receipt, bench.now())


def _manifest(bench: Workbench, wacz: str) -> Manifest:
    with bench.store.reader(wacz) as reader:
        return reader.manifest


def _space(current: Session, campaign: str, code: str) -> Space:
    statement = select(Space).join(Campaign).where(Campaign.code == campaign, Space.code == code)
    return current.exec(statement).one()
