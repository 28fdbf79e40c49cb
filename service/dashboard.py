"""The figures of a campaign, as tables: each is a chart, a table and an export of the same numbers.

What is counted is counted by the database, within the visitor's scope. Whether a verdict still stands
depends on today's rules and clock, so verdicts are judged row by row as in the list of spaces.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from audit.estimates import Interval, share
from audit.review import in_force
from models.review_tables import CaseEvent, ReviewCase
from models.tables import Campaign, Finding, Resource, Space
from models.vocabulary import (
    SETTLED_CASES,
    Access,
    Action,
    CaseEventKind,
    Openness,
    Severity,
    VerdictState,
    Visibility,
)
from rules.families import families
from service.desk import Desk
from service.facts import KEYS_A_QUERY, SpaceFacts, campaign_facts, decisions_of, keys_of
from service.report import verdict_shown
from service.scope import Scope
from service.wording import local_time

Cell = str | int | float | None

#: Order of the columns: what is settled first.
STATES = (
    VerdictState.ELIGIBLE,
    VerdictState.REJECTED,
    VerdictState.PENDING,
    VerdictState.UNDETERMINED,
    VerdictState.STALE,
)
#: Tones of these columns and the one without a verdict; and of severities, the worst first.
STATE_TONES = ("good", "bad", "wait", "unknown", "old", "none")
SEVERITY_TONES = ("bad", "wait", "note")
NO_VERDICT, NOT_VISITED = "尚无结论", "尚未抓取"
_SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the dashboard.

    Attributes:
        name: Within addresses and file names.
        head: One label a column; the first column names the row.
        drawn: Indexes of the columns that the chart shows; several are stacked.
        note: What a reader has to know, "" for nothing.
    """

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    drawn: Sequence[int]
    note: str = ""
    #: How each drawn column is coloured (``charts.js``); none: all alike.
    tones: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All figures of one campaign that a visitor may see."""

    spaces: int
    visited: int
    settled: int
    overdue: int
    due_at: datetime | None
    tables: Sequence[Table]

    def table(self, name: str) -> Table | None:
        """The table of this name."""
        return next((each for each in self.tables if each.name == name), None)


def dashboard(session: Session, desk: Desk, campaign: Campaign, scope: Scope) -> Dashboard:
    """Count everything of a campaign within a scope."""
    facts = campaign_facts(session, campaign, scope)
    states = {each.nomination.space_id: _state(desk, campaign, each) for each in facts}
    deadlines = _deadlines(session, campaign, scope, desk.clock())
    snapshots, screenings = keys_of(facts)
    return Dashboard(
        spaces=len(facts),
        visited=len(snapshots),
        settled=sum(
            state in (VerdictState.ELIGIBLE, VerdictState.REJECTED) for state in states.values()
        ),
        overdue=sum(late for _, late in deadlines.values()),
        due_at=max((due for due, _ in deadlines.values() if due), default=None),
        tables=(
            _counties(facts, states, deadlines),
            _access(facts),
            _openness(session, snapshots),
            _families(session, screenings),
            _times(session, campaign, scope),
            _rules(session, facts),
        ),
    )


def _state(desk: Desk, campaign: Campaign, facts: SpaceFacts) -> VerdictState | None:
    shown = verdict_shown(desk, campaign, facts)
    return shown.state if shown else None


Deadlines = Mapping[int, tuple[datetime | None, int]]


def _deadlines(session: Session, campaign: Campaign, scope: Scope, now: datetime) -> Deadlines:
    """By space: when its review is due, and 1 where that has passed and it is not settled."""
    late = case(
        ((col(ReviewCase.due_at) < now) & col(ReviewCase.state).not_in(SETTLED_CASES), 1), else_=0
    )
    query = select(ReviewCase.space_id, ReviewCase.due_at, late).where(
        ReviewCase.campaign_id == campaign.id, scope.covers(col(ReviewCase.space_id))
    )
    return {space: (due, passed) for space, due, passed in session.exec(query)}


def _counties(
    facts: Sequence[SpaceFacts], states: Mapping[int, VerdictState | None], deadlines: Deadlines
) -> Table:
    by_county: dict[str, list[SpaceFacts]] = defaultdict(list)
    for each in facts:
        by_county[each.nomination.county].append(each)
    rows = [
        _county(name, members, states, deadlines) for name, members in sorted(by_county.items())
    ]
    labels = (*(each.label for each in STATES), NO_VERDICT)
    head = ("县区", "空间", "已抓取", *labels, "完成率", "最迟截止", "逾期未办")
    note = "完成指已有现行的“合格”或“不予推荐”结论;截止为该县区各案件中最迟的一件。"
    first = 3
    drawn = range(first, first + len(labels))
    return Table("counties", "各县区进度", head, rows, drawn, note, STATE_TONES)


def _county(
    name: str,
    members: Sequence[SpaceFacts],
    states: Mapping[int, VerdictState | None],
    deadlines: Deadlines,
) -> Sequence[Cell]:
    keys = [each.nomination.space_id for each in members]
    counts = Counter(states[key] for key in keys)
    settled = counts[VerdictState.ELIGIBLE] + counts[VerdictState.REJECTED]
    known = [deadlines[key] for key in keys if key in deadlines]
    due = max((each for each, _ in known if each), default=None)
    return (
        name,
        len(members),
        sum(each.snapshot is not None for each in members),
        *(counts[state] for state in STATES),
        counts[None],
        f"{settled / len(members):.0%}",
        local_time(due)[:10] or "未设",
        sum(late for _, late in known),
    )


def _access(facts: Sequence[SpaceFacts]) -> Table:
    counts = Counter(each.snapshot.visibility if each.snapshot else None for each in facts)
    rows: list[Sequence[Cell]] = [
        (each.label, each.access.label, counts[each]) for each in Visibility if counts[each]
    ]
    if counts[None]:
        rows.append((NOT_VISITED, "", counts[None]))
    return Table("access", "空间能否公开访问", ("可见性", "归类", "空间"), rows, (2,))


def _openness(session: Session, snapshots: Sequence[str]) -> Table:
    counts: Counter[Openness] = Counter()
    for batch in _batches(snapshots):
        query = (
            select(Resource.openness, func.count())
            .where(col(Resource.snapshot_id).in_(batch))
            .group_by(col(Resource.openness))
        )
        for openness, number in session.exec(query):
            counts[Openness.of(openness)] += number
    total = sum(counts.values())
    rows = [
        (
            openness.label,
            "是" if openness.access is Access.PUBLIC else "否",
            number,
            f"{number / total:.1%}",
        )
        for openness, number in counts.most_common()
    ]
    return Table("openness", "资源开放情况", ("结果", "开放", "资源", "占比"), rows, (2,))


def _families(session: Session, screenings: Sequence[str]) -> Table:
    counts: Counter[tuple[str, Severity]] = Counter()
    for batch in _batches(screenings):
        columns = (col(Finding.family), col(Finding.severity))
        query = select(*columns, func.count()).where(col(Finding.screening_id).in_(batch))
        for family, severity, number in session.exec(query.group_by(*columns)):
            counts[family, severity] += number
    order = tuple(reversed(Severity))
    totals = Counter({family: 0 for family, _ in counts})
    for (family, _), number in counts.items():
        totals[family] += number
    rows: list[Sequence[Cell]] = [
        (_family_label(family), *(counts[family, each] for each in order), number)
        for family, number in totals.most_common()
    ]
    head = ("类别", *(each.label for each in order), "合计")
    note = "各空间最近一次筛查的线索数,包括已经人工处理的。"
    return Table("families", "线索类别", head, rows, range(1, 1 + len(order)), note, SEVERITY_TONES)


def _family_label(family: str) -> str:
    return families()[family].label if family in families() else family


def _batches(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[at : at + KEYS_A_QUERY] for at in range(0, len(keys), KEYS_A_QUERY)]


def _times(session: Session, campaign: Campaign, scope: Scope) -> Table:
    """Minutes that people held cases, by the step that ended the holding."""
    query = (
        select(CaseEvent.kind, CaseEvent.seconds)
        .join(Space, col(Space.id) == col(CaseEvent.space_id))
        .where(
            Space.campaign_id == campaign.id,
            scope.covers(col(CaseEvent.space_id)),
            col(CaseEvent.seconds).is_not(None),
        )
    )
    spent: dict[CaseEventKind, list[int]] = defaultdict(list)
    for kind, seconds in session.exec(query):
        spent[CaseEventKind.of(kind)].append(seconds or 0)
    rows = [
        (kind.label, len(spent[kind]), _minutes(statistics.median(spent[kind])), _most(spent[kind]))
        for kind in CaseEventKind
        if spent[kind]
    ]
    head = ("环节", "次数", "中位用时(分)", "九成不超过(分)")
    return Table("times", "审核用时", head, rows, (2,))


def _minutes(seconds: float) -> float:
    return round(seconds / _SECONDS_A_MINUTE, 1)


def _most(seconds: Sequence[int]) -> float:
    """The smallest time that nine of ten do not exceed."""
    ordered = sorted(seconds)
    return _minutes(ordered[max(0, -(-len(ordered) * 9 // 10) - 1)])


def _rules(session: Session, facts: Sequence[SpaceFacts]) -> Table:
    """By rule: what people said of its findings."""
    held = [
        decision
        for taken in decisions_of(session, [each.nomination.space_id for each in facts]).values()
        for decision in in_force(taken).values()
        if decision.finding_id is not None
    ]
    rules: dict[str, str] = {}
    for batch in _batches([each.finding_id or "" for each in held]):
        query = select(Finding.id, Finding.rule).where(col(Finding.id).in_(batch))
        rules.update(dict(session.exec(query).all()))
    counts = Counter((rules[each.finding_id or ""], each.action) for each in held)
    rows = []
    for rule in sorted({rule for rule, _ in counts}):
        confirmed, dismissed = counts[rule, Action.CONFIRM], counts[rule, Action.DISMISS]
        rows.append(_rule(rule, confirmed, dismissed))
    head = ("规则", "已判", "确认", "排除", "误报率(%)", "95% 区间", "说明")
    note = "误报率为人工排除数除以已判数;同一处只计最后仍然有效的决定。区间为 Wilson 法。"
    return Table("rules", "各规则误报率", head, rows, (4,), note)


def _rule(rule: str, confirmed: int, dismissed: int) -> Sequence[Cell]:
    found = share(dismissed, confirmed + dismissed, Interval.WILSON)
    value, low, high = found.value or 0.0, found.low or 0.0, found.high or 0.0
    return (
        rule,
        found.of,
        confirmed,
        dismissed,
        round(value * 100, 1),
        f"{low:.0%}–{high:.0%}",
        "样本少,仅供参考" if found.small else "",
    )
