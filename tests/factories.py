"""A campaign made of rows, with Chinese content: for the report, the API and the pages.

Everything is invented. The rows are those that the stages would write; the snapshots are faked by
``StubSnapshots``, whose screenshots are drawn from the very text blocks that findings point into.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import Engine
from sqlmodel import Session, select

from audit.facts import facts_of
from audit.verdict import Basis, issue_verdict
from models.database import session
from models.manifest import (
    Attempt,
    Canary,
    Line,
    Manifest,
    PageCapture,
    PlainFetch,
    Reason,
    ResourceCapture,
    TextBlock,
    Versions,
)
from models.tables import (
    Campaign,
    Coverage,
    Crawl,
    Finding,
    Nomination,
    Region,
    Resource,
    School,
    Screening,
    Snapshot,
    Space,
    Teacher,
    User,
    Verdict,
)
from models.vocabulary import (
    CoverageKind,
    NotScreened,
    Openness,
    Outcome,
    PageKind,
    Part,
    ResourceKind,
    Role,
    SchoolKind,
    Severity,
    Visibility,
)
from rules.families import families
from rules.pack import RulePack
from rules.policy import load_policy
from rules.rule import Basis as RuleBasis
from rules.rule import Rule
from service.desk import Desk

NOW = datetime(2022, 9, 20, 2, 0, tzinfo=UTC)
TAKEN = NOW - timedelta(days=2)
CAMPAIGN = "2022"
AUDITOR = "审核员甲"

COUNTIES = ("甲县", "乙区", "丙市", "丁县", "戊区")
SURNAMES = "陈林黄张李王吴刘蔡杨许郑谢郭洪"
GIVEN = ("晓文", "丽华", "建国", "雅琴", "志远", "美玲", "海峰", "小燕")
SUBJECTS = ("语文", "数学", "英语", "历史", "生物", "美术", "科学")
PAGE_WIDTH, LINE_HEIGHT, FONT_SIZE = 960, 30, 18
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


@dataclass(frozen=True)
class Planted:
    """A finding to plant: the block of a page it stands in, and the words."""

    family: str
    severity: Severity
    text: str
    sentence: str
    page: int = 0
    part: Part = Part.PAGE


HOME_LINES = (
    "首页 文章 资源 相册 留言板",
    "欢迎来到我的教学空间,这里分享课件、教案与教学随笔。",
    "本周课题:两次鸦片战争的历史背景与影响",
)
PLANTED = (
    Planted(
        "tutoring",
        Severity.SERIOUS,
        "周末一对一辅导,每小时200元",
        "应家长要求,开设周末一对一辅导,每小时200元,名额有限,先到先得。",
    ),
    Planted(
        "personal-data",
        Severity.SUSPECT,
        "13900001234",
        "班级联系人王同学家长电话13900001234,有事请联系。",
    ),
    Planted(
        "contacts",
        Severity.SUSPECT,
        "加微信 teacher-demo-2022",
        "更多资料请加微信 teacher-demo-2022 领取完整版。",
        page=1,
    ),
    Planted(
        "headlines",
        Severity.NOTICE,
        "震惊!不看后悔一辈子",
        "震惊!不看后悔一辈子的高分秘诀,收藏起来慢慢看。",
        page=1,
    ),
    Planted(
        "pseudoscience",
        Severity.SUSPECT,
        "喝碱性水可以治愈癌症",
        "小知识:喝碱性水可以治愈癌症,请转告家人。",
        page=2,
        part=Part.ATTACHMENT,
    ),
)


def pack() -> RulePack:
    """One rule a family that is planted; the pages show its title and advice."""
    return RulePack(
        id="test", version="2022.1", rules=tuple(_rule(each.family) for each in PLANTED)
    )


def _rule(family: str) -> Rule:
    found = families()[family]
    return Rule(
        id=f"{found.dimension}.{family}",
        title=f"{found.label}类内容",
        dimension=found.dimension,
        family=family,
        severity=Severity.SUSPECT,
        basis=(RuleBasis(document="示例审核规范", clause="第六条"),),
        mend="请删除该内容,或改为不含推广、联系方式与个人信息的表述。",
        phrases=("示例词",),
        should_hit=("示例词",),
        near_misses=("示例",),
    )


@dataclass
class StubSnapshots:
    """Snapshots in memory, by the name that the database holds."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    pages: dict[tuple[str, str], tuple[TextBlock, ...]] = field(default_factory=dict)
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def manifest(self, name: str) -> Manifest | None:
        return self.manifests.get(name)

    def blocks(self, name: str, page_url: str) -> tuple[TextBlock, ...]:
        return self.pages.get((name, page_url), ())

    def screenshot(self, name: str, page_url: str, strip: int = 0) -> bytes | None:
        blocks = () if strip else self.blocks(name, page_url)
        return draw_page(blocks) if blocks else None

    def body(self, name: str, url: str) -> bytes | None:
        return self.bodies.get((name, url))


