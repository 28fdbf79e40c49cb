"""Reads one snapshot with the rules and models in force: findings, and what was not read.

Everything that the visit found gets a row in the ledger, as screened or as not screened with a
reason; the denominators are the rows, so that the numbers add up by construction.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from audit.accounting import Account, Thing
from audit.cache.classifying import classified
from audit.cache.extraction import FileReader
from audit.cache.matching import TextMatcher
from audit.cache.store import AnswerStore
from audit.classifier import Band, Classification, Classifier
from audit.extract.records import Extraction, Segment
from crawler.store import SnapshotReader
from models.manifest import (
    Box,
    ImageCapture,
    Manifest,
    NotCaptured,
    PageCapture,
    ResourceCapture,
    TextBlock,
)
from models.vocabulary import (
    Access,
    CoverageKind,
    Dimension,
    NotScreened,
    Openness,
    Part,
    Severity,
)
from rules.families import families
from rules.hits import fingerprint
from rules.pack import RulePack

_log = logging.getLogger(__name__)

#: Raised when the same rules would find or count otherwise: what stands is then screened again.
VERSION = 2

#: Original characters of context on each side of a finding.
CONTEXT = 60
#: Pictures within a square of this side are icons, in pixels.
ICON_SIDE = 48
#: Pictures with a shorter side than this are rules and spacers: no letter is so low, in pixels.
RULE_SIDE = 10
#: Runs of text shorter than this say too little for a classifier, in characters.
CLASSIFIED_FROM = 12


#: The rule family that a classifier's family belongs to.
MODEL_FAMILIES: Mapping[str, str] = MappingProxyType({"solicitation": "advertising"})
#: Terms of a classifier's explanation that are shown.
EXPLAINING_TERMS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run of text stands."""

    url: str
    part: Part
    locator: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, before it has an id and a row."""

    rule: str
    rule_digest: str
    dimension: Dimension
    family: str
    severity: Severity
    fingerprint: str
    place: Place
    start: int
    end: int
    text: str
    context: str
    explanation: str
    basis: str
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One thing that was found, and whether it was screened."""

    kind: CoverageKind
    what: str
    reason: NotScreened | None = None
    #: Whose row it is in the account; no part of what it says.
    key: str = field(default="", compare=False)

    @property
    def screened(self) -> bool:
        """Whether it was screened: exactly when there is no reason why not."""
        return self.reason is None


