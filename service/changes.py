"""What differs between two snapshots of a space: texts, findings, and what an earlier verdict stood on."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session, col, select

from models.manifest import Manifest, PageCapture, TextBlock
from models.tables import Decision, Finding, Screening, Snapshot, Verdict
from models.vocabulary import FeedEvent
from rules.segmentation import words
from service.snapshots import Snapshots

#: Blocks of a page that are compared; beyond it a page is told as too long.
MOST_BLOCKS = 3000
#: Two blocks this much alike are one that was changed, and are compared word by word.
ALIKE = 0.5


#: Hides personal data before anything is compared: a number cut into words could not be told any more.
Hide = Callable[[str], str]


class Change(StrEnum):
    """What became of a text, a page or a finding."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Run:
    """Words of a block, and what became of them."""

    text: str
    change: Change


@dataclass(frozen=True, slots=True)
class TextChange:
    """One block that differs, in runs of words."""

    change: Change
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class PageChange:
    """One page in both snapshots; a number is the page's place in its snapshot, None: not there."""

    url: str
    title: str
    before: int | None
    after: int | None
    texts: tuple[TextChange, ...]
    too_long: bool = False

    @property
    def change(self) -> Change:
        """What became of the page as a whole."""
        if self.before is None:
            return Change.ADDED
        if self.after is None:
            return Change.REMOVED
        return Change.CHANGED if self.texts or self.too_long else Change.SAME


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """Findings by what became of them, matched by fingerprint."""

    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    same: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """All that differs between two snapshots."""

    before: Snapshot
    after: Snapshot
    pages: tuple[PageChange, ...]
    findings: FindingChanges
    #: The verdict that stood on the earlier snapshot; None: there was none.
    verdict: Verdict | None
    #: What the verdict stood on and no longer does, in words.
    since_verdict: tuple[str, ...]


def newest_snapshot(session: Session, space_id: int) -> Snapshot | None:
    """The newest snapshot of a space."""
    query = (
        select(Snapshot)
        .where(Snapshot.space_id == space_id)
        .order_by(col(Snapshot.taken_at).desc(), col(Snapshot.recorded_at).desc())
    )
    return session.exec(query).first()


def earlier_snapshot(session: Session, space_id: int, newest: Snapshot | None) -> Snapshot | None:
    """The newest snapshot before this one that somebody decided on; else the one before it."""
    if newest is None:
        return None
    before = (
        select(Snapshot)
        .where(Snapshot.space_id == space_id, col(Snapshot.taken_at) < newest.taken_at)
        .order_by(col(Snapshot.taken_at).desc(), col(Snapshot.recorded_at).desc())
    )
    decided = select(Decision.snapshot_id).where(Decision.space_id == space_id)
    on_word = before.where(col(Snapshot.id).in_(decided))
    return session.exec(on_word).first() or session.exec(before).first()


def differences(
    session: Session, snapshots: Snapshots, before: Snapshot, after: Snapshot, hide: Hide
) -> Differences:
    """What changed from one snapshot to a later one of the same space, personal data hidden."""
    verdict = _verdict_on(session, before)
    return Differences(
        before=before,
        after=after,
        pages=tuple(_pages(snapshots, before, after, hide)),
        findings=_findings(session, before, after),
        verdict=verdict,
        since_verdict=tuple(_since(session, verdict, after)) if verdict else (),
    )


def _verdict_on(session: Session, snapshot: Snapshot) -> Verdict | None:
    query = (
        select(Verdict)
        .where(Verdict.space_id == snapshot.space_id, Verdict.event != FeedEvent.STALED)
        .order_by(col(Verdict.serial).desc())
    )
    rows = session.exec(query)
    return next((row for row in rows if (row.basis or {}).get("snapshot") == snapshot.id), None)


def _since(session: Session, verdict: Verdict, after: Snapshot) -> Iterator[str]:
    basis = verdict.basis or {}
    if basis.get("content_digest") != after.content_digest:
        yield "空间的内容变了"
    screening = _screening(session, after)
    if screening is None:
        yield "新的快照还没有筛查"
    elif basis.get("rule_pack") != screening.rule_pack_digest:
        yield f"规则换成了 {screening.rule_pack} {screening.rule_pack_version}"


