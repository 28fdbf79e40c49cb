"""The main job: nominations → crawl → snapshot → screen → verdict, each step safe to repeat.

A snapshot is recorded when its receipt stands, a screening when it is whole, a verdict when
something changed; so a run that was killed goes on where it was, and running again gives the same
result once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from audit.extract.worker import ExtractionWorker
from audit.records import keep_screening, keep_snapshot, newest_screening, newest_snapshot
from audit.review import ReviewedFinding, decisions, in_force, with_states
from audit.screening import Screened, Tools, screen, screening_id
from audit.verdict import (
    Basis,
    CurrentVerdict,
    Facts,
    announce_stale,
    current_verdict,
    issue_verdict,
)
from crawler.run import Progress, receipts, run
from crawler.signing import load_signer
from crawler.store import SnapshotReader, SnapshotStore
from crawler.task import CrawlOrder, Limits, Receipt, SpaceTask
from models.audit_log import record
from models.database import session, take_writer_lock
from models.manifest import Manifest
from models.tables import (
    Campaign,
    Coverage,
    Crawl,
    Finding,
    Resource,
    Snapshot,
    Space,
    Verdict,
)
from models.vocabulary import Action, VerdictState
from rules.matcher import Matcher
from rules.pack import RulePack, load_packs
from rules.policy import load_policy
from service.config import Config
from service.models import load_classifiers
from service.nominations import NominatedSpace, current_nominations
from service.workspace import open_database


@dataclass(frozen=True, slots=True)
class Workbench:
    """One installation opened for work: its data, and the rules and models in force."""

    config: Config
    engine: Engine
    store: SnapshotStore
    tools: Tools

    @property
    def pack(self) -> RulePack:
        """The rules in force."""
        return self.tools.pack

    def now(self) -> datetime:
        """The time that counts: the clock's, or the rehearsal's."""
        return self.config.clock()

    @property
    def key(self) -> Path:
        """The signing key of this installation."""
        return self.config.home / "keys" / "signing.pem"

    def public_key(self) -> str:
        """The public key that this installation's snapshots are signed with."""
        return load_signer(self.key).public_key


@contextmanager
def open_workbench(config: Config) -> Iterator[Workbench]:
    """Open everything once; the extraction's child process ends with the block."""
    with ExitStack() as stack:
        pack = load_packs()
        tools = Tools(
            pack=pack,
            matcher=Matcher(pack),
            classifiers=load_classifiers(config.home / "models"),
            worker=stack.enter_context(ExtractionWorker()),
        )
        engine = open_database(config)
        stack.callback(engine.dispose)
        yield Workbench(config, engine, SnapshotStore(config.store), tools)


# Crawl


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

    def heard(progress: Progress) -> None:
        if progress.event == "stored":
            for receipt in receipts(order):
                if receipt.space == progress.space:
                    _record_receipt(bench, receipt)
            result.visited.append(progress.space)
        elif progress.event == "failed":
            result.failed.append(progress.space)
        follow(progress)

    if left.spaces:
        run(left, heard)
    with session(bench.engine) as current:
        row = current.get_one(Crawl, order.crawl_id)
        row.finished_at = bench.now()
        current.add(row)
    return result


def _order(bench: Workbench, campaign: str, spaces: Sequence[NominatedSpace]) -> CrawlOrder:
    """The order of the campaign's unfinished crawl, or of a new one."""
    with session(bench.engine) as current:
        row = current.exec(select(Campaign).where(Campaign.code == campaign)).one()
        unfinished = _unfinished(current, row)
        crawl_id = unfinished.id if unfinished else _new_crawl_id(current, campaign, bench.now())
        tasks = {space.code: SpaceTask(space=space.code, url=space.url) for space in spaces}
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


def _unfinished(current: Session, campaign: Campaign) -> Crawl | None:
    statement = (
        select(Crawl)
        .where(Crawl.campaign_id == campaign.id, col(Crawl.finished_at).is_(None))
        .order_by(col(Crawl.started_at).desc())
    )
    return current.exec(statement).first()


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
        visit_minutes=config.visit_minutes,
        concurrency=config.concurrency,
        site_concurrency=config.site_concurrency,
    )


def _record_receipt(bench: Workbench, receipt: Receipt) -> None:
    with session(bench.engine) as current:
        if current.get(Snapshot, receipt.snapshot_id) is not None:
            return
        take_writer_lock(current)
        manifest = _manifest(bench, receipt.wacz)
        space = _space(current, manifest.campaign, manifest.space)
        keep_snapshot(
            current,
            manifest,
            space_id=space.id or 0,
            wacz=receipt.wacz,
            digest=receipt.digest,
            at=bench.now(),
        )


def _manifest(bench: Workbench, wacz: str) -> Manifest:
    with bench.store.local(wacz) as path, SnapshotReader(path) as reader:
        return reader.manifest


def _space(current: Session, campaign: str, code: str) -> Space:
    statement = select(Space).join(Campaign).where(Campaign.code == campaign, Space.code == code)
    return current.exec(statement).one()


# Screen


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
            newest = newest_screening(current, snapshot_id)
            newest_id = newest.id if newest is not None else None
    if snapshot is None:
        return False
    key = screening_id(snapshot_id, bench.tools, space.subject, space.stage)
    screened = None if newest_id == key else _screen(bench, wacz, space)
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
    with bench.store.local(wacz) as path, SnapshotReader(path) as reader:
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


def _fingerprints(current: Session, screening: str) -> set[str]:
    statement = select(Finding.fingerprint).where(Finding.screening_id == screening)
    return set(current.exec(statement))


# Verdict


def basis_of(bench: Workbench, campaign: Campaign, snapshot: Snapshot | None) -> Basis:
    """What a verdict of today would stand on."""
    return Basis(
        snapshot=snapshot.id if snapshot else None,
        content_digest=snapshot.content_digest if snapshot else None,
        rule_pack=bench.pack.digest,
        models=bench.tools.models,
        policy=load_policy(campaign.policy).stamp,
    )


def issue_for(
    current: Session,
    bench: Workbench,
    campaign: Campaign,
    space_id: int,
    decided_by: str = "machine",
) -> Verdict:
    """Judge a space by all that is known of it now, and append the verdict if it says anything new."""
    facts = facts_of(current, space_id)
    return issue_verdict(
        current,
        facts,
        load_policy(campaign.policy),
        basis_of(bench, campaign, facts.snapshot),
        campaign_id=campaign.id or 0,
        space_id=space_id,
        decided_by=decided_by,
        now=bench.now(),
    )


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


def verdict_of(
    current: Session, bench: Workbench, campaign: Campaign, space_id: int
) -> CurrentVerdict | None:
    """The verdict in force on a space, stale when it no longer stands; the feed is told once."""
    snapshot = newest_snapshot(current, space_id)
    basis = basis_of(bench, campaign, snapshot)
    held = current_verdict(current, space_id, basis, bench.now())
    if held is not None and held.stale_because:
        announce_stale(current, held, bench.now())
    return held
