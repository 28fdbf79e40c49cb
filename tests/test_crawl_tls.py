"""Spaces behind TLS that cannot be trusted: a fault of the site's servers, never the teacher's.

Certificates are real, and so are the handshakes. The authority is one that nobody's machine knows;
the plain fetch is told of it, so that each of its refusals is for the fault that the row names.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from pathlib import Path

import pytest

from crawler.access import judge_plain
from crawler.browser import Browser
from crawler.plain import Fetched
from models.vocabulary import Access, Outcome
from tests.crawl_site import LIMITS, Crawled, Paths, answer, crawl, listening, order_for
from tests.guard_site import Site, replies
from tests.tls_site import DAY, SecureSite, Signed, make, pem, server_context

pytestmark = pytest.mark.browser

HERE = ("127.0.0.1",)
PAGE = answer("<!doctype html><title>空间</title><p>欢迎来到我的空间</p>")
#: Outcomes of the plain fetch by space; the browser, which knows no such authority, trusts none.
PLAIN = {
    "good": Outcome.OK,
    "expired": Outcome.TLS,
    "not-yet": Outcome.TLS,
    "self-signed": Outcome.TLS,
    "wrong-host": Outcome.TLS,
    # The server ends the connection, and the plain fetch hears no more than that.
    "wants-certificate": Outcome.CONNECT,
    "old-protocol": Outcome.CONNECT,
    "breaks-off": Outcome.CONNECT,
    "speaks-plainly": Outcome.TLS,
}


class Abrupt(Site):
    """A server that ends the connection in the middle of the handshake."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x16\x03\x03\x00\x40")
        writer.close()


class Plainspoken(Site):
    """A server that answers a handshake in HTTP."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await replies(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")(b"", reader, writer)
        writer.close()


def sites(folder: Path, authority: Signed) -> dict[str, Site]:
    def secure(signed: Signed) -> SecureSite:
        return SecureSite(server_context(folder, signed), Paths({"/s/a/": PAGE, "/healthz": PAGE}))

    good = make("good", issuer=authority, addresses=HERE)
    made: dict[str, Site] = {
        "good": secure(good),
        "expired": secure(make("old", issuer=authority, addresses=HERE, first=-9 * DAY, last=-DAY)),
        "not-yet": secure(make("new", issuer=authority, addresses=HERE, first=DAY)),
        "self-signed": secure(make("self", addresses=HERE)),
        "wrong-host": secure(make("other", issuer=authority, hosts=("other.example",))),
        "breaks-off": Abrupt(),
        "speaks-plainly": Plainspoken(),
    }
    asks = server_context(folder, good)
    asks.maximum_version = ssl.TLSVersion.TLSv1_2
    asks.verify_mode = ssl.CERT_REQUIRED
    asks.load_verify_locations(cadata=pem(authority.certificate).decode())
    made["wants-certificate"] = SecureSite(asks, PAGE)
    old = server_context(folder, good)
    with warnings.catch_warnings():
        # That nobody should speak it any more is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    made["old-protocol"] = SecureSite(old, PAGE)
    return made


@pytest.fixture(scope="module")
def crawled(browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    folder = tmp_path_factory.mktemp("tls")
    authority = make("authority")
    known = folder / "authority.pem"
    known.write_bytes(pem(authority.certificate))
    made = sites(folder, authority)
    with listening(*made.values()), pytest.MonkeyPatch.context() as patch:
        # OpenSSL's own variable, for the crawl process; the browser does not look at it.
        patch.setenv("SSL_CERT_FILE", str(known))
        spaces = {name: f"https://127.0.0.1:{site.port}/s/a/" for name, site in made.items()}
        allow = ",".join(f"127.0.0.1:{site.port}" for site in made.values())
        return crawl(order_for(folder, spaces, allow, limits=LIMITS))


@pytest.mark.parametrize("space", PLAIN)
def test_what_cannot_be_trusted_says_nothing_of_the_teacher(space: str, crawled: Crawled) -> None:
    manifest = crawled.manifests[space]
    assert manifest.visibility.access is Access.CANNOT_TELL
    # A server that hangs up in the middle of the handshake says no more than that.
    hangs_up = space in {"breaks-off", "old-protocol"}
    named = {Outcome.TLS, Outcome.CONNECT} if hangs_up else {Outcome.TLS}
    assert {attempt.outcome for attempt in manifest.attempts} <= named, manifest.reasons
    plain = {attempt.plain.outcome for attempt in manifest.attempts if attempt.plain}
    assert plain == {PLAIN[space]}, manifest.reasons


def test_a_proxys_word_from_behind_tls_is_not_the_sites() -> None:
    fetched = Fetched("https://a.example/", "https://a.example/", 407)
    judged = judge_plain(fetched.observation()).outcome
    assert judged.visibility.access is Access.CANNOT_TELL
