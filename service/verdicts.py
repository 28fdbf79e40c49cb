"""Issues verdicts on what stands today, and tells the feed when one no longer does."""

from __future__ import annotations

from sqlmodel import Session

from audit.facts import facts_of
from audit.records import newest_snapshot
from audit.verdict import Basis, CurrentVerdict, announce_stale, current_verdict, issue_verdict
from models.tables import Campaign, Snapshot, Verdict
from rules.policy import load_policy
from service.workbench import Workbench


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
