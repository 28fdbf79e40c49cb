"""Screening: spans lead back to exact characters and boxes, and keep their fingerprint.

Design §3, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from sqlmodel import select

from audit.classifier import Classifier
from audit.extract.worker import ExtractionWorker
from audit.records import keep_screening, keep_snapshot
from audit.screening import (
    CONTEXT,
    MODEL_FAMILIES,
    Found,
    LedgerRow,
    Screened,
    Tools,
    screen,
    screening_id,
)
from audit.training import SEEDED, SUBJECT
from models.database import migrate, open_engine, session
from models.manifest import (
    Box,
    ImageCapture,
    Line,
    ResourceCapture,
    TextBlock,
)
from models.tables import Coverage, Crawl, Finding, Resource
from models.vocabulary import (
    CoverageKind,
    Openness,
    Part,
    ResourceKind,
    Severity,
)
from rules.families import families
from rules.pack import load_packs
from service.models import load_classifiers
from tests.judgement import FILE, add_space, line_of, page, saved, screened_file, snapshot_of, tools
from tests.snapshots import AT, URL, manifest

INVITE = "想要完整课件请加 微 信 领取,名额不多。"
OFFER = "本学期开设周末一对一辅导班,每小时200元,有意者请加微信报名,名额有限,先到先得。"
PLAIN = "本节课学习分数的加减法,请同学们先预习课本第二十页。"


@pytest.fixture(scope="module")
def worker() -> Iterator[ExtractionWorker]:
    with ExtractionWorker() as started:
        yield started


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Classifier, ...]:
    return load_classifiers(tmp_path_factory.mktemp("models"))


def screened_page(folder: Path, *blocks: TextBlock, with_tools: Tools | None = None) -> Screened:
    """What is found on one page of these blocks."""
    whole = manifest(pages=(page(blocks=len(blocks)),))
    with snapshot_of(folder, whole, {URL: blocks}) as reader:
        return screen(reader, with_tools or tools())


def by_text(findings: Sequence[Found], text: str) -> Found:
    return next(each for each in findings if each.text == text)


# From the folded text back to the characters


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("想要资料请加微信领取", "加微信"),
        (INVITE, "加 微 信"),
        ("想要资料请加\u200b微\u200b信领取", "加\u200b微\u200b信"),
        ("請加微信領取資料", "加微信"),
        ("资料请加Ｖ信领取", "加Ｖ信"),
        ("乾隆年间的课件请加·微·信领取", "加·微·信"),
        ("家长电话１３９０００１２３４５,有事联系", "１３９０００１２３４５"),
        ("① ㏒ ﷺ 🧑\u200d🏫 请加微信领取", "加微信"),
        ("家长电话：139 0000 1234,有事联系", "139 0000 1234"),
    ],
)
def test_a_finding_is_the_exact_characters_however_they_are_written(
    tmp_path: Path, text: str, span: str
) -> None:
    result = screened_page(tmp_path, line_of("欢迎来到王老师的空间"), line_of(text, 160))
    each = by_text(result.findings, span)
    assert text[each.start : each.end] == span
    # Characters of 20 pixels from x = 40 on; combining ones have their share like all others.
    assert each.boxes == (
        Box(x=40 + 20 * text.index(span), y=160, width=20 * len(span), height=24),
    )


def test_every_finding_is_what_stands_in_its_block(tmp_path: Path) -> None:
    texts = [
        INVITE,
        OFFER,
        PLAIN,
        "班级联系人家长电话１３９０００１２３４５。",
        "加\u200b微\u200b信领取",
    ]
    blocks = [line_of(text, 100 + 30 * at) for at, text in enumerate(texts)]
    result = screened_page(tmp_path, *blocks)
    assert len(result.findings) >= 5
    for each in result.findings:
        [block] = [b for b in blocks if b.lines[0].y == each.boxes[0].y]
        assert block.text[each.start : each.end] == each.text
        assert each.boxes == tuple(block.boxes(each.start, each.end))
        assert each.text in each.context
        assert each.place.locator == block.locator
    assert PLAIN not in {each.context for each in result.findings}


def test_a_span_over_two_lines_takes_a_box_on_each(tmp_path: Path) -> None:
    at = INVITE.index("微")
    lines = (
        Line(x=40, y=100, width=20 * at, height=24, start=0, end=at),
        Line(x=40, y=130, width=20 * (len(INVITE) - at), height=24, start=at, end=len(INVITE)),
    )
    result = screened_page(tmp_path, TextBlock(text=INVITE, lines=lines))
    assert by_text(result.findings, "加 微 信").boxes == (
        Box(x=40 + 20 * (at - 2), y=100, width=40, height=24),
        Box(x=40, y=130, width=60, height=24),
    )


def test_the_words_around_a_finding_are_shown_and_cut_where_there_are_more(tmp_path: Path) -> None:
    text = "第一段随笔。" * 20 + INVITE + "第二段随笔。" * 20
    each = by_text(screened_page(tmp_path, line_of(text)).findings, "加 微 信")
    around = text[each.start - CONTEXT : each.end + CONTEXT]
    assert each.context == f"…{around}…"
    short = by_text(screened_page(tmp_path / "2", line_of(INVITE)).findings, "加 微 信")
    assert short.context == INVITE


def test_a_finding_says_why_and_on_what_ground(tmp_path: Path) -> None:
    each = by_text(screened_page(tmp_path, line_of(INVITE)).findings, "加 微 信")
    rule = load_packs().rule(each.rule)
    assert (each.rule_digest, each.family, each.dimension) == (
        rule.digest,
        rule.family,
        rule.dimension,
    )
    assert "还原规避写法" in each.explanation
    assert each.basis


# Where it stands


def test_a_run_of_text_on_many_pages_is_one_finding_a_part(tmp_path: Path) -> None:
    pages = [f"{URL}/{number}" for number in range(3)]
    whole = manifest(pages=tuple(page(url, blocks=2) for url in pages))
    link = TextBlock(text=INVITE, role="link", locator="a.hidden")
    blocks = {url: [line_of(INVITE, 100 + at), link] for at, url in enumerate(pages)}
    with snapshot_of(tmp_path, whole, blocks) as reader:
        result = screen(reader, tools())
    same = [each for each in result.findings if each.text == "加 微 信"]
    assert [(each.place.part, each.place.url) for each in same] == [
        (Part.PAGE, pages[0]),
        (Part.LINK, pages[0]),
    ]
    assert len({each.fingerprint for each in same}) == 1
    assert [each.boxes != () for each in same] == [True, False]


def test_the_place_is_that_of_the_finding_not_of_the_first_text_like_it(tmp_path: Path) -> None:
    """The same words in a heading and in a paragraph are judged once, each with its own boxes."""
    pages = (page(URL, blocks=1), page(f"{URL}/2", blocks=1))
    first, second = line_of(INVITE, 100), line_of(INVITE + "请转告。", 400)
    with snapshot_of(
        tmp_path, manifest(pages=pages), {URL: [first], f"{URL}/2": [second]}
    ) as reader:
        result = screen(reader, tools())
    places = {(each.place.url, box.y) for each in result.findings for box in each.boxes}
    assert places <= {(URL, 100.0), (f"{URL}/2", 400.0)}
    assert (URL, 100.0) in places


def test_a_hidden_link_is_read_as_a_link(tmp_path: Path) -> None:
    link = TextBlock(text="加微信 http://ads.example/join", role="link", locator="a.hidden")
    assert {each.place.part for each in screened_page(tmp_path, link).findings} == {Part.LINK}


def test_a_file_is_read_with_its_name_and_place(tmp_path: Path, worker: ExtractionWorker) -> None:
    document = docx.Document()
    document.add_paragraph(PLAIN)
    document.add_paragraph(INVITE)
    result = screened_file(tmp_path, worker, saved(document), ResourceKind.DOCX, "教案.docx")
    each = by_text(result.findings, "加 微 信")
    assert (each.place.url, each.place.part) == (FILE, Part.ATTACHMENT)
    assert each.place.locator.startswith("教案.docx ")
    assert INVITE[each.start : each.end] == "加 微 信"
    assert each.boxes == ()
    assert result.ledger[-1] == LedgerRow(CoverageKind.RESOURCE, FILE)


# Classifiers


def test_a_classifier_points_at_the_piece_that_it_means(
    tmp_path: Path, classifiers: tuple[Classifier, ...]
) -> None:
    text = PLAIN + OFFER + PLAIN
    block = line_of(text)
    with_models = replace(tools(), classifiers=classifiers)
    result = screened_page(tmp_path, block, with_tools=with_models)
    [each] = [one for one in result.findings if one.rule.startswith("model.")]
    assert each.text == text[each.start : each.end]
    assert "一对一辅导" in each.text
    assert each.boxes == tuple(block.boxes(each.start, each.end))
    assert each.severity is not Severity.SERIOUS
    assert each.rule_digest in with_models.models.values()
    assert "概率" in each.explanation


def test_a_classifier_is_silent_on_teaching(
    tmp_path: Path, classifiers: tuple[Classifier, ...]
) -> None:
    with_models = replace(tools(), classifiers=classifiers)
    assert screened_page(tmp_path, line_of(PLAIN), with_tools=with_models).findings == []


@pytest.mark.parametrize("family", [family for family in SEEDED if family != SUBJECT])
def test_every_classifier_belongs_to_a_family_of_rules(family: str) -> None:
    assert MODEL_FAMILIES[family] in families()


# Following a finding


def test_a_finding_keeps_its_fingerprint_when_the_rest_of_the_page_changes(tmp_path: Path) -> None:
    before = screened_page(tmp_path / "1", line_of(PLAIN), line_of(INVITE))
    moved = TextBlock(text="新增一段教学随笔。" * 9 + INVITE + "另有下载若干。")
    after = screened_page(tmp_path / "2", moved, line_of("欢迎来到王老师的空间"))
    one, other = (by_text(result.findings, "加 微 信") for result in (before, after))
    assert one.fingerprint == other.fingerprint
    assert one.start != other.start


def test_a_finding_in_other_words_is_another(tmp_path: Path) -> None:
    before = screened_page(tmp_path / "1", line_of(INVITE))
    after = screened_page(tmp_path / "2", line_of(INVITE.replace("完整课件", "整套试卷")))
    one, other = (by_text(result.findings, "加 微 信") for result in (before, after))
    assert one.fingerprint != other.fingerprint


def test_the_same_snapshot_with_the_same_tools_is_the_same_screening(tmp_path: Path) -> None:
    other = replace(tools(), pack=load_packs(["political"]))
    keys = [
        screening_id("c1-0001", tools(), "语文", "小学"),
        screening_id("c1-0002", tools(), "语文", "小学"),
        screening_id("c1-0001", other, "语文", "小学"),
        screening_id("c1-0001", tools(), "数学", "小学"),
        screening_id("c1-0001", tools(), "语文", "初中"),
        screening_id("c1-0001", tools(), None, None),
    ]
    assert len(set(keys)) == len(keys)
    assert screening_id("c1-0001", tools(), "语文", "小学") == keys[0]
    assert screened_page(tmp_path / "1", line_of(INVITE), line_of(OFFER)) == screened_page(
        tmp_path / "2", line_of(INVITE), line_of(OFFER)
    )


def test_another_model_is_another_screening(classifiers: tuple[Classifier, ...]) -> None:
    with_models = replace(tools(), classifiers=classifiers)
    one, other = (screening_id("c1-0001", each, None, None) for each in (tools(), with_models))
    assert one != other


# Kept


def test_what_was_screened_comes_back_from_the_database(
    tmp_path: Path, worker: ExtractionWorker
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    file = ResourceCapture(
        url=FILE, found_on=URL, name="说明.txt", kind=ResourceKind.TXT, openness=Openness.OPEN
    )
    whole = manifest(pages=(page(blocks=1),), resources=(file,))
    made = replace(tools(), worker=worker)
    with snapshot_of(tmp_path, whole, {URL: [line_of(INVITE)]}, {FILE: OFFER.encode()}) as reader:
        result = screen(reader, made)
    key = screening_id(whole.snapshot_id, made, None, None)
    with session(engine) as current:
        campaign = add_space(current)
        current.add(Crawl(id="c1", campaign_id=campaign.id or 0, started_at=AT, settings={}))
        current.flush()
        for _ in range(2):
            snapshot = keep_snapshot(
                current, whole, space_id=1, wacz="a.wacz", digest="sha256:1", at=AT
            )
            keep_screening(current, result, made, screening_id=key, snapshot=snapshot, at=AT)
    with session(engine) as current:
        kept = current.exec(select(Finding).where(Finding.screening_id == key)).all()
        assert {(row.fingerprint, row.part, row.start, row.end, row.text) for row in kept} == {
            (each.fingerprint, each.place.part, each.start, each.end, each.text)
            for each in result.findings
        }
        assert len(kept) == len(result.findings)
        boxes = {row.text: row.boxes for row in kept}["加 微 信"]
        assert boxes == [[40 + 20 * INVITE.index("加 微 信"), 100, 100, 24]]
        rows = current.exec(select(Coverage)).all()
        assert [(row.kind, row.what, row.screened, row.reason) for row in rows] == [
            (row.kind, row.what, row.screened, row.reason) for row in result.ledger
        ]
        [resource] = current.exec(select(Resource)).all()
        assert (resource.url, resource.openness) == (FILE, Openness.OPEN)
    engine.dispose()


def test_measures_count_what_was_read(tmp_path: Path) -> None:
    whole = manifest(
        pages=(page(blocks=1), page(f"{URL}/2", captured=False)),
        resources=(
            ResourceCapture(url=FILE, found_on=URL, openness=Openness.OPEN, kind=ResourceKind.PDF),
            ResourceCapture(url=f"{FILE}2", found_on=URL, openness=Openness.LOGIN),
        ),
        images=(ImageCapture(url="i", found_on=URL, captured=True),),
    )
    with snapshot_of(tmp_path, whole, {URL: [line_of(PLAIN)]}) as reader:
        assert screen(reader, tools()).measures == {
            "pages": 1,
            "articles": 1,
            "open_resources": 1,
            "resource_kinds": 1,
            "images": 1,
            "text_chars": len(PLAIN),
            "blocks_found": 1,
            "blocks_read": 1,
        }
