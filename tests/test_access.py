"""Outcome of one attempt, and the answer of several: positive evidence only."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from crawler.access import (
    Observation,
    combine,
    judge_page,
    judge_plain,
    needs_another,
    retry_after,
)
from models.manifest import Attempt, PlainFetch
from models.vocabulary import OURS, WORTH_A_RETRY, Access, Outcome, Visibility
from rules.profile import Marker, Profile

URL = "https://platform.example/space/1"
PROFILE = Profile(
    id="p",
    version="1",
    title="t",
    markers=(
        Marker(outcome=Outcome.BOT_WALL, text="安全验证", max_text=100),
        Marker(outcome=Outcome.REFUSAL_PAGE, selector=".denied"),
        Marker(outcome=Outcome.SOFT_NOT_FOUND, text="空间不存在", max_text=100),
        Marker(outcome=Outcome.LOGIN_WALL, url=r"/guest$"),
        Marker(outcome=Outcome.OK, selector=".archive"),
    ),
)


def seen(**values: object) -> Observation:
    defaults: dict[str, object] = {
        "requested": URL,
        "final_url": URL,
        "status": 200,
        "text": "这是一位语文老师的学习空间" * 40,
    }
    return Observation(**{**defaults, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observation", "outcome", "why"),
    [
        (seen(), Outcome.OK, "content was seen"),
        (seen(status=206), Outcome.OK, "a part is content"),
        (seen(failure=Outcome.TIMEOUT), Outcome.TIMEOUT, "a fault is named by what it was"),
        (seen(failure=Outcome.GUARD_DENIED), Outcome.GUARD_DENIED, "our own refusal"),
        (seen(status=None), Outcome.NO_RESPONSE, "the browser invents 200 for no response"),
        (seen(final_url="chrome-error://chromewebdata/"), Outcome.NO_RESPONSE, "an error page"),
        (seen(final_url="about:blank"), Outcome.NO_RESPONSE, "an empty page"),
        (seen(status=401), Outcome.UNAUTHORIZED, ""),
        (seen(status=403), Outcome.FORBIDDEN, "no sign of a wall against robots"),
        (seen(status=403, headers={"cf-mitigated": "challenge"}), Outcome.BOT_WALL, "a wall"),
        (seen(status=403, text="请完成安全验证"), Outcome.BOT_WALL, "a wall by its words"),
        (seen(text="校园安全验证码的课堂" * 20), Outcome.OK, "a full page may mention the words"),
        (seen(status=404), Outcome.NOT_FOUND, ""),
        (seen(status=410), Outcome.NOT_FOUND, ""),
        (seen(status=429), Outcome.RATE_LIMITED, ""),
        (seen(status=408), Outcome.TIMEOUT, ""),
        (seen(status=500), Outcome.SERVER_ERROR, ""),
        (seen(status=503, text="空间不存在"), Outcome.SERVER_ERROR, "a fault, whatever it says"),
        (seen(text="空间不存在"), Outcome.SOFT_NOT_FOUND, "200 and a refusal"),
        (seen(text="怎样写“空间不存在”这样的提示" * 20), Outcome.OK, "an article about it"),
        (seen(shown=frozenset({".denied"})), Outcome.REFUSAL_PAGE, "the profile's sign"),
        (seen(final_url="https://platform.example/guest"), Outcome.LOGIN_WALL, "by address"),
        (
            seen(final_url="https://platform.example/login?return=/space/1"),
            Outcome.LOGIN_REDIRECT,
            "sent to a login",
        ),
        (
            seen(final_url="https://sso.example/cas/"),
            Outcome.LOGIN_REDIRECT,
            "sent to another host's login",
        ),
        (
            seen(final_url="https://platform.example/space/1-new"),
            Outcome.OK,
            "moved, but not to a login",
        ),
        (
            seen(final_url="https://platform.example/blogging/in"),
            Outcome.OK,
            "a path that only looks like one",
        ),
        (seen(password_field=True, text="用户名 密码"), Outcome.LOGIN_WALL, "nothing but a form"),
        (seen(password_field=True), Outcome.OK, "a login box beside content"),
        (
            seen(password_field=True, text="一篇加密文章", shown=frozenset({".archive"})),
            Outcome.OK,
            "the profile knows this page",
        ),
        (
            seen(status=404, shown=frozenset({".archive"})),
            Outcome.NOT_FOUND,
            "no sign makes a refused page open",
        ),
        (seen(text="  "), Outcome.EMPTY_PAGE, "nothing to see"),
        (seen(text="", images=3), Outcome.OK, "pictures are content"),
    ],
)
def test_outcome_of_an_attempt(observation: Observation, outcome: Outcome, why: str) -> None:
    assert judge_page(observation, PROFILE).outcome is outcome, why


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (204, Outcome.OK),
        (401, Outcome.UNAUTHORIZED),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.NOT_FOUND),
        (418, Outcome.NO_RESPONSE),
        (451, Outcome.FORBIDDEN),
        (502, Outcome.SERVER_ERROR),
    ],
)
def test_outcome_of_a_plain_fetch(status: int, outcome: Outcome) -> None:
    assert judge_plain(seen(status=status, text="")).outcome is outcome


#: Statuses under which these outcomes come, where it is not 200.
STATUSES = {Outcome.FORBIDDEN: 403, Outcome.NOT_FOUND: 404, Outcome.UNAUTHORIZED: 401}


def attempt(number: int, outcome: Outcome, plain: Outcome | None = Outcome.OK) -> Attempt:
    return Attempt(
        number=number,
        started_at=datetime(2022, 9, 1, tzinfo=UTC),
        outcome=outcome,
        status=STATUSES.get(outcome, 200),
        plain=PlainFetch(outcome=plain) if plain else None,
    )


def attempts(*outcomes: tuple[Outcome, Outcome | None]) -> list[Attempt]:
    return [attempt(number, *pair) for number, pair in enumerate(outcomes, 1)]


LOGIN = (Outcome.LOGIN_REDIRECT, Outcome.LOGIN_REDIRECT)
FORBIDDEN = (Outcome.FORBIDDEN, Outcome.FORBIDDEN)
OK = (Outcome.OK, Outcome.OK)
TIMEOUT = (Outcome.TIMEOUT, Outcome.TIMEOUT)


@pytest.mark.parametrize(
    ("tries", "visibility", "why"),
    [
        ([OK], Visibility.PUBLIC, "seen once is seen"),
        ([LOGIN, LOGIN], Visibility.LOGIN, "two agree"),
        ([LOGIN], Visibility.UNREACHABLE, "once is no evidence"),
        ([LOGIN, OK], Visibility.PUBLIC, "it opened after all"),
        ([TIMEOUT, OK], Visibility.PUBLIC, "a passing fault"),
        ([TIMEOUT, TIMEOUT, TIMEOUT], Visibility.UNREACHABLE, "never decays into not public"),
        ([LOGIN, TIMEOUT, LOGIN], Visibility.UNREACHABLE, "not twice in a row"),
        ([FORBIDDEN, FORBIDDEN], Visibility.RESTRICTED, "refused to both"),
        (
            [(Outcome.FORBIDDEN, Outcome.OK)] * 2,
            Visibility.UNREACHABLE,
            "a browser refused where a plain fetch is let in met a wall against robots",
        ),
        (
            [(Outcome.REFUSAL_PAGE, Outcome.OK)] * 2,
            Visibility.RESTRICTED,
            "a rendered refusal comes with a plain 200",
        ),
        (
            [(Outcome.REFUSAL_PAGE, Outcome.TIMEOUT)] * 2,
            Visibility.UNREACHABLE,
            "the plain fetch could not bear it out",
        ),
        (
            [(Outcome.PAYMENT, Outcome.OK)] * 2,
            Visibility.RESTRICTED,
            "a rendered price comes with a plain 200",
        ),
        ([(Outcome.NOT_FOUND, None)] * 2, Visibility.UNREACHABLE, "no second witness"),
        ([(Outcome.BOT_WALL, Outcome.BOT_WALL)] * 3, Visibility.BLOCKED, ""),
        ([(Outcome.GUARD_DENIED, Outcome.GUARD_DENIED)], Visibility.UNREACHABLE, "our doing"),
    ],
)
def test_answer_of_several_attempts(
    tries: list[tuple[Outcome, Outcome | None]], visibility: Visibility, why: str
) -> None:
    assert combine(attempts(*tries)).visibility is visibility, why


def test_our_own_outage_is_never_held_against_a_space() -> None:
    measured = combine(attempts(LOGIN, LOGIN), canary_up=False)
    assert measured.visibility is Visibility.UNREACHABLE
    assert measured.outcome is Outcome.CANARY_DOWN


@pytest.mark.parametrize(
    ("tries", "another"),
    [
        ([], True),
        ([OK], False),
        ([LOGIN], True),
        ([LOGIN, LOGIN], False),
        ([TIMEOUT, TIMEOUT], True),
        ([TIMEOUT, TIMEOUT, TIMEOUT], False),
        ([(Outcome.GUARD_DENIED, Outcome.GUARD_DENIED)], False),
    ],
)
def test_when_to_try_again(tries: list[tuple[Outcome, Outcome | None]], another: bool) -> None:
    assert needs_another(attempts(*tries), most=3) is another


def test_no_fault_of_ours_or_of_the_network_says_not_public() -> None:
    for outcome in OURS | WORTH_A_RETRY:
        assert outcome.visibility.access is Access.CANNOT_TELL


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("", 0, 0),
        ("30", 30, 30),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("Thu, 01 Sep 2022 08:00:00 GMT", 0, 0),
        (format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True), 200, 301),
    ],
)
def test_the_pause_that_a_site_asks_for(value: str, least: float, most: float) -> None:
    assert least <= retry_after({"retry-after": value}) <= most
