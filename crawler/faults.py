"""What went wrong when there was no answer: errors of the browser named in the closed vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from crawler.addresses import Denial
from crawler.guard import GuardEvent
from crawler.steadiness import RestlessError
from models.vocabulary import Outcome

#: Chromium's network errors, by a part of their names.
NET_ERRORS: tuple[tuple[str, Outcome], ...] = (
    ("ERR_NAME_NOT_RESOLVED", Outcome.DNS),
    ("ERR_TOO_MANY_REDIRECTS", Outcome.REDIRECT_LOOP),
    ("ERR_CERT_", Outcome.TLS),
    ("ERR_SSL_", Outcome.TLS),
    ("ERR_BAD_SSL", Outcome.TLS),
    ("ERR_TIMED_OUT", Outcome.TIMEOUT),
    ("ERR_CONNECTION_TIMED_OUT", Outcome.TIMEOUT),
    ("ERR_EMPTY_RESPONSE", Outcome.CONNECT),
    ("ERR_CONTENT_LENGTH_MISMATCH", Outcome.TRUNCATED),
    ("ERR_INCOMPLETE_CHUNKED", Outcome.TRUNCATED),
    ("ERR_CONTENT_DECODING", Outcome.TRUNCATED),
    ("ERR_CONNECTION", Outcome.CONNECT),
    ("ERR_TUNNEL_CONNECTION_FAILED", Outcome.CONNECT),
    ("ERR_PROXY", Outcome.CRASH),
    ("ERR_ABORTED", Outcome.NO_RESPONSE),
    # A file in the place of a page.
    ("Download is starting", Outcome.NO_RESPONSE),
    # A redirect out of the web, and an answer that no browser shows.
    ("ERR_UNSAFE_REDIRECT", Outcome.NO_RESPONSE),
    ("ERR_UNKNOWN_URL_SCHEME", Outcome.NO_RESPONSE),
    ("ERR_INVALID_REDIRECT", Outcome.NO_RESPONSE),
    ("ERR_INVALID_RESPONSE", Outcome.NO_RESPONSE),
    ("ERR_RESPONSE_HEADERS_", Outcome.NO_RESPONSE),
    ("ERR_INVALID_HTTP_RESPONSE", Outcome.NO_RESPONSE),
    ("ERR_HTTP_RESPONSE_CODE_FAILURE", Outcome.NO_RESPONSE),
    ("ERR_UNEXPECTED_PROXY_AUTH", Outcome.NO_RESPONSE),
    ("ERR_HTTP2_", Outcome.NO_RESPONSE),
    # The browser refuses ports of other protocols by itself, as our guard would.
    ("ERR_UNSAFE_PORT", Outcome.GUARD_DENIED),
)


def browser_fault(error: Exception) -> Outcome:
    """The outcome that an error of the browser stands for; what is not known is our own crash."""
    if isinstance(error, TimeoutError | PlaywrightTimeout):
        return Outcome.TIMEOUT
    if isinstance(error, RestlessError):
        return error.outcome
    if isinstance(error, PlaywrightError):
        for name, outcome in NET_ERRORS:
            if name in error.message:
                return outcome
    return Outcome.CRASH


def denial_for(url: str, events: Sequence[GuardEvent]) -> Denial | None:
    """The guard's latest denial on the way to an address, if there is one among the events.

    An encrypted connection hides the guard's answer from the browser, so its own log is asked;
    there it knows the host only.
    """
    host = urlsplit(url).hostname
    for event in reversed(events):
        if event.denial is not None and (
            event.url == url or (not event.url and event.host == host)
        ):
            return event.denial
    return None
