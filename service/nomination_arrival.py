"""Rows that a program sends: imported like a file's, within what the program may see."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from models.database import take_writer_lock
from models.tables import Campaign
from rules.profile import load_profile
from service.api_answers import Asked
from service.nomination_columns import Column
from service.nomination_rows import (
    NominationFile,
    NominationRow,
    RowProblem,
    nominations_of,
    read_nominations,
)
from service.nominations import current_nominations, import_nominations
from service.scope import space_ids

#: What the import's history calls rows that came over the API.
SOURCE = "api"
ELSEWHERE = "不在此令牌的范围内,不能提交或更改"


class Refused(BaseModel):
    """Why one row was refused; ``pointer`` is where it stands in a JSON body."""

    row: int
    column: str
    reason: str
    pointer: str


class Arrived(BaseModel):
    """What the request did, or in a dry run would do."""

    id: str
    campaign: str
    dry_run: bool
    added: list[str]
    changed: list[str]
    unchanged: int
    refused: list[Refused]


def arrive(
    asked: Asked,
    campaign: Campaign,
    given: Sequence[Mapping[str, str]] | bytes,
    digest: str,
    *,
    dry_run: bool,
) -> Arrived:
    """Import the good rows.

    Raises:
        SheetError: the rows or the file cannot be read at all; nothing was imported.
    """
    take_writer_lock(asked.session)
    file = _within(asked, campaign, _file(given, digest))
    result = import_nominations(
        asked.session,
        file,
        campaign,
        at=asked.desk.clock(),
        actor=f"token:{asked.caller.token_id}",
        dry_run=dry_run,
    )
    return Arrived(
        id=f"im_{digest[:16]}",
        campaign=campaign.code,
        dry_run=dry_run,
        added=list(result.added),
        changed=[each.code for each in result.changed],
        unchanged=result.unchanged,
        refused=[_refused(each) for each in result.refused],
    )


def _file(given: Sequence[Mapping[str, str]] | bytes, digest: str) -> NominationFile:
    if not isinstance(given, bytes):
        return nominations_of(SOURCE, given, digest)
    with tempfile.TemporaryDirectory(prefix="spaceaudit-") as folder:
        path = Path(folder) / SOURCE
        path.write_bytes(given)
        return read_nominations(path)


def _refused(problem: RowProblem) -> Refused:
    column = problem.column.replace("~", "~0").replace("/", "~1")
    pointer = f"/body/{problem.row - 1}/{column}"
    return Refused(row=problem.row, column=problem.column, reason=problem.reason, pointer=pointer)


def _within(asked: Asked, campaign: Campaign, file: NominationFile) -> NominationFile:
    """Without the rows of others: another county's, and spaces that are another county's now."""
    if asked.scope.everything:
        return file
    seen = space_ids(asked.session, asked.scope, campaign)
    standing = current_nominations(asked.session, campaign)
    county = {each.county for each in standing if each.space_id in seen}
    profile = load_profile(campaign.profile)
    others = [each for each in standing if each.space_id not in seen]
    codes = {each.code for each in others}
    spaces = {profile.space_of(each.url) for each in others}

    def own(row: NominationRow) -> bool:
        taken = row.code in codes or profile.space_of(row.url) in spaces
        return row.county in county and not taken

    kept = tuple(row for row in file.rows if own(row))
    refused = [
        RowProblem(row.number, Column.COUNTY, row.county, ELSEWHERE)
        for row in file.rows
        if not own(row)
    ]
    return replace(file, rows=kept, refused=(*file.refused, *refused))
