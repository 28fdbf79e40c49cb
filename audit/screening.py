"""Reads one snapshot with the rules and models in force: findings, and what was not read.

Everything that the visit found gets a row in the ledger, as screened or as not screened with a
reason; the denominators are the rows, so that the numbers add up by construction.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from audit.extract.records import Extraction, Gap, Segment
from audit.pictures.files import look, unanswered
from audit.pictures.layout import Script, script
from audit.pictures.maps import RULE as MAP_RULE
from audit.pictures.maps import unapproved_map
from audit.pictures.reader import PictureReader
from audit.pictures.records import Code, Line, Reading, Region, Sort
from audit.pictures.sitting import SPACE_SECONDS, Sitting
from audit.pictures.stills import is_decoration
from audit.rosters import TableHit, TableKind, find_rosters
from audit.shadow import ShadowCount, count_all
from audit.tables import PlacedText, Table, page_tables, rows_of_places, tables
from audit.training import NO_SUBJECT, SUBJECT
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
    ResourceKind,
    Severity,
)
from rules.families import families
from rules.hits import fingerprint
from rules.pack import RulePack
from rules.rule import Rule

_log = logging.getLogger(__name__)

#: Raised when the same rules would find or count otherwise: what stands is then screened again.
VERSION = 6

#: Original characters of context on each side of a finding.
CONTEXT = 60
#: Runs of text shorter than this say too little for a classifier, in characters.
CLASSIFIED_FROM = 12
#: Runs of text from this length on count as on or off the topic of their space, in characters.
TOPIC_FROM = 60
#: The measure that counts pictures left for another screening, when the time was used up.
PICTURES_LEFT = "pictures_left"


#: The rule family that a classifier's family belongs to.
MODEL_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "abusive": "abuse",
        "headline": "headlines",
        "rumour": "pseudoscience",
        "solicitation": "advertising",
    }
)
#: The rule that a table of pupils falls under.
TABLE_RULES: Mapping[TableKind, str] = MappingProxyType(
    {
        TableKind.ROSTER: "normative.personal-data.roster",
        TableKind.CONTACTS: "normative.personal-data.roster",
        TableKind.RANKING: "normative.personal-data.score-ranking",
    }
)
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
    #: Where it stands in its picture, in the picture's own pixels.
    regions: tuple[Region, ...] = ()


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
    #: What candidates would have said beside the models in force, by family; never shown.
    shadow: dict[str, ShadowCount] = field(default_factory=dict)
    #: What there was to screen, counted before; the ledger is held against it when it is kept.
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What text is held against, and what reads files; loaded once for many snapshots."""

    pack: RulePack
    matcher: TextMatcher
    classifiers: tuple[Classifier, ...]
    worker: FileReader
    #: Candidates that only count what they would say; no screening depends on them.
    shadow: tuple[Classifier, ...] = ()
    #: Reads pictures; None leaves each as a gap.
    pictures: PictureReader | None = None
    #: What the pictures of one space may take in one screening.
    picture_seconds: float = SPACE_SECONDS
    #: What classifiers said before; None asks them always.
    answers: AnswerStore | None = None

    @property
    def models(self) -> dict[str, str]:
        """Classifier digests by family."""
        return {classifier.family: classifier.digest for classifier in self.classifiers}

    @property
    def subject_model(self) -> Classifier | None:
        """What tells subjects, if it is loaded."""
        return next((each for each in self.classifiers if each.family == SUBJECT), None)

    def stamp(self) -> str:
        """One string for rules and models together."""
        parts: list[object] = [VERSION, self.pack.digest, self.models]
        if self.pictures is not None:
            parts.append(self.pictures.version)
        return json.dumps(parts, sort_keys=True)


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
        self._subjects: dict[str, str | None] = {}
        self._topics = {"on_topic": 0, "off_topic": 0}
        self._texts: dict[str, str] = {}
        pictures = tools.pictures
        self._sitting = Sitting(pictures, tools.picture_seconds) if pictures is not None else None
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
        self._tabled(page_tables(blocks), lambda locator: Place(page.url, Part.PAGE, locator))

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
        file_name = _file_name(resource.url)
        extraction = self._tools.worker.extract(body, resource.kind, file_name)
        self._extracted(resource, extraction, self._gaps(resource.kind, file_name, extraction))
        if resource.truncated:
            what = f"{resource.url}(没有收全,其余未读)"
            self._row(CoverageKind.RESOURCE, what, NotScreened.NOT_CAPTURED)
        for segment in extraction.segments:
            self._segment(resource, name, segment)
        self._tabled(
            tables((segment.text, segment.locator) for segment in extraction.segments),
            lambda locator: Place(resource.url, Part.ATTACHMENT, f"{name} {locator}".strip()),
        )
        self._looked_into(resource, name, body, extraction)

    def _gaps(self, kind: ResourceKind, name: str, extraction: Extraction) -> list[Gap]:
        """What stays unread when pictures are looked at, where that is done."""
        if self._sitting is None:
            return list(extraction.gaps)
        return list(unanswered(kind, name, extraction))

    def _body(self, resource: ResourceCapture) -> bytes | None:
        """The file's bytes: they stand where the address led to in the end."""
        led_to = resource.attempts[-1].final_url if resource.attempts else None
        body = self._reader.body(led_to) if led_to else None
        return body if body is not None else self._reader.body(resource.url)

    def _extracted(
        self, resource: ResourceCapture, extraction: Extraction, gaps: list[Gap]
    ) -> None:
        if not extraction.segments and gaps:
            first, *gaps = gaps
            self._row(CoverageKind.RESOURCE, f"{resource.url} {first.what}", first.reason)
        elif resource.kind is not ResourceKind.IMAGE or self._sitting is None:
            self._row(CoverageKind.RESOURCE, resource.url)
        for gap in gaps:
            picture = gap.reason is NotScreened.PICTURE_TEXT
            kind = CoverageKind.IMAGE if picture else CoverageKind.RESOURCE
            self._row(kind, f"{resource.url} {gap.what}", gap.reason)

    def _segment(self, resource: ResourceCapture, name: str, segment: Segment) -> None:
        place = Place(resource.url, segment.part, f"{name} {segment.locator}".strip())
        for found in self._judge(segment.text, place):
            self._add(found, place)

    # Tables

    def _tabled(self, found: Iterable[Table], place_of: Callable[[str], Place]) -> None:
        """What tables say of pupils, beside what rules say of their cells."""
        rules = {rule.id: rule for rule in self._tools.pack.rules}
        for table in found:
            for hit in find_rosters(table.rows):
                rule = rules.get(TABLE_RULES[hit.kind])
                if rule is not None:
                    place = place_of(table.locator(hit.row, hit.column))
                    self._add(_told_by_table(rule, table, hit, place), place)

    # Pictures

    def _image(self, image: ImageCapture) -> None:
        if not image.captured:
            self._row(CoverageKind.IMAGE, image.url, NotScreened.NOT_CAPTURED)
        elif is_decoration(image.width, image.height):
            self._row(CoverageKind.IMAGE, image.url, NotScreened.DECORATION)
        elif self._sitting is None:
            self._row(CoverageKind.IMAGE, image.url, NotScreened.PICTURE_TEXT)
        else:
            body = self._reader.body(image.url)
            if body is None:
                self._row(CoverageKind.IMAGE, image.url, NotScreened.NOT_CAPTURED)
                return
            reading = self._sitting.read(body)
            self._read(CoverageKind.IMAGE, image.url, reading)
            place = Place(image.url, Part.IMAGE, "图片")
            self._views(reading, place, image.alt, self._page_text(image.found_on))

    def _looked_into(
        self, resource: ResourceCapture, name: str, body: bytes, extraction: Extraction
    ) -> None:
        """A file that is a picture or a film, and the pictures that a file holds."""
        if self._sitting is None:
            return
        near = "\n".join(segment.text for segment in extraction.segments)
        for looked in look(body, resource.kind, extraction, self._sitting.read):
            whole = resource.kind is ResourceKind.IMAGE
            what = f"{resource.url} {looked.name}".strip()
            if looked.sort is Sort.FILM:
                what += f"(画面,抽取 {len(looked.reading.views)} 帧)"
            self._read(CoverageKind.RESOURCE if whole else CoverageKind.IMAGE, what, looked.reading)
            place = Place(resource.url, Part.IMAGE, f"{name} {looked.name}".strip())
            self._views(looked.reading, place, name, near)

    def _read(self, kind: CoverageKind, what: str, reading: Reading) -> None:
        """The ledger's rows of one picture: as screened as far as the program was sure of it."""
        self._row(kind, what, reading.reason)
        if reading.unsure:
            unsure = f"{what}({reading.unsure} 行文字识别没有把握)"
            self._row(CoverageKind.IMAGE, unsure, NotScreened.PICTURE_TEXT)

    def _views(self, reading: Reading, place: Place, told: str, near: str) -> None:
        for view in reading.views:
            seen_at = replace(place, locator=f"{place.locator} {view.place}".strip())
            written = script(view)
            self._written(written, seen_at)
            for code in view.codes:
                self._code(code, seen_at)
            self._map(f"{told}\n{written.text}", near, seen_at)
            rows = rows_of_places([_placed(line) for line in view.lines])
            self._tabled([Table(rows, {})], lambda _, at=seen_at: at)  # type: ignore[misc]

    def _written(self, written: Script, place: Place) -> None:
        for found in self._judge(written.text, place):
            numbers, regions = written.within(found.start, found.end)
            self._add(found, _at_lines(place, numbers, regions), regions=regions)

    def _code(self, code: Code, place: Place) -> None:
        """What a code leads to is judged like a word: it is an address that nobody can see."""
        at = replace(place, locator=f"{place.locator} {code.label}({code.region})")
        for found in self._judge(f"图中{code.label}:{code.target}", at):
            self._add(found, at, regions=(code.region,))

    def _map(self, said: str, near: str, place: Place) -> None:
        span = unapproved_map(said, near)
        rule = next((rule for rule in self._tools.pack.rules if rule.id == MAP_RULE), None)
        if span is None or rule is None:
            return
        explanation = "图片的说明或图中文字表明这是地图,附近未见审图号;机器不判断图形,由人查看。"
        self._add(_of_rule(rule, said, *span, place, explanation), place)

    def _page_text(self, url: str) -> str:
        """All that a page says, for what must stand near its pictures."""
        if url not in self._texts:
            self._texts[url] = "\n".join(block.text for block in self._reader.blocks(url))
        return self._texts[url]

    # Judging text

    def _judge(self, text: str, place: Place) -> list[Found]:
        """All that stands in a run of text; the same run elsewhere is judged only once."""
        self._characters += len(text)
        key = (text, place.part)
        if key not in self._seen:
            self._count_topic(text)
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
            found = _of_rule(hit.rule, text, hit.start, hit.end, place, hit.explanation)
            if self._softened(hit.rule, text):
                told = f"文字像{self._told(text)}教学内容,只作提示。"
                found = replace(
                    found, severity=Severity.NOTICE, explanation=found.explanation + told
                )
            yield found

    def _classified(self, text: str, place: Place) -> Iterator[Found]:
        if len(text) < CLASSIFIED_FROM:
            return
        finders = tuple(each for each in self._tools.classifiers if each.family in MODEL_FAMILIES)
        said = classified(finders, text, self._tools.answers)
        if self._tools.shadow:
            would = tuple(each for each in self._tools.shadow if each.family in MODEL_FAMILIES)
            others = classified(would, text, self._tools.answers)
            count_all(self._result.shadow, said, others)
        for classifier in finders:
            if said[classifier.family].band is not Band.SILENT:
                yield _suspicion(classifier, said[classifier.family], text, place)

    def _softened(self, rule: Rule, text: str) -> bool:
        """Whether a text looks like teaching matter of a subject that a rule exempts.

        It then counts as a hint, whatever subject the space declares. Nothing is silenced on a
        guess, and where politics are concerned nothing is softened either.
        """
        political = rule.dimension is Dimension.POLITICAL
        return bool(rule.subjects) and not political and self._told(text) in rule.subjects

    def _told(self, text: str) -> str | None:
        """The subject that a text is surely teaching matter of; none for a short one."""
        model = self._tools.subject_model
        if model is None or len(text) < CLASSIFIED_FROM:
            return None
        if text not in self._subjects:
            self._subjects[text] = model.surely(text)
        told = self._subjects[text]
        return None if told == NO_SUBJECT else told

    def _count_topic(self, text: str) -> None:
        """Count a longer text as on or off the topic of the space, where both are known."""
        if self._subject is None or len(text) < TOPIC_FROM or self._tools.subject_model is None:
            return
        self._told(text)
        told = self._subjects.get(text)
        if told is not None:
            self._topics["on_topic" if told == self._subject else "off_topic"] += 1

    def _add(
        self,
        found: Found,
        place: Place,
        boxes: Sequence[Box] = (),
        regions: Sequence[Region] = (),
    ) -> None:
        """Keep the first of equal findings of a part: a person decides on all of them at once."""
        key = (found.fingerprint, place.part)
        if key in self._known:
            return
        self._known.add(key)
        self._result.findings.append(
            replace(found, place=place, boxes=tuple(boxes), regions=tuple(regions))
        )

    def _measures(self) -> dict[str, float]:
        manifest = self._manifest
        open_files = [r for r in manifest.resources if r.openness is Openness.OPEN]
        kinds = {resource.kind for resource in open_files}
        pages = [page for page in manifest.pages if page.captured]
        left = self._sitting.left_over if self._sitting is not None else 0
        return {
            "pages": len(pages),
            "articles": sum(page.kind == "article" for page in pages),
            "open_resources": len(open_files),
            "resource_kinds": len(kinds),
            "images": sum(image.captured for image in manifest.images),
            "text_chars": self._characters,
            **(self._topics if self._subject and self._tools.subject_model else {}),
            **({PICTURES_LEFT: left} if left else {}),
            "blocks_found": self._account.blocks[0],
            "blocks_read": self._account.blocks[1],
        }


