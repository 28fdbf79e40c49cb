"""Makes what the judgement reads: snapshots with given blocks and files, and rows of one space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from sqlmodel import Session

from audit.accounting import Account, Thing
from audit.extract.worker import ExtractionWorker
from audit.screening import Found, LedgerRow, Place, Screened, Tools, screen
from audit.verdict import Basis
from crawler.archive import Archive
from crawler.signing import load_signer
from crawler.store import SnapshotReader
from crawler.wacz import WARC_NAME, pack
from models.manifest import Attempt, Box, Line, Manifest, PageCapture, ResourceCapture, TextBlock
from models.tables import (
    Campaign,
    Coverage,
    Crawl,
    Finding,
    Resource,
    Snapshot,
    Space,
    User,
)
from models.vocabulary import (
    CoverageKind,
    Dimension,
    NotScreened,
    Openness,
    Outcome,
    PageKind,
    Part,
    ResourceKind,
    Role,
    Severity,
    Visibility,
)
from rules.hits import fingerprint
from rules.matcher import Matcher
from rules.pack import load_packs
from rules.policy import load_policy
from tests.snapshots import AT, URL, exchange, manifest

DAY = timedelta(days=1)
NOW = AT + DAY


# A snapshot to screen


def page(url: str = URL, **values: object) -> PageCapture:
    """A public page whose evidence is in the WARC."""
    made = PageCapture(
        url=url,
        kind=PageKind.ARTICLE,
        visibility=Visibility.PUBLIC,
        outcome=Outcome.OK,
        attempts=(Attempt(number=1, started_at=AT, outcome=Outcome.OK, status=200),),
        captured=True,
    )
    return made.model_copy(update=values)


def line_of(text: str, top: float = 100) -> TextBlock:
    """A block on one line whose characters are 20 pixels wide, from x = 40 on."""
    line = Line(x=40, y=top, width=20 * len(text), height=24, start=0, end=len(text))
    return TextBlock(text=text, locator="main > p", lines=(line,))


@contextmanager
def snapshot_of(
    folder: Path,
    whole: Manifest,
    blocks: Mapping[str, Sequence[TextBlock]] | None = None,
    bodies: Mapping[str, bytes] | None = None,
) -> Iterator[SnapshotReader]:
    """A real WACZ of this manifest, with these text blocks by page and bodies by address, opened."""
    folder.mkdir(parents=True, exist_ok=True)
    warc = folder / WARC_NAME
    archive = Archive(warc, {"software": "test"})
    for url, items in (blocks or {}).items():
        archive.json(f"urn:text:{url}", [block.model_dump(mode="json") for block in items], AT)
    for url, body in (bodies or {}).items():
        archive.write(exchange(url, body))
    archive.close()
    target = folder / "snapshot.wacz"
    pack(warc, whole, load_signer(folder / "key.pem"), target)
    with SnapshotReader(target) as reader:
        yield reader


# Records and rows


def found(
    text: str,
    span: str,
    *,
    rule: str = "r.one",
    rule_digest: str = "sha256:rule-1",
    severity: Severity = Severity.SERIOUS,
    url: str = URL,
    part: Part = Part.PAGE,
    boxes: Sequence[tuple[float, float, float, float]] = (),
) -> Found:
    """What a screening finds when ``span`` stands in ``text``."""
    start = text.index(span)
    end = start + len(span)
    return Found(
        rule=rule,
        rule_digest=rule_digest,
        dimension=Dimension.NORMATIVE,
        family="tutoring",
        severity=severity,
        fingerprint=fingerprint(rule, text, start, end),
        place=Place(url, part, "main > p"),
        start=start,
        end=end,
        text=span,
        context=text,
        explanation="命中。",
        basis="某规范第一条",
        boxes=tuple(Box(x=x, y=y, width=w, height=h) for x, y, w, h in boxes),
    )


def a_finding(severity: Severity = Severity.SERIOUS, key: str = "f_1") -> Finding:
    """A row of a finding that is in no database."""
    return Finding(
        id=f"fd_{key}",
        screening_id="sc1",
        space_id=1,
        fingerprint=key,
        rule="r.one",
        rule_digest="sha256:rule-1",
        dimension=Dimension.NORMATIVE,
        family="tutoring",
        severity=severity,
        url=URL,
        part=Part.PAGE,
        locator="",
        start=0,
        end=1,
        text="课",
        context="课",
        explanation="",
        basis="某规范第一条",
        boxes=[],
    )


def a_snapshot(visibility: Visibility = Visibility.PUBLIC, number: int = 1) -> Snapshot:
    """A row of a snapshot of space 1; each later number was taken a day later."""
    return Snapshot(
        id=f"sn{number}",
        crawl_id=f"c{number}",
        space_id=1,
        url=URL,
        wacz=f"{number}.wacz",
        digest=f"sha256:{number}",
        content_digest=f"sha256:content-{number}",
        visibility=visibility,
        taken_at=AT + (number - 1) * DAY,
        recorded_at=AT + (number - 1) * DAY,
    )


def a_resource(openness: Openness) -> Resource:
    """A row of a file of this openness."""
    return Resource(
        snapshot_id="sn1",
        url=f"{URL}/{openness}",
        name="课件",
        kind=ResourceKind.PDF,
        openness=openness,
        reason="",
    )


def ledger(*rows: LedgerRow, screening: str = "sc1") -> list[Coverage]:
    """A ledger of one page that was read, and these rows."""
    return [
        Coverage(
            screening_id=screening,
            kind=row.kind,
            what=row.what,
            screened=row.screened,
            reason=row.reason,
        )
        for row in (LedgerRow(CoverageKind.PAGE, URL), *rows)
    ]


def gap(reason: NotScreened, kind: CoverageKind = CoverageKind.RESOURCE) -> LedgerRow:
    """Something that was found and not screened."""
    return LedgerRow(kind, f"{URL}/{reason}", reason)


# Tools


@lru_cache
def tools(*packs: str) -> Tools:
    """The built-in rules (or only those packs) and no classifiers; files are not read with it."""
    rules = load_packs(packs or None)
    return Tools(rules, Matcher(rules), (), ExtractionWorker())


def basis(number: int = 1, **values: object) -> Basis:
    """What a verdict on the numbered snapshot stands on, with the rules of ``tools()``."""
    made = {
        "snapshot": f"sn{number}",
        "content_digest": f"sha256:content-{number}",
        "rule_pack": tools().pack.digest,
        "models": {},
        "policy": load_policy().stamp,
    }
    return Basis(**{**made, **values})  # type: ignore[arg-type]


# A file to screen

FILE = "http://platform.example/files/1"


def saved(document: object) -> bytes:
    """The file of an office document."""
    out = BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def screened_file(
    folder: Path,
    worker: ExtractionWorker,
    body: bytes | None,
    kind: ResourceKind,
    name: str = "",
    **values: object,
) -> Screened:
    """What screening finds in one open file; without a body, it is not in the snapshot."""
    made = ResourceCapture(url=FILE, found_on=URL, name=name, kind=kind, openness=Openness.OPEN)
    whole = manifest(pages=(), resources=(made.model_copy(update=values),))
    with snapshot_of(folder, whole, bodies={} if body is None else {FILE: body}) as reader:
        return screen(reader, replace(tools(), worker=worker))


# A space in a database


def add_space(current: Session) -> Campaign:
    """A campaign of one space, whose key is 1; its auditor is 审核员甲."""
    campaign = Campaign(code="2022", profile="generic", policy="default", created_at=AT)
    current.add(campaign)
    current.flush()
    current.add(Space(id=1, campaign_id=campaign.id or 0, code="s1"))
    add_user(current, "审核员甲")
    return campaign


def add_user(
    current: Session, name: str, role: Role = Role.COUNTY_AUDITOR, *, disabled: bool = False
) -> User:
    """A user."""
    user = User(name=name, role=role, disabled=disabled, created_at=AT)
    current.add(user)
    current.flush()
    return user


def add_snapshot(
    current: Session, number: int = 1, visibility: Visibility = Visibility.PUBLIC
) -> Snapshot:
    """The numbered snapshot of space 1, from a crawl of its own."""
    snapshot = a_snapshot(visibility, number)
    campaign = current.get_one(Space, 1).campaign_id
    current.add(Crawl(id=snapshot.crawl_id, campaign_id=campaign, started_at=AT, settings={}))
    current.flush()
    current.add(snapshot)
    current.flush()
    return snapshot


def screened(*findings: Found, rows: Sequence[LedgerRow] = ()) -> Screened:
    """A screening of one page that was read, with these findings and further ledger rows."""
    whole = [
        replace(row, key=f"row:{number}")
        for number, row in enumerate((LedgerRow(CoverageKind.PAGE, URL), *rows))
    ]
    things = {row.key: Thing(row.key, row.kind, page()) for row in whole}
    return Screened(list(findings), whole, {"pages": 1}, account=Account(things))
