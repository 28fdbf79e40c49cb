"""Tables of the review: queue, rounds, sign-offs, notices to mend, appeals, sampling.

Where a thing has a state there are two tables: one row that says where it stands now (it may change, and
``version`` rises with every change, so that two people cannot overwrite each other), and a row for every
step, which is appended and never changed. ``models.tables`` gathers all tables.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import json_field, moment, term
from models.vocabulary import (
    Action,
    AppealState,
    CaseEventKind,
    CaseState,
    NoticeEventKind,
    NoticeState,
    OpenedThing,
    ReviewRound,
    SampleOutcome,
    SignOffLevel,
    Statement,
)

#: What a JSON column holds.
Json = Any


class ReviewCase(SQLModel, table=True):
    """Where the review of one space stands, and who holds it; made when the space enters the queue."""

    space_id: int = Field(primary_key=True, foreign_key="space.id")
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    state: CaseState = term(CaseState, index=True)
    #: Rises with every change: a writer says which version it saw.
    version: int = 1
    #: Expected value of looking at it next; higher comes first.
    priority: float = Field(default=0.0, index=True)
    entered_at: datetime = moment(index=True)
    due_at: datetime | None = moment(index=True, nullable=True)
    #: The level that it was escalated to; None: nobody did.
    escalated_to: SignOffLevel | None = term(SignOffLevel, nullable=True)
    #: Who holds it, since when and until when; None: nobody.
    holder_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    held_since: datetime | None = moment(nullable=True)
    held_until: datetime | None = moment(nullable=True)
    extensions: int = 0
    #: Who gave the first opinion and so may not give the second.
    first_user_id: int | None = Field(default=None, foreign_key="user.id")
    changed_at: datetime = moment()


class CaseEvent(SQLModel, table=True):
    """One step of a case: taken, extended, handed over, decided …; appended."""

    id: str = Field(primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    kind: CaseEventKind = term(CaseEventKind)
    #: None: the program.
    user_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    #: To whom it was handed.
    other_user_id: int | None = Field(default=None, foreign_key="user.id")
    before: CaseState | None = term(CaseState, nullable=True)
    after: CaseState | None = term(CaseState, nullable=True)
    note: str = ""
    #: Seconds that the holder spent on it, where this step ends a holding.
    seconds: int | None = None
    at: datetime = moment(index=True)


class Opinion(SQLModel, table=True):
    """What one person thinks in one round of review; appended.

    Which opinions become a decision (``Decision``) is the review rules' business: the first of two on a
    serious political finding does not.
    """

    id: str = Field(primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    #: None: on the space as a whole.
    fingerprint: str | None = Field(default=None, index=True)
    finding_id: str | None = Field(default=None, foreign_key="finding.id")
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    round: ReviewRound = term(ReviewRound)
    user_id: int = Field(foreign_key="user.id", index=True)
    action: Action = term(Action)
    reason: str
    note: str = ""
    #: Whether the person could not see the opinion before.
    blind: bool = True
    decision_id: str | None = Field(default=None, foreign_key="decision.id")
    at: datetime = moment(index=True)


class Draft(SQLModel, table=True):
    """What one person began to write and did not save: a note, a notice, an answer."""

    __table_args__ = (UniqueConstraint("user_id", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    #: ``finding:ID``, ``space:ID``, ``notice:ID`` …
    subject: str
    space_id: int | None = Field(default=None, foreign_key="space.id", index=True)
    body: Json = json_field()
    saved_at: datetime = moment()


class Opening(SQLModel, table=True):
    """Who opened what is hidden until asked for, and why; appended."""

    id: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    thing: OpenedThing = term(OpenedThing)
    finding_id: str | None = Field(default=None, foreign_key="finding.id")
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    #: Address within the snapshot, or the export's name.
    what: str = ""
    why: str = ""
    at: datetime = moment(index=True)


class SignOff(SQLModel, table=True):
    """A teacher's consent or a level's word on safety, on one snapshot; appended.

    Taking it back is a new row (``Statement.WITHDRAWN``); the newest of a level counts.
    """

    id: str = Field(primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    level: SignOffLevel = term(SignOffLevel)
    statement: Statement = term(Statement)
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    content_digest: str | None = None
    #: Who signed in as a user; None: by a signed link, or from the nomination file.
    user_id: int | None = Field(default=None, foreign_key="user.id")
    signed_name: str
    source: str
    note: str = ""
    at: datetime = moment(index=True)


class Notice(SQLModel, table=True):
    """A notice to mend (整改通知) to one teacher; where it stands now."""

    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: str = Field(primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    #: Counted within the campaign.
    number: int
    state: NoticeState = term(NoticeState, index=True)
    version: int = 1
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    verdict_id: str | None = Field(default=None, foreign_key="verdict.id")
    #: SHA-256 of the signed link's token; a new link replaces it.
    link_digest: str | None = Field(default=None, unique=True, index=True)
    link_expires_at: datetime | None = moment(nullable=True)
    issued_by_id: int = Field(foreign_key="user.id")
    issued_at: datetime = moment()
    due_at: datetime | None = moment(index=True, nullable=True)
    closed_by_id: int | None = Field(default=None, foreign_key="user.id")
    closed_at: datetime | None = moment(nullable=True)
    note: str = ""


class NoticeItem(SQLModel, table=True):
    """One thing that a notice asks to mend, as it was written; appended."""

    id: int | None = Field(default=None, primary_key=True)
    notice_id: str = Field(foreign_key="notice.id", index=True)
    finding_id: str | None = Field(default=None, foreign_key="finding.id")
    #: None: what was measured (a resource that is not open), and not a finding.
    fingerprint: str | None = None
    what: str
    where: str
    #: Document and clause.
    basis: str
    mend: str


class NoticeEvent(SQLModel, table=True):
    """One step of a notice: sent, opened, answered, re-checked, closed …; appended."""

    id: str = Field(primary_key=True)
    notice_id: str = Field(foreign_key="notice.id", index=True)
    kind: NoticeEventKind = term(NoticeEventKind)
    #: None: by the signed link, or the program.
    user_id: int | None = Field(default=None, foreign_key="user.id")
    #: What the person by the link called themselves.
    name: str = ""
    text: str = ""
    #: The visit that a re-check looked at.
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    #: By item id: ``rectified`` or ``still there``.
    details: Json = json_field()
    at: datetime = moment(index=True)


class Appeal(SQLModel, table=True):
    """An appeal against a verdict; where it stands now. Its steps are ``CaseEvent`` rows."""

    id: str = Field(primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    verdict_id: str | None = Field(default=None, foreign_key="verdict.id")
    notice_id: str | None = Field(default=None, foreign_key="notice.id")
    state: AppealState = term(AppealState, index=True)
    version: int = 1
    #: None: by a signed link.
    lodged_by_id: int | None = Field(default=None, foreign_key="user.id")
    lodged_name: str
    grounds: str
    lodged_at: datetime = moment(index=True)
    #: Nobody hears an appeal against their own decision.
    heard_by_id: int | None = Field(default=None, foreign_key="user.id")
    heard_at: datetime | None = moment(nullable=True)
    reason: str = ""
    note: str = ""


class SampleDraw(SQLModel, table=True):
    """One drawing of spaces that the machine found clean, to estimate what it misses; appended."""

    id: str = Field(primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    #: None: over all counties.
    region_id: int | None = Field(default=None, foreign_key="region.id")
    seed: str
    population: int
    size: int
    drawn_by_id: int = Field(foreign_key="user.id")
    drawn_at: datetime = moment()


class SampleItem(SQLModel, table=True):
    """One space of a drawing, and what a person found on it."""

    __table_args__ = (UniqueConstraint("draw_id", "space_id"),)

    id: int | None = Field(default=None, primary_key=True)
    draw_id: str = Field(foreign_key="sampledraw.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    verdict_id: str | None = Field(default=None, foreign_key="verdict.id")
    outcome: SampleOutcome = term(SampleOutcome)
    user_id: int | None = Field(default=None, foreign_key="user.id")
    note: str = ""
    #: Rule families of what was missed.
    missed: Json = json_field()
    checked_at: datetime | None = moment(nullable=True)