@dataclass(slots=True)
class Screened:
    """What one screening of one snapshot gave."""

    findings: list[Found] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)
    #: What there was to screen, counted before; the ledger is held against it when it is kept.
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What text is held against, and what reads files; loaded once for many snapshots."""

    pack: RulePack
    matcher: TextMatcher
    classifiers: tuple[Classifier, ...]
    worker: FileReader
    #: What classifiers said before; None asks them always.
    answers: AnswerStore | None = None

    @property
    def models(self) -> dict[str, str]:
        """Classifier digests by family."""
        return {classifier.family: classifier.digest for classifier in self.classifiers}

    def stamp(self) -> str:
        """One string for rules and models together."""
        return json.dumps([VERSION, self.pack.digest, self.models], sort_keys=True)


def screening_id(snapshot_id: str, tools: Tools, subject: str | None, stage: str | None) -> str:
    """The id of a screening: the same snapshot with the same tools is the same screening."""
    key = "\0".join((snapshot_id, tools.stamp(), subject or "", stage or ""))
    return "sc_" + hashlib.sha256(key.encode()).hexdigest()[:20]


def screen(
    reader: SnapshotReader, tools: Tools, *, subject: str | None = None, stage: str | None = None
) -> Screened:
    """Screen one snapshot for a space of this subject and stage."""
    return _Screening(reader, tools, subject, stage).run()


class _Screening:
    def __init__(
        self, reader: SnapshotReader, tools: Tools, subject: str | None, stage: str | None
    ) -> None:
        self._reader = reader
        self._tools = tools
        self._subject = subject
        self._stage = stage
        self._manifest: Manifest = reader.manifest
        self._account = Account.of(self._manifest)
        self._result = Screened(account=self._account)
        self._seen: dict[tuple[str, Part], list[Found]] = {}
        self._known: set[tuple[str, Part]] = set()
        self._characters = 0
        self._blocks = 0

    def run(self) -> Screened:
        for thing in self._account.things.values():
            self._entered(thing)
        self._result.measures = self._measures()
        return self._result

    def _entered(self, thing: Thing) -> None:
        """Screen one thing; it ends with a row of its own, also when screening it fails."""
        ledger = self._result.ledger
        before = len(ledger)
        try:
            self._thing(thing)
        except Exception:  # noqa: BLE001 -- what fails on one thing takes no other row away
            _log.exception("screening %s failed", thing.url)
            del ledger[before:]
        rows = ledger[before:]
        own = next((row for row in rows if row.kind is thing.kind), None)
        if own is None:
            own = LedgerRow(thing.kind, thing.url, NotScreened.FAILED)
            rows.insert(0, own)
        inside = 0
        for at, row in enumerate(rows):
            inside += row is not own
            rows[at] = replace(row, key=thing.key if row is own else f"{thing.key}/{inside}")
        ledger[before:] = rows
        self._account.inside[thing.key] = inside

    def _thing(self, thing: Thing) -> None:
        match thing.subject:
            case PageCapture() as page:
                before = self._blocks
                self._page(page)
                self._account.blocks_read[thing.key] = self._blocks - before
            case NotCaptured() as missed:
                self._row(CoverageKind.PAGE, f"{missed.url}({missed.detail})", missed.reason)
            case ResourceCapture() as resource:
                self._resource(resource)
            case ImageCapture() as image:
                self._image(image)

    def _row(self, kind: CoverageKind, what: str, reason: NotScreened | None = None) -> None:
        self._result.ledger.append(LedgerRow(kind, what, reason))

    # Pages

    def _page(self, page: PageCapture) -> None:
        if not page.captured:
            closed = page.visibility.access is Access.NOT_PUBLIC
            reason = NotScreened.NOT_OPEN if closed else NotScreened.NOT_CAPTURED
            self._row(CoverageKind.PAGE, page.url, reason)
            return
        self._row(CoverageKind.PAGE, page.url)
        for frame in page.frames_unread:
            self._row(CoverageKind.FRAME, frame, NotScreened.NOT_CAPTURED)
        for unread in page.unread:
            self._row(CoverageKind.IMAGE, f"{page.url}({unread.detail})", unread.reason)
        if page.more_below:
            what = f"{page.url}(页面不断加载,其下未读)"
            self._row(CoverageKind.PAGE, what, NotScreened.BUDGET)
        blocks = self._reader.blocks(page.url)
        if len(blocks) < page.blocks:
            what = f"{page.url}({page.blocks} 个文本块只存下 {len(blocks)} 个)"
            self._row(CoverageKind.BLOCK, what, NotScreened.NOT_CAPTURED)
        for frame in dict.fromkeys(block.frame for block in blocks if block.frame):
            self._row(CoverageKind.FRAME, frame)
        for block in blocks:
            self._block(page, block)

    def _block(self, page: PageCapture, block: TextBlock) -> None:
        self._blocks += 1
        part = Part.LINK if block.role == "link" else Part.PAGE
        place = Place(page.url, part, block.locator)
        for found in self._judge(block.text, place):
            # The screenshot shows the page as it first stood, not behind its tabs.
            boxes = () if block.state else tuple(block.boxes(found.start, found.end))
            self._add(found, place, boxes)

    # Files

    def _resource(self, resource: ResourceCapture) -> None:
        name = resource.name or _file_name(resource.url)
        reason = _why_not_open(resource.openness)
        body = self._body(resource) if reason is None else None
        if reason is None and body is None:
            reason = NotScreened.NOT_CAPTURED
        if reason is not None or body is None:
            self._row(CoverageKind.RESOURCE, resource.url, reason)
            return
        extraction = self._tools.worker.extract(body, resource.kind, _file_name(resource.url))
        self._extracted(resource, extraction)
        if resource.truncated:
            what = f"{resource.url}(没有收全,其余未读)"
            self._row(CoverageKind.RESOURCE, what, NotScreened.NOT_CAPTURED)
        for segment in extraction.segments:
            self._segment(resource, name, segment)

    def _body(self, resource: ResourceCapture) -> bytes | None:
        """The file's bytes: they stand where the address led to in the end."""
        led_to = resource.attempts[-1].final_url if resource.attempts else None
        body = self._reader.body(led_to) if led_to else None
        return body if body is not None else self._reader.body(resource.url)

    def _extracted(self, resource: ResourceCapture, extraction: Extraction) -> None:
        if not extraction.segments and extraction.gaps:
            first, *rest = extraction.gaps
            self._row(CoverageKind.RESOURCE, f"{resource.url} {first.what}", first.reason)
        else:
            self._row(CoverageKind.RESOURCE, resource.url)
            rest = list(extraction.gaps)
        for gap in rest:
            picture = gap.reason is NotScreened.PICTURE_TEXT
            kind = CoverageKind.IMAGE if picture else CoverageKind.RESOURCE
            self._row(kind, f"{resource.url} {gap.what}", gap.reason)

    def _segment(self, resource: ResourceCapture, name: str, segment: Segment) -> None:
        place = Place(resource.url, segment.part, f"{name} {segment.locator}".strip())
        for found in self._judge(segment.text, place):
            self._add(found, place)

    # Pictures

    def _image(self, image: ImageCapture) -> None:
        if not image.captured:
            reason = NotScreened.NOT_CAPTURED
        elif _is_decoration(image):
            reason = NotScreened.DECORATION
        else:
            reason = NotScreened.PICTURE_TEXT
        self._row(CoverageKind.IMAGE, image.url, reason)

    # Judging text

    def _judge(self, text: str, place: Place) -> list[Found]:
        """All that stands in a run of text; the same run elsewhere is judged only once."""
        self._characters += len(text)
        key = (text, place.part)
        if key not in self._seen:
            self._seen[key] = [*self._matched(text, place), *self._classified(text, place)]
        return self._seen[key]

    def _matched(self, text: str, place: Place) -> Iterator[Found]:
        hits = self._tools.matcher.match(
            text,
            subject=self._subject,
            stage=self._stage,
            part=place.part,
            on=self._manifest.taken_at.date(),
        )
        for hit in hits:
            rule = hit.rule
            yield Found(
                rule=rule.id,
                rule_digest=rule.digest,
                dimension=rule.dimension,
                family=rule.family,
                severity=rule.severity,
                fingerprint=fingerprint(rule.id, text, hit.start, hit.end),
                place=place,
                start=hit.start,
                end=hit.end,
                text=hit.text,
                context=_around(text, hit.start, hit.end),
                explanation=hit.explanation,
                basis=";".join(str(basis) for basis in rule.basis),
            )

    def _classified(self, text: str, place: Place) -> Iterator[Found]:
        if len(text) < CLASSIFIED_FROM:
            return
        said = classified(self._tools.classifiers, text, self._tools.answers)
        for classifier in self._tools.classifiers:
            if said[classifier.family].band is not Band.SILENT:
                yield _suspicion(classifier, said[classifier.family], text, place)

    def _add(self, found: Found, place: Place, boxes: Sequence[Box] = ()) -> None:
        """Keep the first of equal findings of a part: a person decides on all of them at once."""
        key = (found.fingerprint, place.part)
        if key in self._known:
            return
        self._known.add(key)
        self._result.findings.append(replace(found, place=place, boxes=tuple(boxes)))

    def _measures(self) -> dict[str, float]:
        manifest = self._manifest
        open_files = [r for r in manifest.resources if r.openness is Openness.OPEN]
        kinds = {resource.kind for resource in open_files}
        pages = [page for page in manifest.pages if page.captured]
        return {
            "pages": len(pages),
            "articles": sum(page.kind == "article" for page in pages),
            "open_resources": len(open_files),
            "resource_kinds": len(kinds),
            "images": sum(image.captured for image in manifest.images),
            "text_chars": self._characters,
            "blocks_found": self._account.blocks[0],
            "blocks_read": self._account.blocks[1],
        }


