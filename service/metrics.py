"""Numbers for a monitoring system, in the Prometheus text format; no name, code or address is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlmodel import Session, col, func, select

from models.tables import Campaign, Decision, Snapshot, Space, Verdict
from models.vocabulary import VerdictState
from service.scope import Scope

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Sample = tuple[Mapping[str, str], float]


def metrics_text(session: Session, scope: Scope, now: datetime) -> str:
    """What the caller may see, counted."""
    newest = (
        select(func.max(Verdict.serial))
        .where(scope.covers(col(Verdict.space_id)))
        .group_by(col(Verdict.space_id))
    )
    states = dict(
        session.exec(
            select(Verdict.state, func.count())
            .where(col(Verdict.serial).in_(newest))
            .group_by(col(Verdict.state))
        ).all()
    )
    spaces = session.exec(
        select(Campaign.code, func.count(col(Space.id)))
        .join(Space, col(Space.campaign_id) == col(Campaign.id))
        .where(scope.covers(col(Space.id)))
        .group_by(Campaign.code)
    ).all()
    taken = session.exec(
        select(func.max(Snapshot.taken_at)).where(scope.covers(col(Snapshot.space_id)))
    ).one()
    decided = session.exec(
        select(func.count(col(Decision.id))).where(scope.covers(col(Decision.space_id)))
    ).one()
    serial = session.exec(
        select(func.max(Verdict.serial)).where(scope.covers(col(Verdict.space_id)))
    ).one()
    parts = [
        _family("spaces", "gauge", "Nominated spaces.", (({"campaign": c}, n) for c, n in spaces)),
        _family(
            "verdicts_current",
            "gauge",
            "Spaces by their newest verdict.",
            (({"state": each.value}, states.get(each, 0)) for each in VerdictState),
        ),
        _family("decisions_total", "counter", "Decisions of people.", [({}, decided)]),
        _family("feed_serial", "gauge", "The newest serial of the feed.", [({}, serial or 0)]),
    ]
    if taken is not None:
        age = (now - taken).total_seconds()
        parts.append(
            _family("newest_visit_age_seconds", "gauge", "Age of the newest visit.", [({}, age)])
        )
    return "".join(parts)


def _family(name: str, kind: str, about: str, samples: Iterable[_Sample]) -> str:
    full = f"spaceaudit_{name}"
    lines = [f"# HELP {full} {about}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{full}{{{inner}}} {value:g}" if inner else f"{full} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
