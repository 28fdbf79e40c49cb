"""The list page: filters from the address, sums, order and one page of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from types import MappingProxyType
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from models.vocabulary import Access, Severity, VerdictState, Visibility
from service.overview import OverviewRow

PAGE_SIZE = 100
#: The value of the state filter for spaces without a verdict.
NO_VERDICT = "none"


class Order(StrEnum):
    """How the list is sorted."""

    URGENT = "urgent"
    CODE = "code"
    COUNTY = "county"
    TEACHER = "teacher"
    STATE = "state"


#: What is to be done first comes first; None (no verdict yet) comes last.
_STATE_ORDER: Sequence[VerdictState | None] = (
    VerdictState.PENDING,
    VerdictState.UNDETERMINED,
    VerdictState.STALE,
    VerdictState.REJECTED,
    VerdictState.ELIGIBLE,
    None,
)


def _urgency(row: OverviewRow) -> tuple[int, int, int, int]:
    waiting = (row.open.get(each, 0) for each in reversed(Severity))
    serious, suspect, notice = waiting
    return (_STATE_ORDER.index(row.state), -serious, -suspect, -notice)


_KEYS: Mapping[Order, Callable[[OverviewRow], tuple[object, ...]]] = MappingProxyType(
    {
        Order.URGENT: _urgency,
        Order.CODE: lambda row: (row.nomination.code,),
        Order.COUNTY: lambda row: (row.nomination.county, row.nomination.school),
        Order.TEACHER: lambda row: (row.nomination.teacher,),
        Order.STATE: lambda row: (_STATE_ORDER.index(row.state),),
    }
)


class ListQuery(BaseModel):
    """What the address says of the list; a value that no longer exists filters nothing out."""

    model_config = ConfigDict(frozen=True)

    state: str = ""
    visibility: str = ""
    county: str = ""
    q: str = Field("", max_length=100)
    sort: Order = Order.URGENT
    page: int = Field(1, ge=1)

    def address(self, **changes: object) -> str:
        """The query string of this list with some things changed, from its first page."""
        values = {**self.model_dump(mode="json"), "page": 1, **changes}
        defaults = ListQuery().model_dump(mode="json")
        return "?" + urlencode({k: v for k, v in values.items() if v != defaults[k]})

    def matches(self, row: OverviewRow) -> bool:
        """Whether a row is in the list."""
        nominated = row.nomination
        words = (
            nominated.code,
            nominated.teacher,
            nominated.school,
            nominated.county,
            nominated.title,
            nominated.subject,
            nominated.url,
        )
        visibility = row.visibility.value if row.visibility else NO_VERDICT
        return (
            self.state in ("", row.state.value if row.state else NO_VERDICT)
            and self.visibility in ("", visibility)
            and self.county in ("", nominated.county)
            and self.q.strip().casefold() in "\n".join(words).casefold()
        )


@dataclass(frozen=True, slots=True)
class Sums:
    """The numbers above the list; they count the whole campaign."""

    spaces: int
    visited: int
    not_public: int
    cannot_tell: int
    by_state: Mapping[VerdictState | None, int]
    by_visibility: Mapping[Visibility | None, int]
    waiting: Mapping[Severity, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list."""

    query: ListQuery
    rows: Sequence[OverviewRow]
    sums: Sums
    counties: Sequence[str]
    found: int
    pages: int

    @property
    def page(self) -> int:
        """The page shown, from 1; a page past the end shows the last."""
        return min(self.query.page, self.pages)

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; 0 when there is none."""
        return (self.page - 1) * PAGE_SIZE + 1 if self.rows else 0


def make_listing(rows: Sequence[OverviewRow], query: ListQuery) -> Listing:
    """The page of the list that a query asks for."""
    found = sorted((row for row in rows if query.matches(row)), key=_KEYS[query.sort])
    pages = max(1, ceil(len(found) / PAGE_SIZE))
    first = (min(query.page, pages) - 1) * PAGE_SIZE
    return Listing(
        query=query,
        rows=found[first : first + PAGE_SIZE],
        sums=make_sums(rows),
        counties=sorted({row.nomination.county for row in rows}),
        found=len(found),
        pages=pages,
    )


def make_sums(rows: Sequence[OverviewRow]) -> Sums:
    """The numbers of a whole campaign."""
    visibility = Counter(row.visibility for row in rows)
    access = Counter(row.visibility.access for row in rows if row.visibility)
    waiting: Counter[Severity] = Counter()
    for row in rows:
        waiting.update(row.open)
    return Sums(
        spaces=len(rows),
        visited=len(rows) - visibility[None],
        not_public=access[Access.NOT_PUBLIC],
        cannot_tell=access[Access.CANNOT_TELL],
        by_state=Counter(row.state for row in rows),
        by_visibility=visibility,
        waiting=waiting,
    )