def _of_rule(  # noqa: PLR0913, PLR0917  (what was found is a rule, a text, a span, a place and a reason)
    rule: Rule, text: str, start: int, end: int, place: Place, explanation: str
) -> Found:
    return Found(
        rule=rule.id,
        rule_digest=rule.digest,
        dimension=rule.dimension,
        family=rule.family,
        severity=rule.severity,
        fingerprint=fingerprint(rule.id, text, start, end),
        place=place,
        start=start,
        end=end,
        text=text[start:end],
        context=_around(text, start, end),
        explanation=explanation,
        basis=";".join(str(basis) for basis in rule.basis),
    )


def _told_by_table(rule: Rule, table: Table, hit: TableHit, place: Place) -> Found:
    """A table of pupils as a finding; it is known again by its row of headings."""
    line = " | ".join(table.rows[hit.row])
    start = line.index(hit.text)
    below = " / ".join(" | ".join(row) for row in table.rows[hit.row + 1 : hit.row + 3])
    return Found(
        rule=rule.id,
        rule_digest=rule.digest,
        dimension=rule.dimension,
        family=rule.family,
        severity=rule.severity,
        fingerprint=fingerprint(rule.id, line, start, start + len(hit.text)),
        place=place,
        start=0,
        end=len(hit.text),
        text=hit.text,
        context=_around(f"{line} / {below}", start, start + len(hit.text)),
        explanation=(
            f"整张表判断为{hit.kind.label},列出 {hit.persons} 名学生,“{hit.text}”一栏不宜公开。"
            "可排除的情形：教师、作者或历史人物的表；获奖名单；已遮盖的单元格。"
        ),
        basis=";".join(str(basis) for basis in rule.basis),
    )


def _placed(line: Line) -> PlacedText:
    region = line.region
    return PlacedText(line.text, region.x, region.y, region.width, region.height)


def _at_lines(place: Place, numbers: Sequence[int], regions: Sequence[Region]) -> Place:
    """The place in a picture: the numbers of the lines, and where the first begins."""
    if not numbers:
        return place
    lines = f"第{numbers[0]}行" if numbers[0] == numbers[-1] else f"第{numbers[0]}至{numbers[-1]}行"
    return replace(place, locator=f"{place.locator} {lines}({regions[0]})")


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
