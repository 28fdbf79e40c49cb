"""The case page beyond deciding: masking and openings, attachments at their place, differences, drafts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx import Client
from PIL import Image
from sqlmodel import col, select

from models.audit_log import broken_links
from models.database import migrate, open_engine, session
from models.review_tables import Draft, Opening
from models.tables import AuditEvent, Campaign, Crawl, Finding, Resource, Screening, Snapshot
from models.vocabulary import OpenedThing, Part, ResourceKind, Role
from service.case import load_case
from service.changes import Change, text_changes
from service.veil import veil_over
from service.web.app import create_app
from service.web.pages.evidence import disposition
from tests.factories import CAMPAIGN, NOW, TAKEN, Made, add_campaign, make_desk
from tests.nomination_samples import write_xlsx
from tests.serving import client_of
from tests.signing_in import add_account, log_in, post
from tests.test_extract_text import make_pdf

CASE = f"/campaigns/{CAMPAIGN}/spaces/s001"
PHONE = "13900001234"
PRIVATE = "fd_sc0_1"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=3)
    add_account(made, "县审核", Role.COUNTY_AUDITOR, "甲县")
    add_account(made, "校审核", Role.SCHOOL_AUDITOR, "甲县", "甲县实验小学")
    yield made
    engine.dispose()


@pytest.fixture
def client(made: Made) -> Iterator[Client]:
    with client_of(create_app(made.desk)) as client:
        assert log_in(client, "县审核").status_code == 303
        yield client


def dark(jpeg: bytes, box: list[float]) -> bool:
    """Whether a box of a picture is painted over: all of it one dark colour."""
    x, y, width, height = (int(each) for each in box)
    with Image.open(io.BytesIO(jpeg)) as picture:
        inside = picture.convert("L").crop((x, y, x + width, y + height))
        return max(inside.tobytes()) < 110


def box_of(made: Made, key: str) -> list[float]:
    with session(made.desk.engine) as current:
        return list(current.get_one(Finding, key).boxes[0])


def test_personal_data_is_painted_over_until_it_is_opened_with_a_reason(
    made: Made, client: Client
) -> None:
    box, shot = box_of(made, PRIVATE), "/snapshots/sn0/pages/0.jpg"
    assert PHONE not in client.get(CASE).text
    assert dark(client.get(shot).content, box)
    assert not dark(client.get(shot).content, box_of(made, "fd_sc0_0"))
    without = post(client, f"{CASE}/openings", finding=PRIVATE, why=" ")
    assert without.status_code == 422
    assert "写明理由" in without.text
    assert PHONE not in client.get(CASE).text
    answer = post(client, f"{CASE}/openings", finding=PRIVATE, why="核对是否为学生家长电话")
    assert answer.headers["location"] == f"{CASE}?page=0#f-{PRIVATE}"
    assert PHONE in client.get(CASE).text
    opened = client.get(shot)
    assert not dark(opened.content, box)
    assert opened.headers["cache-control"] == "no-store"
    with session(made.desk.engine) as current:
        row = current.exec(select(Opening)).one()
        assert (row.thing, row.finding_id, row.why) == (
            OpenedThing.PERSONAL_DATA,
            PRIVATE,
            "核对是否为学生家长电话",
        )
        logged = current.exec(select(AuditEvent).where(AuditEvent.action == "opening.made")).one()
        assert (logged.actor, logged.subject) == ("县审核", f"opening:{row.id}")
        assert PHONE not in str(logged.details)
        assert list(broken_links(current)) == []


def test_an_opening_is_for_its_person_and_ends(made: Made, client: Client) -> None:
    post(client, f"{CASE}/openings", finding=PRIVATE, why="核对电话")
    app = create_app(made.desk)
    with client_of(app) as other:
        log_in(other, "校审核")
        shown = other.get(CASE).text
        assert PHONE not in shown
        assert "您的角色不能查看原文" in shown
        assert post(other, f"{CASE}/openings", finding=PRIVATE, why="想看").status_code == 403
        assert dark(other.get("/snapshots/sn0/pages/0.jpg").content, box_of(made, PRIVATE))
    later = replace(made.desk, clock=lambda: NOW + timedelta(minutes=16))
    with client_of(create_app(later)) as again:
        log_in(again, "县审核")
        assert PHONE not in again.get(CASE).text


def test_the_veil_hides_words_that_are_no_numbers_and_keeps_their_length() -> None:
    values: dict[str, Any] = {"family": "personal-data", "text": "示例路一号"}
    values["fingerprint"] = "f1"
    finding = Finding(**values)
    said = "家庭住址:示例路一号,电话13900001234"
    hidden = veil_over([finding])(said)
    assert hidden == "家庭住址:示例***,电话1390*******"
    opened = veil_over([finding], ["f1"])(said)
    assert opened == "家庭住址:示例路一号,电话1390*******"


def attach(made: Made, kind: ResourceKind, body: bytes, locator: str, words: str) -> str:
    """Put a file into the first space with a finding in it; gives the finding's key."""
    url = "http://space.example/s001/files/0"
    with session(made.desk.engine) as current:
        row = current.exec(select(Resource).where(Resource.url == url)).one()
        values = row.model_dump(exclude={"id"}) | {"kind": kind, "url": f"{url}.x"}
        current.add(Resource(**values))
        old = current.get_one(Finding, "fd_sc0_1").model_dump()
        new = {
            "id": "fd_file",
            "fingerprint": "fp_file",
            "url": f"{url}.x",
            "part": Part.ATTACHMENT,
            "locator": f"{row.name} {locator}",
            "text": words,
            "start": 0,
            "end": len(words),
            "boxes": [],
        }
        current.add(Finding(**(old | new)))
    made.snapshots.bodies["aa/0.wacz", f"{url}.x"] = body
    return "fd_file"


