"""A real browser over https at a limit: no more at once, no deadlock by connections kept open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.async_api import Browser as Chromium
from playwright.async_api import async_playwright

from crawler.addresses import EgressPolicy, parse_allow
from crawler.browser import Browser, launch_options
from crawler.guard import Guard
from crawler.pace import SitePace
from crawler.passage import Paced

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PICTURES = 30
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A certificate of nobody's, and both protocols offered."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "tls.pem").write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class TlsSite:
    """Serves a page full of pictures over connections that it keeps open; counts what is under way."""

    def __init__(self) -> None:
        self.now = self.peak = self.pictures = self.connections = 0
        self.protocols: set[str | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.protocols.add(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.now += 1
                self.peak = max(self.peak, self.now)
                await asyncio.sleep(0.02)
                self.now -= 1
                self._answer(head, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        path = head.split(b" ")[1]
        kind, body = b"text/html", b"".join(b"<img src=/%d.svg>" % n for n in range(PICTURES))
        if path.endswith(b".svg"):
            self.pictures += 1
            kind, body = b"image/svg+xml", SVG
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (kind, len(body), body)
        )


@asynccontextmanager
async def serving(site: TlsSite, tls: ssl.SSLContext) -> AsyncIterator[str]:
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_over_https_keep_to_the_limit_and_end(
    browser_executable: Browser, tls: ssl.SSLContext, limit: int
) -> None:
    site, pace = TlsSite(), SitePace(limit=limit)
    async with serving(site, tls) as place, async_playwright() as playwright:
        guard = Guard(EgressPolicy(allow=parse_allow(place)), pace=Paced(pace))
        await guard.start()
        browser = await playwright.chromium.launch(
            **launch_options(browser_executable, guard.address)
        )
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(_visit(browser, guard, f"job-{n}", f"https://{place}/") for n in range(2))
            )
        await browser.close()
        await guard.stop()
    assert site.pictures == 2 * PICTURES
    assert site.peak <= limit
    assert site.connections > limit
    # The guard could not tell the requests of one HTTP/2 connection apart.
    assert site.protocols == {"http/1.1"}


async def _visit(browser: Chromium, guard: Guard, job: str, url: str) -> None:
    user, password = guard.credentials(job)
    context = await browser.new_context(
        ignore_https_errors=True,
        proxy={"server": guard.address, "username": user, "password": password},
    )
    page = await context.new_page()
    response = await page.goto(url, wait_until="load")
    assert response is not None
    assert response.status == 200
    await context.close()
