"""Writes placed rows of a nomination file as revisions, with the people and schools they name.

Everything is looked up and added in bulk: a file of thousands of rows takes seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models.audit_log import Entry, canonical
from models.tables import Campaign, Nomination, Region, School, Space, Teacher
from service.nomination_checks import Placed
from service.nomination_rows import NominationFile, NominationRow


@dataclass(frozen=True, slots=True)
class Revision:
    """A row to write under the next revision number; ``columns`` says what changed, if not new."""

    placed: Placed
    number: int
    columns: tuple[str, ...] = ()


def append_revisions(
    session: Session,
    campaign: Campaign,
    file: NominationFile,
    revisions: Sequence[Revision],
    at: datetime,
) -> list[Entry]:
    """Append the revisions; gives the audit entries to record about them."""
    rows = [revision.placed.row for revision in revisions]
    regions = _regions(session, {row.county for row in rows})
    schools = _schools(session, {(regions[row.county], row.school) for row in rows})
    kinds = _update_kinds(rows, regions, schools)
    people = {(_school_id(row, regions, schools), row.teacher) for row in rows}
    teachers = _teachers(session, people)
    spaces = _spaces(session, campaign, [revision.placed.code for revision in revisions])
    entries = []
    for revision in revisions:
        row = revision.placed.row
        nomination = _nomination(
            revision,
            file,
            at,
            space_id=spaces[revision.placed.code],
            teacher_id=teachers[_school_id(row, regions, schools), row.teacher],
        )
        session.add(nomination)
        entries.append(_entry(revision, nomination))
    session.flush()
    return [*kinds, *entries]


def _regions(session: Session, names: set[str]) -> dict[str, int]:
    known = {region.name for region in session.exec(select(Region))}
    session.add_all(Region(name=name) for name in sorted(names - known))
    session.flush()
    return {region.name: _key(region.id) for region in session.exec(select(Region))}


def _schools(session: Session, wanted: set[tuple[int, str]]) -> dict[tuple[int, str], School]:
    known = {(school.region_id, school.name) for school in session.exec(select(School))}
    session.add_all(School(region_id=region, name=name) for region, name in sorted(wanted - known))
    session.flush()
    return {(school.region_id, school.name): school for school in session.exec(select(School))}


def _teachers(session: Session, wanted: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    columns = select(Teacher.school_id, Teacher.name, Teacher.id)
    known = {(school, name) for school, name, _ in session.exec(columns)}
    session.add_all(Teacher(school_id=school, name=name) for school, name in sorted(wanted - known))
    session.flush()
    return {(school, name): _key(key) for school, name, key in session.exec(columns)}


def _spaces(session: Session, campaign: Campaign, codes: Sequence[str]) -> dict[str, int]:
    own = select(Space.code, Space.id).where(col(Space.campaign_id) == campaign.id)
    known = {code for code, _ in session.exec(own)}
    campaign_id = _key(campaign.id)
    # In the file's order, which lists then keep.
    session.add_all(
        Space(campaign_id=campaign_id, code=code) for code in codes if code not in known
    )
    session.flush()
    return {code: _key(key) for code, key in session.exec(own)}


def _update_kinds(
    rows: Sequence[NominationRow],
    regions: Mapping[str, int],
    schools: Mapping[tuple[int, str], School],
) -> list[Entry]:
    """Set what the rows say of their schools; a row that does not say leaves it as it is."""
    entries: list[Entry] = []
    for row in rows:
        school = schools[regions[row.county], row.school]
        if row.school_kind is not None and school.kind is not row.school_kind:
            school.kind = row.school_kind
            details = {"school": school.name, "kind": row.school_kind.value}
            entries.append(Entry("school.changed", row=school, details=details))
    return entries


def _school_id(
    row: NominationRow, regions: Mapping[str, int], schools: Mapping[tuple[int, str], School]
) -> int:
    return _key(schools[regions[row.county], row.school].id)


def _nomination(
    revision: Revision, file: NominationFile, at: datetime, *, space_id: int, teacher_id: int
) -> Nomination:
    row = revision.placed.row
    return Nomination(
        space_id=space_id,
        revision=revision.number,
        teacher_id=teacher_id,
        unit=row.unit,
        stage=row.stage,
        subject=row.subject,
        title=row.title,
        url=row.url,
        pilot=row.pilot,
        front_line=row.front_line,
        consent=row.consent,
        note=row.note,
        extra=dict(row.extra),
        digest=_row_digest(row),
        source=file.source,
        source_row=row.number,
        imported_at=at,
    )


def _row_digest(row: NominationRow) -> str:
    values = asdict(row)
    del values["number"]
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def _entry(revision: Revision, nomination: Nomination) -> Entry:
    return Entry(
        action="nomination.changed" if revision.number > 1 else "nomination.added",
        row=nomination,
        details={"space": revision.placed.code, "columns": list(revision.columns)},
    )


def _key(value: int | None) -> int:
    """The key of a row that was flushed."""
    if value is None:
        raise ValueError("a row has no key before it is flushed")
    return value
