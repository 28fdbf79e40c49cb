"""Servers behind TLS: what is known of their certificates, by a plain fetch and by the browser.

A crawl trusts what the system trusts. The plain fetch is given the test's authority as the system's
(``SSL_CERT_FILE``); Chromium has no such door, so its side is tried with the recorder in a context
that does not ask whom to trust.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from playwright.async_api import ProxySettings, async_playwright

from crawler.archive import Archive
from crawler.browser import Browser, launch_options
from crawler.hosts import HostBook, host_of
from crawler.recorder import Recorder
from models.manifest import HostFacts, TlsFacts
from models.vocabulary import Openness
from tests.crawl_site import Paths, answer, crawl, listening, order_for
from tests.guard_site import JOB, Site, guarding
from tests.tls_site import TlsSite

TEXT = "第一课 课堂笔记\n".encode()


@pytest.mark.browser
def test_a_crawl_keeps_the_certificate_of_a_server_it_fetched_from(
    browser_executable: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = TlsSite(tmp_path / "tls", Paths({"/notes.txt": answer(TEXT, kind="text/plain")}))
    site = Site(Paths({}))
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
    with listening(files, site):
        page = f"<!doctype html><title>空间</title><a href={files.url}notes.txt>笔记</a>"
        site.answer = Paths({"/s/a/": answer(page), "/healthz": answer("ok", kind="text/plain")})
        allow = f"127.0.0.1:{site.port},127.0.0.1:{files.port}"
        crawled = crawl(order_for(tmp_path, {"a": f"{site.url}s/a/"}, allow))
    manifest = crawled.manifests["a"]
    assert [resource.openness for resource in manifest.resources] == [Openness.OPEN]
    hosts = {host.port: host for host in manifest.hosts}
    assert hosts[site.port].tls is None
    certificate = files.certificate
    assert hosts[files.port] == HostFacts(
        host="127.0.0.1",
        port=files.port,
        addresses=("127.0.0.1",),
        tls=TlsFacts(
            subject="CN=platform.example",
            issuer="CN=Test Root 试验",
            valid_from=certificate.not_valid_before_utc,
            valid_to=certificate.not_valid_after_utc,
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        ),
    )


@pytest.mark.browser
def test_the_browser_tells_protocol_and_certificate_of_a_page(
    browser_executable: Browser, tmp_path: Path
) -> None:
    site = TlsSite(tmp_path / "tls", Paths({"/": answer("<p>加密的页</p>")}))
    hosts = asyncio.run(_visit(browser_executable, site, tmp_path / "data.warc.gz"))
    (facts,) = hosts.facts({})
    assert (facts.host, facts.port) == ("127.0.0.1", site.port)
    assert facts.tls is not None
    assert facts.tls.protocol == "TLS 1.3"
    assert (facts.tls.subject, facts.tls.issuer) == ("platform.example", "Test Root 试验")
    assert facts.tls.valid_from == site.certificate.not_valid_before_utc
    assert facts.tls.valid_to == site.certificate.not_valid_after_utc


async def _visit(executable: Browser, site: TlsSite, warc: Path) -> HostBook:
    hosts = HostBook()
    archive = Archive(warc, {})
    recorder = Recorder(archive, lambda _: False, hosts)
    async with site, guarding(site) as guard, async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options(executable))
        user, password = guard.credentials(JOB)
        proxy = ProxySettings(server=guard.address, username=user, password=password)
        context = await browser.new_context(ignore_https_errors=True, proxy=proxy)
        page = await context.new_page()
        recorder.attach(page, site.url)
        await page.goto(site.url)
        await recorder.settle(page)
        recorder.finish(page)
        await browser.close()
        assert guard.reached(JOB) == {("127.0.0.1", site.port): ["127.0.0.1"]}
    archive.close()
    return hosts


def test_what_both_saw_of_a_server_is_told_together() -> None:
    hosts = HostBook()
    url = "https://platform.example/s/1"
    assert hosts.unmet(url)
    said = {"protocol": "TLS 1.2", "subjectName": "platform.example", "validFrom": 1640995200}
    hosts.browser_said(url, said)
    assert not hosts.unmet(url)
    (facts,) = hosts.facts({("platform.example", 443): ["203.0.113.5", "203.0.113.6"]})
    assert facts.addresses == ("203.0.113.5", "203.0.113.6")
    assert facts.tls == TlsFacts(
        protocol="TLS 1.2",
        subject="platform.example",
        valid_from=datetime(2022, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://platform.example/x", ("platform.example", 443)),
        ("http://Platform.example:8080/", ("platform.example", 8080)),
        ("http://[2001:db8::1]/", ("2001:db8::1", 80)),
        ("http://platform.example:99999/", None),
        ("blob:http://platform.example/1", None),
        ("urn:pageinfo:http://platform.example/", None),
    ],
)
def test_the_server_of_an_address(url: str, host: tuple[str, int] | None) -> None:
    assert host_of(url) == host


def test_an_address_without_tls_is_never_asked_for_it() -> None:
    assert not HostBook().unmet("http://platform.example/")