def draw_page(blocks: Sequence[TextBlock]) -> bytes:
    """A screenshot with the blocks where their lines say."""
    picture = Image.new("RGB", (PAGE_WIDTH, 1200), "#f7f9fc")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, PAGE_WIDTH, 64), fill="#2b6cb0")
    font = ImageFont.truetype(str(FONT), FONT_SIZE) if FONT.exists() else None
    for block in blocks:
        for line in block.lines:
            colour = "white" if line.y < 64 else "#222222"
            pen.text((line.x, line.y), block.text[line.start : line.end], fill=colour, font=font)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def page_blocks(page: int) -> tuple[TextBlock, ...]:
    """The blocks of a page of the rich space, with the planted sentences among them."""
    texts = [*HOME_LINES, *(each.sentence for each in PLANTED if each.page == page)]
    texts += [f"第{number}节 教学随笔:如何组织小组讨论" for number in range(1, 6)]
    blocks = []
    for number, text in enumerate(texts):
        top = 20 + number * 3 * LINE_HEIGHT if number else 20
        line = Line(
            x=40, y=top, width=len(text) * FONT_SIZE, height=FONT_SIZE + 8, start=0, end=len(text)
        )
        blocks.append(TextBlock(text=text, locator=f"main > p:nth({number})", lines=(line,)))
    return tuple(blocks)


@dataclass
class Made:
    """What was made, for tests to hold on to."""

    desk: Desk
    snapshots: StubSnapshots
    campaign: str = CAMPAIGN


def make_desk(engine: Engine, snapshots: StubSnapshots | None = None) -> Made:
    """A desk on a migrated database, with verdicts issued by the real rules."""
    stub = snapshots or StubSnapshots()
    rules = pack()
    ticks = itertools.count()

    def clock() -> datetime:
        # Decisions are ordered by their time: no two at the same moment.
        return NOW + timedelta(milliseconds=next(ticks))

    def issue(current: Session, campaign: Campaign, space_id: int, decided_by: str) -> Verdict:
        return issue_now(current, desk, campaign, space_id, decided_by)

    desk = Desk(engine=engine, snapshots=stub, pack=rules, issue=issue, clock=clock)
    return Made(desk=desk, snapshots=stub)


def issue_now(
    current: Session, desk: Desk, campaign: Campaign, space_id: int, decided_by: str = "machine"
) -> Verdict:
    """Judge a space as the pipeline does."""
    facts = facts_of(current, space_id)
    basis: Basis = desk.basis(campaign, facts.snapshot)
    return issue_verdict(
        current,
        facts,
        load_policy(campaign.policy),
        basis,
        campaign_id=campaign.id or 0,
        space_id=space_id,
        decided_by=decided_by,
        now=desk.clock(),
    )


def add_auditor(made: Made) -> None:
    """The user that the pages of the demo are signed in as."""
    with session(made.desk.engine) as current:
        if current.exec(select(User).where(User.name == AUDITOR)).first() is None:
            current.add(User(name=AUDITOR, role=Role.CITY_STAFF, created_at=NOW))


def add_campaign(made: Made, *, spaces: int = 0, crawled: bool = True) -> None:
    """A campaign of so many spaces; every seventh is rich in findings, others vary."""
    add_auditor(made)
    with session(made.desk.engine) as current:
        campaign = Campaign(code=CAMPAIGN, profile="generic", policy="default", created_at=NOW)
        current.add(campaign)
        current.flush()
        schools = _schools(current)
        crawl = Crawl(id="c1", campaign_id=campaign.id or 0, started_at=TAKEN, settings={})
        current.add(crawl)
        current.flush()
        for number in range(spaces):
            space = _nominate(current, campaign, schools[number % len(schools)], number)
            if crawled and (number % 29 != 28):
                _visit(current, made, space, number)
                current.flush()
                issue_now(current, made.desk, campaign, space.id or 0)


def _schools(current: Session) -> list[School]:
    schools = []
    for name in COUNTIES:
        region = Region(name=name)
        current.add(region)
        current.flush()
        for kind, title in ((SchoolKind.URBAN, "实验小学"), (SchoolKind.RURAL, "第三中学")):
            school = School(region_id=region.id or 0, name=f"{name}{title}", kind=kind)
            schools.append(school)
            current.add(school)
    current.flush()
    return schools


