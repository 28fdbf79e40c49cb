"""The ledger's accounts: counted from the manifest before screening, balanced before it is kept.

Everything the visit found is a thing with a key, numbered as the manifest has it. Each thing ends
with exactly one row of its own, whatever happens on the way; what is found inside it (frames,
parts of a file, pictures) are further rows under its key, numbered as they come. A ledger that
lost or doubled a row, or read fewer text blocks than there are without a row that says so, does
not balance and is not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from models.manifest import ImageCapture, Manifest, NotCaptured, PageCapture, ResourceCapture
from models.vocabulary import CoverageKind, NotScreened

Subject = PageCapture | NotCaptured | ResourceCapture | ImageCapture


class LedgerError(ValueError):
    """A ledger does not balance: it is not kept, and the screening before it stays in force."""


class Row(Protocol):
    """What accounts need of a ledger's row."""

    @property
    def kind(self) -> CoverageKind:
        """What it counts."""

    @property
    def reason(self) -> NotScreened | None:
        """Why it was not screened."""

    @property
    def key(self) -> str:
        """Whose row it is: a thing's, or ``thing/number`` of something inside it."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that the visit found."""

    key: str
    kind: CoverageKind
    subject: Subject
    #: Rows inside it that the manifest tells of already, by kind.
    inside: Mapping[CoverageKind, int] = field(default_factory=dict)
    #: Text blocks that were found on it.
    blocks: int = 0

    @property
    def url(self) -> str:
        """Where it was found."""
        return self.subject.url


@dataclass(slots=True)
class Account:
    """What there is to screen, and how much of it came out."""

    things: Mapping[str, Thing]
    #: Rows inside each thing, as they were made.
    inside: Counter[str] = field(default_factory=Counter)
    blocks_read: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, manifest: Manifest) -> Account:
        """Count a manifest."""
        return cls({thing.key: thing for thing in inventory(manifest)})

    @property
    def blocks(self) -> tuple[int, int]:
        """Text blocks found, and read."""
        return sum(thing.blocks for thing in self.things.values()), self.blocks_read.total()


def inventory(manifest: Manifest) -> Iterator[Thing]:
    """All things of a manifest, in the order of the ledger."""
    for number, page in enumerate(manifest.pages):
        inside = _inside(page) if page.captured else {}
        blocks = page.blocks if page.captured else 0
        yield Thing(f"page:{number}", CoverageKind.PAGE, page, inside, blocks)
    for number, missed in enumerate(manifest.not_captured):
        if missed.reason is NotScreened.BUDGET:
            yield Thing(f"missed:{number}", CoverageKind.PAGE, missed)
    for number, resource in enumerate(manifest.resources):
        yield Thing(f"resource:{number}", CoverageKind.RESOURCE, resource)
    for number, image in enumerate(manifest.images):
        yield Thing(f"image:{number}", CoverageKind.IMAGE, image)


def _inside(page: PageCapture) -> Mapping[CoverageKind, int]:
    return {
        CoverageKind.FRAME: len(page.frames_unread),
        CoverageKind.IMAGE: len(page.unread),
        CoverageKind.PAGE: int(page.more_below),
    }


def balance(rows: Sequence[Row], account: Account | None) -> None:
    """Hold a ledger against its account.

    Raises:
        LedgerError: naming the first thing that is lost, doubled or short.
    """
    if account is None:
        raise LedgerError("the ledger was made without counting what there is to screen")
    _each_once(rows, account)
    own = {row.key: row for row in rows}
    for thing in account.things.values():
        if own[thing.key].kind is not thing.kind:
            raise LedgerError(f"{thing.key} ({thing.url}) is entered as another kind of thing")
        inside = [row for row in rows if row.key.startswith(f"{thing.key}/")]
        if own[thing.key].reason is None:
            _whole(thing, inside, account)


def _each_once(rows: Iterable[Row], account: Account) -> None:
    counted = Counter(row.key for row in rows)
    expected = set(account.things)
    for key, number in account.inside.items():
        expected |= {f"{key}/{n}" for n in range(1, number + 1)}
    for key in sorted(expected | set(counted)):
        if counted[key] != (key in expected):
            raise LedgerError(
                f"{key} is in the ledger {counted[key]} times, not {int(key in expected)}"
            )


def _whole(thing: Thing, inside: Sequence[Row], account: Account) -> None:
    """A thing that counts as screened has all rows, and all text, that the manifest tells of."""
    kinds = Counter(row.kind for row in inside)
    for kind, least in thing.inside.items():
        if kinds[kind] < least:
            raise LedgerError(f"{thing.key} ({thing.url}) lacks rows of kind {kind.value}")
    missing = thing.blocks - account.blocks_read[thing.key]
    if missing > 0 and not kinds[CoverageKind.BLOCK]:
        raise LedgerError(f"{thing.key} ({thing.url}): {missing} text blocks went unread unsaid")