def resource_key(made: Made) -> int:
    with session(made.desk.engine) as current:
        return current.exec(select(Resource.id).where(col(Resource.url).endswith(".x"))).one() or 0


def leaf_with(client: Client, words: str) -> str:
    """The page of the case whose leaf shows these words."""
    for number in range(12):
        shown = client.get(f"{CASE}?page={number}").text
        if words in shown:
            return shown
    pytest.fail(f"no leaf shows {words}")


def test_a_page_of_a_pdf_is_drawn_at_its_place_with_personal_data_covered(
    made: Made, client: Client
) -> None:
    body = make_pdf(("第一页没有问题",), (f"{PHONE} 家长电话", "第二行教学内容"))
    attach(made, ResourceKind.PDF, body, "第2页", PHONE)
    shown = leaf_with(client, 'class="drawn"')
    assert f"/files/{resource_key(made)}/pages/2.jpg" in shown
    assert 'class="severity-suspect mark-open covered"' in shown
    assert PHONE not in shown
    address = f"{CASE}/files/{resource_key(made)}/pages/2.jpg"
    covered = client.get(address)
    assert covered.headers["content-type"] == "image/jpeg"
    post(client, f"{CASE}/openings", finding="fd_file", why="核对电话")
    opened = client.get(address)
    assert opened.is_success
    assert opened.content != covered.content
    assert client.get(f"{CASE}/files/{resource_key(made)}/pages/9.jpg").status_code == 404


def test_a_pdf_page_whose_personal_data_cannot_be_covered_is_not_shown(
    made: Made, client: Client
) -> None:
    attach(made, ResourceKind.PDF, make_pdf(("只有这一行",)), "第1页", PHONE)
    assert client.get(f"{CASE}/files/{resource_key(made)}/pages/1.jpg").status_code == 404


