"""The signed link by which a teacher reads and answers a notice without an account.

A link says which notice it is of and until when it holds, under this installation's seal; the database
keeps only its digest. So it can be printed again from the installation's secret, but not from the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from models.review_tables import Notice
from models.vocabulary import NoticeState, Term
from service.seals import Sealer
from service.sessions import token_digest

#: Time that a link outlives the deadline: late answers and appeals still come in.
AFTER_DEADLINE = timedelta(days=30)
_PURPOSE = "notice"


class LinkState(Term):
    """What a link is worth."""

    GOOD = "good", "有效"
    EXPIRED = "expired", "这个链接已过期。请联系发出通知的教育局换发新链接"
    REPLACED = "replaced", "这个链接已停用或已换发新链接。请使用最新的链接,或联系发出通知的教育局"
    WITHDRAWN = "withdrawn", "这份通知已撤回,不需要整改"
    UNKNOWN = "unknown", "链接不完整或不正确。请核对是否复制了整个地址"


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found behind a link; the notice only when the link is good."""

    state: LinkState
    notice: Notice | None = None


def renew_link(sealer: Sealer, notice: Notice, now: datetime) -> str:
    """Give a notice a new link, which ends the one before; the link's token."""
    wished = max(notice.due_at or now, now) + AFTER_DEADLINE
    if notice.link_expires_at is not None:
        wished = max(wished, notice.link_expires_at + timedelta(seconds=1))
    notice.link_expires_at = wished.replace(microsecond=0)
    token = _token(sealer, notice.id, notice.link_expires_at)
    notice.link_digest = token_digest(token)
    return token


def link_of(sealer: Sealer, notice: Notice) -> str | None:
    """The token of the link in force; None: there is none, or the secret is another since."""
    if notice.link_digest is None or notice.link_expires_at is None:
        return None
    token = _token(sealer, notice.id, notice.link_expires_at)
    return token if token_digest(token) == notice.link_digest else None


def open_link(session: Session, sealer: Sealer, token: str, now: datetime) -> Opened:
    """What stands behind a token."""
    key, _, rest = token.partition(".")
    expires, _, seal = rest.partition(".")
    if not sealer.holds(seal, _PURPOSE, key, expires):
        return Opened(LinkState.UNKNOWN)
    notice = session.get(Notice, key)
    if notice is None:
        return Opened(LinkState.UNKNOWN)
    if notice.state is NoticeState.WITHDRAWN:
        return Opened(LinkState.WITHDRAWN)
    if notice.link_digest != token_digest(token):
        return Opened(LinkState.REPLACED)
    if notice.link_expires_at is None or now >= notice.link_expires_at:
        return Opened(LinkState.EXPIRED)
    return Opened(LinkState.GOOD, notice)


def _token(sealer: Sealer, key: str, expires: datetime) -> str:
    until = str(int(expires.astimezone(UTC).timestamp()))
    return f"{key}.{until}.{sealer.seal(_PURPOSE, key, until)}"
