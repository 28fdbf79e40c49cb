"""``spaceaudit verify``: hashes, signatures, time stamps and the audit chain, offline; names the first broken link."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from cryptography import x509
from sqlmodel import Session, select

from crawler.signing import load_signer
from crawler.store import SnapshotReader, SnapshotStore, StoreError
from crawler.timestamp import TimestampError, digest_of, load_authorities
from crawler.verification import Stamp, check_stamp, flaws
from crawler.wacz import file_sha256
from models.audit_log import broken_links
from models.database import session
from models.tables import Campaign, Snapshot, Space
from service.campaigns import find_campaign
from service.config import Config, load_config
from service.console import JsonOption, examples, out, print_json
from service.errors import ExitCode, UserError
from service.stamps import recorded_tokens
from service.workspace import open_database

FileArgument = Annotated[Path | None, typer.Argument(help="One snapshot, a .wacz file.")]

#: What is said of snapshots by what their time stamp is worth.
STAMP_WORDS = MappingProxyType(
    {
        "proven": "时间戳成立 {} 份",
        "unproven": "时间戳未验签 {} 份(请用 --timestamp-ca 指明时间戳机构的根证书)",
        "none": "没有时间戳 {} 份",
    }
)


@dataclass(slots=True)
class _Checked:
    """What was looked at so far."""

    snapshots: int = 0
    broken: list[str] = field(default_factory=list)
    stamps: Counter[str] = field(default_factory=Counter)
    #: By whose written consent robots.txt was not obeyed, and in how many snapshots.
    authorities: Counter[str] = field(default_factory=Counter)

    def take(self, where: str, stamp: Stamp) -> None:
        """Count a snapshot's time stamp; a broken one is among what does not hold."""
        if stamp.flaw is not None:
            self.broken.append(f"{where}: {stamp.flaw}")
        elif stamp.time is None:
            self.stamps["none"] += 1
        else:
            self.stamps["proven" if stamp.proven else "unproven"] += 1


@dataclass(frozen=True, slots=True)
class _Reference:
    """What a campaign's snapshots are held against."""

    store: SnapshotStore
    public_key: str | None
    #: Digests of the time stamps that the audit log knows of, by snapshot.
    tokens: Mapping[str, str]
    trusted: Sequence[x509.Certificate]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog=examples("verify --campaign 2022", "verify snapshot.wacz"))(verify)


def verify(
    file: FileArgument = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", "-c", help="Code of the campaign.")
    ] = None,
    timestamp_ca: Annotated[
        Path | None,
        typer.Option(help="The time-stamp authority's root certificate (PEM), if not the one set."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check snapshots against hashes, signatures and time stamps, and the audit log's chain.

    A snapshot's time stamp is the .tsr file beside it; to have none is said, and is no fault. Ends
    with 1 and names file and record, or table and row, of whatever does not hold.
    """
    if (file is None) == (campaign is None):
        raise UserError(
            "verify needs a snapshot or a campaign", "give a .wacz file or --campaign C"
        )
    config = load_config()
    trusted = _authorities(timestamp_ca or config.timestamp_ca)
    if file is not None:
        checked = _check_file(file, trusted)
    else:
        checked = _check_campaign(config, campaign or "", trusted)
    if as_json:
        stamps = {worth: checked.stamps[worth] for worth in STAMP_WORDS}
        print_json(
            {
                "checked": checked.snapshots,
                "broken": checked.broken,
                "timestamps": stamps,
                "robots_authorities": dict(checked.authorities),
            }
        )
    else:
        _print(checked)
    if checked.broken:
        raise typer.Exit(ExitCode.FELL_SHORT)


def _print(checked: _Checked) -> None:
    for line in checked.broken:
        out.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    result = f":{len(checked.broken)} 处不成立" if checked.broken else ":全部成立"
    out.print(f"检查 {checked.snapshots} 份快照{result}")
    counts = ((words, checked.stamps[worth]) for worth, words in STAMP_WORDS.items())
    said = [words.format(count) for words, count in counts if count]
    if said:
        out.print(";".join(said), highlight=False, soft_wrap=True)
    for authority, count in sorted(checked.authorities.items()):
        words = f"robots.txt 不许机器人访问的地方,经书面同意后访问 {count} 份:{authority}"
        out.print(words, markup=False, highlight=False, soft_wrap=True)


def _authorities(path: Path | None) -> Sequence[x509.Certificate]:
    if path is None:
        return ()
    try:
        return load_authorities(path)
    except TimestampError as error:
        what, _, advice = str(error).partition("; ")
        raise UserError(what, advice) from error


def _check_file(path: Path, trusted: Sequence[x509.Certificate]) -> _Checked:
    if not path.is_file():
        raise UserError(f"there is no file {path}", "give the path of a .wacz file")
    beside = path.with_suffix(".tsr")
    token = beside.read_bytes() if beside.is_file() else None
    checked = _Checked(1, [f"{path}: {flaw}" for flaw in flaws(path)])
    _note_authority(path, checked)
    checked.take(str(path), check_stamp(path, token, trusted))
    return checked


def _note_authority(path: Path, checked: _Checked) -> None:
    """Count by whose consent robots.txt was not obeyed; a broken file has been told of already."""
    with suppress(zipfile.BadZipFile, KeyError, ValueError), SnapshotReader(path) as reader:
        if reader.manifest.robots_authority:
            checked.authorities[reader.manifest.robots_authority] += 1


def _check_campaign(config: Config, code: str, trusted: Sequence[x509.Certificate]) -> _Checked:
    key = config.home / "keys" / "signing.pem"
    checked = _Checked()
    with session(open_database(config)) as current:
        reference = _Reference(
            store=SnapshotStore(config.store),
            public_key=load_signer(key).public_key if key.exists() else None,
            tokens=recorded_tokens(current),
            trusted=trusted,
        )
        for snapshot, space in _snapshots(current, find_campaign(current, code)):
            checked.snapshots += 1
            _check_snapshot(reference, snapshot, f"{snapshot.wacz} ({space})", checked)
        checked.broken += [f"{link.row}: {link.problem}" for link in broken_links(current)]
    return checked


def _snapshots(current: Session, campaign: Campaign) -> list[tuple[Snapshot, str]]:
    statement = select(Snapshot, Space.code).join(Space).where(Space.campaign_id == campaign.id)
    return [(snapshot, code) for snapshot, code in current.exec(statement)]


def _check_snapshot(
    reference: _Reference, snapshot: Snapshot, where: str, checked: _Checked
) -> None:
    try:
        with reference.store.local(snapshot.wacz) as path:
            held = flaws(path, public_key=reference.public_key, find=reference.store.local)
            found = [f"{where}: {flaw}" for flaw in held]
            if not found and f"sha256:{file_sha256(path)}" != snapshot.digest:
                found.append(f"{where}: is not the file that was recorded")
            checked.broken += found
            _note_authority(path, checked)
            token = reference.store.token(snapshot.wacz)
            recorded = reference.tokens.get(snapshot.id)
            if recorded is not None and (token is None or digest_of(token) != recorded):
                checked.broken.append(f"{where}: its time stamp is not the one that was recorded")
            else:
                checked.take(where, check_stamp(path, token, reference.trusted))
    except StoreError as error:
        checked.broken.append(f"{where}: {error}")
