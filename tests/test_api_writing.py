"""What programs write over the API: nominations once, decisions on what was seen, serials without gaps."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from httpx import Client, Response
from sqlmodel import col, func, select

from models.database import migrate, open_engine, session
from models.tables import Campaign, Decision, Nomination, Space, Verdict
from models.vocabulary import Role, TokenScope
from service.web.app import create_app
from tests.factories import CAMPAIGN, Made, add_campaign, issue_now, make_desk
from tests.serving import client_of
from tests.signing_in import add_account, bearer
from tests.test_api import problem

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOMINATIONS = f"/api/v1/nominations?campaign={CAMPAIGN}"
ROW = {
    "编号": "n1",
    "县区": "乙区",
    "学校": "乙区新学校",
    "姓名": "示例教师",
    "学段": "小学",
    "学科": "语文",
    "空间名称": "示例空间",
    "空间地址": "http://space.example/n1",
}
UNFIT = {"action": "confirm", "reason": "unfit"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=8)
    add_account(made, "市级", Role.CITY_STAFF)
    add_account(made, "教师", Role.RANKING_CLIENT)
    yield made
    engine.dispose()


@pytest.fixture
def client(made: Made) -> Iterator[Client]:
    with client_of(create_app(made.desk)) as client:
        client.headers.update(bearer(made, *TokenScope, user="市级"))
        yield client


def nominate(client: Client, key: str, rows: object) -> Response:
    return client.post(NOMINATIONS, json=rows, headers={"Idempotency-Key": key})


def revisions(made: Made) -> int:
    with session(made.desk.engine) as current:
        return current.exec(select(func.count()).select_from(Nomination)).one()


def test_rows_are_imported_once_and_the_same_request_is_answered_the_same(
    made: Made, client: Client
) -> None:
    before = revisions(made)
    first = nominate(client, "k1", [ROW])
    assert first.status_code == 202
    assert first.json()["added"] == ["n1"]
    again = nominate(client, "k1", [ROW])
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert client.get(first.headers["location"]).json() == first.json()
    assert revisions(made) == before + 1


def test_the_same_key_with_another_body_is_refused(made: Made, client: Client) -> None:
    nominate(client, "k1", [ROW])
    before = revisions(made)
    errors = problem(nominate(client, "k1", [{**ROW, "编号": "n2"}]), 422)
    assert errors[0]["pointer"] == "/header/idempotency-key"
    assert revisions(made) == before


def test_two_requests_with_one_key_at_once_are_done_once(made: Made, client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: nominate(client, "k1", [ROW]), range(8)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    with session(made.desk.engine) as current:
        assert len(current.exec(select(Space).where(Space.code == "n1")).all()) == 1


def test_a_bad_row_is_named_and_the_good_ones_are_imported(client: Client) -> None:
    answer = nominate(client, "k", [ROW, {**ROW, "编号": "n2", "空间地址": "ftp://x"}]).json()
    assert answer["added"] == ["n1"]
    assert [(each["row"], each["pointer"]) for each in answer["refused"]] == [
        (2, "/body/1/空间地址")
    ]


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(ROW))
    sheet.append(list(ROW.values()))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("kind", [XLSX, "text/csv"])
def test_a_nomination_file_is_taken_as_it_is(client: Client, kind: str) -> None:
    text = f"{','.join(ROW)}\n{','.join(ROW.values())}\n"
    content = _xlsx() if kind == XLSX else text.encode("gb18030")
    answer = client.post(
        NOMINATIONS, content=content, headers={"Idempotency-Key": "f", "Content-Type": kind}
    )
    assert answer.json()["added"] == ["n1"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "pointer"),
    [
        (b"{", "application/json", 422, "/body"),
        (b"[]", "application/json", 422, "/body"),
        (b'[{"a": 1}]', "application/json", 422, "/body/0/a"),
        (b"x,y\n1,2\n", "text/csv", 422, "/body"),
        (b"PK\x03\x04rubbish", XLSX, 422, "/body"),
        (b"x", "text/html", 415, "/header/content-type"),
    ],
)
def test_what_cannot_be_read_is_a_problem(
    client: Client, content: bytes, kind: str, status: int, pointer: str
) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": kind}
    answer = client.post(NOMINATIONS, content=content, headers=headers)
    assert problem(answer, status)[0]["pointer"] == pointer


def test_without_a_key_nothing_is_taken(client: Client) -> None:
    errors = problem(client.post(NOMINATIONS, json=[ROW]), 422)
    assert errors[0]["pointer"] == "/header/idempotency-key"


def test_a_countys_program_neither_adds_nor_takes_over_what_is_elsewhere(made: Made) -> None:
    theirs = {**ROW, "编号": "s001", "空间地址": "http://space.example/s001"}
    by_address = {**theirs, "编号": ""}
    with client_of(create_app(made.desk)) as client:
        client.headers.update(bearer(made, TokenScope.NOMINATIONS_WRITE, county="乙区"))
        rows = [{**ROW, "县区": "甲县"}, theirs, by_address, ROW]
        answer = nominate(client, "k", rows).json()
    assert answer["added"] == ["n1"]
    assert [each["row"] for each in answer["refused"]] == [1, 2, 3]


def first_case(client: Client) -> dict[str, object]:
    found: dict[str, object] = client.get("/api/v1/cases?limit=1").json()[0]
    return found


def decide(client: Client, case: dict[str, object], etag: str, **wish: str) -> Response:
    return client.post(
        f"/api/v1/cases/{case['id']}/decisions",
        json={**UNFIT, **wish},
        headers={"If-Match": etag},
    )


def test_the_second_of_two_that_saw_the_same_gets_409_with_the_decision(
    made: Made, client: Client
) -> None:
    case = first_case(client)
    etag = str(case["etag"])
    first = decide(client, case, etag)
    assert first.status_code == 201, first.text
    second = decide(client, case, etag)
    problem(second, 409)
    assert second.json()["current"] == first.json()
    assert second.json()["etag"] == first.headers["etag"] == second.headers["etag"]
    with session(made.desk.engine) as current:
        assert len(current.exec(select(Decision)).all()) == 1
    assert decide(client, case, second.headers["etag"], action="undo", reason="mistake").is_success


def test_twenty_at_once_and_one_is_quickest(made: Made, client: Client) -> None:
    case = first_case(client)
    start = threading.Barrier(20)

    def one(_: int) -> int:
        start.wait()
        return decide(client, case, str(case["etag"])).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(one, range(20)))
    assert codes == [201] + [409] * 19
    with session(made.desk.engine) as current:
        assert len(current.exec(select(Decision)).all()) == 1


def test_a_decision_on_a_finding_moves_its_state_and_the_verdict(client: Client) -> None:
    case = first_case(client)
    findings: list[dict[str, str]] = case["findings"]  # type: ignore[assignment]
    answer = decide(client, case, str(case["etag"]), finding=findings[0]["id"], reason="violation")
    assert answer.status_code == 201, answer.text
    last = client.get("/api/v1/verdicts?after=0&limit=1000").json()[-1]
    assert (last["space"], last["decided_by"], last["state"]) == (
        case["space"],
        "person",
        "rejected",
    )


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"finding": "fd_sc99_0"}, "/body/finding"),
        ({"reason": "nonsense"}, "/body"),
        ({"action": "undo", "reason": "mistake"}, "/body"),
        ({"action": "burn"}, "/body/action"),
        ({"extra": "x"}, "/body/extra"),
    ],
)
def test_a_decision_that_does_not_fit_is_a_problem(
    client: Client, wish: dict[str, str], pointer: str
) -> None:
    case = first_case(client)
    errors = problem(decide(client, case, "*", **wish), 422)
    assert errors[0]["pointer"] == pointer


def test_cases_are_filtered_and_paged(client: Client) -> None:
    every = client.get("/api/v1/cases").json()
    assert [each["id"] for each in every] == sorted(each["id"] for each in every)
    assert len(every) >= 2
    paged: list[int] = []
    address = "/api/v1/cases?limit=1"
    for _ in range(20):
        page = client.get(address)
        paged += [each["id"] for each in page.json()]
        if "next" not in page.links:
            break
        address = page.links["next"]["url"]
    assert paged == [each["id"] for each in every]
    county = client.get("/api/v1/cases", params={"county": "甲县"}).json()
    assert county == [each for each in every if each["county"] == "甲县"] != []
    normative = client.get("/api/v1/cases?dimension=normative").json()
    assert normative == [
        each for each in every if any(one["dimension"] == "normative" for one in each["findings"])
    ]
    assert client.get("/api/v1/cases?state=queued").json() == every
    assert client.get("/api/v1/cases?state=decided").json() == []
    assert "老师" not in client.get("/api/v1/cases").text


def test_metrics_are_plain_text_with_numbers(client: Client) -> None:
    answer = client.get("/api/v1/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert f'spaceaudit_spaces{{campaign="{CAMPAIGN}"}} 8' in answer.text
    assert "# TYPE spaceaudit_feed_serial gauge\nspaceaudit_feed_serial 8\n" in answer.text


def write_at_once(made: Made) -> list[int]:
    """Verdicts by eight writers at once, and every serial as a reader sees it, by polling the log."""
    engine = made.desk.engine
    with session(engine) as current:
        keys = [each for each in current.exec(select(Space.id)) if each is not None]
    done = threading.Event()
    read: list[int] = []

    def reader() -> None:
        last = False
        while not last:
            # One more look after the writers have ended.
            last = done.is_set()
            with session(engine) as current:
                after = read[-1] if read else 0
                serial = col(Verdict.serial)
                new = select(Verdict.serial).where(serial > after).order_by(serial)
                read.extend(each or 0 for each in current.exec(new))

    def writer(number: int) -> None:
        for turn in range(5):
            with session(engine) as current:
                campaign = current.exec(select(Campaign)).one()
                desk = replace(made.desk, models={"m": f"sha256:{number}-{turn}"})
                issue_now(current, desk, campaign, keys[number % len(keys)])

    thread = threading.Thread(target=reader)
    thread.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(writer, range(8)))
    done.set()
    thread.join()
    return read


def test_a_reader_misses_no_serial_of_writers_at_once(made: Made) -> None:
    assert write_at_once(made) == list(range(1, 8 + 40 + 1))


@pytest.mark.postgres
def test_a_reader_misses_no_serial_of_writers_at_once_on_postgresql(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=8)
    assert write_at_once(made) == list(range(1, 8 + 40 + 1))
    engine.dispose()


def test_json_of_any_depth_is_answered(client: Client) -> None:
    deep = "[" * 100_000
    headers = {"Idempotency-Key": "deep", "Content-Type": "application/json"}
    assert problem(client.post(NOMINATIONS, content=deep, headers=headers), 422)
