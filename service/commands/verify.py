"""``spaceaudit verify``: hashes, signatures and the audit chain, offline; names the first broken link."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session, select

from crawler.signing import load_signer
from crawler.store import SnapshotStore, StoreError
from crawler.verification import flaws
from crawler.wacz import file_sha256
from models.audit_log import broken_links
from models.database import session
from models.tables import Campaign, Snapshot, Space
from service.campaigns import find_campaign
from service.config import Config, load_config
from service.console import JsonOption, examples, out, print_json
from service.errors import ExitCode, UserError
from service.workspace import open_database

FileArgument = Annotated[Path | None, typer.Argument(help="One snapshot, a .wacz file.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog=examples("verify --campaign 2022", "verify snapshot.wacz"))(verify)


def verify(
    file: FileArgument = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", "-c", help="Code of the campaign.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check snapshots against their hashes and signatures, and the audit log against its chain.

    Ends with 1 and names file and record, or table and row, of whatever does not hold.
    """
    if (file is None) == (campaign is None):
        raise UserError(
            "verify needs a snapshot or a campaign", "give a .wacz file or --campaign C"
        )
    if file is not None:
        checked, broken = 1, _file_flaws(file)
    else:
        checked, broken = _campaign_flaws(load_config(), campaign or "")
    if as_json:
        print_json({"checked": checked, "broken": broken})
    else:
        for line in broken:
            out.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
        out.print(
            f"检查 {checked} 份快照" + (":全部成立" if not broken else f":{len(broken)} 处不成立")
        )
    if broken:
        raise typer.Exit(ExitCode.FELL_SHORT)


def _file_flaws(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"there is no file {path}", "give the path of a .wacz file")
    return [f"{path}: {flaw}" for flaw in flaws(path)]


def _campaign_flaws(config: Config, code: str) -> tuple[int, list[str]]:
    store = SnapshotStore(config.store)
    key = config.home / "keys" / "signing.pem"
    public_key = load_signer(key).public_key if key.exists() else None
    with session(open_database(config)) as current:
        snapshots = _snapshots(current, find_campaign(current, code))
        broken: list[str] = []
        for snapshot, space in snapshots:
            broken += _snapshot_flaws(store, snapshot, space, public_key)
        broken += [f"{link.row}: {link.problem}" for link in broken_links(current)]
    return len(snapshots), broken


def _snapshots(current: Session, campaign: Campaign) -> list[tuple[Snapshot, str]]:
    statement = select(Snapshot, Space.code).join(Space).where(Space.campaign_id == campaign.id)
    return [(snapshot, code) for snapshot, code in current.exec(statement)]


def _snapshot_flaws(
    store: SnapshotStore, snapshot: Snapshot, space: str, public_key: str | None
) -> list[str]:
    try:
        with store.local(snapshot.wacz) as path:
            found = [f"{snapshot.wacz} ({space}): {f}" for f in flaws(path, public_key=public_key)]
            if not found and f"sha256:{file_sha256(path)}" != snapshot.digest:
                found.append(f"{snapshot.wacz} ({space}): is not the file that was recorded")
            return found
    except StoreError as error:
        return [f"{snapshot.wacz} ({space}): {error}"]