def _screening(session: Session, snapshot: Snapshot) -> Screening | None:
    query = (
        select(Screening)
        .where(Screening.snapshot_id == snapshot.id)
        .order_by(col(Screening.screened_at).desc(), col(Screening.id).desc())
    )
    return session.exec(query).first()


def _findings(session: Session, before: Snapshot, after: Snapshot) -> FindingChanges:
    old, new = (_by_fingerprint(session, each) for each in (before, after))
    return FindingChanges(
        new=tuple(row for key, row in new.items() if key not in old),
        gone=tuple(row for key, row in old.items() if key not in new),
        same=tuple(row for key, row in new.items() if key in old),
    )


def _by_fingerprint(session: Session, snapshot: Snapshot) -> Mapping[str, Finding]:
    screening = _screening(session, snapshot)
    if screening is None:
        return {}
    query = select(Finding).where(Finding.screening_id == screening.id)
    rows = session.exec(query.order_by(col(Finding.id)))
    return {row.fingerprint: row for row in rows}


def _pages(
    snapshots: Snapshots, before: Snapshot, after: Snapshot, hide: Hide
) -> Iterator[PageChange]:
    """Pages matched by address: first those of the later snapshot, then those that are gone."""
    old, new = (_numbered(snapshots.manifest(each.wacz)) for each in (before, after))
    for url in [*new, *(url for url in old if url not in new)]:
        was, is_now = old.get(url), new.get(url)
        here = is_now or was
        if here is None or _unchanged(was, is_now):
            continue
        first = snapshots.blocks(before.wacz, url) if was else ()
        second = snapshots.blocks(after.wacz, url) if is_now else ()
        long = max(len(first), len(second)) > MOST_BLOCKS
        yield PageChange(
            url=url,
            title=here[1].title,
            before=was[0] if was else None,
            after=is_now[0] if is_now else None,
            texts=()
            if long
            else tuple(text_changes(_lasting(first, hide), _lasting(second, hide))),
            too_long=long,
        )


_Numbered = tuple[int, PageCapture]


def _numbered(manifest: Manifest | None) -> dict[str, _Numbered]:
    pages = manifest.pages if manifest else ()
    return {page.url: (number, page) for number, page in enumerate(pages)}


def _unchanged(was: _Numbered | None, is_now: _Numbered | None) -> bool:
    """Whether the digests of the texts already say that nothing differs."""
    if was is None or is_now is None:
        return False
    digest = was[1].text_sha256
    return digest is not None and digest == is_now[1].text_sha256


def _lasting(blocks: Sequence[TextBlock], hide: Hide) -> list[str]:
    """The texts that are there at every visit: counters and clocks would always differ."""
    return [hide(block.text) for block in blocks if not block.volatile and block.text.strip()]


def text_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[TextChange]:
    """The blocks that differ, in the order of the later page."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield from _replaced(before[i1:i2], after[j1:j2])


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[TextChange]:
    """Blocks that took each other's place: pairs that are alike are compared word by word."""
    left = list(old)
    for text in new:
        twin = max(left, key=lambda each: _alike(each, text), default=None)
        if twin is not None and _alike(twin, text) >= ALIKE:
            left.remove(twin)
            yield TextChange(Change.CHANGED, tuple(_words(twin, text)))
        else:
            yield TextChange(Change.ADDED, (Run(text, Change.ADDED),))
    for text in left:
        yield TextChange(Change.REMOVED, (Run(text, Change.REMOVED),))


def _alike(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    # The cheap bounds first: most pairs are nothing alike.
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0
    return matcher.ratio()


def _words(old: str, new: str) -> Iterator[Run]:
    first, second = words(old), words(new)
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield Run("".join(first[i1:i2]), Change.SAME)
            continue
        if i2 > i1:
            yield Run("".join(first[i1:i2]), Change.REMOVED)
        if j2 > j1:
            yield Run("".join(second[j1:j2]), Change.ADDED)
