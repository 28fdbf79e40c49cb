"""Signing in at the bureau's OpenID provider: authorization code with PKCE, and a checked identity token.

Accounts are made here by an administrator; the provider only says who somebody is. The first time, its
``claim`` (``preferred_username`` by default) has to be the name of an account; from then on the
provider's own identifier of the person counts.

    OidcError    the provider does not answer, or what it says does not hold: nobody is signed in
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from sqlmodel import Session, select

from models.account_tables import OidcIdentity
from models.audit_log import record
from models.tables import User

#: Seconds for one answer of the provider.
TIMEOUT = 10.0
#: Signatures that are taken: asymmetric ones, so that ``none`` and a public key as a secret are not.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
#: Seconds that the provider's clock may differ from ours.
LEEWAY = 60
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OidcError(Exception):
    """The provider does not answer, or what it says does not hold."""


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider, as configured by ``SPACEAUDIT_OIDC_*``."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str = "统一身份认证"
    claim: str = "preferred_username"


@dataclass(frozen=True, slots=True)
class Departure:
    """What is kept in the browser while it is at the provider."""

    address: str
    state: str
    nonce: str
    verifier: str


def is_safe_issuer(issuer: str) -> bool:
    """Whether what is said to it and by it cannot be read on the way: https, or this machine."""
    place = urlsplit(issuer)
    return place.scheme == "https" or (place.scheme == "http" and place.hostname in _LOOPBACK)


def depart(provider: OidcProvider, back: str) -> Departure:
    """Where to send the browser; ``back`` is our address that it comes back to.

    Raises:
        OidcError: the provider does not answer.
    """
    departure = Departure(
        address="",
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
    )
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": "openid profile",
        "state": departure.state,
        "nonce": departure.nonce,
        "code_challenge": _challenge(departure.verifier),
        "code_challenge_method": "S256",
    }
    endpoint = str(_metadata(provider.issuer)["authorization_endpoint"])
    joint = "&" if urlsplit(endpoint).query else "?"
    return replace(departure, address=f"{endpoint}{joint}{urlencode(query)}")


def arrive(  # noqa: PLR0913  (what came back, to where, and what was kept)
    provider: OidcProvider, back: str, code: str, *, nonce: str, verifier: str, at: datetime
) -> Mapping[str, Any]:
    """What the provider says of the person who came back with this code.

    Raises:
        OidcError: the code is not taken, or the identity token does not hold.
    """
    found = _metadata(provider.issuer)
    try:
        answer = _exchange(provider, str(found["token_endpoint"]), back, code, verifier)
        keys = KeySet([import_key(each) for each in _fetch(found["jwks_uri"])["keys"]])
        token = jwt.decode(str(answer["id_token"]), keys, algorithms=list(ALGORITHMS))
        jwt.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
    except (JoseError, httpx.HTTPError, KeyError, ValueError) as error:
        raise OidcError(f"身份认证平台的答复无效({type(error).__name__})") from error
    return token.claims


def user_of(
    session: Session, provider: OidcProvider, claims: Mapping[str, Any], at: datetime
) -> User | None:
    """The account of a person at the provider; tied at the first time by the account's name."""
    subject = str(claims["sub"])
    query = select(OidcIdentity).where(
        OidcIdentity.issuer == provider.issuer, OidcIdentity.subject == subject
    )
    tied = session.exec(query).first()
    user = session.get(User, tied.user_id) if tied else _named(session, provider, claims)
    if user is None or user.disabled:
        return None
    if tied is None:
        session.add(
            OidcIdentity(user_id=user.id or 0, issuer=provider.issuer, subject=subject, tied_at=at)
        )
        record(session, actor=user.name, action="user.oidc_tied", at=at, subject=f"user:{user.id}")
    return user


def _named(session: Session, provider: OidcProvider, claims: Mapping[str, Any]) -> User | None:
    """The account that the claim names, unless another person of this provider has it already."""
    name = claims.get(provider.claim)
    user = session.exec(select(User).where(User.name == name)).first() if name else None
    if user is None:
        return None
    query = select(OidcIdentity.id).where(
        OidcIdentity.issuer == provider.issuer, OidcIdentity.user_id == user.id
    )
    return user if session.exec(query).first() is None else None


def _challenge(verifier: str) -> str:
    """What the provider is told of the verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _exchange(
    provider: OidcProvider, endpoint: str, back: str, code: str, verifier: str
) -> Mapping[str, Any]:
    """The provider's answer to a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": verifier,
    }
    client = httpx.BasicAuth(provider.client_id, provider.client_secret)
    answer = httpx.post(endpoint, data=form, auth=client, timeout=TIMEOUT, trust_env=False)
    answer.raise_for_status()
    found: Mapping[str, Any] = answer.json()
    return found


@lru_cache(maxsize=4)
def _metadata(issuer: str) -> Mapping[str, Any]:
    """What the provider says of itself; it has to call itself by the configured name."""
    found = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise OidcError("身份认证平台自称的地址与配置不符")
    return found


def _fetch(address: str) -> dict[str, Any]:
    try:
        answer = httpx.get(address, timeout=TIMEOUT, trust_env=False, follow_redirects=False)
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise OidcError("身份认证平台没有答复,请稍后再试,或用密码登录") from error
    if not isinstance(found, dict):
        raise OidcError("身份认证平台的答复无法识别")
    return found
