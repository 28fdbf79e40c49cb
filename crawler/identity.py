"""Who we say we are: the user agent of every request, and ``From`` where somebody can be written to."""

from __future__ import annotations

import re
from importlib.metadata import version

#: Chromium's major version that we name to sites; a site that sniffs wants one it knows.
_USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36 spaceaudit/{version}{contact}"
)
_MAIL = re.compile(r"(?:mailto:)?([A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
#: What may stand in a header's comment: visible ASCII without brackets and backslash (RFC 9110, 5.6.5).
_CONTACT = re.compile(r"[!-'*-\[\]-~]{1,200}")


def user_agent(contact: str = "") -> str:
    """Product and version, and how its operator is reached (``+address``) when that is known."""
    said = f" (+{contact})" if contact else ""
    return _USER_AGENT.format(version=version("spaceaudit"), contact=said)


def mail_of(contact: str) -> str:
    """The mail address in a contact; empty when it is another kind of address."""
    match = _MAIL.fullmatch(contact)
    return match[1] if match else ""


def is_contact(text: str) -> bool:
    """Whether a text can stand in the user agent as a contact: an address of mail, or of the web."""
    fits = _CONTACT.fullmatch(text) is not None
    return fits and (bool(mail_of(text)) or text.startswith(("http://", "https://")))
