"""The tables. Facts are appended and never edited; a person's later word is a new row.

A table holds ids and small values; bytes stay in the snapshot store. JSON columns hold lists and
mappings of plain values whose shape the writing stage's record defines.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

# Imported whole, since nothing else makes their tables known.
from models import account_tables, outbox_tables, review_tables
from models.columns import json_field, moment, term
from models.vocabulary import (
    Action,
    CoverageKind,
    Dimension,
    FeedEvent,
    NotScreened,
    Openness,
    Part,
    RankingStage,
    ResourceKind,
    Role,
    SchoolKind,
    Severity,
    VerdictState,
    Visibility,
)

#: What a JSON column holds.
Json = Any


class Campaign(SQLModel, table=True):
    """One call for nominations, and the platform its spaces are on."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, index=True)
    profile: str
    policy: str
    created_at: datetime = moment()


class Region(SQLModel, table=True):
    """A county, district or other unit that recommends."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class School(SQLModel, table=True):
    """A school or kindergarten."""

    __table_args__ = (UniqueConstraint("region_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    region_id: int = Field(foreign_key="region.id", index=True)
    name: str
    kind: SchoolKind | None = term(SchoolKind, nullable=True)


class Teacher(SQLModel, table=True):
    """A teacher who keeps a space."""

    __table_args__ = (UniqueConstraint("school_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    school_id: int = Field(foreign_key="school.id", index=True)
    name: str


class Space(SQLModel, table=True):
    """A nominated space within a campaign; ``code`` is the identifier of the nomination file."""

    __table_args__ = (UniqueConstraint("campaign_id", "code"),)

    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    code: str = Field(index=True)


class Nomination(SQLModel, table=True):
    """One revision of a row of the nomination file; the highest revision of a space is in force."""

    __table_args__ = (UniqueConstraint("space_id", "revision"),)

    id: int | None = Field(default=None, primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    revision: int
    teacher_id: int = Field(foreign_key="teacher.id", index=True)
    unit: str
    stage: str
    subject: str
    title: str
    url: str
    pilot: bool | None = None
    front_line: bool | None = None
    consent: bool | None = None
    note: str = ""
    #: Columns of the file that we do not know, by header: kept and exported again.
    extra: Json = json_field()
    #: SHA-256 of the row's values: the same row imported again changes nothing.
    digest: str
    source: str
    source_row: int
    imported_at: datetime = moment()


class Crawl(SQLModel, table=True):
    """One run of the crawler over spaces of a campaign."""

    id: str = Field(primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    settings: Json = json_field()


class Snapshot(SQLModel, table=True):
    """One finished, verified WACZ of one visit to one space."""

    __table_args__ = (UniqueConstraint("crawl_id", "space_id"),)

    id: str = Field(primary_key=True)
    crawl_id: str = Field(foreign_key="crawl.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    #: The nominated address that was visited.
    url: str
    #: Name of the object in the snapshot store.
    wacz: str
    #: ``sha256:…`` of the WACZ file.
    digest: str
    content_digest: str
    visibility: Visibility = term(Visibility)
    taken_at: datetime = moment(index=True)
    recorded_at: datetime = moment()


class Resource(SQLModel, table=True):
    """One file a space offered in one snapshot, with its measured openness."""

    id: int | None = Field(default=None, primary_key=True)
    snapshot_id: str = Field(foreign_key="snapshot.id", index=True)
    url: str
    name: str
    kind: ResourceKind = term(ResourceKind)
    openness: Openness = term(Openness)
    reason: str
    size: int | None = None
    sha256: str | None = None


class Screening(SQLModel, table=True):
    """One reading of one snapshot with one set of rules and models."""

    id: str = Field(primary_key=True)
    snapshot_id: str = Field(foreign_key="snapshot.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    rule_pack: str
    rule_pack_version: str
    rule_pack_digest: str
    #: Classifier digests by family.
    models: Json = json_field()
    screened_at: datetime = moment(index=True)
    #: Counts of what was found, for scoring: pages, characters, kinds of files…
    measures: Json = json_field()


class Coverage(SQLModel, table=True):
    """One row of the coverage ledger: a thing that was found, and whether it was screened."""

    id: int | None = Field(default=None, primary_key=True)
    screening_id: str = Field(foreign_key="screening.id", index=True)
    kind: CoverageKind = term(CoverageKind)
    what: str
    screened: bool
    reason: NotScreened | None = term(NotScreened, nullable=True)


class Finding(SQLModel, table=True):
    """One hit of one rule in one screening, with the evidence to judge it by."""

    id: str = Field(primary_key=True)
    screening_id: str = Field(foreign_key="screening.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    fingerprint: str = Field(index=True)
    rule: str = Field(index=True)
    rule_digest: str
    dimension: Dimension = term(Dimension)
    family: str
    severity: Severity = term(Severity)
    url: str
    part: Part = term(Part)
    locator: str
    #: Characters ``[start, end)`` of the text block.
    start: int
    end: int
    text: str
    context: str
    explanation: str
    basis: str
    #: Boxes on the page's screenshot: lists of x, y, width, height.
    boxes: Json = json_field()


class Decision(SQLModel, table=True):
    """What one person decided on a finding, or (without a fingerprint) on a whole space."""

    id: str = Field(primary_key=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    fingerprint: str | None = Field(default=None, index=True)
    finding_id: str | None = Field(default=None, foreign_key="finding.id")
    snapshot_id: str | None = Field(default=None, foreign_key="snapshot.id")
    #: The rule as it was when the person decided; a changed rule *and* text may reopen.
    rule_digest: str | None = None
    action: Action = term(Action)
    reason: str
    note: str = ""
    user_id: int = Field(foreign_key="user.id", index=True)
    decided_at: datetime = moment(index=True)


class Verdict(SQLModel, table=True):
    """One row of the verdict feed; ``serial`` orders it without gaps that a reader could miss."""

    serial: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, index=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    event: FeedEvent = term(FeedEvent)
    supersedes: str | None = None
    state: VerdictState = term(VerdictState)
    visibility: Visibility | None = term(Visibility, nullable=True)
    reasons: Json = json_field()
    #: snapshot, content_digest, rule_pack, models, policy: what the verdict stands on.
    basis: Json = json_field()
    coverage: Json = json_field()
    decided_by: str
    decided_at: datetime = moment()
    valid_until: datetime | None = moment(nullable=True)


class Score(SQLModel, table=True):
    """What one space scored in one ranking."""

    id: int | None = Field(default=None, primary_key=True)
    ranking_id: str = Field(foreign_key="ranking.id", index=True)
    space_id: int = Field(foreign_key="space.id", index=True)
    total: float | None = None
    items: Json = json_field()


class Ranking(SQLModel, table=True):
    """One run of the selection, kept as it was shown."""

    id: str = Field(primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    stage: RankingStage = term(RankingStage)
    scheme: str
    scheme_digest: str
    sample: bool
    ranked_at: datetime = moment()
    entries: Json = json_field()


class User(SQLModel, table=True):
    """A person who decides, and the role that bounds what is seen and done."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    role: Role = term(Role)
    region_id: int | None = Field(default=None, foreign_key="region.id")
    #: The one school that a school's auditor sees.
    school_id: int | None = Field(default=None, foreign_key="school.id")
    #: The teacher that a teacher's account is of.
    teacher_id: int | None = Field(default=None, foreign_key="teacher.id")
    disabled: bool = False
    created_at: datetime = moment()


class AuditEvent(SQLModel, table=True):
    """One link of the audit log's hash chain (see ``models.audit_log``)."""

    seq: int | None = Field(default=None, primary_key=True)
    at: datetime = moment()
    actor: str
    action: str
    #: ``table:key`` of the row the event is about.
    subject: str
    #: SHA-256 of that row's values as appended, so that a changed row shows too.
    subject_digest: str | None = None
    details: Json = json_field()
    previous: str
    digest: str = Field(unique=True)


#: Rows of these tables are facts: the session refuses to change or delete them.
APPEND_ONLY: tuple[type[SQLModel], ...] = (
    Nomination,
    Snapshot,
    Resource,
    Screening,
    Coverage,
    Finding,
    Decision,
    Verdict,
    Score,
    Ranking,
    AuditEvent,
    review_tables.CaseEvent,
    review_tables.Opinion,
    review_tables.Opening,
    review_tables.SignOff,
    review_tables.NoticeItem,
    review_tables.NoticeEvent,
    review_tables.SampleDraw,
)

#: Modules whose tables belong to this database beside the ones above.
OTHER_TABLES = (account_tables, review_tables, outbox_tables)
