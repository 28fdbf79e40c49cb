"""Time stamps: asked of a real authority, verified offline; a failing one costs no snapshot."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.browser import Browser
from crawler.der import with_sorted_certificates
from crawler.store import SnapshotStore, token_name
from crawler.timestamp import (
    TimestampError,
    digest_of,
    load_authorities,
    proven_time,
    stamped_text,
    stamped_time,
)
from crawler.verification import check_stamp, flaws
from tests.authority import (
    TEXT,
    Authority,
    NoOpensslError,
    accepts,
    answering,
    make_authority,
    stamp,
)
from tests.crawl_site import Paths, answer, crawl, listening, order_for
from tests.guard_site import Site
from tests.snapshots import write_snapshot

SPOILT: tuple[tuple[str, Callable[[bytes], tuple[int, str, bytes]], str], ...] = (
    ("another status", lambda body: (503, "application/timestamp-reply", body), "answered 503"),
    ("a page", lambda _: (200, "text/html", b"<p>sorry"), "answered 200 text/html"),
    ("no token", lambda _: (200, "application/timestamp-reply", b""), "not an authority's answer"),
    (
        "cut off",
        lambda body: (200, "application/timestamp-reply", body[:900]),
        "not an authority's answer",
    ),
    (
        "a refusal",
        # SEQUENCE { SEQUENCE { status 2 (rejection) } }
        lambda _: (200, "application/timestamp-reply", bytes.fromhex("30053003020102")),
        "gave no token (status 2)",
    ),
    (
        "a flipped signature",
        lambda body: (200, "application/timestamp-reply", body[:-9] + b"\0" + body[-8:]),
        "signature does not hold",
    ),
    (
        "an endless answer",
        lambda _: (200, "application/timestamp-reply", b"0" * 100_000),
        "",
    ),
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        return make_authority(tmp_path_factory.mktemp("authority"))
    except NoOpensslError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def authority(keys: Authority) -> Authority:
    return Authority(keys.folder)


def test_a_stamp_proves_its_text_to_us_and_to_openssl(authority: Authority, tmp_path: Path) -> None:
    with answering(authority):
        token = stamp(authority)
    trusted = load_authorities(authority.ca)
    assert proven_time(token.content, TEXT, trusted) == token.time
    assert stamped_time(token.content, TEXT) == token.time
    path = tmp_path / "x.tsr"
    path.write_bytes(token.content)
    assert accepts(authority, path, TEXT)
    assert not accepts(authority, path, TEXT + "\n")
    with pytest.raises(TimestampError, match="another snapshot"):
        proven_time(token.content, TEXT + "\n", trusted)


def test_an_answer_with_unsorted_certificates_is_read(keys: Authority, tmp_path: Path) -> None:
    # OpenSSL puts the signer's first, wherever it belongs: with this root it comes last.
    for number in range(4):
        chatty = make_authority(tmp_path / str(number), "Chatty TSA"[: 4 + number], sends="ca.pem")
        with answering(chatty):
            token = stamp(chatty)
        assert proven_time(token.content, TEXT, load_authorities(chatty.ca)) == token.time
        whole = with_sorted_certificates(token.content)
        assert sorted(whole) == sorted(token.content)
        # What is kept is what was answered, byte for byte: OpenSSL takes either.
        path = tmp_path / "kept.tsr"
        path.write_bytes(token.content)
        assert accepts(chatty, path, TEXT)


@pytest.mark.parametrize(
    "content", [b"", b"0", b"0\x80", b"0\x03\x02\x01", b"\x30\x05\x30\x03\x02\x01\x02", b"<p>sorry"]
)
def test_what_is_no_answer_is_left_as_it_is(content: bytes) -> None:
    assert with_sorted_certificates(content) == content


@pytest.mark.parametrize(("spoil", "said"), [row[1:] for row in SPOILT], ids=[r[0] for r in SPOILT])
def test_an_answer_that_proves_nothing_is_none(
    authority: Authority, spoil: Callable[[bytes], tuple[int, str, bytes]], said: str
) -> None:
    authority.spoil = spoil
    with answering(authority), pytest.raises(TimestampError) as error:
        stamp(authority)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_old_answer_does_not_pass_again(authority: Authority) -> None:
    with answering(authority):
        old = stamp(authority)
        authority.spoil = lambda _: (200, "application/timestamp-reply", old.content)
        with pytest.raises(TimestampError, match="Nonce"):
            stamp(authority)


def test_only_the_authority_that_is_trusted_proves(authority: Authority, tmp_path: Path) -> None:
    other = make_authority(tmp_path / "other", "Other TSA")
    with answering(authority):
        token = stamp(authority)
        with pytest.raises(TimestampError, match="signature does not hold"):
            proven_time(token.content, TEXT, load_authorities(other.ca))


def test_the_guard_decides_where_the_question_may_go(authority: Authority) -> None:
    with answering(authority):
        with pytest.raises(TimestampError, match="private_address"):
            stamp(authority, allow="")
        assert authority.asked == []
        authority.url = authority.url.replace("http:", "https:")
        with pytest.raises(TimestampError, match="private_address"):
            stamp(authority, allow="")
        # Let through, it is no https server: our own TLS ends it.
        with pytest.raises(TimestampError, match="cannot be asked"):
            stamp(authority)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    authority.url = f"http://{nobody}/"
    with pytest.raises(TimestampError, match="connect_failed"):
        stamp(authority, allow=nobody)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TimestampError, match="SPACEAUDIT_TIMESTAMP_CA"):
        load_authorities(path)


def test_what_a_snapshots_stamp_is_worth(authority: Authority, tmp_path: Path) -> None:
    one = write_snapshot(tmp_path / "one")
    two = write_snapshot(tmp_path / "two")
    with answering(authority):
        token = stamp(authority, text=stamped_text(one)).content
    trusted = load_authorities(authority.ca)
    assert check_stamp(one, None).time is None
    assert not check_stamp(one, token).proven
    assert check_stamp(one, token, trusted).proven
    for path, content in ((two, token), (one, token[:-1]), (one, b"")):
        worth = check_stamp(path, content, trusted)
        assert worth.flaw is not None
        assert worth.flaw.member == "snapshot.tsr"
        # A stamp over something else shows also where no certificate is at hand.
        assert check_stamp(path, content).flaw is not None
    (tmp_path / "none.wacz").write_text("no package", encoding="ascii")
    assert check_stamp(tmp_path / "none.wacz", token, trusted).flaw is not None


@pytest.mark.parametrize("address", ["{folder}", "memory://{folder}"])
def test_a_stamp_lies_beside_its_snapshot_and_is_never_changed(
    tmp_path: Path, address: str
) -> None:
    store = SnapshotStore(address.format(folder=tmp_path / "store"))
    name = store.put(write_snapshot(tmp_path)).name
    assert token_name(name) == name.replace(".wacz", ".tsr")
    assert store.token(name) is None
    store.put_token(name, b"first")
    store.put_token(name, b"second")
    assert store.token(name) == b"first"


@pytest.mark.browser
@pytest.mark.parametrize("works", [True, False])
def test_a_crawl_stamps_what_it_stores_or_says_why_not(
    browser_executable: Browser, authority: Authority, tmp_path: Path, works: bool
) -> None:
    page = answer("<!doctype html><title>空间</title><p>欢迎来到我的空间</p>")
    site = Site(Paths({"/s/a/": page, "/healthz": answer("好")}))
    if not works:
        authority.spoil = lambda _: (500, "text/plain", b"")
    with answering(authority), listening(site):
        order = order_for(
            tmp_path,
            {"a": f"{site.url}s/a/"},
            f"127.0.0.1:{site.port},{authority.allow}",
            timestamp_url=authority.url,
            timestamp_ca=authority.ca,
            browser=browser_executable.path,
        )
        done = crawl(order)
    receipt, wacz = done.receipts["a"], done.wacz("a")
    assert list(flaws(wacz)) == []
    token = SnapshotStore(order.store).token(receipt.wacz)
    if not works:
        assert token is None
        assert receipt.stamped_at is None
        assert "answered 500" in receipt.unstamped
        return
    assert token is not None
    assert receipt.token == digest_of(token)
    worth = check_stamp(wacz, token, load_authorities(authority.ca))
    assert worth.proven
    assert worth.time == receipt.stamped_at
    assert accepts(authority, wacz.with_suffix(".tsr"), stamped_text(wacz))
    assert not list(Path(order.store).rglob("*.part"))