def _suspicion(classifier: Classifier, said: Classification, text: str, place: Place) -> Found:
    """What a classifier says, as a finding: a reason for a person to look."""
    family = families()[MODEL_FAMILIES[classifier.family]]
    rule = f"model.{classifier.family}"
    terms = "、".join(f"“{term}”" for term, _ in said.terms[:EXPLAINING_TERMS])
    return Found(
        rule=rule,
        rule_digest=classifier.digest,
        dimension=family.dimension,
        family=family.id,
        severity=Severity.SUSPECT if said.band is Band.STRONG else Severity.NOTICE,
        fingerprint=fingerprint(rule, text, said.start, said.end),
        place=place,
        start=said.start,
        end=said.end,
        text=text[said.start : said.end],
        context=_around(text, said.start, said.end),
        explanation=f"分类模型判断可能属于{family.label},概率 {said.probability:.2f},依据 {terms}。",
        basis="分类模型只作提示,由人判断",
    )


def _around(text: str, start: int, end: int) -> str:
    low, high = max(0, start - CONTEXT), min(len(text), end + CONTEXT)
    return ("…" if low else "") + text[low:high] + ("…" if high < len(text) else "")


def _file_name(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or url


def _is_decoration(image: ImageCapture) -> bool:
    """Whether nothing can be read in a picture; one of unknown size may show anything."""
    if not image.width or not image.height:
        return False
    sides = (image.width, image.height)
    return max(sides) < ICON_SIDE or min(sides) < RULE_SIDE


def _why_not_open(openness: Openness) -> NotScreened | None:
    if openness is Openness.OPEN:
        return None
    if openness is Openness.OFFSITE:
        return NotScreened.OFFSITE
    if openness is Openness.CORRUPT:
        return NotScreened.UNREADABLE
    if openness.access is Access.CANNOT_TELL:
        return NotScreened.NOT_CAPTURED
    return NotScreened.NOT_OPEN
