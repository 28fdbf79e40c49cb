"""Time stamps (RFC 3161): a time-stamp authority's word that a snapshot existed at a moment.

What is stamped is the text that the signature is over as well: ``sha256:`` and the hex SHA-256 of
the package's ``datapackage.json``, in ASCII, without a line feed. The authority sees the SHA-256 of
that text and nothing else. The answer is kept whole beside the snapshot, in a ``.tsr`` file of its
own, for the signing specification has no place for it in an anonymous signature. Anyone can check
it: ``printf 'sha256:…' > text; openssl ts -verify -data text -in SNAPSHOT.tsr -CAfile CA.pem``.

Errors:
    TimestampError: there is no token, or it proves nothing. The snapshot stands without it.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from crawler.addresses import AllowRule, EgressPolicy
from crawler.der import with_sorted_certificates
from crawler.guard import Guard, denial_of
from crawler.wacz import PACKAGE_NAME

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
#: One exchange with the authority, in seconds; public ones answer within one.
EXCHANGE_SECONDS = 20.0
#: An answer with its chain of certificates takes 3 to 8 KiB.
MAX_REPLY_BYTES = 64 * 1024
#: A tunnel also carries the server's own certificates.
MAX_TUNNEL_BYTES = 256 * 1024
SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_JOB = "timestamp"


class TimestampError(RuntimeError):
    """No token, or one that proves nothing; says why. The snapshot stands without a time stamp."""


@dataclass(frozen=True, slots=True)
class Token:
    """An authority's whole answer, verified, and the moment it vouches for."""

    content: bytes
    time: datetime

    @property
    def digest(self) -> str:
        """SHA-256 of the answer, as it is recorded."""
        return digest_of(self.content)


def digest_of(content: bytes) -> str:
    """SHA-256 as it is written everywhere here: ``sha256:`` and hex."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def stamped_text(wacz: Path) -> str:
    """The text that a snapshot's time stamp is over."""
    with zipfile.ZipFile(wacz) as package:
        return digest_of(package.read(PACKAGE_NAME))


