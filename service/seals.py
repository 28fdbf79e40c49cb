"""The installation's secret, and what is sealed with it: form tokens, replay and notice addresses.

The secret lies beside the signing key, made at the first use, readable by its owner alone. A seal says
that this installation gave out exactly these values for exactly this purpose.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import ConfigError

SECRET_FILE = Path("keys") / "session.secret"
SECRET_BYTES = 32
#: Different bytes that a random secret has at the very least; typed words and repeats have fewer.
_FEWEST_DIFFERENT = 12
#: Characters of a seal: 128 bits.
_LENGTH = 22


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes and checks seals with one secret."""

    secret: bytes = field(repr=False)

    def seal(self, purpose: str, *values: str) -> str:
        """The seal on these values, in letters that an address takes as they are."""
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        parts = [purpose, *values]
        message = b"".join(len(p := each.encode()).to_bytes(4, "big") + p for each in parts)
        mac = hmac.new(self.secret, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode()[:_LENGTH]

    def holds(self, seal: str, purpose: str, *values: str) -> bool:
        """Whether this is the seal on these values."""
        return hmac.compare_digest(seal.encode(), self.seal(purpose, *values).encode())


def random_sealer() -> Sealer:
    """A sealer whose seals hold until the process ends."""
    return Sealer(secrets.token_bytes(SECRET_BYTES))


def load_sealer(home: Path) -> Sealer:
    """The sealer of an installation; its secret is made at the first use.

    Raises:
        ConfigError: the file is open to others, or what it holds is no random secret.
    """
    path = home / SECRET_FILE
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            f"{path} can be read by others, who could sign in as anybody",
            f"make a new one: delete it (everybody signs in again); or: chmod 600 {path}",
        )
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES or len(set(secret)) < _FEWEST_DIFFERENT:
        raise ConfigError(
            f"{path} holds no random secret: default and typed secrets are refused",
            "delete it; a random one is made at the next start",
        )
    return Sealer(secret)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(secrets.token_bytes(SECRET_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        # Of two processes that start at once one wins, and both then read the same.
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
