"""Nominations of a campaign: imported from files, kept with their history, read by every stage.

An import changes nothing that the file leaves as it is; a changed row becomes a new revision, and
the highest revision of a space is in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from models.audit_log import Entry, record_many
from models.database import take_writer_lock
from models.tables import Campaign, Nomination, Region, School, Space, Teacher
from models.vocabulary import SchoolKind
from rules.profile import load_profile
from service.nomination_checks import Placed, place_rows
from service.nomination_columns import Column
from service.nomination_rows import NominationFile, NominationRow, RowProblem
from service.nomination_writer import Revision, append_revisions


@dataclass(frozen=True, slots=True)
class NominatedSpace:
    """What is in force for one space of a campaign."""

    space_id: int
    code: str
    revision: int
    url: str
    title: str
    teacher: str
    school: str
    school_kind: SchoolKind | None
    county: str
    #: Who recommends; the county when the file names nobody.
    unit: str
    stage: str
    subject: str
    pilot: bool | None
    front_line: bool | None
    consent: bool | None
    note: str
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A space whose row differs from what was in force, and in which columns."""

    code: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or in a dry run would do."""

    source: str
    added: tuple[str, ...]
    changed: tuple[Change, ...]
    unchanged: int
    refused: tuple[RowProblem, ...]
    dry_run: bool

    @property
    def refused_rows(self) -> int:
        """How many rows were refused; one row may have several problems."""
        return len({problem.row for problem in self.refused})


def current_nominations(
    session: Session, campaign: Campaign, code: str | None = None
) -> list[NominatedSpace]:
    """What is in force for every space of the campaign (or the one), in the order of first import."""
    chosen = col(Space.campaign_id) == campaign.id
    if code is not None:
        chosen &= col(Space.code) == code
    newest = (
        select(Nomination.space_id, func.max(Nomination.revision).label("revision"))
        .join(Space, col(Space.id) == col(Nomination.space_id))
        .where(chosen)
        .group_by(col(Nomination.space_id))
        .subquery()
    )
    counties = dict(session.exec(select(Region.id, Region.name)).all())
    query = (
        select(Nomination, Space, Teacher, School)
        .join(
            newest,
            (newest.c.space_id == Nomination.space_id) & (newest.c.revision == Nomination.revision),
        )
        .join(Space, col(Space.id) == col(Nomination.space_id))
        .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
        .join(School, col(School.id) == col(Teacher.school_id))
        .order_by(col(Nomination.space_id))
    )
    return [
        _nominated(nomination, space.code, teacher.name, school, counties[school.region_id])
        for nomination, space, teacher, school in session.exec(query)
    ]


def _nominated(
    nomination: Nomination, code: str, teacher: str, school: School, county: str
) -> NominatedSpace:
    return NominatedSpace(
        space_id=nomination.space_id,
        code=code,
        revision=nomination.revision,
        url=nomination.url,
        title=nomination.title,
        teacher=teacher,
        school=school.name,
        school_kind=school.kind,
        county=county,
        unit=nomination.unit or county,
        stage=nomination.stage,
        subject=nomination.subject,
        pilot=nomination.pilot,
        front_line=nomination.front_line,
        consent=nomination.consent,
        note=nomination.note,
        extra=nomination.extra,
    )


def import_nominations(  # noqa: PLR0913  (what, into what, when and by whom)
    session: Session,
    file: NominationFile,
    campaign: Campaign,
    *,
    at: datetime,
    actor: str,
    dry_run: bool = False,
) -> ImportResult:
    """Import the good rows of a file; the refused ones are in the result.

    In a dry run nothing is written. Commits nothing: the caller's session does.
    """
    # Two imports at once would give the same revision number to one space.
    take_writer_lock(session)
    standing = {nominated.code: nominated for nominated in current_nominations(session, campaign)}
    placed, refused = place_rows(
        file.rows,
        load_profile(campaign.profile),
        {code: nominated.url for code, nominated in standing.items()},
    )
    revisions = [_next_revision(each, standing.get(each.code)) for each in placed]
    news = [revision for revision in revisions if revision is not None]
    result = ImportResult(
        source=file.source,
        added=tuple(new.placed.code for new in news if new.number == 1),
        changed=tuple(Change(new.placed.code, new.columns) for new in news if new.number > 1),
        unchanged=len(revisions) - len(news),
        refused=tuple(sorted((*file.refused, *refused), key=lambda problem: problem.row)),
        dry_run=dry_run,
    )
    if not dry_run:
        entries = append_revisions(session, campaign, file, news, at)
        entries.append(_import_entry(file, campaign, result))
        record_many(session, entries, actor=actor, at=at)
    return result


def _next_revision(placed: Placed, standing: NominatedSpace | None) -> Revision | None:
    """The revision to write, or None when the row says what is in force already."""
    if standing is None:
        return Revision(placed, 1)
    columns = _changed_columns(placed.row, standing)
    return Revision(placed, standing.revision + 1, columns) if columns else None


def _changed_columns(row: NominationRow, standing: NominatedSpace) -> tuple[str, ...]:
    """The columns in which the row differs from what is in force."""
    pairs: dict[Column, tuple[object, object]] = {
        Column.COUNTY: (row.county, standing.county),
        Column.SCHOOL: (row.school, standing.school),
        # A row that does not say leaves the school's kind as it is.
        Column.SCHOOL_KIND: (row.school_kind or standing.school_kind, standing.school_kind),
        Column.TEACHER: (row.teacher, standing.teacher),
        Column.STAGE: (row.stage, standing.stage),
        Column.SUBJECT: (row.subject, standing.subject),
        Column.TITLE: (row.title, standing.title),
        Column.URL: (row.url, standing.url),
        Column.PILOT: (row.pilot, standing.pilot),
        Column.FRONT_LINE: (row.front_line, standing.front_line),
        Column.CONSENT: (row.consent, standing.consent),
        Column.UNIT: (row.unit or row.county, standing.unit),
        Column.NOTE: (row.note, standing.note),
    }
    headers = {*row.extra, *standing.extra}
    return (
        *(str(column) for column, (new, old) in pairs.items() if new != old),
        *sorted(name for name in headers if row.extra.get(name) != standing.extra.get(name)),
    )


def _import_entry(file: NominationFile, campaign: Campaign, result: ImportResult) -> Entry:
    return Entry(
        action="nominations.imported",
        subject=f"campaign:{campaign.id}",
        details={
            "file": file.source,
            "sha256": file.digest,
            "added": len(result.added),
            "changed": len(result.changed),
            "unchanged": result.unchanged,
            "refused": result.refused_rows,
        },
    )
