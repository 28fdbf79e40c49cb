"""Access: what an anonymous visitor may see, by positive evidence only (design §2).

``judge_page`` names the outcome of one attempt; ``combine`` makes the answer of several. *Not
public* takes two agreeing attempts, each with a plain fetch that does not contradict it; a fault
of the network, of the site's servers or of ours is *cannot tell* and stays so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from models.manifest import Attempt, Reason
from models.vocabulary import FINAL, Access, Outcome, Visibility
from rules.profile import Marker, Profile

#: Agreeing attempts, apart in time and with fresh contexts, that *not public* takes.
ATTEMPTS_FOR_NOT_PUBLIC = 2

#: A page with a password field and no more visible text than this is a login wall, in characters;
#: login pages of school platforms seen in public reports carry 60 to 350.
LOGIN_WALL_TEXT = 400

#: Outcomes that a status code alone stands for: a plain fetch must be refused as well.
BY_STATUS = frozenset({Outcome.UNAUTHORIZED, Outcome.FORBIDDEN, Outcome.NOT_FOUND, Outcome.PAYMENT})

STATUS_OUTCOMES: Mapping[int, Outcome] = {
    401: Outcome.UNAUTHORIZED,
    402: Outcome.PAYMENT,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    # A proxy's word, ours or the site's own: it says nothing of who may see the space.
    407: Outcome.NO_RESPONSE,
    408: Outcome.TIMEOUT,
    410: Outcome.NOT_FOUND,
    425: Outcome.RATE_LIMITED,
    429: Outcome.RATE_LIMITED,
    451: Outcome.FORBIDDEN,
}

_LOGIN_PATH = re.compile(
    r"(^|[/._-])(login|logon|signin|sign-in|passport|sso|cas|oauth2?|authorize)([/?._-]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one attempt saw, from the browser or from a plain fetch."""

    requested: str
    final_url: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    images: int = 0
    shown: frozenset[str] = frozenset()
    password_field: bool = False
    #: Set when there was no answer to judge: the outcome and its detail.
    failure: Outcome | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one attempt, and what shows it, in words an officer can check."""

    outcome: Outcome
    evidence: str


def judge_page(seen: Observation, profile: Profile) -> Judgement:
    """Name the outcome of an attempt at a page that was rendered."""
    if seen.failure is not None:
        return _failed(seen.failure, seen.detail)
    if seen.status is None or not _is_web(seen.final_url):
        return Judgement(
            Outcome.NO_RESPONSE, f"没有得到网页应答(停在 {seen.final_url or '空白页'})"
        )
    for check in (_bot_wall, _server_fault, _marker, _status, _login, _emptiness):
        judgement = check(seen, profile)
        if judgement is not None:
            return judgement
    return Judgement(Outcome.OK, f"匿名访问得到内容(状态码 {seen.status},文字 {len(seen.text)} 字)")


def judge_plain(seen: Observation) -> Judgement:
    """Name the outcome of a plain fetch, where nothing was rendered: statuses and redirects only."""
    if seen.failure is not None:
        return _failed(seen.failure, seen.detail)
    if seen.status is None:
        return Judgement(Outcome.NO_RESPONSE, "没有得到应答")
    judgement = (
        _challenged(seen) or _server_fault(seen, None) or _status(seen, None) or _redirected(seen)
    )
    return judgement or Judgement(Outcome.OK, f"状态码 {seen.status}")


def _failed(failure: Outcome, detail: str) -> Judgement:
    return Judgement(failure, f"{failure.label}({detail})" if detail else failure.label)


def retry_after(headers: Mapping[str, str]) -> float:
    """The pause that a refusing site asks for (``Retry-After``), in seconds; 0 when it asks for none."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_web(url: str | None) -> bool:
    return url is not None and urlsplit(url).scheme in ("http", "https")


def _challenged(seen: Observation) -> Judgement | None:
    if seen.headers.get("cf-mitigated", "").lower() == "challenge":
        return Judgement(Outcome.BOT_WALL, f"状态码 {seen.status},应答带有人机验证标记")
    return None


def _bot_wall(seen: Observation, profile: Profile) -> Judgement | None:
    markers = [marker for marker in profile.markers if marker.outcome is Outcome.BOT_WALL]
    return _challenged(seen) or _first_marker(seen, markers)


def _server_fault(seen: Observation, _profile: Profile | None) -> Judgement | None:
    status = seen.status or 0
    if status >= 500:
        return Judgement(Outcome.SERVER_ERROR, f"状态码 {status}")
    if STATUS_OUTCOMES.get(status) in (Outcome.TIMEOUT, Outcome.RATE_LIMITED):
        return Judgement(STATUS_OUTCOMES[status], f"状态码 {status}")
    return None


def _marker(seen: Observation, profile: Profile) -> Judgement | None:
    refused = (seen.status or 0) >= 400
    markers = [m for m in profile.markers if not (refused and m.outcome is Outcome.OK)]
    return _first_marker(seen, markers)


