"""What hostile spaces write in titles, names, files and text does not act on any page; nor do forged requests.

Who sees what is ``tests/test_every_route.py``'s; here the words of a space are the attacker's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from httpx import Client

from models.database import migrate, open_engine
from models.vocabulary import Role, TokenScope
from service.web.app import create_app
from tests import factories
from tests.factories import CAMPAIGN, Made, add_campaign, make_desk
from tests.serving import client_of
from tests.signing_in import OURS, PASSWORD, add_account, bearer, csrf, log_in
from tests.test_every_route import ROUTES, served_routes

MARK = "pwn7"
ACTS = (
    f'"><{MARK} onclick=alert(1)><script>alert("{MARK}")</script>'
    f"<img src=x onerror=alert(1)>' autofocus onfocus='alert(1)' {{{{ {MARK} }}}}"
)
JS = f"javascript:alert('{MARK}')//http://x"
TRAVERSAL = f"../../../../etc/passwd\\..\\{ACTS}"


class Page(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self, own: str) -> None:
        super().__init__()
        self.own, self.seen = own, 0
        self.acts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += 1
        given = dict(attrs)
        if tag == MARK or (tag == "script" and not (given.get("src") or "").startswith("/assets/")):
            self.acts.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", MARK):
                self.acts.append(f"{tag} {name}")
            scheme = urlsplit((value or "").strip()).scheme if name in LINKS else ""
            if scheme not in ("", "http", "https"):
                self.acts.append(f"{tag} {name}={value}")
            if name in LOADS and tag != "a" and (value or "").startswith(("http", "//")):
                self.acts.append(f"{tag} loads {value}")


LINKS = frozenset({"href", "src", "action", "formaction", "data", "hx-get", "hx-post", "poster"})
LOADS = frozenset({"src", "action", "formaction", "data", "hx-get", "hx-post", "poster"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('probes') / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    ordinary = factories._files

    def hostile(url: str) -> tuple[object, ...]:
        return tuple(
            replace_model(each, name=TRAVERSAL, url=f"{JS}{i}", evidence=ACTS, found_on=JS)
            for i, each in enumerate(ordinary(url))
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factories, "GIVEN", (ACTS,))
        patch.setattr(factories, "SUBJECTS", (ACTS,))
        patch.setattr(factories, "_files", hostile)
        patch.setattr(factories, "HOME_LINES", (ACTS, ACTS, ACTS))
        planted = tuple(
            replace(each, text=ACTS, sentence=f"前{ACTS}后") for each in factories.PLANTED
        )
        patch.setattr(factories, "PLANTED", planted)
        add_campaign(made, spaces=8)
    add_account(made, "管理", Role.ADMINISTRATOR)
    yield made
    engine.dispose()


def replace_model(captured: object, **values: object) -> object:
    return captured.model_copy(update=values)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def client(made: Made) -> Iterator[Client]:
    with client_of(create_app(made.desk)) as client:
        assert log_in(client, "管理").status_code == 303
        yield client


def pages() -> list[str]:
    """Every page that there is, and the list sought for with an attack."""
    found = {route.path for (method, path), route in ROUTES.items() if method == "GET"}
    own = {path for path in found if not path.startswith("/api/")}
    sought = f"/campaigns/{CAMPAIGN}?q={ACTS}&county={ACTS}&state={ACTS}"
    return sorted(own | {sought, f"/nothing/{ACTS}", f"/campaigns/{ACTS}"})


@pytest.mark.parametrize("path", pages())
def test_what_a_space_says_does_not_act_on_any_page(client: Client, path: str) -> None:
    answer = client.get(path)
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("text/html"):
        assert "script" not in kind or path.startswith("/assets/")
        return
    page = Page(str(client.base_url))
    page.feed(answer.text)
    assert page.acts == []
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_attack_was_there_to_be_seen(client: Client) -> None:
    """Else the walk would prove nothing; and the reader of pages sees an attack that does act."""
    assert f"alert(&#34;{MARK}&#34;)" in client.get(f"/campaigns/{CAMPAIGN}").text
    case = client.get(f"/campaigns/{CAMPAIGN}/spaces/s001").text
    assert case.count(f"&lt;{MARK}") > 3
    page = Page("")
    page.feed(f'<p>{ACTS}</p><a href="{JS}">x</a>')
    assert {"script", MARK, "img onerror"} <= set(page.acts)


def test_the_api_answers_are_never_pages(made: Made, client: Client) -> None:
    held = bearer(made, *TokenScope, user="管理")
    for (method, path), route in ROUTES.items():
        if path.startswith("/api/") and method == "GET":
            kind = client.get(route.path, headers=held).headers["content-type"]
            assert kind.startswith(("application/json", "application/problem+json", "text/plain"))


@pytest.mark.parametrize(
    "path",
    [
        "/assets/x/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2f/site.css",
        "/assets/x/%2e%2e%2f%2e%2e%2fapp.py",
        "/snapshots/..%2f..%2fetc%2fpasswd/pages/0.jpg",
        "/snapshots/sn0/pages/..%2f..%2f0.jpg",
        "/campaigns/..%2f..%2fetc/spaces/s001",
        "/campaigns/2022/spaces/..%5c..%5cs001%00",
        "/api/v1/spaces/..%2f..%2fetc%2fpasswd/verdict?campaign=2022",
    ],
)
def test_no_path_leads_out(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (401, 404, 422)
    assert "root:" not in answer.text


def test_no_form_acts_when_it_comes_from_elsewhere_or_without_its_token(
    made: Made, client: Client
) -> None:
    token = csrf(client)
    for method, path in served_routes(made):
        if method == "GET" or path.startswith("/api/"):
            continue
        address = ROUTES[method, path].path
        for headers, form in (
            ({"Sec-Fetch-Site": "cross-site"}, {"csrf": token}),
            ({"Sec-Fetch-Site": "same-site"}, {"csrf": token}),
            ({"Origin": "https://evil.example"}, {"csrf": token}),
            ({}, {"csrf": token}),
            (OURS, {}),
            (OURS, {"csrf": "x" * len(token)}),
        ):
            answer = client.request(method, address, data=form, headers=headers)
            assert answer.status_code == 403, (path, headers, form)
    assert client.get("/account").is_success


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "\t//evil.example",
        "/\t/evil.example",
        JS,
        "//evil.example%2f@127.0.0.1/",
    ],
)
def test_the_log_in_leads_to_our_own_pages_only(made: Made, target: str) -> None:
    with client_of(create_app(made.desk)) as client:
        answer = log_in(client, "管理", PASSWORD, next=target)
    assert answer.status_code == 303
    location = answer.headers["location"]
    parts = urlsplit(location)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\", "/\t"))
