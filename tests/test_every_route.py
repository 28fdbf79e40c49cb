"""Every route of the service: what it needs is declared, and nobody sees another's county, school or space.

A new route has to be added to ``ROUTES`` below, with what an outsider must get of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from httpx import Client, Response
from sqlmodel import select
from starlette.applications import Starlette

from models.database import migrate, open_engine, session
from models.review_tables import Appeal, Notice, NoticeEvent, NoticeItem
from models.tables import Nomination, Ranking, Region, School, Space, Teacher
from models.vocabulary import (
    AppealState,
    NoticeEventKind,
    NoticeState,
    Permission,
    RankingStage,
    Role,
    TokenScope,
)
from service.api_access import TokenRequirement
from service.nomination_columns import REQUIRED
from service.permissions import PERMISSIONS
from service.web.access import Requirement, all_routes, require_declared, requirement_of
from service.web.app import build_app, create_app
from service.web.settings import WebSettings
from tests.factories import CAMPAIGN, NOW, Made, add_campaign, make_desk
from tests.serving import client_of
from tests.signing_in import OURS, add_account, bearer, csrf, log_in, post

#: s001 is of 甲县 (its primary school), s002 of its middle school, s003 of 乙区.
OTHER, OWN = "s001", "s003"
OTHER_NAMES = ("甲县", "陈晓文0", "林晓文1")


@dataclass(frozen=True)
class Route:
    """What an auditor of another county must get.

    ``answer`` None: the page comes, and holds nothing of the other county. ``alone``: it is about nobody's
    space, so there is nothing to hide. ``own`` is the same address for a space of one's own.
    """

    path: str
    answer: int | None = 404
    own: str = ""
    alone: bool = False
    form: Mapping[str, str] = field(default_factory=dict)


OUT_OF_REACH = 403
C = f"/campaigns/{CAMPAIGN}"
DECIDE = {"finding": "fd_sc0_0", "action": "confirm", "reason": "violation"}
#: What a program of the other county sends; the nomination is of the space that is not its own.
PROGRAM: Mapping[str, Any] = {
    "/api/v1/cases/{case}/decisions": {"action": "confirm", "reason": "unfit"},
    "/api/v1/nominations": [
        {**dict.fromkeys(REQUIRED, "某"), "编号": "s001", "空间地址": "http://space.example/s001"}
    ],
}
ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/"): Route("/", None),
    ("GET", "/campaigns/{campaign}"): Route(C, None),
    ("GET", "/campaigns/{campaign}/feed"): Route(f"{C}/feed", None),
    ("GET", "/campaigns/{campaign}/spaces/{space}"): Route(
        f"{C}/spaces/{OTHER}", own=f"{C}/spaces/{OWN}"
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/decisions"): Route(
        f"{C}/spaces/{OTHER}/decisions", form=DECIDE
    ),
    ("GET", "/queue"): Route("/queue", 303, alone=True),
    ("GET", "/campaigns/{campaign}/queue"): Route(f"{C}/queue", None),
    ("POST", "/campaigns/{campaign}/queue/next"): Route(f"{C}/queue/next", 303),
    **{
        ("POST", f"/campaigns/{{campaign}}/spaces/{{space}}/case/{step}"): Route(
            f"{C}/spaces/{OTHER}/case/{step}"
        )
        for step in ("take", "extend", "hand-over", "skip", "release", "escalate")
    },
    ("GET", "/snapshots/{snapshot}/pages/{number}.jpg"): Route(
        "/snapshots/sn0/pages/0.jpg", own="/snapshots/sn2/pages/0.jpg"
    ),
    ("GET", "/campaigns/{campaign}/spaces/{space}/changes"): Route(
        f"{C}/spaces/{OTHER}/changes", own=f"{C}/spaces/{OWN}/changes"
    ),
    ("GET", "/campaigns/{campaign}/spaces/{space}/files/{resource}/pages/{page}.jpg"): Route(
        f"{C}/spaces/{OTHER}/files/1/pages/1.jpg"
    ),
    ("GET", "/campaigns/{campaign}/spaces/{space}/findings/{finding}/picture.jpg"): Route(
        f"{C}/spaces/{OTHER}/findings/fd_sc0_0/picture.jpg"
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/openings"): Route(
        f"{C}/spaces/{OTHER}/openings", form={"finding": "fd_sc0_1", "why": "核对电话"}
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/files/{resource}"): Route(
        f"{C}/spaces/{OTHER}/files/1", form={"why": "核对附件"}
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/pictures"): Route(
        f"{C}/spaces/{OTHER}/pictures", form={"look": "blur"}
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/drafts"): Route(
        f"{C}/spaces/{OTHER}/drafts", form={"finding": "fd_sc0_0", "text": "草稿"}
    ),
    ("GET", "/assets/{digest}/{name}"): Route("/assets/x/site.css", alone=True),
    ("GET", "/login"): Route("/login", 303, alone=True),
    ("POST", "/login"): Route("/login", 422, alone=True),
    ("GET", "/login/oidc"): Route("/login/oidc", alone=True),
    ("GET", "/login/oidc/return"): Route("/login/oidc/return", alone=True),
    ("GET", "/logged-out"): Route("/logged-out", 200, alone=True),
    ("GET", "/account"): Route("/account", 200, alone=True),
    ("GET", "/account/password"): Route("/account/password", 200, alone=True),
    ("POST", "/account/password"): Route("/account/password", 422, alone=True),
    ("POST", "/account/sessions/{session}/end"): Route("/account/sessions/{admin}/end"),
    ("GET", "/admin/users"): Route("/admin/users", OUT_OF_REACH),
    ("POST", "/admin/users"): Route("/admin/users", OUT_OF_REACH),
    ("POST", "/admin/users/{user}/state"): Route("/admin/users/1/state", OUT_OF_REACH),
    ("POST", "/admin/users/{user}/password"): Route("/admin/users/1/password", OUT_OF_REACH),
    ("GET", "/admin/tokens"): Route("/admin/tokens", OUT_OF_REACH),
    ("POST", "/admin/tokens"): Route("/admin/tokens", OUT_OF_REACH),
    ("POST", "/admin/tokens/{token}/revoke"): Route("/admin/tokens/x/revoke", OUT_OF_REACH),
    ("GET", "/campaigns/{campaign}/dashboard"): Route(f"{C}/dashboard", None),
    ("GET", "/campaigns/{campaign}/progress"): Route(f"{C}/progress", None),
    ("GET", "/campaigns/{campaign}/dashboard/export"): Route(
        f"{C}/dashboard/export?table=counties", None
    ),
    ("GET", "/campaigns/{campaign}/quality"): Route(f"{C}/quality", None),
    ("POST", "/campaigns/{campaign}/samples"): Route(f"{C}/samples", 303),
    ("GET", "/campaigns/{campaign}/samples/{draw}"): Route(f"{C}/samples/x"),
    ("POST", "/campaigns/{campaign}/samples/{draw}/{item}"): Route(
        f"{C}/samples/x/1", form={"outcome": "clean"}
    ),
    ("GET", "/audit"): Route("/audit", OUT_OF_REACH),
    ("GET", "/audit/export"): Route("/audit/export", OUT_OF_REACH),
    ("GET", "/admin/notifications"): Route("/admin/notifications", OUT_OF_REACH),
    ("POST", "/admin/notifications"): Route("/admin/notifications", OUT_OF_REACH),
    ("POST", "/admin/notifications/{channel}/stop"): Route(
        "/admin/notifications/x/stop", OUT_OF_REACH
    ),
    ("POST", "/admin/notifications/{message}/resend"): Route(
        "/admin/notifications/x/resend", OUT_OF_REACH
    ),
    ("GET", "/admin/webhooks"): Route("/admin/webhooks", OUT_OF_REACH),
    ("POST", "/admin/webhooks"): Route("/admin/webhooks", OUT_OF_REACH),
    ("POST", "/admin/webhooks/{key}/state"): Route("/admin/webhooks/x/state", OUT_OF_REACH),
    ("POST", "/admin/webhooks/{key}/test"): Route("/admin/webhooks/x/test", OUT_OF_REACH),
    ("POST", "/admin/webhooks/deliveries/{key}/resend"): Route(
        "/admin/webhooks/deliveries/x/resend", OUT_OF_REACH
    ),
    ("GET", "/api/v1/verdicts"): Route("/api/v1/verdicts", None),
    ("GET", "/api/v1/verdicts/current"): Route("/api/v1/verdicts/current", None),
    ("GET", "/api/v1/spaces/{space}/verdict"): Route(
        f"/api/v1/spaces/{OTHER}/verdict?campaign={CAMPAIGN}",
        own=f"/api/v1/spaces/{OWN}/verdict?campaign={CAMPAIGN}",
    ),
    ("GET", "/api/v1/cases"): Route("/api/v1/cases", None),
    ("GET", "/api/v1/cases/{case}"): Route("/api/v1/cases/2", own="/api/v1/cases/14"),
    ("POST", "/api/v1/cases/{case}/decisions"): Route("/api/v1/cases/2/decisions"),
    ("POST", "/api/v1/nominations"): Route(f"/api/v1/nominations?campaign={CAMPAIGN}", 202),
    ("GET", "/api/v1/nominations/{arrival}"): Route("/api/v1/nominations/im_0"),
    ("GET", "/api/v1/rankings/{campaign}"): Route(f"/api/v1/rankings/{CAMPAIGN}", None),
    ("GET", "/api/v1/metrics"): Route("/api/v1/metrics", None),
    ("GET", "/api/v1/openapi.json"): Route("/api/v1/openapi.json", 200, alone=True),
    ("GET", "/api/v1/healthz"): Route("/api/v1/healthz", 200, alone=True),
    ("GET", "/api/v1/readyz"): Route("/api/v1/readyz", 200, alone=True),
    ("GET", "/campaigns/{campaign}/notices"): Route(f"{C}/notices", None),
    ("GET", "/campaigns/{campaign}/appeals"): Route(f"{C}/appeals", None),
    ("GET", "/campaigns/{campaign}/spaces/{space}/notice"): Route(
        f"{C}/spaces/{OTHER}/notice", own=f"{C}/spaces/{OWN}/notice"
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/notice"): Route(f"{C}/spaces/{OTHER}/notice"),
    ("GET", "/campaigns/{campaign}/spaces/{space}/sign-offs"): Route(
        f"{C}/spaces/{OTHER}/sign-offs", own=f"{C}/spaces/{OWN}/sign-offs"
    ),
    ("POST", "/campaigns/{campaign}/spaces/{space}/sign-offs"): Route(
        f"{C}/spaces/{OTHER}/sign-offs", form={"word": "sign"}
    ),
    # A notice and an appeal of the other county's space: ``made`` writes them.
    ("GET", "/notices/{notice}"): Route("/notices/nt_other"),
    ("POST", "/notices/{notice}"): Route("/notices/nt_other", form={"step": "close", "note": "x"}),
    ("GET", "/notices/{notice}/notice.pdf"): Route("/notices/nt_other/notice.pdf"),
    ("POST", "/appeals/{appeal}"): Route("/appeals/ap_other", form={"uphold": "true", "note": "x"}),
    # By a link alone: what is behind a good one is in ``test_mend``.
    ("GET", "/mend/{token}"): Route("/mend/nt_other.1.x"),
    ("GET", "/mend/{token}/notice.pdf"): Route("/mend/nt_other.1.x/notice.pdf"),
    ("POST", "/mend/{token}/answers"): Route("/mend/nt_other.1.x/answers", form={"name": "x"}),
    ("POST", "/mend/{token}/appeals"): Route(
        "/mend/nt_other.1.x/appeals", form={"item": "1", "name": "x", "grounds": "x"}
    ),
    # Last: they end the session.
    ("POST", "/logout"): Route("/logout", 303, alone=True),
    ("POST", "/logout/everywhere"): Route("/logout/everywhere", 401, alone=True),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('routes') / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=20)
    add_account(made, "乙区审核", Role.COUNTY_AUDITOR, "乙区")
    add_account(made, "甲县学校", Role.SCHOOL_AUDITOR, "甲县", "甲县第三中学")
    add_account(made, "甲县教师", Role.TEACHER, "甲县", "甲县第三中学", "林晓文1")
    add_account(made, "排名", Role.RANKING_CLIENT)
    add_account(made, "管理", Role.ADMINISTRATOR)
    _add_notice_of_other(made)
    _rank(made)
    yield made
    engine.dispose()


def _add_notice_of_other(made: Made) -> None:
    """A notice to the other county's space, and an appeal on it."""
    with session(made.desk.engine) as current:
        space = current.exec(select(Space).where(Space.code == OTHER)).one()
        current.add(
            Notice(
                id="nt_other",
                campaign_id=1,
                space_id=space.id or 0,
                number=1,
                state=NoticeState.SENT,
                due_at=NOW,
                issued_by_id=1,
                issued_at=NOW,
            )
        )
        current.flush()
        current.add(
            Appeal(
                id="ap_other",
                space_id=space.id or 0,
                notice_id="nt_other",
                state=AppealState.LODGED,
                lodged_name="x",
                grounds="x",
                lodged_at=NOW,
            )
        )
        item = NoticeItem(
            notice_id="nt_other", fingerprint="f", what="x", where="x", basis="", mend=""
        )
        current.add(item)
        current.flush()
        current.add(
            NoticeEvent(
                id="ne_other",
                notice_id="nt_other",
                kind=NoticeEventKind.APPEALED,
                details={"appeal": "ap_other", "item": item.id},
                at=NOW,
            )
        )


