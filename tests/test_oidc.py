"""Signing in at a real OpenID provider that runs here, and what of its answers is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import Client, Response
from joserfc.jwk import RSAKey

from models.database import migrate, open_engine, session
from models.vocabulary import Role
from service import oidc
from service.config import load_config
from service.errors import ConfigError
from service.oidc import OidcProvider
from service.users import disable_user
from service.web.app import create_app
from service.web.settings import WebSettings
from tests.factories import NOW, Made, add_campaign, make_desk
from tests.oidc_provider import CLIENT, SECRET, Provider, provider_app
from tests.serving import client_of, served
from tests.signing_in import add_account

NAME = "王审核"


@dataclass
class World:
    made: Made
    provider: Provider
    client: Client


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=1)
    add_account(made, NAME, Role.COUNTY_AUDITOR, "甲县")
    # The provider's tokens are of now, and so is the desk's clock.
    desk = replace(made.desk, clock=lambda: datetime.now(UTC))
    provider = Provider()
    oidc._metadata.cache_clear()
    with served(provider_app(provider)) as issuer:
        provider.issuer = issuer
        settings = WebSettings(oidc=OidcProvider(issuer, CLIENT, SECRET, label="市教育局登录"))
        with client_of(create_app(desk, settings=settings)) as client:
            yield World(made, provider, client)
    engine.dispose()


def go(world: World, wanted: str = "/account") -> Response:
    """To the provider and back, as a browser goes."""
    out = world.client.get("/login/oidc", params={"next": wanted})
    assert out.status_code == 303
    assert out.headers["location"].startswith(world.provider.issuer)
    back = httpx.get(out.headers["location"], trust_env=False)
    return world.client.get(back.headers["location"])


def test_who_has_an_account_is_let_in_and_led_on(world: World) -> None:
    assert "市教育局登录" in world.client.get("/login").text
    answer = go(world)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    shown = world.client.get("/account").text
    assert NAME in shown
    assert "统一身份认证" in shown


def test_the_person_counts_from_then_on_and_not_the_name(world: World) -> None:
    go(world)
    # Renamed at the provider: still the same person. Another person by that name: not let in.
    world.provider.person = "王新名"
    assert go(world).status_code == 303
    world.provider.person, world.provider.subject = NAME, "p-2"
    refused = go(world)
    assert refused.status_code == 403
    assert "没有您的账号" in refused.text


def test_who_has_no_account_or_a_disabled_one_is_refused(world: World) -> None:
    world.provider.person = "没有此人"
    assert go(world).status_code == 403
    world.provider.person = NAME
    with session(world.made.desk.engine) as current:
        disable_user(current, NAME, at=NOW, actor="test")
    assert go(world).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "http://127.0.0.1:1"},
        {"nonce": "another"},
        {"exp": 1_000_000_000},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_us_now_is_not_believed(
    world: World, claims: dict[str, Any]
) -> None:
    world.provider.claims = claims
    assert go(world).status_code == 502
    assert world.client.get("/account").status_code == 303


def test_a_token_signed_by_another_key_is_not_believed(world: World) -> None:
    world.provider.shown = RSAKey.generate_key(2048, {"kid": "k"})
    assert go(world).status_code == 502


def test_an_answer_that_was_not_asked_for_here_is_refused(world: World) -> None:
    out = world.client.get("/login/oidc")
    back = httpx.get(out.headers["location"], trust_env=False).headers["location"]
    world.client.cookies.clear()
    assert world.client.get(back).status_code == 422
    world.client.get("/login/oidc")
    assert world.client.get(back).status_code == 422


def test_a_provider_that_is_away_leaves_the_password(world: World) -> None:
    gone = OidcProvider("http://127.0.0.1:1", CLIENT, SECRET)
    with client_of(create_app(world.made.desk, settings=WebSettings(oidc=gone))) as client:
        answer = client.get("/login/oidc")
        assert answer.status_code == 502
        assert "没有答复" in answer.text
        assert 'name="password"' in answer.text


def test_without_a_provider_there_is_none(world: World) -> None:
    with client_of(create_app(world.made.desk)) as client:
        assert client.get("/login/oidc").status_code == 404


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"OIDC_ISSUER": "http://login.example"}, "no https address"),
        ({"OIDC_ISSUER": "https://login.example"}, "client id and secret"),
        ({"PUBLIC_URL": "shenhe.example"}, "no http or https address"),
    ],
)
def test_settings_that_cannot_be_safe_are_refused(
    values: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"SPACEAUDIT_{name}", value)
    with pytest.raises(ConfigError, match=problem):
        load_config()