def _first_marker(seen: Observation, markers: Sequence[Marker]) -> Judgement | None:
    for marker in markers:
        if _matches(marker, seen):
            sign = marker.text or marker.selector or marker.url
            return Judgement(marker.outcome, f"页面出现“{sign}”(状态码 {seen.status})")
    return None


def _matches(marker: Marker, seen: Observation) -> bool:
    if marker.max_text is not None and len(seen.text) > marker.max_text:
        return False
    if marker.text is not None and marker.text not in seen.text:
        return False
    if marker.selector is not None and marker.selector not in seen.shown:
        return False
    if marker.url is not None and not re.search(marker.url, seen.final_url or ""):
        return False
    return any((marker.text, marker.selector, marker.url))


def _status(seen: Observation, _profile: Profile | None) -> Judgement | None:
    status = seen.status or 0
    if status < 400:
        return None
    outcome = STATUS_OUTCOMES.get(status, Outcome.NO_RESPONSE)
    return Judgement(outcome, f"状态码 {status}")


def _login(seen: Observation, _profile: Profile | None) -> Judgement | None:
    redirected = _redirected(seen)
    if redirected is not None:
        return redirected
    if seen.password_field and len(seen.text) <= LOGIN_WALL_TEXT:
        return Judgement(Outcome.LOGIN_WALL, f"页面只有登录框(文字 {len(seen.text)} 字)")
    return None


def _redirected(seen: Observation) -> Judgement | None:
    asked, got = urlsplit(seen.requested), urlsplit(seen.final_url or "")
    moved = (asked.netloc, asked.path) != (got.netloc, got.path)
    if moved and _LOGIN_PATH.search(got.path) and not _LOGIN_PATH.search(asked.path):
        return Judgement(Outcome.LOGIN_REDIRECT, f"转到登录页 {seen.final_url}")
    return None


def _emptiness(seen: Observation, _profile: Profile) -> Judgement | None:
    if not seen.text.strip() and seen.images == 0:
        return Judgement(Outcome.EMPTY_PAGE, f"状态码 {seen.status},页面没有文字和图片")
    return None


@dataclass(frozen=True, slots=True)
class Measured:
    """The answer of all attempts at one address."""

    visibility: Visibility
    outcome: Outcome
    reasons: tuple[Reason, ...]


def agrees(attempt: Attempt) -> bool:
    """Whether the plain fetch bears out an attempt that saw a refusal.

    It has to reach the site; where the refusal was a bare status, it has to be refused as well:
    a browser turned away where a plain fetch is let in has met a wall against robots.
    """
    if attempt.plain is None:
        return False
    access = attempt.plain.outcome.visibility.access
    if attempt.outcome in BY_STATUS and (attempt.status or 0) >= 400:
        return access is Access.NOT_PUBLIC
    return access is not Access.CANNOT_TELL


def needs_another(attempts: Sequence[Attempt], most: int) -> bool:
    """Whether one more attempt could still settle or change the answer."""
    if not attempts:
        return True
    last = attempts[-1]
    if last.outcome is Outcome.OK or last.outcome in FINAL:
        return False
    if _confirmed(attempts):
        return False
    return len(attempts) < most


def _confirmed(attempts: Sequence[Attempt]) -> bool:
    tail = attempts[-ATTEMPTS_FOR_NOT_PUBLIC:]
    return len(tail) == ATTEMPTS_FOR_NOT_PUBLIC and all(
        attempt.outcome.visibility.access is Access.NOT_PUBLIC and agrees(attempt)
        for attempt in tail
    )


def combine(attempts: Sequence[Attempt], *, canary_up: bool = True) -> Measured:
    """The answer of all attempts: public, not public (confirmed), or cannot tell."""
    last = attempts[-1]
    reasons = tuple(_reason(attempt) for attempt in attempts)
    if last.outcome is Outcome.OK:
        return Measured(Visibility.PUBLIC, last.outcome, reasons)
    if last.outcome.visibility.access is Access.CANNOT_TELL:
        return Measured(last.outcome.visibility, last.outcome, reasons)
    if not canary_up:
        down = Reason(code=Outcome.CANARY_DOWN, evidence=Outcome.CANARY_DOWN.label)
        return Measured(Visibility.UNREACHABLE, Outcome.CANARY_DOWN, (*reasons, down))
    if _confirmed(attempts):
        return Measured(last.outcome.visibility, last.outcome, reasons)
    doubt = Reason(code="unconfirmed", evidence="各次访问或直接抓取的结果不一致,不能据此判为不公开")
    return Measured(Visibility.UNREACHABLE, last.outcome, (*reasons, doubt))


def _reason(attempt: Attempt) -> Reason:
    plain = f";直接抓取:{attempt.plain.outcome.label}" if attempt.plain else ""
    return Reason(
        code=attempt.outcome, evidence=f"第{attempt.number}次访问:{attempt.evidence}{plain}"
    )
