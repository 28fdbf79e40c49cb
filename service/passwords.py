"""Passwords: Argon2id hashes, what a new one must be like, and one-time passwords."""

from __future__ import annotations

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.errors import AccountError

#: Characters of the shortest password: the guide for web log-ins (NIST SP 800-63B) asks for 8 beside a
#: limit of failures, and 15 without; between them, since guesses are held back here.
SHORTEST = 10
#: Argon2 reads all of it; a limit keeps a request from making it read megabytes.
LONGEST = 200
#: Kinds of characters that a password must have at least, so that "1111111111" is none.
FEWEST_DIFFERENT = 5
#: Letters and digits that are not taken for one another when read off a screen.
_CLEAR = "abcdefghjkmnpqrstuvwxyz23456789"
#: Groups and letters of a one-time password: 16 of 31 letters, 79 bits.
_GROUPS, _GROUP = 4, 4

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with its salt and cost."""
    return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; takes as long where nothing is stored."""
    try:
        return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether the hash was made at another cost than today's, and should be made anew."""
    return _hasher.check_needs_rehash(stored)


def one_time_password() -> str:
    """A password to be told once and changed at the first log-in: ``abcd-efgh-jkmn-pqrs``."""
    groups = ("".join(secrets.choice(_CLEAR) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def require_good_password(password: str, name: str) -> None:
    """Refuse a password that is too easily guessed.

    Raises:
        AccountError: it is too short, too long, too uniform, or is the user's own name.
    """
    problem = _problem(password, name)
    if problem:
        raise AccountError(problem, f"请用 {SHORTEST} 个以上字符、不易猜到的密码")


def _problem(password: str, name: str) -> str:
    if len(password) < SHORTEST:
        return f"密码太短,至少 {SHORTEST} 个字符"
    if len(password) > LONGEST:
        return f"密码太长,至多 {LONGEST} 个字符"
    if len(set(password)) < FEWEST_DIFFERENT:
        return "密码中不同的字符太少"
    if len(name) > 3 and name.casefold() in password.casefold():
        return "密码中含有用户名"
    return ""


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that no password fits, checked for accounts that are not there."""
    return hash_password(secrets.token_urlsafe(32))
