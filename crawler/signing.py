"""The signing key and the anonymous signature of the WACZ signing specification.

ECDSA on P-384 with SHA-256 over the text of the package's hash; the signature in its raw form
(r and s side by side), as browsers make and check it.
"""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

CURVE = ec.SECP384R1()
PART_BYTES = 48


class SigningKeyError(RuntimeError):
    """The signing key cannot be used; nothing is crawled without one."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one private key."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public_key(self) -> str:
        """The public key, base64 of its SubjectPublicKeyInfo."""
        return base64.b64encode(
            self.key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).decode()

    def sign(self, text: str) -> str:
        """Sign a text; base64 of the raw signature."""
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        raw = r.to_bytes(PART_BYTES, "big") + s.to_bytes(PART_BYTES, "big")
        return base64.b64encode(raw).decode()


def is_signed(text: str, signature: str, public_key: str) -> bool:
    """Whether a signature of this form holds over a text."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(public_key))
        raw = base64.b64decode(signature)
        if not isinstance(key, ec.EllipticCurvePublicKey) or len(raw) != 2 * PART_BYTES:
            return False
        r, s = int.from_bytes(raw[:PART_BYTES], "big"), int.from_bytes(raw[PART_BYTES:], "big")
        key.verify(encode_dss_signature(r, s), text.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def load_signer(path: Path) -> Signer:
    """Load the key, making it on first use, readable by its owner only.

    Raises:
        SigningKeyError: the file is there but is not such a key.
    """
    if not path.exists():
        _make(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise SigningKeyError(
            f"{path} is not a private key: restore it, or move it away"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SigningKeyError(f"{path} is not an elliptic-curve key: restore it, or move it away")
    return Signer(key)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = ec.generate_private_key(CURVE).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    # A link fails when another process was first: then its key stands, and ours goes.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
