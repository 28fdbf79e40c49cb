"""Snapshots: packed, signed, verified, stored and read back; a flipped byte is named."""

import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.signing import SigningKeyError, is_signed, load_signer
from crawler.store import SnapshotReader, SnapshotStore, StoreError
from crawler.verification import flaws
from crawler.wacz import PACKAGE_NAME, WARC_NAME
from models.manifest import MANIFEST_NAME, content_digest, dump_manifest, load_manifest
from models.vocabulary import Visibility
from tests.snapshots import TEXT, URL, manifest, write_archive, write_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("snapshot"))


def test_a_sound_snapshot_has_no_flaw(snapshot: Path) -> None:
    assert list(flaws(snapshot)) == []


def test_the_reference_validator_accepts_it(snapshot: Path) -> None:
    command = [sys.executable, "-m", "wacz.main", "validate", "-f", str(snapshot)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "invalid" not in done.stdout


def test_every_record_passes_warcio(tmp_path: Path) -> None:
    path = write_archive(tmp_path)
    command = [sys.executable, "-m", "warcio.cli", "check", "-v", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("digest pass") >= 4
    assert "digest present but not checked" not in done.stdout


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("record", ["urn:fullPage:", "response http://platform.example/"])
def test_a_flipped_byte_is_named_with_its_record(
    snapshot: Path, tmp_path: Path, record: str, share: float
) -> None:
    offset, length = _place(snapshot, record.rsplit(" ", maxsplit=1)[-1])
    whole = bytearray(snapshot.read_bytes())
    whole[_data_start(snapshot) + offset + int(length * share)] ^= 0x20
    broken = tmp_path / "broken.wacz"
    broken.write_bytes(whole)
    first = next(flaws(broken))
    assert first.member == f"archive/{WARC_NAME}"
    assert record in first.record


def _place(snapshot: Path, uri: str) -> tuple[int, int]:
    with SnapshotReader(snapshot) as reader:
        place = next(found[0] for url, found in reader.index.items() if url.startswith(uri))
        return place.offset, place.length


def _data_start(snapshot: Path) -> int:
    with zipfile.ZipFile(snapshot) as wacz:
        info = wacz.getinfo(f"archive/{WARC_NAME}")
    raw = snapshot.read_bytes()[info.header_offset :]
    return info.header_offset + 30 + raw[26] + raw[27] * 256 + raw[28] + raw[29] * 256


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 0.999), bit=st.integers(0, 7))
def test_no_flipped_bit_of_a_member_goes_unseen(
    snapshot: Path, tmp_path: Path, place: float, bit: int
) -> None:
    whole = bytearray(snapshot.read_bytes())
    with zipfile.ZipFile(snapshot) as wacz:
        end = max(info.header_offset for info in wacz.infolist())
    start = _data_start(snapshot)
    at = start + int(place * (end - start))
    with zipfile.ZipFile(snapshot) as wacz:
        in_frame = any(
            0 <= at - info.header_offset < 30 + len(info.filename) + len(info.extra)
            for info in wacz.infolist()
        )
    if in_frame:
        return  # the container's own headers are not content
    whole[at] ^= 1 << bit
    broken = tmp_path / "broken.wacz"
    broken.write_bytes(whole)
    assert list(flaws(broken))


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (
            PACKAGE_NAME,
            lambda text: text.replace("2022 s1", "2022 s2"),
            "not the one that was signed",
        ),
        ("pages/pages.jsonl", lambda text: text.replace("王", "李"), "not those that were hashed"),
        ("extra.txt", None, "not listed"),
    ],
)
def test_what_was_changed_is_named(
    snapshot: Path, tmp_path: Path, name: str, change: object, problem: str
) -> None:
    broken = tmp_path / "broken.wacz"
    with zipfile.ZipFile(snapshot) as old, zipfile.ZipFile(broken, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == name and callable(change):
                data = change(data.decode()).encode()
            new.writestr(info.filename, data)
        if change is None:
            new.writestr(name, b"smuggled")
    found = list(flaws(broken))
    assert any(flaw.member == name and problem in flaw.problem for flaw in found)


def test_a_signature_by_another_key_is_named(tmp_path: Path) -> None:
    ours, theirs = load_signer(tmp_path / "ours.pem"), load_signer(tmp_path / "theirs.pem")
    foreign = write_snapshot(tmp_path / "work", theirs)
    assert list(flaws(foreign)) == []
    assert "another key" in next(flaws(foreign, public_key=ours.public_key)).problem


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but no more"])
def test_what_is_no_wacz_is_a_flaw_and_no_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.wacz"
    path.write_bytes(content)
    assert "not a readable WACZ" in next(flaws(path)).problem


def test_the_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    first, second = load_signer(path), load_signer(path)
    assert first.public_key == second.public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    path.write_text("not a key")
    with pytest.raises(SigningKeyError, match="not a private key"):
        load_signer(path)


def test_a_signature_holds_over_its_text_only(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "key.pem")
    signature = signer.sign("sha256:abc")
    assert is_signed("sha256:abc", signature, signer.public_key)
    assert not is_signed("sha256:abd", signature, signer.public_key)
    assert not is_signed("sha256:abc", signature[:-8], signer.public_key)
    assert not is_signed("sha256:abc", "", "")


def test_what_was_stored_reads_back(snapshot: Path) -> None:
    with SnapshotReader(snapshot) as reader:
        assert reader.manifest == manifest()
        assert [block.text for block in reader.blocks(URL)] == [TEXT]
        assert (reader.screenshot(URL) or b"").startswith(b"\xff\xd8")
        assert (reader.body("http://platform.example/files/%E8%AF%BE%E4%BB%B6.pdf") or b"")[
            :4
        ] == b"%PDF"
        assert reader.blocks("http://platform.example/other") == ()
        assert reader.body("http://platform.example/other") is None


@pytest.mark.parametrize("address", ["{}", "file://{}", "memory://store"])
def test_a_store_keeps_each_content_once(tmp_path: Path, address: str) -> None:
    store = SnapshotStore(address.format(tmp_path / "store"))
    stored = store.put(write_snapshot(tmp_path / "work"))
    assert store.exists(stored.name)
    with store.local(stored.name) as path:
        assert list(flaws(path)) == []
        again = tmp_path / "again.wacz"
        again.write_bytes(path.read_bytes())
    assert store.put(again) == stored
    with pytest.raises(StoreError, match="restore it"), store.local("00/none.wacz"):
        pass


def test_the_content_digest_ignores_time_and_follows_content() -> None:
    first = manifest()
    later = manifest(taken_at=first.taken_at.replace(month=10), snapshot_id="c2-0001")
    closed = manifest(visibility=Visibility.PARTIAL)
    assert content_digest(first) == content_digest(later)
    assert content_digest(first) != content_digest(closed)


def test_the_manifest_is_no_data_package() -> None:
    # Readers of data packages take any JSON with a list "resources" for one of theirs.
    assert "resources" not in json.loads(dump_manifest(manifest()))
    assert load_manifest(dump_manifest(manifest())) == manifest()
    assert MANIFEST_NAME.count("/") == 1
