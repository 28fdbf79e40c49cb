"""Rosters, rankings and contact lists of pupils in tables, told by headings, surnames and cells.

A single cell says little (a name here, a number there); the table says what it is. What may stay
under the ministry's notice of 2017, names with school, class and prize, is left alone, and so are
tables of authors, teachers and historic persons.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rules.surnames import is_person_name
from rules.validators import bank_card, identity_number, mobile_phone

#: Fewer pupils are an example, not a list.
_FEWEST_PERSONS = 3
#: Rows below a table's top in which its headings may stand; a title and a remark come first.
_HEADING_ROWS = 6
#: Share of a column's filled cells that must be names before it is one of names.
_NAME_SHARE = 0.7
#: A pupil of 2022 was born in these years; authors and historic persons were not.
_PUPILS_BORN = range(2000, 2024)
_HIGHEST_MARK = 750

_NAME = re.compile(r"(?:学生|幼儿|考生|孩子|队员)?(?:姓名|名字)")
_SENSITIVE = re.compile(
    r"身份证|证件号|家庭(?:住址|地址)|家庭详细地址|现住址|住址|居住地|出生(?:日期|年月|时间)|生日"
    r"|银行卡|银行账号|卡号|学籍号|户口|贫困|低保|建档立卡|健康状况|病史|残疾|家庭情况|心理"
)
_CONTACT = re.compile(r"电话|手机|联系方式|监护人|家长|父亲|母亲|微信|qq", re.IGNORECASE)
_MARK = re.compile(
    r"语文|数学|英语|物理|化学|生物|历史|地理|政治|道法|科学|道德与法治"
    r"|总分|成绩|得分|分数|平均分|总成绩"
)
_RANK = re.compile(r"名次|排名|班排|校排|级排|位次|进退步")
#: Headings and titles of tables whose persons are no pupils, or whose names may stand.
_OTHERS = re.compile(
    r"作者|作家|诗人|词人|朝代|年代|职务|职称|主讲|任课|教师|老师|指导|主持人|课题|字号|国籍|生卒"
    r"|历史人物|人物|获奖|奖项|奖次|等次|作品|参赛|比赛|运动会|项目|裁判|评委|书名|出版"
)
_PUPILS = re.compile(r"学生|幼儿|考生|家长|监护人|学号|座号|学籍|班级花名册|全班")

_DATE = re.compile(r"((?:19|20)\d\d)[年./-]\d{1,2}(?:[月./-]\d{1,2})?")
_ADDRESS = re.compile(
    r"[\u4e00-\u9fff]{2,}(?:路|街|巷|村|小区|花园|号楼|栋|幢|镇|乡)[\u4e00-\u9fff\d-]*"
)
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,2})?")


class TableKind(StrEnum):
    """What a table of pupils is."""

    ROSTER = "roster"
    CONTACTS = "contacts"
    RANKING = "ranking"

    @property
    def label(self) -> str:
        """The word for officers."""
        return {"roster": "学生花名册", "contacts": "学生通讯录", "ranking": "学生成绩排名"}[self]


@dataclass(frozen=True, slots=True)
class TableHit:
    """A table that says too much about pupils; ``row`` and ``column`` count from 0.

    ``text`` is the whole cell there; ``persons`` is how many pupils the table names.
    """

    kind: TableKind
    row: int
    column: int
    text: str
    persons: int


@dataclass(frozen=True, slots=True)
class _Named:
    """A table's column of names, the rows that hold one, and the row of its headings."""

    column: int
    rows: tuple[int, ...]
    heading: int | None


Rows = Sequence[Sequence[str]]


def find_rosters(rows: Rows) -> list[TableHit]:
    """What is told about named pupils in one table, a hit for each kind; empty for most tables."""
    named = _names(rows)
    if named is None or _of_others(rows, named):
        return []
    found: dict[TableKind, TableHit] = {}
    for column in range(max(map(len, rows))):
        kind = None if column == named.column else _kind(rows, named, column)
        if kind is not None and kind not in found:
            found[kind] = _hit(rows, named, column, kind)
    return list(found.values())


# Names