def _rank(made: Made) -> None:
    entries = [{"space": OTHER, "teacher": "陈晓文0"}, {"space": OWN, "teacher": "黄"}]
    with session(made.desk.engine) as current:
        row = Ranking(
            id="rk",
            campaign_id=1,
            stage=RankingStage.COUNTY,
            scheme="示例@1",
            scheme_digest="sha256:0",
            sample=True,
            ranked_at=NOW,
            entries=entries,
        )
        current.add(row)


@contextmanager
def as_user(made: Made, name: str) -> Iterator[Client]:
    with client_of(create_app(made.desk)) as client:
        assert log_in(client, name).status_code == 303
        yield client


def served_routes(made: Made) -> dict[tuple[str, str], APIRoute]:
    """Every route that is served, the API's too."""
    found = {}
    for path, route in all_routes(build_app(made.desk, WebSettings()).routes):
        assert isinstance(route, APIRoute), path
        for method in (route.methods or set()) - {"HEAD"}:
            found[method, path] = route
    return found


def test_every_route_is_classified_here(made: Made) -> None:
    assert set(served_routes(made)) == set(ROUTES)


def test_every_route_declares_what_it_needs(made: Made) -> None:
    for (_, path), route in served_routes(made).items():
        kind = TokenRequirement if path.startswith("/api/") else Requirement
        assert isinstance(requirement_of(route), kind), path


