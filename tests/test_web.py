"""The pages over HTTP: what they show, what they refuse, and that nothing of a space runs in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import Client, Response
from sqlmodel import col, select
from starlette.datastructures import Headers

from models.database import migrate, open_engine, session
from models.tables import Decision, Finding, Verdict
from models.vocabulary import Dimension, FindingState, Part, Severity, VerdictState
from service.case import CaseFinding
from service.web.app import create_app
from service.web.assets import KIT_FILES, load_assets, own_assets
from service.web.evidence import Piece, cut, in_context, short_title
from service.web.listing import ListQuery, make_listing
from service.web.security import same_origin
from service.web.settings import WebSettings
from tests.factories import (
    AUDITOR,
    CAMPAIGN,
    PLANTED,
    Made,
    add_auditor,
    add_campaign,
    find_space,
    make_desk,
)
from tests.serving import client_of
from tests.signing_in import OURS, browser_of, post

CASE = f"/campaigns/{CAMPAIGN}/spaces/s001"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_auditor(made)
    yield made
    engine.dispose()


@pytest.fixture
def client(made: Made) -> Iterator[Client]:
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        yield client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def findings(made: Made) -> list[Finding]:
    with session(made.desk.engine) as current:
        space = find_space(current, "s001")
        rows = current.exec(
            select(Finding).where(Finding.space_id == space.id).order_by(col(Finding.id))
        ).all()
        for row in rows:
            current.expunge(row)
        return list(rows)


def send(client: Client, made: Made, *, finding: str = "", **form: str) -> Response:
    return post(client, f"{CASE}/decisions", finding=finding, **form)


def newest(made: Made) -> Verdict:
    with session(made.desk.engine) as current:
        space = find_space(current, "s001")
        row = current.exec(
            select(Verdict).where(Verdict.space_id == space.id).order_by(col(Verdict.serial).desc())
        ).first()
        assert row is not None
        current.expunge(row)
        return row


def test_empty_states_say_what_to_do(made: Made, client: Client) -> None:
    assert "还没有活动" in page(client, "/")
    add_campaign(made)
    assert f'href="/campaigns/{CAMPAIGN}"' in page(client, "/")
    assert "还没有空间" in page(client, f"/campaigns/{CAMPAIGN}")
    assert "还没有结论" in page(client, f"/campaigns/{CAMPAIGN}/feed")


def test_a_space_that_was_not_crawled_says_so_everywhere(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1, crawled=False)
    assert "尚未抓取" in page(client, f"/campaigns/{CAMPAIGN}")
    shown = page(client, CASE)
    assert "这个空间还没有抓取" in shown
    assert "没有发现线索" not in shown


def test_a_snapshot_that_the_store_lost_is_told_and_not_a_crash(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1)
    made.snapshots.manifests.clear()
    shown = page(client, CASE)
    assert "快照读不出来" in shown
    assert "spaceaudit verify" in shown


def test_the_case_shows_the_words_the_reason_and_the_way_to_mend(
    made: Made, client: Client
) -> None:
    add_campaign(made, spaces=1)
    shown = page(client, CASE)
    for planted in PLANTED:
        if planted.family != "personal-data":
            assert f">{planted.text}</mark>" in shown
    for words in (
        "《示例审核规范》第六条",
        "请删除该内容",
        "图片中的文字未识别 3",
        "期末复习资料.pdf",
    ):
        assert words in shown
    assert re.search(r'viewBox="0 0 960 1200"', shown)
    assert len(re.findall(r"<rect class=\"severity-", shown)) == 2


def test_personal_numbers_are_half_hidden_in_cards_and_text(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1)
    shown = page(client, CASE)
    assert "13900001234" not in shown
    assert shown.count("1390*******") >= 3
    # Its box on the screenshot covers the digits.
    assert 'class="severity-suspect mark-open covered"' in shown


def test_screenshots_are_pictures_and_nothing_else(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1)
    answer = client.get("/snapshots/sn0/pages/0.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.startswith(b"\xff\xd8\xff")
    for missing in ("sn0/pages/99", "sn0/pages/-1", "none/pages/0"):
        assert client.get(f"/snapshots/{missing}.jpg").status_code == 404


def test_a_decision_changes_the_state_and_the_verdict_and_leads_back_to_the_card(
    made: Made, client: Client
) -> None:
    add_campaign(made, spaces=1)
    target = findings(made)[0]
    before = newest(made).serial
    answer = send(
        client, made, finding=target.id, action="confirm", reason="violation", note="属实"
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{CASE}?page=0#f-{target.id}"
    after = newest(made)
    assert (after.serial, after.decided_by) == ((before or 0) + 1, AUDITOR)
    assert "finding_confirmed" in {reason["code"] for reason in after.reasons}
    shown = page(client, CASE)
    assert "已确认:确属违规 — 属实" in shown
    assert f"<b>{AUDITOR}</b> 确认:确属违规 — 属实" in shown
    undone = send(client, made, finding=target.id, action="undo", reason="mistake")
    assert undone.status_code == 303
    assert "finding_confirmed" not in {reason["code"] for reason in newest(made).reasons}


def test_a_whole_space_is_rejected_and_the_rejection_is_taken_back(
    made: Made, client: Client
) -> None:
    add_campaign(made, spaces=1)
    assert send(client, made, action="confirm", reason="unfit").status_code == 303
    assert "rejected_by_person" in {reason["code"] for reason in newest(made).reasons}
    assert "整体意见:整体不宜推荐" in page(client, CASE)
    send(client, made, action="undo", reason="mistake")
    assert "整体意见:整体不宜推荐" not in page(client, CASE)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "confirm", "reason": "teaching"}, 422),
        ({"action": "confirm", "reason": "no_such"}, 422),
        ({"action": "undo", "reason": "mistake"}, 422),
        ({"action": "approve", "reason": "violation"}, 422),
        ({"action": "confirm"}, 422),
        ({"action": "confirm", "reason": "violation", "finding": "fd_none"}, 404),
        ({"action": "confirm", "reason": "violation", "finding": "fd_sc7_0"}, 404),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_nothing_is_written(
    made: Made, client: Client, form: dict[str, str], status: int
) -> None:
    # The finding fd_sc7_0 exists, but belongs to s008.
    add_campaign(made, spaces=8)
    before = newest(made).serial
    answer = send(client, made, **{"finding": findings(made)[0].id, **form})
    assert answer.status_code == status
    assert "返回" in answer.text
    assert newest(made).serial == before
    with session(made.desk.engine) as current:
        assert current.exec(select(Decision)).all() == []


def test_without_a_user_there_is_nothing_but_the_log_in(made: Made) -> None:
    add_campaign(made, spaces=1)
    with client_of(create_app(made.desk)) as client:
        answer = client.get(f"{CASE}?page=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == (
            f"/login?next=%2Fcampaigns%2F{CAMPAIGN}%2Fspaces%2Fs001%3Fpage%3D1"
        )
        form = {"finding": findings(made)[0].id, "action": "confirm", "reason": "violation"}
        refused = client.post(f"{CASE}/decisions", data=form, headers=OURS)
        assert refused.status_code == 401
        assert "去登录" in refused.text


def test_a_form_without_its_token_is_refused(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1)
    form = {"finding": findings(made)[0].id, "action": "confirm", "reason": "violation"}
    for token in ({}, {"csrf": ""}, {"csrf": "x" * 22}):
        answer = client.post(f"{CASE}/decisions", data={**form, **token}, headers=OURS)
        assert answer.status_code == 403
        assert "表单已失效" in answer.text
    with session(made.desk.engine) as current:
        assert current.exec(select(Decision)).all() == []


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "http://127.0.0.1:9000"}, False),
        ({"origin": "http://127.0.0.1:8000.evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_only_our_own_pages_may_change_anything(headers: dict[str, str], accepted: bool) -> None:
    from_browser = {"host": "127.0.0.1:8000", **headers}
    assert same_origin(Headers(from_browser)) is accepted


def test_foreign_posts_and_foreign_names_are_refused_at_the_door(
    made: Made, client: Client
) -> None:
    add_campaign(made, spaces=1)
    form = {"finding": findings(made)[0].id, "action": "confirm", "reason": "violation"}
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{CASE}/decisions", data=form, headers=foreign).status_code == 403
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:1"}).status_code == 200


def test_every_answer_carries_the_policy(client: Client) -> None:
    for path in ("/", own_assets().address("site.css"), "/api/v1/healthz", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"


def test_what_a_hostile_space_says_is_shown_as_text(made: Made, client: Client) -> None:
    add_campaign(made, spaces=1)
    name = "aa/0.wacz"
    manifest = made.snapshots.manifests[name]
    pages = tuple(each.model_copy(update={"title": HOSTILE}) for each in manifest.pages)
    attempts = tuple(each.model_copy(update={"evidence": HOSTILE}) for each in manifest.attempts)
    made.snapshots.manifests[name] = manifest.model_copy(
        update={"pages": pages, "attempts": attempts}
    )
    url = pages[0].url
    made.snapshots.pages[name, url] = tuple(
        block.model_copy(update={"text": HOSTILE, "lines": ()})
        for block in made.snapshots.pages[name, url]
    )
    shown = page(client, CASE)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_no_inline_script_or_style_that_the_policy_would_stop(made: Made, client: Client) -> None:
    add_campaign(made, spaces=3)
    for path in ("/", f"/campaigns/{CAMPAIGN}", CASE, f"/campaigns/{CAMPAIGN}/feed"):
        shown = page(client, path)
        assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", shown)
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", shown)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"page": "0"}, "无法识别"),
        ({"sort": "price"}, "无法识别"),
    ],
)
def test_an_unreadable_address_is_a_page_that_says_so(
    made: Made, client: Client, query: dict[str, str], words: str
) -> None:
    add_campaign(made, spaces=1)
    answer = client.get(f"/campaigns/{CAMPAIGN}", params=query)
    assert answer.status_code == 422
    assert words in answer.text


def test_the_list_pages_through_all_spaces_without_losing_one(made: Made, client: Client) -> None:
    add_campaign(made, spaces=220)
    seen: list[str] = []
    for number in (1, 2, 3):
        shown = page(client, f"/campaigns/{CAMPAIGN}?sort=county&page={number}")
        seen += re.findall(r'<td class="code"><a [^>]*>(s\d+)</a>', shown)
    assert len(seen) == len(set(seen)) == 220
    # Past the end is the last page, not an empty one.
    assert "第 201–220 条" in page(client, f"/campaigns/{CAMPAIGN}?page=9")


def test_filters_by_state_county_and_words(made: Made, client: Client) -> None:
    add_campaign(made, spaces=30)
    rejected = page(client, f"/campaigns/{CAMPAIGN}?state=rejected")
    rows = rejected.split("<tbody>")[1]
    assert "不予推荐" in rows
    assert "待复核" not in rows
    county = page(client, f"/campaigns/{CAMPAIGN}?county=乙区").split("<tbody>")[1]
    assert "乙区" in county
    assert "甲县" not in county
    assert 's007"' in page(client, f"/campaigns/{CAMPAIGN}?q=S007").split("<tbody>")[1]
    assert "没有符合条件的空间" in page(client, f"/campaigns/{CAMPAIGN}?q=没有这样的词")
    # Number 29 was never visited.
    assert "s029" in page(client, f"/campaigns/{CAMPAIGN}?state=none").split("<tbody>")[1]


def test_the_list_says_stale_when_the_rules_are_no_longer_the_same(made: Made) -> None:
    add_campaign(made, spaces=2)
    changed = replace(made.desk, models={"tutoring": "sha256:new"})
    with browser_of(create_app(changed, AUDITOR)) as client:
        rows = page(client, f"/campaigns/{CAMPAIGN}").split("<tbody>")[1]
        assert rows.count('class="chip state-stale"') == 2
        assert "模型已更新,原结论" in page(client, CASE)


def finding_at(start: int, end: int, text: str, context: str = "") -> CaseFinding:
    row = Finding(
        id=f"f{start}",
        screening_id="",
        space_id=1,
        fingerprint="",
        rule="",
        rule_digest="",
        dimension=Dimension.NORMATIVE,
        family="contacts",
        severity=Severity.NOTICE,
        url="",
        part=Part.PAGE,
        locator="",
        start=start,
        end=end,
        text=text[start:end],
        context=context or text,
        explanation="",
        basis="",
    )
    return CaseFinding(row, FindingState.OPEN, None, title="", family="", mend="")


TEXT = "电话13900001234,加微信"


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [("电话1390*******,加微信", False)]),
        ([(0, 2)], [("电话", True), ("1390*******,加微信", False)]),
        ([(14, 17)], [("电话1390*******,", False), ("加微信", True)]),
        # A span that cuts a number still shows no more of it.
        ([(2, 10)], [("电话", False), ("1390****", True), ("***,加微信", False)]),
        # Overlaps: the earlier one is marked.
        ([(0, 5), (3, 9)], [("电话139", True), ("0*******,加微信", False)]),
    ],
)
def test_text_is_cut_where_findings_begin_and_end(
    spans: list[tuple[int, int]], expected: list[tuple[str, bool]]
) -> None:
    pieces = cut(TEXT, [finding_at(*span, TEXT) for span in spans])
    assert [(piece.text, piece.finding is not None) for piece in pieces] == expected


def test_words_that_the_context_lacks_are_shown_alone() -> None:
    found = finding_at(0, 2, TEXT, context="别的话")
    assert in_context(found) == [Piece("电话", found)]


def test_an_address_keeps_only_what_differs_from_the_plain_list() -> None:
    query = ListQuery(state=VerdictState.PENDING, county="甲县", page=4)
    assert query.address() == "?state=pending&county=%E7%94%B2%E5%8E%BF"
    assert query.address(page=2, county="") == "?state=pending&page=2"
    assert make_listing([], query).pages == 1


@pytest.mark.parametrize(
    ("title", "space", "short"),
    [
        ("教学反思 - 花开小站", "花开小站", "教学反思"),
        ("教学反思_花开小站", "花开小站", "教学反思"),
        ("花开小站", "花开小站", "花开小站"),
        ("欢迎来到花开小站", "花开小站", "欢迎来到花开小站"),
        ("教学反思 - 别的站", "花开小站", "教学反思 - 别的站"),
        ("教学反思 -", "", "教学反思 -"),
    ],
)
def test_a_tab_leaves_out_the_name_of_the_space(title: str, space: str, short: str) -> None:
    assert short_title(title, space) == short


def test_without_the_kit_pages_are_plain_and_whole(made: Made, tmp_path: Path) -> None:
    add_campaign(made, spaces=1)
    settings = WebSettings(assets=load_assets(tmp_path))
    with browser_of(create_app(made.desk, AUDITOR, settings=settings)) as client:
        for path in ("/", f"/campaigns/{CAMPAIGN}", CASE, "/account"):
            shown = page(client, path)
            assert "plain.css" in shown
            assert "bootstrap" not in shown
            assert "htmx.min.js" not in shown
            for address in re.findall(r'"(/assets/[^"]+)"', shown):
                assert client.get(address).is_success


def test_files_of_pages_are_kept_a_year_by_their_digest(client: Client, tmp_path: Path) -> None:
    address = own_assets().address("site.css")
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    for wrong in (address.replace("/assets/", "/assets/0"), "/assets/x/../app.py"):
        assert client.get(wrong).status_code == 404
    for name in KIT_FILES:
        (tmp_path / name).write_text("a")
    assert load_assets(tmp_path).has_kit
    (tmp_path / KIT_FILES[0]).unlink()
    assert not load_assets(tmp_path).has_kit