def _nominate(current: Session, campaign: Campaign, school: School, number: int) -> Space:
    name = SURNAMES[number % len(SURNAMES)] + GIVEN[number // 3 % len(GIVEN)] + f"{number}"
    teacher = Teacher(school_id=school.id or 0, name=name)
    space = Space(campaign_id=campaign.id or 0, code=f"s{number + 1:03d}")
    current.add_all([teacher, space])
    current.flush()
    current.add(
        Nomination(
            space_id=space.id or 0,
            revision=1,
            teacher_id=teacher.id or 0,
            unit="",
            stage="小学" if number % 2 else "初中",
            subject=SUBJECTS[number % len(SUBJECTS)],
            title=f"{name}老师的{SUBJECTS[number % len(SUBJECTS)]}空间",
            url=f"http://space.example/{space.code}",
            extra={},
            digest=f"{number}",
            source="sheet.xlsx",
            source_row=number + 2,
            imported_at=NOW,
        )
    )
    current.flush()
    return space


_KINDS = (
    Visibility.PUBLIC,
    Visibility.PUBLIC,
    Visibility.PUBLIC,
    Visibility.PUBLIC,
    Visibility.LOGIN,
    Visibility.UNREACHABLE,
    Visibility.PUBLIC,
)


def _visit(current: Session, made: Made, space: Space, number: int) -> None:
    visibility = _KINDS[number % len(_KINDS)]
    url = f"http://space.example/{space.code}"
    snapshot = Snapshot(
        id=f"sn{number}",
        crawl_id="c1",
        space_id=space.id or 0,
        url=url,
        wacz=f"aa/{number}.wacz",
        digest=f"sha256:{number:064d}",
        content_digest=f"sha256:c{number}",
        visibility=visibility,
        taken_at=TAKEN,
        recorded_at=TAKEN,
    )
    current.add(snapshot)
    current.flush()
    rich = number % 7 == 0
    files = _files(url) if rich else _files(url)[:1] if visibility is Visibility.PUBLIC else ()
    made.snapshots.manifests[snapshot.wacz] = _manifest(space.code, snapshot, files, rich)
    current.add_all(_resource(snapshot, each) for each in files)
    screening = Screening(
        id=f"sc{number}",
        snapshot_id=snapshot.id,
        space_id=space.id or 0,
        rule_pack="test",
        rule_pack_version="2022.1",
        rule_pack_digest=made.desk.pack.digest,
        models={},
        screened_at=TAKEN,
        measures={},
    )
    current.add(screening)
    current.flush()
    current.add_all(_ledger(screening.id, made.snapshots.manifests[snapshot.wacz], rich))
    if visibility is Visibility.PUBLIC:
        chosen = PLANTED if rich else PLANTED[1:2] if number % 3 == 1 else ()
        for page in made.snapshots.manifests[snapshot.wacz].pages:
            made.snapshots.pages[snapshot.wacz, page.url] = page_blocks(
                int(page.url.rpartition("=")[2] or 0) if "=" in page.url else 0
            )
        current.add_all(_finding(screening, url, each, i) for i, each in enumerate(chosen))


def _files(url: str) -> tuple[ResourceCapture, ...]:
    made = (
        ("第三单元课件.pptx", ResourceKind.PPTX, Openness.OPEN, "200,是演示文稿"),
        ("教学设计.docx", ResourceKind.DOCX, Openness.OPEN, "200,是 Word 文档"),
        ("期末复习资料.pdf", ResourceKind.PDF, Openness.LOGIN, "401,要求登录"),
        ("微课视频.mp4", ResourceKind.VIDEO, Openness.OPEN, "200,是视频"),
        ("练习题.zip", ResourceKind.ARCHIVE, Openness.DISGUISED, "文件头是网页,不是压缩包"),
    )
    return tuple(
        ResourceCapture(
            url=f"{url}/files/{i}",
            found_on=f"{url}?p=1",
            name=name,
            kind=kind,
            openness=openness,
            evidence=evidence,
            bytes=123_456 * (i + 1) if openness is Openness.OPEN else 346,
            sha256=f"{i:064x}",
        )
        for i, (name, kind, openness, evidence) in enumerate(made)
    )


def _resource(snapshot: Snapshot, found: ResourceCapture) -> Resource:
    return Resource(
        snapshot_id=snapshot.id,
        url=found.url,
        name=found.name,
        kind=found.kind,
        openness=found.openness,
        reason=found.evidence,
        size=found.bytes,
        sha256=found.sha256,
    )


def _manifest(
    code: str, snapshot: Snapshot, files: tuple[ResourceCapture, ...], rich: bool
) -> Manifest:
    url, public = snapshot.url, snapshot.visibility is Visibility.PUBLIC
    outcome = {
        Visibility.LOGIN: Outcome.LOGIN_REDIRECT,
        Visibility.UNREACHABLE: Outcome.TIMEOUT,
    }.get(snapshot.visibility, Outcome.OK)
    evidence = {
        Outcome.LOGIN_REDIRECT: "转到 http://space.example/login?from=" + code,
        Outcome.TIMEOUT: "45 秒内没有打开",
    }.get(outcome, "页面正常打开,有 11 段文字")
    attempts = tuple(
        Attempt(
            number=i + 1,
            started_at=TAKEN + timedelta(minutes=10 * i),
            outcome=outcome,
            status=200 if public else None,
            final_url=url,
            evidence=evidence,
            plain=PlainFetch(outcome=outcome, status=200 if public else None, final_url=url),
        )
        for i in range(1 if public else 2)
    )
    pages = [(url, PageKind.HOME, "首页")]
    if rich:
        pages += [
            (f"{url}?p=1", PageKind.ARTICLE, "教学随笔"),
            (f"{url}?p=2", PageKind.BOARD, "留言板"),
        ]
    return Manifest(
        snapshot_id=snapshot.id,
        crawl_id="c1",
        campaign=CAMPAIGN,
        space=code,
        url=url,
        taken_at=TAKEN,
        finished_at=TAKEN + timedelta(minutes=3),
        visibility=snapshot.visibility,
        reasons=(Reason(code=outcome.value, evidence=evidence),),
        attempts=attempts,
        canary=Canary(url="http://space.example/", before=Outcome.OK, after=Outcome.OK),
        pages=tuple(
            PageCapture(
                url=address,
                kind=kind,
                title=title,
                visibility=snapshot.visibility,
                outcome=outcome,
                captured=public,
            )
            for address, kind, title in pages
        ),
        resources=files,
        site_profile="generic",
        site_profile_digest="sha256:0",
        user_agent="test",
        versions=Versions(spaceaudit="0", browser="0", scrapy="0", playwright="0", python="0"),
    )


def make_manifest(code: str, visibility: Visibility) -> Manifest:
    """The manifest of a visit to a space with little on it."""
    url = f"http://space.example/{code}"
    snapshot = Snapshot(
        id="sn",
        crawl_id="c1",
        space_id=1,
        url=url,
        wacz="",
        digest="",
        content_digest="",
        visibility=visibility,
        taken_at=TAKEN,
        recorded_at=TAKEN,
    )
    return _manifest(code, snapshot, (), rich=False)


def _ledger(screening: str, manifest: Manifest, rich: bool) -> list[Coverage]:
    rows = []
    for page in manifest.pages:
        reason = None if page.captured else NotScreened.NOT_OPEN
        rows.append((CoverageKind.PAGE, page.url, reason))
    for found in manifest.resources:
        reason = None if found.openness is Openness.OPEN else NotScreened.NOT_OPEN
        if found.kind is ResourceKind.VIDEO:
            reason = NotScreened.AUDIO_VIDEO
        rows.append((CoverageKind.RESOURCE, found.url, reason))
    if rich:
        rows += [
            (CoverageKind.IMAGE, f"{manifest.url}/img/{i}.png", NotScreened.PICTURE_TEXT)
            for i in range(3)
        ]
    return [
        Coverage(
            screening_id=screening, kind=kind, what=what, screened=reason is None, reason=reason
        )
        for kind, what, reason in rows
    ]


def _finding(screening: Screening, url: str, planted: Planted, number: int) -> Finding:
    start = planted.sentence.index(planted.text)
    end = start + len(planted.text)
    family = families()[planted.family]
    attached = planted.part is Part.ATTACHMENT
    address = f"{url}?p={planted.page}" if planted.page else url
    block = next((b for b in page_blocks(planted.page) if b.text == planted.sentence), None)
    boxes = block.boxes(start, end) if block and not attached else []
    return Finding(
        id=f"fd_{screening.id}_{number}",
        screening_id=screening.id,
        space_id=screening.space_id,
        fingerprint=f"f_{planted.family}",
        rule=f"{family.dimension}.{planted.family}",
        rule_digest="sha256:r",
        dimension=family.dimension,
        family=planted.family,
        severity=planted.severity,
        url=f"{url}/files/0" if attached else address,
        part=planted.part,
        locator="第三单元课件.pptx 第 4 页 备注" if attached else (block.locator if block else ""),
        start=start,
        end=end,
        text=planted.text,
        context=planted.sentence,
        explanation=f"命中“{planted.text}”,同句没有引用、批驳或警示的说法。",
        basis="《示例审核规范》第六条",
        boxes=[[b.x, b.y, b.width, b.height] for b in boxes],
    )


def find_space(current: Session, code: str) -> Space:
    """The space with an identifier."""
    return current.exec(select(Space).where(Space.code == code)).one()