def test_a_cell_is_shown_in_its_table(made: Made, client: Client, tmp_path: Path) -> None:
    cells = {"名单": [["姓名", "电话"], ["王同学", PHONE], ["李同学", "无"]]}
    body = write_xlsx(tmp_path / "a.xlsx", cells).read_bytes()
    attach(made, ResourceKind.XLSX, body, "工作表“名单”!B2", PHONE)
    shown = leaf_with(client, 'class="cells"')
    assert "王同学" in shown
    assert ">1390*******</mark>" in shown
    assert PHONE not in shown


@pytest.mark.parametrize("kind", [ResourceKind.PDF, ResourceKind.XLSX, ResourceKind.IMAGE])
def test_a_file_that_cannot_be_read_is_told_by_its_context(
    made: Made, client: Client, kind: ResourceKind
) -> None:
    attach(made, kind, b"\x00broken", "第1页", PHONE)
    shown = leaf_with(client, 'class="place"')
    assert 'class="drawn"' not in shown
    assert PHONE not in shown


def test_a_file_is_saved_and_never_shown_and_the_download_is_logged(
    made: Made, client: Client
) -> None:
    attach(made, ResourceKind.OTHER, b"<script>alert(1)</script>", "", "x")
    address = f"{CASE}/files/{resource_key(made)}"
    assert post(client, address, why="").status_code == 422
    answer = post(client, address, why="核对附件内容")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    with session(made.desk.engine) as current:
        assert current.exec(select(Opening)).one().thing is OpenedThing.FILE


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("第三单元课件.pptx", "第三单元课件.pptx"),
        ("../../etc/passwd", "etcpasswd"),
        ('a"; filename="b.exe', "a; filename=b.exe.bin"),
        ("报告\u202efdp.exe", "报告fdp.exe.bin"),
        ("页面.HTML", "页面.HTML.bin"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie x=1"),
        ("\u202e . ", "file"),
    ],
)
def test_a_hostile_file_name_is_only_a_name(name: str, saved: str) -> None:
    header = disposition(name, "file")
    assert header.isascii()
    assert header == f"attachment; filename=\"file\"; filename*=UTF-8''{quote(saved, safe='')}"


def test_notes_are_kept_for_their_writer_until_the_decision(made: Made, client: Client) -> None:
    answer = post(client, f"{CASE}/drafts", finding="fd_sc0_0", text="先看<b>附件</b>")
    assert answer.status_code == 204
    assert "先看&lt;b&gt;附件" in client.get(CASE).text
    with client_of(create_app(made.desk)) as other:
        log_in(other, "校审核")
        assert "先看" not in other.get(CASE).text
        assert post(other, f"{CASE}/drafts", finding="fd_sc2_0", text="x").status_code == 404
    post(client, f"{CASE}/decisions", finding="fd_sc0_0", action="confirm", reason="violation")
    with session(made.desk.engine) as current:
        assert current.exec(select(Draft)).all() == []


def test_pictures_look_as_the_visitor_wants(client: Client) -> None:
    assert "pictures-plain" in client.get(CASE).text
    for look in ("blur", "grey"):
        assert post(client, f"{CASE}/pictures", look=look).status_code == 303
        assert f"pictures-{look}" in client.get(CASE).text
    assert post(client, f"{CASE}/pictures", look="x").status_code == 422


def test_words_that_changed_are_told_from_blocks_that_came_and_went() -> None:
    before = ["首页", "周末一对一辅导,每小时200元", "旧的通知"]
    after = ["首页", "周末一对一辅导,每小时300元", "班级活动照片"]
    found = list(text_changes(before, after))
    assert [each.change for each in found] == [Change.CHANGED, Change.ADDED, Change.REMOVED]
    runs = [(run.text, run.change) for run in found[0].runs if run.change is not Change.SAME]
    assert runs == [("200", Change.REMOVED), ("300", Change.ADDED)]
    assert list(text_changes(before, before)) == []


