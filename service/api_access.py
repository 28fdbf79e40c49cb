"""Who may ask the API: a program with a token that holds the route's scope."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from sqlmodel import Session

from models.database import session
from models.vocabulary import TokenScope
from service.desk import Desk
from service.problems import ProblemError
from service.scope import NOTHING, Scope
from service.tokens import find_token, token_scope

#: Tells the description of the token; ``TokenRequirement`` is what checks it.
_DESCRIBED = HTTPBearer(auto_error=False, description="A token of `spaceaudit token add`.")

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="spaceaudit"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that asks: its token, what it may do and see, and in whose name it decides."""

    token_id: str
    scopes: frozenset[TokenScope]
    scope: Scope
    user_id: int | None


class TokenRequirement:
    """What a route of the API needs; ``scope`` None: any token; ``open`` True: none at all."""

    def __init__(self, scope: TokenScope | None, *, open_to_all: bool = False) -> None:
        self.scope = scope
        self.open_to_all = open_to_all

    def __call__(self, request: Request) -> None:
        """Let the request pass, or say why not.

        Raises:
            ProblemError: 401 without a token that holds, 403 without the scope.
        """
        if self.open_to_all:
            return
        caller = _caller(request)
        if caller is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "this needs a bearer token that is neither unknown, expired nor revoked",
                "/headers/authorization",
                _CHALLENGE,
            )
        if self.scope is not None and self.scope not in caller.scopes:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"the token lacks the scope {self.scope.value}",
                "/headers/authorization",
            )
        request.state.caller = caller


def _caller(request: Request) -> Caller | None:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.casefold() != "bearer" or not secret.strip():
        return None
    desk: Desk = request.app.state.desk
    # In a unit of work of its own: the note of its use must not hold up or undo anything else.
    with session(desk.engine) as current:
        return _known(current, secret.strip(), desk)


def _known(current: Session, secret: str, desk: Desk) -> Caller | None:
    row = find_token(current, secret, desk.clock())
    if row is None:
        return None
    scopes = frozenset(TokenScope.of(each) for each in row.scopes)
    return Caller(row.id, scopes, token_scope(row), row.user_id)


def needs_token(scope: TokenScope | None) -> list[Any]:
    """For ``dependencies=``: the route is for programs whose token holds the scope; None: any token."""
    # First, so that who may not ask is told nothing of what else is wrong.
    return [Depends(TokenRequirement(scope)), Security(_DESCRIBED)]


def needs_no_token() -> list[Any]:
    """For ``dependencies=``: everybody may ask."""
    return [Depends(TokenRequirement(None, open_to_all=True))]


def _scope(request: Request) -> Scope:
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.scope if caller else NOTHING


#: What the caller may see; every query of the API takes it.
ScopeOfCaller = Annotated[Scope, Depends(_scope)]