def test_an_application_with_an_undeclared_route_does_not_start(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()

    @router.get("/backdoor")
    def backdoor() -> str:
        return "open"

    monkeypatch.setattr("service.web.app.ROUTERS", (router,))
    with pytest.raises(RuntimeError, match="/backdoor"):
        create_app(made.desk)
    mounted = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mounted.mount("/files", Starlette())
    with pytest.raises(RuntimeError, match="/files"):
        require_declared(mounted)


def ask(client: Client, made: Made, method: str, path: str, route: Route) -> Response:
    address = route.path.replace("{admin}", "0" * 64)
    if path.startswith("/api/"):
        held = bearer(made, *TokenScope, county="乙区", user="乙区审核")
        if method == "GET":
            return client.get(address, headers=held)
        extra = {"Idempotency-Key": path, "If-Match": "*"}
        return client.post(address, headers={**held, **extra}, json=PROGRAM[path])
    if method == "GET":
        return client.get(address)
    data = {"csrf": csrf(client), **route.form}
    return client.post(address, data=data, headers=OURS)


def test_another_county_is_refused_by_every_route(made: Made) -> None:
    """The whole walk in one session, in the table's order."""
    with as_user(made, "乙区审核") as client:
        for (method, path), route in ROUTES.items():
            if path == "/logout/everywhere":
                # After the log-out: nobody is signed in any more.
                answer = client.post(path, headers=OURS)
            else:
                answer = ask(client, made, method, path, route)
            expected = 200 if route.answer is None else route.answer
            assert answer.status_code == expected, f"{method} {path}: {answer.text[:300]}"
            if not route.alone:
                shown = answer.text
                assert not [name for name in OTHER_NAMES if name in shown], path
                assert f"/spaces/{OTHER}" not in shown
                assert f'"{OTHER}"' not in shown
            if route.own and path.startswith("/api/"):
                held = bearer(made, *TokenScope, county="乙区", user="乙区审核")
                assert client.get(route.own, headers=held).is_success, route.own
            elif route.own:
                assert client.get(route.own).is_success, route.own


def test_what_is_refused_is_there_for_who_may_see_it(made: Made) -> None:
    """Else the walk would prove nothing."""
    with as_user(made, "管理") as client:
        for path in (C, f"{C}/feed", f"{C}/spaces/{OTHER}"):
            assert OTHER in client.get(path).text
        assert client.get("/snapshots/sn0/pages/0.jpg").is_success
    with client_of(create_app(made.desk)) as client:
        spaces = [
            each["space"] for each in client.get("/api/v1/verdicts", headers=bearer(made)).json()
        ]
        bounded = [
            each["space"]
            for each in client.get("/api/v1/verdicts", headers=bearer(made, county="乙区")).json()
        ]
        assert {OTHER, OWN} <= set(spaces)
        assert bounded == ["s003", "s004", "s013", "s014"]


@pytest.mark.parametrize(
    ("name", "seen", "unseen"),
    [
        ("甲县学校", ("s002", "s012"), ("s001", "s003")),
        ("甲县教师", ("s002",), ("s012", "s001")),
    ],
)
def test_a_school_and_a_teacher_see_their_own(
    made: Made, name: str, seen: tuple[str, ...], unseen: tuple[str, ...]
) -> None:
    with as_user(made, name) as client:
        shown = client.get(C).text
        for code in seen:
            assert f"/spaces/{code}" in shown
            assert client.get(f"{C}/spaces/{code}").is_success
        for code in unseen:
            assert f"/spaces/{code}" not in shown
            assert client.get(f"{C}/spaces/{code}").status_code == 404


def test_a_teacher_does_not_decide_and_a_ranking_client_reads_the_feed_only(made: Made) -> None:
    with as_user(made, "甲县教师") as client:
        answer = post(client, f"{C}/spaces/s002/decisions", action="confirm", reason="unfit")
        assert answer.status_code == 403
        assert "没有“作出审核决定”的权限" in answer.text
    with as_user(made, "排名") as client:
        assert client.get(f"{C}/feed").is_success
        for path in (C, f"{C}/spaces/s001", "/snapshots/sn0/pages/0.jpg", "/admin/users"):
            assert client.get(path).status_code == 403


def test_nobody_signed_in_gets_nothing_but_the_log_in(made: Made) -> None:
    open_paths = {
        path
        for (_, path), route in served_routes(made).items()
        if isinstance(found := requirement_of(route), Requirement) and found.permission is None
    }
    assert open_paths == {
        "/assets/{digest}/{name}",
        "/logged-out",
        "/login",
        "/login/oidc",
        "/login/oidc/return",
        "/mend/{token}",
        "/mend/{token}/answers",
        "/mend/{token}/appeals",
        "/mend/{token}/notice.pdf",
    }
    with client_of(create_app(made.desk)) as client:
        for (method, path), route in ROUTES.items():
            if path in open_paths or path in ("/api/v1/healthz", "/api/v1/readyz"):
                continue
            answer = client.request(method, route.path, headers=OURS)
            wanted = 303 if method == "GET" and not path.startswith("/api/") else 401
            assert answer.status_code == wanted, path


def test_every_role_holds_what_its_work_needs_and_only_the_administrator_all() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.ADMINISTRATOR] == frozenset(Permission)
    managed = {Permission.USERS_MANAGE, Permission.TOKENS_MANAGE, Permission.INTEGRATIONS_MANAGE}
    for role, held in PERMISSIONS.items():
        assert Permission.ACCOUNT in held
        assert role is Role.ADMINISTRATOR or not managed & held


def test_a_space_that_moves_to_another_county_moves_out_of_sight(tmp_path: Path) -> None:
    """The nomination in force counts, and not an earlier one."""
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=4)
    add_account(made, "甲县审核", Role.COUNTY_AUDITOR, "甲县")
    with as_user(made, "甲县审核") as client:
        assert client.get(f"{C}/spaces/s001").is_success
        _move(made, "s001", "乙区")
        assert client.get(f"{C}/spaces/s001").status_code == 404
        assert client.get(f"{C}/spaces/s002").is_success
    engine.dispose()


def _move(made: Made, code: str, county: str) -> None:
    with session(made.desk.engine) as current:
        space = current.exec(select(Space).where(Space.code == code)).one()
        old = current.exec(select(Nomination).where(Nomination.space_id == space.id)).one()
        region = current.exec(select(Region).where(Region.name == county)).one()
        school = current.exec(select(School).where(School.region_id == region.id)).first()
        assert school is not None
        teacher = Teacher(school_id=school.id or 0, name="调动教师")
        current.add(teacher)
        current.flush()
        values = old.model_dump(exclude={"id"}) | {"revision": 2, "teacher_id": teacher.id}
        current.add(Nomination(**values))