def add_second_visit(made: Made) -> None:
    """A later visit to the first space: the first page's tutoring is gone, a new line stands there."""
    with session(made.desk.engine) as current:
        old = current.get_one(Snapshot, "sn0")
        taken = TAKEN + timedelta(days=1)
        values = {"id": "sn0b", "crawl_id": "c2", "wacz": "aa/0b.wacz"}
        values["content_digest"] = "sha256:n"
        times = {"taken_at": taken, "recorded_at": taken}
        crawl = current.get_one(Crawl, "c1").model_dump() | {"id": "c2"}
        current.add(Crawl(**crawl))
        current.flush()
        current.add(Snapshot(**(old.model_dump() | values | times)))
        current.flush()
        screening = current.get_one(Screening, "sc0").model_dump()
        current.add(Screening(**(screening | {"id": "sc0b", "snapshot_id": "sn0b"})))
        current.flush()
        kept = current.get_one(Finding, PRIVATE).model_dump()
        current.add(Finding(**(kept | {"id": "fd_kept", "screening_id": "sc0b"})))
        new = {"id": "fd_new", "screening_id": "sc0b", "fingerprint": "fp_new", "family": "abuse"}
        current.add(Finding(**(kept | new | {"text": "新的一行"})))
    manifest = made.snapshots.manifests["aa/0.wacz"]
    made.snapshots.manifests["aa/0b.wacz"] = manifest
    for (wacz, url), blocks in list(made.snapshots.pages.items()):
        if wacz == "aa/0.wacz":
            changed = [each for each in blocks if "一对一" not in each.text]
            changed[1] = changed[1].model_copy(update={"text": "欢迎来到我的新教学空间"})
            made.snapshots.pages["aa/0b.wacz", url] = tuple(changed)


def test_changes_since_the_earlier_snapshot_are_told(made: Made, client: Client) -> None:
    assert "没有可以比较的快照" in client.get(f"{CASE}/changes").text
    assert f"{CASE}/changes" not in client.get(CASE).text
    add_second_visit(made)
    assert f"{CASE}/changes" in client.get(CASE).text
    shown = client.get(f"{CASE}/changes").text
    for words in ("空间的内容变了", "<del>", "<ins>", "/snapshots/sn0/pages/0.jpg"):
        assert words in shown
    for title, number in (("新出现的线索", 1), ("已消失的线索", 4), ("仍在的线索", 1)):
        assert f'{title} <span class="quiet">{number} 条' in shown
    assert PHONE not in shown


def test_a_card_tells_what_became_of_the_same_words_elsewhere(made: Made, client: Client) -> None:
    """In spaces that may be seen; another county's are not counted."""
    with session(made.desk.engine) as current:
        old = current.get_one(Finding, "fd_sc0_0").model_dump()
        for number, space in ((1, 2), (2, 3)):
            twin = {"id": f"fd_twin{number}", "screening_id": f"sc{number}", "space_id": space}
            current.add(Finding(**(old | twin)))
    assert "1 个有同样内容" in client.get(CASE).text
    address = f"/campaigns/{CAMPAIGN}/spaces/s002/decisions"
    answer = post(client, address, finding="fd_twin1", action="dismiss", reason="teaching")
    assert answer.status_code == 303
    assert "1 个有同样内容,其中确认 0 个、排除 1 个" in client.get(CASE).text


def test_loading_a_case_takes_as_many_rows_however_large_the_campaign(tmp_path: Path) -> None:
    """The statements read this space's rows only."""
    read = []
    for spaces in (2, 40):
        engine = open_engine(f"sqlite:///{tmp_path / f'{spaces}.db'}")
        migrate(engine)
        made = make_desk(engine)
        add_campaign(made, spaces=spaces)
        with session(engine) as current:
            campaign = current.exec(select(Campaign)).one()
            load_case(current, made.desk, campaign, "s001")
            read.append(len(current.identity_map))
        engine.dispose()
    assert read[0] == read[1]
