"""Ranks a campaign: what is known of every nominated space, handed to the pure ranking, and kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, select

from audit.records import screening_of
from audit.verdict import CurrentVerdict
from models.audit_log import record
from models.tables import Campaign, Score, Snapshot
from models.tables import Ranking as RankingRow
from models.vocabulary import RankingStage, Visibility
from ranking.document import ranking_document, score_document
from ranking.records import Candidate, Ranking, VerdictView
from ranking.selection import select as select_spaces
from rules.scheme import Scheme
from service.nominations import NominatedSpace, current_nominations
from service.verdicts import verdict_of
from service.workbench import Workbench


def rank_campaign(
    current: Session, bench: Workbench, campaign: Campaign, stage: RankingStage, scheme: Scheme
) -> Ranking:
    """Rank and keep the ranking; verdicts are held against what is in force at this moment."""
    nominated = current_nominations(current, campaign)
    candidates = [_candidate(current, bench, campaign, space) for space in nominated]
    ranking = select_spaces(candidates, scheme, scheme.quotas, stage, bench.now())
    _keep(current, campaign, ranking, nominated)
    return ranking


def _candidate(
    current: Session, bench: Workbench, campaign: Campaign, space: NominatedSpace
) -> Candidate:
    held = verdict_of(current, bench, campaign, space.space_id)
    screening = screening_of(current, space.space_id)
    return Candidate(
        space=space.code,
        teacher=space.teacher,
        school=space.school,
        unit=space.unit,
        county=space.county,
        school_kind=space.school_kind,
        stage=space.stage,
        subject=space.subject,
        pilot=bool(space.pilot),
        front_line=bool(space.front_line),
        consent=space.consent,
        verdict=_view(current, held) if held is not None else None,
        measures=screening.measures if screening is not None else {},
        title=space.title,
        url=space.url,
    )


def _view(current: Session, held: CurrentVerdict) -> VerdictView:
    row = held.row
    snapshot = current.get(Snapshot, row.basis["snapshot"]) if row.basis["snapshot"] else None
    stale = tuple(reason.value for reason in held.stale_because)
    return VerdictView(
        state=held.state,
        visibility=row.visibility or Visibility.UNREACHABLE,
        coverage_complete=bool(row.coverage["complete"]),
        gaps_allowed=bool(row.coverage["gaps_allowed"]),
        valid_until=row.valid_until,
        reasons=stale or tuple(reason["code"] for reason in row.reasons),
        serial=row.serial,
        snapshot_at=snapshot.taken_at if snapshot is not None else None,
    )


def _keep(
    current: Session, campaign: Campaign, ranking: Ranking, nominated: Sequence[NominatedSpace]
) -> RankingRow:
    ids = {space.code: space.space_id for space in nominated}
    document: dict[str, Any] = ranking_document(ranking)
    row = RankingRow(
        id=f"rk_{uuid.uuid4().hex[:16]}",
        campaign_id=campaign.id or 0,
        stage=ranking.stage,
        scheme=f"{ranking.scheme.id}@{ranking.scheme.version}",
        scheme_digest=ranking.scheme.digest,
        sample=ranking.sample,
        ranked_at=ranking.at,
        entries=document["entries"],
    )
    current.add(row)
    current.flush()
    for entry in ranking.entries:
        current.add(
            Score(
                ranking_id=row.id,
                space_id=ids[entry.candidate.space],
                total=entry.score.total,
                items=score_document(entry.score),
            )
        )
    record(current, actor="ranking", action="ranking.kept", at=ranking.at, row=row)
    return row


def newest_ranking(current: Session, campaign: Campaign) -> RankingRow | None:
    """The latest ranking of a campaign, as it was shown."""
    statement = (
        select(RankingRow)
        .where(RankingRow.campaign_id == campaign.id)
        .order_by(RankingRow.ranked_at.desc())  # type: ignore[attr-defined]
        .limit(1)
    )
    return current.exec(statement).first()
