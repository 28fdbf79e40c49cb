"""Sites that speak TLS on loopback, with certificates made for the test: good ones and bad ones."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.guard_site import HELLO, Answer, Site

DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Signed:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make(
    name: str,
    *,
    issuer: Signed | None = None,
    hosts: tuple[str, ...] = (),
    addresses: tuple[str, ...] = (),
    first: dt.timedelta = -DAY,
    last: dt.timedelta = 30 * DAY,
) -> Signed:
    """A certificate, signed by ``issuer`` or by itself; an authority when it names no host."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ip_address(address)) for address in addresses]  # type: ignore[misc]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first)
        .not_valid_after(now + last)
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Signed(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def server_context(folder: Path, signed: Signed) -> ssl.SSLContext:
    """TLS as a server speaks it with this certificate."""
    path = folder / f"{signed.certificate.serial_number}.pem"
    private = signed.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + pem(signed.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class SecureSite(Site):
    """A site behind TLS."""

    def __init__(self, context: ssl.SSLContext, answer: Answer, host: str = "127.0.0.1") -> None:
        super().__init__(answer, host)
        self._context = context

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}/"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self


class TlsSite(SecureSite):
    """A site behind TLS with a certificate of the test's own authority."""

    def __init__(self, folder: Path, answer: Answer = HELLO, host: str = "127.0.0.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        root = make("Test Root 试验")
        leaf = make("platform.example", issuer=root, addresses=(host,))
        super().__init__(server_context(folder, leaf), answer, host)
        self.authority = folder / "root.pem"
        self.authority.write_bytes(pem(root.certificate))
        self.certificate = leaf.certificate