def _names(rows: Rows) -> _Named | None:
    width = max(map(len, rows), default=0)
    heading = _heading(rows)
    columns = list(range(width))
    if heading is not None:
        # Only the columns that say so; a second one (家长姓名) is a contact's.
        columns = [c for c in range(width) if _NAME.fullmatch(_bare(rows, heading, c))]
    first = 0 if heading is None else heading + 1
    for column in columns:
        filled = [r for r in range(first, len(rows)) if _cell(rows, r, column)]
        named = tuple(r for r in filled if is_person_name(_bare(rows, r, column)))
        enough = heading is not None or len(named) >= _NAME_SHARE * len(filled)
        if len(named) >= _FEWEST_PERSONS and enough:
            return _Named(column, named, heading)
    return None


def _heading(rows: Rows) -> int | None:
    """The row that calls a column names."""
    for number, row in enumerate(rows[:_HEADING_ROWS]):
        if any(_NAME.fullmatch(_unspaced(cell)) for cell in row) and len(row) > 1:
            return number
    return None


def _of_others(rows: Rows, named: _Named) -> bool:
    """Whether headings or title say that the persons are no pupils, or won a prize."""
    last = named.rows[0] if named.heading is None else named.heading + 1
    told = " ".join(_unspaced(cell) for row in rows[:last] for cell in row)
    return bool(_OTHERS.search(told)) and not _PUPILS.search(told)


# What stands beside the names


def _kind(rows: Rows, named: _Named, column: int) -> TableKind | None:
    cells = [_cell(rows, row, column) for row in named.rows]
    filled = [cell for cell in cells if cell and not _is_masked(cell)]
    if len(filled) < min(_FEWEST_PERSONS, len(named.rows)):
        return None
    said = "" if named.heading is None else _bare(rows, named.heading, column)
    return _by_heading(said, filled) or _by_cells(filled, has_heading=bool(said))


def _by_heading(said: str, filled: Sequence[str]) -> TableKind | None:
    if _CONTACT.search(said):
        return TableKind.CONTACTS
    if _SENSITIVE.search(said):
        old = "出生" in said and not any(map(_is_pupils_birth, filled))
        return None if old else TableKind.ROSTER
    numeric = sum(map(_is_mark, filled)) >= _FEWEST_PERSONS
    return TableKind.RANKING if numeric and (_MARK.search(said) or _RANK.search(said)) else None


def _by_cells(filled: Sequence[str], *, has_heading: bool) -> TableKind | None:
    """What most of a column's cells are, whatever its heading."""
    checks = [
        (TableKind.CONTACTS, mobile_phone),
        (TableKind.ROSTER, lambda cell: identity_number(cell.lower())),
        (TableKind.ROSTER, bank_card),
        (TableKind.ROSTER, _is_pupils_birth),
        (TableKind.ROSTER, lambda cell: _ADDRESS.fullmatch(cell) is not None),
    ]
    if not has_heading:
        checks.append((TableKind.RANKING, _is_high_mark))
    for kind, check in checks:
        if sum(map(check, filled)) >= max(_FEWEST_PERSONS, _NAME_SHARE * len(filled)):
            return kind
    return None


def _is_pupils_birth(cell: str) -> bool:
    date = _DATE.match(cell)
    return date is not None and int(date[1]) in _PUPILS_BORN


def _is_mark(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None and float(cell) <= _HIGHEST_MARK


def _is_high_mark(cell: str) -> bool:
    """A mark that cannot be a serial number, an age or a count of things."""
    return _is_mark(cell) and float(cell) >= 40


def _is_masked(cell: str) -> bool:
    return "*" in cell or "×" in cell or "某" in cell


def _hit(rows: Rows, named: _Named, column: int, kind: TableKind) -> TableHit:
    at = named.rows[0] if named.heading is None else named.heading
    row = at if _cell(rows, at, column) else named.rows[0]
    return TableHit(kind, row, column, rows[row][column], len(named.rows))


def _cell(rows: Rows, row: int, column: int) -> str:
    return rows[row][column].strip() if column < len(rows[row]) else ""


def _bare(rows: Rows, row: int, column: int) -> str:
    return _unspaced(_cell(rows, row, column))


def _unspaced(cell: str) -> str:
    return "".join(cell.split())
