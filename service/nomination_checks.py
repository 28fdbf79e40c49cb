"""What a row must not clash with: the platform, the file's other rows, and the campaign so far.

Pure functions over records; every row comes out placed under an identifier, or refused with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from models.vocabulary import SchoolKind
from rules.profile import Profile
from service.nomination_columns import Column
from service.nomination_rows import NominationRow, RowProblem

#: Hexadecimal digits of a made identifier: among 5,000 rows two meet once in 90,000 files.
CODE_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the identifier it goes by, and the identity of its space on the platform."""

    code: str
    identity: str
    row: NominationRow


@dataclass
class Sieve:
    """Holds rows back one reason at a time; a refused row no longer clashes with later ones."""

    refused: list[RowProblem] = field(default_factory=list)

    def refuse(self, row: NominationRow, column: Column, value: str, reason: str) -> None:
        """Note why a row is held back."""
        self.refused.append(RowProblem(row.number, column, value, reason))


def made_code(identity: str) -> str:
    """The identifier of a space that the file gives none: the same in every order of rows."""
    return "n-" + hashlib.sha256(identity.encode()).hexdigest()[:CODE_DIGITS]


def place_rows(
    rows: Sequence[NominationRow], profile: Profile, standing: Mapping[str, str]
) -> tuple[list[Placed], list[RowProblem]]:
    """Place every row that fits.

    Args:
        rows: Good rows of one file.
        profile: How the campaign's platform is read; it says what address is a space.
        standing: Identifier → address of what the campaign holds already.

    Returns:
        The rows that fit, in the file's order, and the reasons of the others.
    """
    sieve = Sieve()
    owners = {
        identity: code
        for code, url in standing.items()
        if (identity := profile.space_of(url)) is not None
    }
    placed = _on_platform(rows, profile, owners, sieve)
    placed = _first_of_each(placed, lambda p: p.identity, Column.URL, "空间地址", sieve)
    placed = _first_of_each(placed, lambda p: p.code, Column.CODE, "编号", sieve)
    placed = _one_kind_a_school(placed, sieve)
    placed = _without_taken(placed, owners, sieve)
    return placed, sieve.refused


def _on_platform(
    rows: Sequence[NominationRow], profile: Profile, owners: Mapping[str, str], sieve: Sieve
) -> list[Placed]:
    placed = []
    for row in rows:
        identity = profile.space_of(row.url) if profile.covers(row.url) else None
        if identity is not None:
            code = row.code or owners.get(identity) or made_code(identity)
            placed.append(Placed(code, identity, row))
        elif profile.covers(row.url):
            sieve.refuse(row, Column.URL, row.url, f"不是平台“{profile.title}”上某个空间的网址")
        else:
            hosts = f"(应在 {'、'.join(profile.hosts)})" if profile.hosts else ""
            sieve.refuse(row, Column.URL, row.url, f"不在本次活动的平台“{profile.title}”上{hosts}")
    return placed


def _first_of_each(
    placed: Sequence[Placed], key: Callable[[Placed], str], column: Column, what: str, sieve: Sieve
) -> list[Placed]:
    first: dict[str, Placed] = {}
    for each in placed:
        earlier = first.setdefault(key(each), each)
        if earlier is not each:
            value = each.row.url if column is Column.URL else each.code
            sieve.refuse(each.row, column, value, f"与第 {earlier.row.number} 行的{what}重复")
    return list(first.values())


def _one_kind_a_school(placed: Sequence[Placed], sieve: Sieve) -> list[Placed]:
    kept = []
    kinds: dict[tuple[str, str], tuple[SchoolKind, int]] = {}
    for each in placed:
        row, kind = each.row, each.row.school_kind
        if kind is not None:
            earlier, number = kinds.setdefault((row.county, row.school), (kind, row.number))
            if earlier is not kind:
                reason = f"同一学校在第 {number} 行写作“{earlier.label}”"
                sieve.refuse(row, Column.SCHOOL_KIND, kind.label, reason)
                continue
        kept.append(each)
    return kept


def _without_taken(
    placed: Sequence[Placed], owners: Mapping[str, str], sieve: Sieve
) -> list[Placed]:
    """Refuse an address that another identifier of the campaign has and keeps."""
    kept = list(placed)
    while True:
        moving = {each.code: each.identity for each in kept}

        def taken(each: Placed, moving: Mapping[str, str] = moving) -> bool:
            owner = owners.get(each.identity, each.code)
            return owner != each.code and moving.get(owner, each.identity) == each.identity

        clashing = [each for each in kept if taken(each)]
        if not clashing:
            return kept
        for each in clashing:
            owner = owners[each.identity]
            reason = f"此空间已以编号 {owner} 在本次活动中;请把编号改成 {owner},或先改那一行的地址"
            sieve.refuse(each.row, Column.URL, each.row.url, reason)
        # A row that stays out keeps its old address, which may be what another row moves to.
        kept = [each for each in kept if not taken(each)]
