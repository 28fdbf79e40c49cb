"""The one place that says which rows somebody may see: everything, a county, a school, or one teacher.

A space belongs to the county and school that its nomination in force names. Every query behind a page,
a file, an export or the API asks here; what lies outside is answered as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import ColumnElement, exists, false, true
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col, func, select

from models.tables import Campaign, Nomination, School, Snapshot, Space, Teacher, User
from models.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be seen. Without any value it is nothing.

    Attributes:
        everything: All counties.
        region_id: One county.
        school_id: One school.
        teacher_id: One teacher's own spaces.
    """

    everything: bool = False
    region_id: int | None = None
    school_id: int | None = None
    teacher_id: int | None = None

    def covers(self, space_id: Mapped[int] | Mapped[int | None]) -> ColumnElement[bool]:
        """The condition that the space of this column may be seen."""
        if self.everything:
            return true()
        place = self._place()
        if place is None:
            return false()
        newer = aliased(Nomination)
        replaced = exists().where(
            col(newer.space_id) == col(Nomination.space_id),
            col(newer.revision) > col(Nomination.revision),
        )
        seen = (
            select(Nomination.space_id)
            .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
            .join(School, col(School.id) == col(Teacher.school_id))
            .where(place, ~replaced)
        )
        return col(space_id).in_(seen)

    def _place(self) -> ColumnElement[bool] | None:
        if self.teacher_id is not None:
            return col(Teacher.id) == self.teacher_id
        if self.school_id is not None:
            return col(School.id) == self.school_id
        if self.region_id is not None:
            return col(School.region_id) == self.region_id
        return None


EVERYTHING = Scope(everything=True)
NOTHING = Scope()

#: Roles that see all counties; the permissions of each say what of them.
_UNBOUND: frozenset[Role] = frozenset({Role.CITY_STAFF, Role.RANKING_CLIENT, Role.ADMINISTRATOR})

#: The column of a user that bounds each of the other roles.
_BOUND: Mapping[Role, str] = MappingProxyType(
    {
        Role.COUNTY_AUDITOR: "region_id",
        Role.SCHOOL_AUDITOR: "school_id",
        Role.TEACHER: "teacher_id",
    }
)


def scope_of(user: User) -> Scope:
    """What a user may see; one whose county, school or teacher is not set sees nothing."""
    if user.role in _UNBOUND:
        return EVERYTHING
    column = _BOUND[user.role]
    return Scope(**{column: getattr(user, column)})


def visible_campaigns(session: Session, scope: Scope) -> list[tuple[Campaign, int]]:
    """The campaigns, the newest first, with the number of spaces that may be seen.

    Who does not see everything sees only campaigns with a space of theirs.
    """
    number = func.count(col(Space.id))
    query = (
        select(Campaign, number)
        .outerjoin(
            Space, (col(Space.campaign_id) == col(Campaign.id)) & scope.covers(col(Space.id))
        )
        .group_by(col(Campaign.id))
        .order_by(col(Campaign.created_at).desc(), col(Campaign.id).desc())
    )
    if not scope.everything:
        query = query.having(number > 0)
    return list(session.exec(query).all())


def visible_campaign(session: Session, scope: Scope, code: str) -> Campaign | None:
    """The campaign with this code if it may be seen."""
    campaign = session.exec(select(Campaign).where(Campaign.code == code)).first()
    if campaign is None or scope.everything:
        return campaign
    own = (Space.campaign_id == campaign.id, scope.covers(col(Space.id)))
    return campaign if session.exec(select(Space.id).where(*own).limit(1)).first() else None


def visible_space(session: Session, scope: Scope, campaign: Campaign, code: str) -> Space | None:
    """The space of a campaign with this identifier if it may be seen."""
    own = (Space.campaign_id == campaign.id, Space.code == code, scope.covers(col(Space.id)))
    return session.exec(select(Space).where(*own)).first()


def visible_snapshot(session: Session, scope: Scope, key: str) -> Snapshot | None:
    """The snapshot with this id if its space may be seen."""
    own = (Snapshot.id == key, scope.covers(col(Snapshot.space_id)))
    return session.exec(select(Snapshot).where(*own)).first()


def space_ids(session: Session, scope: Scope, campaign: Campaign) -> set[int]:
    """The keys of the spaces of a campaign that may be seen."""
    own = (Space.campaign_id == campaign.id, scope.covers(col(Space.id)))
    return {key for key in session.exec(select(Space.id).where(*own)) if key is not None}
