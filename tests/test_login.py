"""Signing in and out: passwords, waits, one-time passwords, sessions, and where a log-in leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from httpx import Client, Response
from sqlmodel import Session, col, select

from models.account_tables import ApiToken, WebSession
from models.audit_log import broken_links
from models.database import migrate, open_engine, session
from models.tables import AuditEvent, User
from models.vocabulary import Role, TokenScope
from service.errors import AccountError, ConfigError
from service.logins import LoginRefused, make_first_administrator, sign_in
from service.passwords import one_time_password, require_good_password
from service.seals import SECRET_FILE, Sealer, load_sealer
from service.throttle import FREE_BY_ACCOUNT, FREE_BY_ADDRESS, LONGEST_WAIT
from service.tokens import TokenWish, add_token, find_token, revoke_token
from service.users import disable_user
from service.web.app import create_app
from service.web.pages.login import local_path
from service.web.settings import WebSettings
from tests.engines import BOTH, fresh_engine
from tests.factories import NOW, Made, add_campaign, make_desk
from tests.serving import client_of
from tests.signing_in import OURS, PASSWORD, add_account, bearer, csrf, log_in, post

NAME = "王审核"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=3)
    add_account(made, NAME, Role.COUNTY_AUDITOR, "甲县")
    yield made
    engine.dispose()


@pytest.fixture
def client(made: Made) -> Iterator[Client]:
    with client_of(create_app(made.desk)) as client:
        yield client


@pytest.fixture(params=BOTH)
def current(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with fresh_engine(request, tmp_path, request.param) as engine, session(engine) as opened:
        yield opened


def test_the_right_password_leads_where_one_wanted_and_the_cookie_is_kept_from_scripts(
    client: Client,
) -> None:
    answer = log_in(client, NAME, next="/campaigns/2022?page=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/2022?page=1")
    cookie = next(
        each for each in answer.headers.get_list("set-cookie") if "spaceaudit_session" in each
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert NAME in client.get("/").text


def test_by_https_the_cookie_goes_by_nothing_else(made: Made) -> None:
    settings = WebSettings(public_url="https://shenhe.example")
    with client_of(create_app(made.desk, settings=settings)) as client:
        form = csrf(client, "/login")
        # The client speaks http here and would keep its secure cookies back.
        nonce = client.get("/login").headers["set-cookie"].partition("=")[2].partition(";")[0]
        sealed = settings.sealer.seal("csrf", f"form:{nonce}")
        assert form != sealed
        answer = client.post(
            "/login",
            data={"csrf": sealed, "name": NAME, "password": PASSWORD},
            headers={**OURS, "Cookie": f"spaceaudit_form={nonce}", "Host": "shenhe.example"},
        )
        assert answer.status_code == 303
        assert all("Secure" in each for each in answer.headers.get_list("set-cookie")[:1])


def test_a_wrong_password_and_a_name_that_nobody_has_look_the_same(client: Client) -> None:
    wrong, nobody = log_in(client, NAME, "不是这个"), log_in(client, "没有此人", "不是这个")
    assert wrong.status_code == nobody.status_code == 422
    said = [each.text.replace(NAME, "").replace("没有此人", "") for each in (wrong, nobody)]
    assert said[0] == said[1]
    assert "用户名或密码不对" in said[0]


def test_after_too_many_guesses_even_the_right_password_waits(client: Client) -> None:
    for name in (NAME, "没有此人"):
        for _ in range(FREE_BY_ACCOUNT):
            assert log_in(client, name, "猜").status_code == 422
        held = log_in(client, name)
        assert held.status_code == 429
        assert int(held.headers["retry-after"]) > 0
        assert "登录失败次数过多" in held.text


def test_waits_double_end_and_are_forgotten(made: Made) -> None:
    def guess(at: datetime, password: str = "猜") -> timedelta | None:
        with session(made.desk.engine) as current, pytest.raises(LoginRefused) as caught:
            sign_in(current, NAME, password, address="a", at=at)
        return caught.value.wait

    at, waits = NOW, []
    for _ in range(FREE_BY_ACCOUNT - 1):
        assert guess(at) is None
    for _ in range(9):
        assert guess(at) is None
        wait = guess(at)
        assert wait is not None
        waits.append(wait)
        at += wait
    assert [each.total_seconds() for each in waits[:3]] == [30, 60, 120]
    assert max(waits) == LONGEST_WAIT
    with session(made.desk.engine) as current:
        assert sign_in(current, NAME, PASSWORD, address="a", at=at).name == NAME
    # The right password makes the next mistakes free again.
    assert guess(at + timedelta(seconds=1)) is None


def test_an_address_that_tries_many_names_waits_too(current: Session) -> None:
    for number in range(FREE_BY_ADDRESS):
        with pytest.raises(LoginRefused) as caught:
            sign_in(current, f"n{number}", "猜", address="a", at=NOW)
        assert caught.value.wait is None
    with pytest.raises(LoginRefused) as caught:
        sign_in(current, "another", "猜", address="a", at=NOW)
    assert caught.value.wait is not None
    with pytest.raises(LoginRefused) as caught:
        sign_in(current, "another", "猜", address="b", at=NOW)
    assert caught.value.wait is None


def test_the_first_start_makes_one_administrator_whose_password_must_change(made: Made) -> None:
    # There are other accounts, but nobody who could add or mend any.
    with session(made.desk.engine) as current:
        once = make_first_administrator(current, at=NOW)
        assert once is not None
        current.commit()
        assert make_first_administrator(current, at=NOW) is None
    with client_of(create_app(made.desk)) as client:
        assert log_in(client, "admin", once).status_code == 303
        assert client.get("/admin/users").headers["location"] == "/account/password"
        form = {"old": once, "again": PASSWORD}
        for new, said in (("短", "太短"), (once, "相同"), ("1111111111", "不同的字符太少")):
            answer = post_password(client, old=once, new=new, again=new)
            assert answer.status_code == 422
            assert said in answer.text
        assert post_password(client, **form, new=PASSWORD).headers["location"] == "/account"
        assert client.get("/admin/users").is_success
        assert "密码已修改" not in client.get("/admin/users").text


def post_password(client: Client, **form: str) -> Response:
    data = {"csrf": csrf(client, "/account/password"), **form}
    return client.post("/account/password", data=data, headers=OURS)


def test_a_message_is_shown_once(client: Client) -> None:
    log_in(client, NAME)
    post_password(client, old=PASSWORD, new="另一个好密码-2022", again="另一个好密码-2022")
    assert "密码已修改" in client.get("/account").text
    assert "密码已修改" not in client.get("/account").text


def test_a_changed_password_ends_other_sessions(made: Made, client: Client) -> None:
    log_in(client, NAME)
    with client_of(create_app(made.desk)) as other:
        log_in(other, NAME)
        assert other.get("/account").status_code == 200
        post_password(client, old=PASSWORD, new="另一个好密码-2022", again="另一个好密码-2022")
        # Another process, another secret: but the sessions are the database's.
        assert other.get("/account").status_code == 303
    assert client.get("/account").status_code == 200


def test_logging_in_again_ends_the_session_before(made: Made, client: Client) -> None:
    log_in(client, NAME)
    first = client.cookies["spaceaudit_session"]
    client.cookies.delete("spaceaudit_session")
    data = {"csrf": csrf(client, "/login"), "name": NAME, "password": PASSWORD}
    nonce = client.cookies["spaceaudit_form"]
    client.cookies.clear()
    cookies = f"spaceaudit_form={nonce}; spaceaudit_session=planted"
    answer = client.post("/login", data=data, headers={**OURS, "Cookie": cookies})
    assert answer.status_code == 303
    assert client.cookies["spaceaudit_session"] not in (first, "planted")
    with session(made.desk.engine) as current:
        assert len(current.exec(select(WebSession)).all()) == 2


def test_logging_out_ends_the_session_on_our_side(client: Client) -> None:
    log_in(client, NAME)
    token = client.cookies["spaceaudit_session"]
    assert post(client, "/logout").headers["location"] == "/logged-out"
    client.cookies.set("spaceaudit_session", token)
    assert client.get("/account").status_code == 303


def test_out_everywhere(made: Made, client: Client) -> None:
    app = create_app(made.desk)
    with client_of(app) as other:
        log_in(client, NAME)
        log_in(other, NAME)
        post(client, "/logout/everywhere")
        assert other.get("/account").status_code == 303


def test_one_ends_ones_own_sessions_only(made: Made, client: Client) -> None:
    add_account(made, "别人", Role.CITY_STAFF)
    with client_of(create_app(made.desk)) as other:
        log_in(other, "别人")
        log_in(client, NAME)
        with session(made.desk.engine) as current:
            row = current.exec(
                select(WebSession)
                .join(User, col(User.id) == col(WebSession.user_id))
                .where(User.name == "别人")
            ).one()
            key = row.id
        assert post(client, f"/account/sessions/{key}/end").status_code == 404
        assert other.get("/account").is_success


@pytest.mark.parametrize(
    ("step", "requests", "lasts"),
    [
        (timedelta(minutes=119), 1, True),
        (timedelta(minutes=121), 1, False),
        (timedelta(minutes=100), 7, True),
        (timedelta(minutes=100), 8, False),
    ],
)
def test_a_session_ends_when_idle_and_after_a_day(
    made: Made, step: timedelta, requests: int, lasts: bool
) -> None:
    now = [NOW]
    desk = replace(made.desk, clock=lambda: now[0])
    with client_of(create_app(desk)) as client:
        log_in(client, NAME)
        for _ in range(requests):
            now[0] += step
            answer = client.get("/account")
        assert (answer.status_code == 200) is lasts


def test_a_disabled_account_is_out_at_once(made: Made, client: Client) -> None:
    log_in(client, NAME)
    with session(made.desk.engine) as current:
        disable_user(current, NAME, at=NOW, actor="test")
    assert client.get("/account").status_code == 303
    assert log_in(client, NAME).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/campaigns/a?page=2", "/campaigns/a?page=2"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/login?next=/login", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_a_log_in_leads_to_our_own_pages_only(wanted: str, leads: str) -> None:
    assert local_path(wanted) == leads


def test_the_demo_signs_in_on_this_machine_only(made: Made) -> None:
    settings = WebSettings(acting_as=NAME, public_url="http://shenhe.example")
    with client_of(create_app(made.desk, settings=settings)) as client:
        assert client.get("/login", headers={"Host": "shenhe.example"}).status_code == 200
        assert client.get("/login").status_code == 303


def test_the_secret_is_made_once_closed_to_others_and_typed_ones_are_refused(
    tmp_path: Path,
) -> None:
    first, again = load_sealer(tmp_path), load_sealer(tmp_path)
    assert first == again
    path = tmp_path / SECRET_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("changeme" * 8)
    with pytest.raises(ConfigError, match="no random secret"):
        load_sealer(tmp_path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        load_sealer(tmp_path)
    assert "secret" not in repr(first)


def test_a_seal_is_for_one_purpose_and_these_values() -> None:
    sealer = Sealer(bytes(range(32)))
    seal = sealer.seal("a", "b", "c")
    assert sealer.holds(seal, "a", "b", "c")
    for other in (("b", "a", "c"), ("a", "bc"), ("a", "b", "c", ""), ("a", "b", "d")):
        assert not sealer.holds(seal, *other)
    assert not Sealer(bytes(32)).holds(seal, "a", "b", "c")
    assert not sealer.holds("密封", "a", "b", "c")


def test_one_time_passwords_are_good_ones_and_differ() -> None:
    made = {one_time_password() for _ in range(20)}
    assert len(made) == 20
    for each in made:
        require_good_password(each, "admin")
    with pytest.raises(AccountError, match="用户名"):
        require_good_password("xx-wangli-2022", "WangLi")


def test_a_token_is_stored_as_a_digest_expires_and_is_revoked(current: Session) -> None:
    wish = TokenWish("排名", (TokenScope.VERDICTS_READ,), days=1)
    key, secret = add_token(current, wish, at=NOW, actor="test")
    current.flush()
    row = current.get_one(ApiToken, key)
    assert secret not in str(row.model_dump())
    assert find_token(current, secret, NOW) is row
    assert row.last_used_at == NOW
    assert find_token(current, f"{secret}x", NOW) is None
    assert find_token(current, secret, NOW + timedelta(days=1)) is None
    revoke_token(current, key, at=NOW, actor="test")
    assert find_token(current, secret, NOW) is None
    actions = current.exec(select(AuditEvent.action)).all()
    assert actions == ["token.added", "token.revoked"]
    assert list(broken_links(current)) == []


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        (TokenWish("", (TokenScope.VERDICTS_READ,)), "name"),
        (TokenWish("a", ()), "scope"),
        (TokenWish("a", (TokenScope.CASES_DECIDE,)), "user's name"),
        (TokenWish("a", (TokenScope.VERDICTS_READ,), user="b"), "user's name"),
        (TokenWish("a", (TokenScope.VERDICTS_READ,), county="无此县"), "no county"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    wish: TokenWish, problem: str, current: Session
) -> None:
    with pytest.raises(AccountError, match=problem):
        add_token(current, wish, at=NOW, actor="test")


def test_the_api_wants_a_token_with_the_scope(made: Made, client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer sat_x"}, {"Authorization": "Basic eA=="}):
        answer = client.get("/api/v1/verdicts", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    other = bearer(made, TokenScope.NOMINATIONS_WRITE)
    assert client.get("/api/v1/verdicts", headers=other).status_code == 403
    assert client.get("/api/v1/verdicts", headers=bearer(made)).status_code == 200
    # A browser's session is no token: the API takes no cookies.
    log_in(client, NAME)
    assert client.get("/api/v1/verdicts").status_code == 401


def test_the_administrator_adds_disables_and_makes_tokens(made: Made, client: Client) -> None:
    add_account(made, "管理", Role.ADMINISTRATOR)
    log_in(client, "管理")
    told = post(client, "/admin/users", name="新人", role="county_auditor", county="甲县")
    once = told.text.partition('class="copy-text">')[2].partition("<")[0]
    assert "只在这里显示这一次" in told.text
    assert once not in client.get("/admin/users").text
    with client_of(create_app(made.desk)) as other:
        assert log_in(other, "新人", once).headers["location"] == "/"
        assert other.get("/").headers["location"] == "/account/password"
    for form, said in (
        ({"name": "甲", "role": "county_auditor"}, "须填写县区"),
        ({"name": "新人", "role": "city_staff"}, "已被使用"),
        ({"name": "", "role": "city_staff"}, "请填写用户名"),
    ):
        answer = post(client, "/admin/users", **form)
        assert answer.status_code == 422
        assert said in answer.text
    made_token = post(client, "/admin/tokens", name="排名", scopes="verdicts:read", days="30")
    secret = made_token.text.partition('class="copy-text">')[2].partition("<")[0]
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/verdicts", headers=headers).is_success
    key = made_token.text.partition("编号 <code>")[2].partition("<")[0]
    post(client, f"/admin/tokens/{key}/revoke")
    assert client.get("/api/v1/verdicts", headers=headers).status_code == 401
    own = next(each for each in client.get("/admin/users").text.split("<tr>") if ">管理<" in each)
    assert "/state" not in own
