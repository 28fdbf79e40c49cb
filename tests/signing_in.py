"""Browsers and programs that are let in, for tests of pages and API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from httpx import Client, Response
from starlette.types import ASGIApp

from models.database import session
from models.tables import User
from models.vocabulary import Role, TokenScope
from service.logins import set_password
from service.tokens import TokenWish, add_token
from service.users import add_user
from tests.factories import NOW, Made
from tests.serving import client_of

OURS = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "柳暗花明-又一村-2022"


def csrf(client: Client, path: str = "/account") -> str:
    """The token that the browser's forms carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found is not None, f"no form on {path}"
    return found.group(1)


def post(client: Client, path: str, **form: str) -> Response:
    """Send a form as a page of ours does."""
    return client.post(path, data={"csrf": csrf(client), **form}, headers=OURS)


def log_in(client: Client, name: str, password: str = PASSWORD, **form: str) -> Response:
    """Fill in the log-in form."""
    values = {"csrf": csrf(client, "/login"), "name": name, "password": password, **form}
    return client.post("/login", data=values, headers=OURS)


@contextmanager
def browser_of(app: ASGIApp) -> Iterator[Client]:
    """A browser on this machine that the demo has signed in."""
    with client_of(app) as client:
        assert client.get("/login").status_code == 303
        yield client


def add_account(  # noqa: PLR0917  (an account is name, role and place)
    made: Made,
    name: str,
    role: Role,
    county: str | None = None,
    school: str | None = None,
    teacher: str | None = None,
) -> int:
    """An account with the password ``PASSWORD``; gives its key."""
    with session(made.desk.engine) as current:
        user: User = add_user(
            current, name, role, county, school=school, teacher=teacher, at=NOW, actor="test"
        )
        current.flush()
        set_password(current, user, PASSWORD, at=NOW, once=False)
        return user.id or 0


def bearer(
    made: Made, *scopes: TokenScope, county: str | None = None, user: str | None = None
) -> dict[str, str]:
    """The header of a program with a token of these scopes."""
    wish = TokenWish("test", scopes or (TokenScope.VERDICTS_READ,), county=county, user=user)
    with session(made.desk.engine) as current:
        return {"Authorization": f"Bearer {add_token(current, wish, at=NOW, actor='test')[1]}"}
