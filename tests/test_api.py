"""The verdict feed over HTTP: order, paging, ETag, staleness, problem documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Client, Response
from sqlmodel import select

from models.database import migrate, open_engine, session
from models.tables import Campaign, Verdict
from rules.pack import RulePack
from service.desk import Desk
from service.web.app import create_app
from tests.factories import (
    AUDITOR,
    CAMPAIGN,
    PLANTED,
    TAKEN,
    Made,
    add_campaign,
    find_space,
    issue_now,
    make_desk,
)
from tests.serving import client_of
from tests.signing_in import bearer

FEED_FIELDS = [
    "serial",
    "event",
    "space",
    "verdict_id",
    "supersedes",
    "state",
    "visibility",
    "reasons",
    "basis",
    "coverage",
    "decided_by",
    "decided_at",
    "valid_until",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('api') / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=12)
    yield made
    engine.dispose()


@pytest.fixture(scope="module")
def client(made: Made) -> Iterator[Client]:
    with api_of(made, made.desk) as client:
        yield client


@contextmanager
def api_of(made: Made, desk: Desk) -> Iterator[Client]:
    """A program with a token, at the API of a desk on the same database."""
    with client_of(create_app(desk)) as client:
        client.headers.update(bearer(made))
        yield client


def problem(answer: Response, status: int) -> list[dict[str, str]]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    errors: list[dict[str, str]] = document["errors"]
    assert errors
    assert all(each["pointer"].startswith("/") and each["detail"] for each in errors)
    return errors


def test_an_item_has_the_fields_of_the_contract(client: Client) -> None:
    item = client.get("/api/v1/verdicts").json()[0]
    assert list(item) == FEED_FIELDS
    assert list(item["basis"]) == ["snapshot", "content_digest", "rule_pack", "models", "policy"]
    assert list(item["reasons"][0]) == ["code", "basis", "severity", "findings"]
    assert item["decided_at"].endswith("Z")


def test_following_next_reads_every_serial_once_and_in_order(client: Client) -> None:
    serials: list[int] = []
    address = "/api/v1/verdicts?limit=5"
    for _ in range(10):
        answer = client.get(address)
        serials += [item["serial"] for item in answer.json()]
        assert answer.headers["x-last-serial"] == str(serials[-1])
        if "next" not in answer.links:
            break
        address = answer.links["next"]["url"]
    assert serials == list(range(1, 13))


def test_a_reader_that_has_all_gets_nothing_and_keeps_its_place(client: Client) -> None:
    answer = client.get("/api/v1/verdicts?after=12")
    assert answer.json() == []
    assert answer.headers["x-last-serial"] == "12"
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/verdicts?limit=3",
        "/verdicts/current",
        f"/spaces/s001/verdict?campaign={CAMPAIGN}",
    ],
)
def test_an_unchanged_answer_is_304_by_its_etag(client: Client, path: str) -> None:
    first = client.get(f"/api/v1{path}")
    again = client.get(
        f"/api/v1{path}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert int(again.headers["x-poll-interval"]) > 0
    other = client.get(f"/api/v1{path}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_nothing_that_a_space_says_and_no_name_leaves_by_the_feed(client: Client) -> None:
    text = client.get("/api/v1/verdicts").text
    assert AUDITOR not in text
    assert "老师" not in text
    assert "space.example" not in text
    assert not [each.text for each in PLANTED if each.text in text]


def test_current_is_the_newest_of_each_space(made: Made, client: Client) -> None:
    with session(made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        space = find_space(current, "s003")
        old = current.exec(select(Verdict.serial).where(Verdict.space_id == space.id)).one()
        # The same verdict under another basis: a new row of the same space.
        changed = replace(made.desk, models={"tutoring": "sha256:new"})
        new = issue_now(current, changed, campaign, space.id or 0).serial
        assert new != old
    serials = [item["serial"] for item in client.get("/api/v1/verdicts/current").json()]
    assert old not in serials
    assert new in serials
    assert serials == sorted(serials)
    assert len(serials) == 12


def state_of(client: Client, **query: str) -> str:
    answer = client.get("/api/v1/spaces/s004/verdict", params={"campaign": CAMPAIGN, **query})
    state: str = answer.json()["state"]
    return state


def test_a_verdict_is_stale_when_the_rules_change_and_current_again_when_they_change_back(
    made: Made, client: Client
) -> None:
    before = state_of(client)
    assert before != "stale"
    rules = RulePack(id="test", version="2022.2", rules=made.desk.pack.rules[:1])
    with api_of(made, replace(made.desk, pack=rules)) as other:
        assert state_of(other) == "stale"
    assert state_of(client) == before


@pytest.mark.parametrize(("seconds", "stale"), [(0, True), (-1, False)])
def test_a_verdict_is_stale_at_the_end_of_its_validity_and_not_before(
    made: Made, seconds: int, stale: bool
) -> None:
    moment = TAKEN + timedelta(days=30, seconds=seconds)
    later = replace(made.desk, clock=lambda: moment)
    with api_of(made, later) as client:
        assert (state_of(client) == "stale") is stale


@pytest.mark.parametrize(("max_age", "stale"), [("P1D", True), ("P2D", False), ("PT49H", False)])
def test_the_reader_says_how_old_a_visit_may_be(made: Made, max_age: str, stale: bool) -> None:
    two_days_on = replace(made.desk, clock=lambda: TAKEN + timedelta(days=2))
    with api_of(made, two_days_on) as client:
        assert (state_of(client, max_age=max_age) == "stale") is stale


@pytest.mark.parametrize(
    ("path", "status", "pointer"),
    [
        ("/verdicts?limit=0", 422, "/query/limit"),
        ("/verdicts?limit=1001", 422, "/query/limit"),
        ("/verdicts?after=-1", 422, "/query/after"),
        ("/verdicts?after=x", 422, "/query/after"),
        ("/verdicts?after=99999999999999999999", 422, "/query/after"),
        ("/spaces/s001/verdict", 422, "/query/campaign"),
        (f"/spaces/s001/verdict?campaign={CAMPAIGN}&max_age=soon", 422, "/query/max_age"),
        ("/spaces/s001/verdict?campaign=1999", 404, "/query/campaign"),
        (f"/spaces/nobody/verdict?campaign={CAMPAIGN}", 404, "/path/space"),
        ("/nothing", 404, "/path"),
    ],
)
def test_every_error_is_a_problem_that_points(
    client: Client, path: str, status: int, pointer: str
) -> None:
    assert [each["pointer"] for each in problem(client.get(f"/api/v1{path}"), status)] == [pointer]


def test_a_wrong_method_is_a_problem_and_says_what_is_allowed(client: Client) -> None:
    answer = client.delete("/api/v1/verdicts")
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]


def test_health_and_readiness(made: Made, client: Client, tmp_path: Path) -> None:
    assert client.get("/api/v1/healthz").json() == {"status": "ok"}
    assert client.get("/api/v1/readyz").json() == {"status": "ready"}
    empty = replace(made.desk, engine=open_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    with client_of(create_app(empty)) as other:
        assert other.get("/api/v1/healthz").status_code == 200
        problem(other.get("/api/v1/readyz"), 503)
    empty.engine.dispose()


def test_the_openapi_document_names_the_routes_and_their_problems(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["servers"] == [{"url": "/api/v1"}]
    assert set(document["paths"]) == {
        "/verdicts",
        "/verdicts/current",
        "/spaces/{space}/verdict",
        "/nominations",
        "/nominations/{arrival}",
        "/cases",
        "/cases/{case}",
        "/cases/{case}/decisions",
        "/rankings/{campaign}",
        "/metrics",
        "/healthz",
        "/readyz",
    }
    answers = document["paths"]["/spaces/{space}/verdict"]["get"]["responses"]
    assert set(answers) >= {"200", "304", "404", "422"}
    assert "application/problem+json" in answers["404"]["content"]
    assert "HTTPValidationError" not in json.dumps(document)
