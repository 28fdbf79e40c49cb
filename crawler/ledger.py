"""What a visit found and left unread: one row an address while they are few, one row a kind when many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.manifest import NotCaptured
from models.vocabulary import NotScreened

#: Addresses of one kind, left for one reason, that get rows of their own; the rest is counted. A
#: person can look through so many.
ROWS_EACH = 20


@dataclass(slots=True)
class _Group:
    rows: list[NotCaptured]
    more: int = 0


class Ledger:
    """Rows of what was left out, grouped by reason and by the form of the address."""

    def __init__(self) -> None:
        """Begin with none."""
        self._groups: dict[tuple[str, str], _Group] = {}

    def note(  # noqa: PLR0913  (the fields of a row, and what it is grouped by)
        self,
        url: str,
        found_on: str | None,
        detail: str,
        shape: str,
        *,
        reason: NotScreened = NotScreened.BUDGET,
        single: bool = False,
    ) -> None:
        """Put an address into the ledger; with ``single`` its kind has one row in all."""
        group = self._groups.setdefault((detail, shape), _Group([]))
        if len(group.rows) < (1 if single else ROWS_EACH):
            row = NotCaptured(url=url, found_on=found_on, reason=reason, detail=detail)
            group.rows.append(row)
        else:
            group.more += 1

    def rows(self) -> Iterator[NotCaptured]:
        """All rows; the last of a kind of which there were more says how many."""
        for group in self._groups.values():
            yield from group.rows[:-1]
            last = group.rows[-1]
            if group.more:
                detail = f"{last.detail}(同类地址另有 {group.more} 个)"
                last = last.model_copy(update={"detail": detail})
            yield last
