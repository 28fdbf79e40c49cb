"""The one seam between the API and the review: decisions go through ``service.deciding.take``."""

from __future__ import annotations

from http import HTTPStatus

from sqlmodel import col, select

from audit.review import DecisionError
from models.tables import Campaign, Finding, Space, User
from models.vocabulary import Action
from service.api_answers import Asked
from service.deciding import Ruling, Taken, take
from service.errors import AccountError
from service.problems import ProblemError
from service.scope import scope_of


def decide_by_program(  # noqa: PLR0913, PLR0917  (a decision is who, what, why, on what)
    asked: Asked,
    campaign: Campaign,
    space: Space,
    finding: Finding | None,
    action: Action,
    reason: str,
    note: str,
) -> Taken:
    """Take a decision in the name of the token's user; it may wait for a second person.

    Raises:
        ProblemError: 403 when the user may not, 422 when the decision does not fit.
    """
    user = _user(asked)
    if not _sees(asked, user, space):
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such case", "/path/case")
    ruling = Ruling(action=action, reason=reason, note=note, by=user.name)
    try:
        return take(asked.session, asked.desk, campaign, finding or space, ruling)
    except AccountError as error:
        raise ProblemError(HTTPStatus.FORBIDDEN, error.message, "/headers/authorization") from error
    except DecisionError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "/body") from error


def _user(asked: Asked) -> User:
    key = asked.caller.user_id
    user = asked.session.get(User, key) if key is not None else None
    if user is None:
        raise ProblemError(
            HTTPStatus.FORBIDDEN, "the token decides in nobody's name", "/headers/authorization"
        )
    return user


def _sees(asked: Asked, user: User, space: Space) -> bool:
    """Whether the space is within what the user sees, whatever the token sees."""
    own = select(Space.id).where(col(Space.id) == space.id, scope_of(user).covers(col(Space.id)))
    return asked.session.exec(own).first() is not None
