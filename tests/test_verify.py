"""``spaceaudit verify`` on time stamps: none is said, a broken or a missing one is named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from audit.records import keep_snapshot
from crawler.signing import load_signer
from crawler.store import SnapshotStore, token_name
from crawler.task import Receipt
from crawler.timestamp import Token, stamped_text
from crawler.wacz import pack
from models.database import session
from models.tables import AuditEvent, Space
from service import cli
from service.config import Config, load_config
from service.errors import ExitCode
from service.stamps import UNSTAMPED, record_stamp
from service.workspace import open_database
from tests.authority import Authority, NoOpensslError, answering, make_authority, stamp
from tests.factories import CAMPAIGN, NOW, add_campaign, make_desk
from tests.snapshots import manifest, write_archive, write_snapshot

Verify = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        return make_authority(tmp_path_factory.mktemp("authority"))
    except NoOpensslError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Verify:
    for name in [name for name in os.environ if name.startswith("SPACEAUDIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> tuple[int, Any]:
        code = cli.run(("verify", *map(str, arguments), "--json"))
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return command


@dataclass
class Kept:
    """A campaign with one snapshot, and the time stamp that was made for it."""

    config: Config
    store: SnapshotStore
    name: str
    token: Token

    @property
    def beside(self) -> Path:
        return Path(self.config.store) / token_name(self.name)


@pytest.fixture
def keep(tmp_path: Path, verify: Verify, authority: Authority) -> Callable[..., Kept]:
    def keep(*, stamped: bool, unstamped: str = "") -> Kept:
        config = load_config()
        store = SnapshotStore(config.store)
        draft = write_snapshot(tmp_path / "draft")
        with answering(authority):
            token = stamp(authority, text=stamped_text(draft))
        stored = store.put(draft)
        receipt = Receipt(
            space="s001",
            snapshot_id="c1-0001",
            wacz=stored.name,
            digest=stored.digest,
            size=stored.size,
            stamped_at=token.time if stamped else None,
            token=token.digest if stamped else "",
            unstamped=unstamped,
        )
        if stamped:
            store.put_token(stored.name, token.content)
        engine = open_database(config)
        add_campaign(make_desk(engine), spaces=1, crawled=False)
        with session(engine) as current:
            space = current.exec(select(Space)).one()
            row = keep_snapshot(
                current,
                manifest(),
                space_id=space.id or 0,
                wacz=stored.name,
                digest=stored.digest,
                at=NOW,
            )
            record_stamp(current, row, receipt, datetime.now(UTC))
        engine.dispose()
        return Kept(config, store, stored.name, token)

    return keep


def worth(document: Any) -> dict[str, int]:
    return {name: count for name, count in document["timestamps"].items() if count}


def of_snapshots(document: Any) -> list[str]:
    # The factories' rows are not in the audit log, which is another test's matter.
    return [line for line in document["broken"] if ".wacz" in line]


def test_by_whose_consent_robots_txt_was_passed_is_said(verify: Verify, tmp_path: Path) -> None:
    authority = "示例教育局〔2022〕1号"
    path = tmp_path / "snapshot.wacz"
    signer = load_signer(tmp_path / "key.pem")
    pack(write_archive(tmp_path), manifest(robots_authority=authority), signer, path)
    code, said = verify(path)
    assert (code, said["broken"]) == (ExitCode.DONE, [])
    assert said["robots_authorities"] == {authority: 1}


def test_a_file_is_verified_with_the_stamp_beside_it(
    verify: Verify, authority: Authority, tmp_path: Path
) -> None:
    path = write_snapshot(tmp_path)
    code, said = verify(path)
    assert (code, said["broken"], worth(said)) == (ExitCode.DONE, [], {"none": 1})
    with answering(authority):
        token = stamp(authority, text=stamped_text(path))
    beside = path.with_suffix(".tsr")
    beside.write_bytes(token.content)
    assert worth(verify(path)[1]) == {"unproven": 1}
    assert worth(verify(path, "--timestamp-ca", authority.ca)[1]) == {"proven": 1}
    beside.write_bytes(token.content[:-9] + b"\0" + token.content[-8:])
    code, said = verify(path, "--timestamp-ca", authority.ca)
    assert code == ExitCode.FELL_SHORT
    assert "snapshot.tsr: its signature does not hold" in said["broken"][0]
    code, said = verify(path, "--timestamp-ca", tmp_path / "none.pem")
    assert code == ExitCode.USAGE
    assert "SPACEAUDIT_TIMESTAMP_CA" in said


def test_a_campaigns_stamps_are_verified_by_the_certificate_set(
    verify: Verify, keep: Callable[..., Kept], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(stamped=True)
    said = verify("-c", CAMPAIGN)[1]
    assert (of_snapshots(said), worth(said)) == ([], {"unproven": 1})
    monkeypatch.setenv("SPACEAUDIT_TIMESTAMP_CA", str(authority.ca))
    said = verify("-c", CAMPAIGN)[1]
    assert (of_snapshots(said), worth(said)) == ([], {"proven": 1})


@pytest.mark.parametrize("gone", [True, False])
def test_a_stamp_that_is_gone_or_another_is_named(
    verify: Verify, keep: Callable[..., Kept], authority: Authority, gone: bool
) -> None:
    kept = keep(stamped=True)
    if gone:
        kept.beside.unlink()
    else:
        with answering(authority):
            later = stamp(authority, text=stamped_text(Path(kept.config.store) / kept.name))
        # It proves the same bytes, at a later moment: not what was recorded.
        kept.beside.write_bytes(later.content)
    code, said = verify("-c", CAMPAIGN, "--timestamp-ca", authority.ca)
    assert code == ExitCode.FELL_SHORT
    assert [line.partition(": ")[2] for line in of_snapshots(said)] == [
        "its time stamp is not the one that was recorded"
    ]


def test_a_snapshot_that_could_not_be_stamped_is_no_fault_and_on_record(
    verify: Verify, keep: Callable[..., Kept]
) -> None:
    kept = keep(stamped=False, unstamped="the authority answered 500")
    said = verify("-c", CAMPAIGN)[1]
    assert (of_snapshots(said), worth(said)) == ([], {"none": 1})
    engine = open_database(kept.config)
    with session(engine) as current:
        query = select(AuditEvent).where(AuditEvent.action == UNSTAMPED)
        event = current.exec(query).one()
        assert event.details == {"why": "the authority answered 500"}
        assert event.subject == "snapshot:c1-0001"
    engine.dispose()


def test_an_authority_without_a_certificate_is_refused(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_TIMESTAMP_URL", "http://tsa.example/")
    code, said = verify("-c", CAMPAIGN)
    assert code == ExitCode.USAGE
    assert "SPACEAUDIT_TIMESTAMP_CA" in said
    monkeypatch.setenv("SPACEAUDIT_TIMESTAMP_URL", "ftp://tsa.example/")
    assert "SPACEAUDIT_TIMESTAMP_URL" in verify("-c", CAMPAIGN)[1]
