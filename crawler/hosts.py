"""The servers of one visit: the addresses they were reached at, and what their TLS showed.

Through the guard the browser and Scrapy see only the guard's own address: the servers' come from
the guard, which looked them up, judged them and connected to them. TLS goes through it end to end, so
its facts come from both ends of ours: the protocol from the browser, the certificate from a plain
fetch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from twisted.internet.ssl import Certificate

from models.manifest import HostFacts, TlsFacts

PORTS = {"http": 80, "https": 443}

#: A server: its name as the guard has it, and its port.
Host = tuple[str, int]


def host_of(url: str) -> Host | None:
    """The server of an address; None for one that names none."""
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


class HostBook:
    """TLS facts by server, each written once."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._by_browser: dict[Host, TlsFacts] = {}
        self._by_fetch: dict[Host, TlsFacts] = {}

    def unmet(self, url: str) -> bool:
        """Whether the browser still has to be asked about the server of an ``https`` address."""
        return url.startswith("https:") and host_of(url) not in self._by_browser

    def browser_said(self, url: str, details: Mapping[str, Any] | None) -> None:
        """Keep what the browser says of a connection."""
        host = host_of(url)
        if host is not None and details:
            self._by_browser[host] = TlsFacts(
                protocol=details.get("protocol") or "",
                subject=details.get("subjectName") or "",
                issuer=details.get("issuer") or "",
                valid_from=_moment(details.get("validFrom")),
                valid_to=_moment(details.get("validTo")),
            )

    def showed(self, url: str, certificate: Certificate | None) -> None:
        """Keep the certificate that a server showed a plain fetch."""
        host = host_of(url)
        if certificate is not None and host is not None and host not in self._by_fetch:
            self._by_fetch[host] = read_certificate(certificate.dump())

    def facts(self, reached: Mapping[Host, Sequence[str]]) -> tuple[HostFacts, ...]:
        """All servers, with the addresses that the guard reached them at."""
        hosts = sorted({*reached, *self._by_browser, *self._by_fetch})
        return tuple(
            HostFacts(
                host=host[0],
                port=host[1],
                addresses=tuple(reached.get(host, ())),
                tls=self._tls(host),
            )
            for host in hosts
        )

    def _tls(self, host: Host) -> TlsFacts | None:
        fetched, browsed = self._by_fetch.get(host), self._by_browser.get(host)
        if fetched is None or browsed is None:
            return fetched or browsed
        return fetched.model_copy(update={"protocol": browsed.protocol})


def read_certificate(der: bytes) -> TlsFacts:
    """The facts of a certificate.

    Raises:
        ValueError: It is none.
    """
    certificate = x509.load_der_x509_certificate(der)
    return TlsFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        valid_from=certificate.not_valid_before_utc,
        valid_to=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