def load_authorities(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates that time stamps are trusted by: the authority's root, in PEM.

    Raises:
        TimestampError: the file cannot be read or holds none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise TimestampError(
            f"the certificates of the time-stamp authority cannot be read from {path} ({error}); "
            "set SPACEAUDIT_TIMESTAMP_CA to the authority's root certificate in PEM"
        ) from error


def stamped_time(content: bytes, text: str) -> datetime:
    """The moment that a token names for a text, without asking who signed it.

    Raises:
        TimestampError: the token cannot be read, or is over something else.
    """
    return _time_in(_decoded(content), text)


def proven_time(content: bytes, text: str, trusted: Sequence[x509.Certificate]) -> datetime:
    """The moment that a token proves: it is over this text, and signed under a trusted certificate.

    The certificates have to be valid at that moment, not today.

    Raises:
        TimestampError: it does not prove it.
    """
    answer = _decoded(content)
    return _proven(answer, text, VerifierBuilder(), trusted)


def _decoded(content: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(with_sorted_certificates(content))
    except ValueError as error:
        raise TimestampError(f"is not an authority's answer ({error})") from error


def _time_in(answer: TimeStampResponse, text: str) -> datetime:
    try:
        info = answer.tst_info
    except ValueError as error:
        said = "; ".join(answer.status_string) or f"status {answer.status}"
        raise TimestampError(f"the authority gave no token ({said})") from error
    imprint = info.message_imprint
    if imprint.hash_algorithm != SHA256:
        raise TimestampError("is over another hash than SHA-256")
    if imprint.message != hashlib.sha256(text.encode()).digest():
        raise TimestampError("is over another snapshot")
    return info.gen_time.astimezone(UTC)


def _proven(
    answer: TimeStampResponse,
    text: str,
    verifier: VerifierBuilder,
    trusted: Sequence[x509.Certificate],
) -> datetime:
    time = _time_in(answer, text)
    for certificate in trusted:
        verifier = verifier.add_root_certificate(certificate)
    try:
        verifier.build().verify_message(answer, text.encode())
    except (VerificationError, ValueError) as error:
        # What OpenSSL adds are pages of its own source.
        what = str(error).partition(": ErrorStack")[0]
        raise TimestampError(f"its signature does not hold ({what})") from error
    return time


class Stamper:
    """Asks one time-stamp authority, through an egress guard of its own with small limits."""

    def __init__(self, url: str, ca: Path | None, allow: tuple[AllowRule, ...]) -> None:
        """Ask the authority at ``url``, trusted by the certificates in ``ca``."""
        self._url = url
        self._ca = ca
        self._guard = Guard(
            EgressPolicy(
                allow=allow,
                max_response_bytes=MAX_REPLY_BYTES,
                max_request_bytes=MAX_REPLY_BYTES,
                max_seconds=EXCHANGE_SECONDS,
                max_tunnel_bytes=MAX_TUNNEL_BYTES,
                max_tunnel_seconds=EXCHANGE_SECONDS,
            )
        )

    async def start(self) -> None:
        """Open the way out."""
        await self._guard.start()

    async def stop(self) -> None:
        """Close it."""
        await self._guard.stop()

    def stamp(self, text: str) -> Token:
        """A verified token over a text. Blocks; call it from a thread beside the guard's loop.

        Raises:
            TimestampError: the authority did not answer, or its answer proves nothing.
        """
        if self._ca is None:
            raise TimestampError(
                "no certificate to verify time stamps by (SPACEAUDIT_TIMESTAMP_CA)"
            )
        trusted = load_authorities(self._ca)
        request = (
            TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256)
        ).build()
        content = self._ask(request)
        # The verifier made from the request also compares the nonce: no old answer passes.
        verifier = VerifierBuilder.from_request(request)
        return Token(content, _proven(_decoded(content), text, verifier, trusted))

    def _ask(self, request: TimeStampRequest) -> bytes:
        connection, target, headers = self._way_out(urlsplit(self._url))
        headers |= {"Content-Type": QUERY_TYPE, "Accept": REPLY_TYPE}
        try:
            connection.request("POST", target, request.as_bytes(), headers)
            answer = connection.getresponse()
            body = answer.read(MAX_REPLY_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise TimestampError(f"{self._url} cannot be asked ({self._reason(error)})") from error
        finally:
            connection.close()
        said = {name.lower(): value for name, value in answer.getheaders()}
        denied = denial_of(self._url, said)
        if denied is not None:
            raise TimestampError(f"{self._url} cannot be asked ({denied})")
        kind = said.get("content-type", "").partition(";")[0].strip()
        if answer.status != http.HTTPStatus.OK or kind != REPLY_TYPE:
            raise TimestampError(f"{self._url} answered {answer.status} {kind}, no time stamp")
        return body

    def _way_out(
        self, place: SplitResult
    ) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        """A connection to the guard, what to ask on it, and the headers that the guard wants."""
        proxy = urlsplit(self._guard.address)
        credentials = ":".join(self._guard.credentials(_JOB))
        pass_guard = {
            "Proxy-Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"
        }
        host, port = proxy.hostname or "", proxy.port
        if place.scheme == "http":
            plain = http.client.HTTPConnection(host, port, timeout=EXCHANGE_SECONDS)
            return plain, self._url, pass_guard
        secure = http.client.HTTPSConnection(
            host, port, timeout=EXCHANGE_SECONDS, context=ssl.create_default_context()
        )
        secure.set_tunnel(place.hostname or "", place.port or 443, headers=pass_guard)
        path = place.path or "/"
        return secure, f"{path}?{place.query}" if place.query else path, {}

    def _reason(self, error: Exception) -> str:
        """What the guard says of it, else the error."""
        denied = next((e.denial for e in reversed(self._guard.events(_JOB)) if e.denial), None)
        self._guard.forget(_JOB)
        return str(denied or error or type(error).__name__)
