"""The rows of the queue page: one query for the cases, one for their findings, however many there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, exists, func, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from models.review_tables import ReviewCase
from models.tables import (
    Campaign,
    Finding,
    Nomination,
    Region,
    School,
    Screening,
    Snapshot,
    Space,
    Teacher,
    User,
)
from models.vocabulary import CaseState, Dimension, Severity
from service.leasing import WAITING
from service.queueing import newest_screening_id, next_order
from service.scope import Scope

#: Rows a page.
PAGE = 100
#: What the choice "soon due" means.
SOON = timedelta(days=3)


class QueueQuery(BaseModel):
    """What the address says of the queue; a value that no longer exists filters nothing out."""

    model_config = ConfigDict(frozen=True)

    county: str = Field("", max_length=100)
    dimension: str = ""
    severity: str = ""
    #: In the queue for at least so many days.
    age: int = Field(0, ge=0, le=3650)
    #: ``overdue`` or ``soon``.
    due: str = ""
    state: str = ""
    page: int = Field(1, ge=1, le=10_000)

    def address(self, **changes: object) -> str:
        """The query string of this queue with some things changed, from its first page."""
        values = {**self.model_dump(mode="json"), "page": 1, **changes}
        defaults = QueueQuery().model_dump(mode="json")
        return "?" + urlencode({k: v for k, v in values.items() if v != defaults[k]})

    def chosen(self, at: datetime) -> ColumnElement[bool]:
        """The filters as a condition on ``ReviewCase``."""
        wanted = [*self._of_state(), *self._of_findings()]
        if self.age:
            wanted.append(col(ReviewCase.entered_at) <= at - timedelta(days=self.age))
        if self.due:
            limit = at if self.due == "overdue" else at + SOON
            wanted.append(col(ReviewCase.due_at) <= limit)
        if self.county:
            wanted.append(_in_county(self.county))
        return _all(wanted)

    def _of_state(self) -> list[ColumnElement[bool]]:
        if self.state in {each.value for each in CaseState}:
            return [col(ReviewCase.state) == CaseState.of(self.state)]
        return [col(ReviewCase.state).in_(WAITING)]

    def _of_findings(self) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = [
            col(Finding.screening_id) == newest_screening_id(col(ReviewCase.space_id))
        ]
        if self.dimension in {each.value for each in Dimension}:
            wanted.append(col(Finding.dimension) == Dimension.of(self.dimension))
        if self.severity in {each.value for each in Severity}:
            wanted.append(col(Finding.severity) == Severity.of(self.severity))
        return [exists().where(*wanted)] if len(wanted) > 1 else []


def _all(wanted: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = true()
    for each in wanted:
        condition &= each
    return condition


def _in_county(name: str) -> ColumnElement[bool]:
    newer = aliased(Nomination)
    replaced = exists().where(
        col(newer.space_id) == col(Nomination.space_id),
        col(newer.revision) > col(Nomination.revision),
    )
    inside = (
        select(Nomination.space_id)
        .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
        .join(School, col(School.id) == col(Teacher.school_id))
        .join(Region, col(Region.id) == col(School.region_id))
        .where(Region.name == name, ~replaced)
    )
    return col(ReviewCase.space_id).in_(inside)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One case in the queue."""

    case: ReviewCase
    code: str
    teacher: str
    school: str
    county: str
    #: Who holds it now; empty: nobody.
    holder: str
    findings: Mapping[Severity, int]
    dimensions: Sequence[Dimension]
    age_days: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the queue."""

    query: QueueQuery
    rows: Sequence[QueueRow]
    found: int
    pages: int
    counties: Sequence[str]


def queue_page(
    session: Session, campaign: Campaign, scope: Scope, query: QueueQuery, at: datetime
) -> QueuePage:
    """The page of the queue that a query asks for, in the order in which cases are given out."""
    mine = (col(ReviewCase.campaign_id) == campaign.id) & scope.covers(col(ReviewCase.space_id))
    wanted = mine & query.chosen(at)
    found = session.exec(select(func.count()).select_from(ReviewCase).where(wanted)).one()
    pages = max(1, -(-found // PAGE))
    first = (min(query.page, pages) - 1) * PAGE
    rows = session.exec(
        _named().where(wanted).order_by(*next_order(at)).offset(first).limit(PAGE)
    ).all()
    severities, dimensions = _findings(session, [each[0].space_id for each in rows])
    return QueuePage(
        query=query,
        rows=[_row(each, severities, dimensions, at) for each in rows],
        found=found,
        pages=pages,
        counties=_counties(session, mine),
    )


def _named() -> Any:  # noqa: ANN401  (SQLAlchemy's own type of six columns)
    newer = aliased(Nomination)
    replaced = exists().where(
        col(newer.space_id) == col(Nomination.space_id),
        col(newer.revision) > col(Nomination.revision),
    )
    return (
        select(ReviewCase, Space.code, Teacher.name, School.name, Region.name, User.name)  # type: ignore[call-overload]
        .join(Space, col(Space.id) == col(ReviewCase.space_id))
        .join(Nomination, col(Nomination.space_id) == col(Space.id))
        .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
        .join(School, col(School.id) == col(Teacher.school_id))
        .join(Region, col(Region.id) == col(School.region_id))
        .outerjoin(User, col(User.id) == col(ReviewCase.holder_id))
        .where(~replaced)
    )


def _counties(session: Session, mine: ColumnElement[bool]) -> list[str]:
    query = (
        select(Region.name)
        .join(School, col(School.region_id) == col(Region.id))
        .join(Teacher, col(Teacher.school_id) == col(School.id))
        .join(Nomination, col(Nomination.teacher_id) == col(Teacher.id))
        .join(ReviewCase, col(ReviewCase.space_id) == col(Nomination.space_id))
        .where(mine)
        .distinct()
    )
    return sorted(session.exec(query))


def _findings(
    session: Session, spaces: Sequence[int]
) -> tuple[dict[int, Counter[Severity]], dict[int, set[Dimension]]]:
    place = func.row_number().over(
        partition_by=col(Screening.space_id),
        order_by=(col(Snapshot.taken_at).desc(), col(Screening.screened_at).desc()),
    )
    newest = (
        select(col(Screening.id).label("id"), place.label("place"))
        .join(Snapshot, col(Snapshot.id) == col(Screening.snapshot_id))
        .where(col(Screening.space_id).in_(spaces))
        .subquery()
    )
    columns = (col(Finding.space_id), col(Finding.severity), col(Finding.dimension))
    query = (
        select(*columns, func.count())
        .join(newest, newest.c.id == col(Finding.screening_id))
        .where(newest.c.place == 1)
        .group_by(*columns)
    )
    severities: dict[int, Counter[Severity]] = defaultdict(Counter)
    dimensions: dict[int, set[Dimension]] = defaultdict(set)
    for space_id, severity, dimension, number in session.exec(query):
        severities[space_id][severity] += number
        dimensions[space_id].add(dimension)
    return severities, dimensions


def _row(
    found: tuple[ReviewCase, str, str, str, str, str | None],
    severities: Mapping[int, Counter[Severity]],
    dimensions: Mapping[int, set[Dimension]],
    at: datetime,
) -> QueueRow:
    case, code, teacher, school, county, holder = found
    held = case.held_until is not None and case.held_until > at
    return QueueRow(
        case=case,
        code=code,
        teacher=teacher,
        school=school,
        county=county,
        holder=(holder or "") if held else "",
        findings=severities.get(case.space_id, Counter()),
        dimensions=sorted(dimensions.get(case.space_id, ())),
        age_days=(at - case.entered_at).days,
        overdue=case.due_at is not None and case.due_at <= at,
    )
