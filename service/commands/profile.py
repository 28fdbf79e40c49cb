"""``spaceaudit profile``: the site profiles, and what one reads of an address."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

from crawler.run import receipts, run
from crawler.store import SnapshotReader, SnapshotStore
from crawler.task import CrawlOrder, Limits, SpaceTask
from models.manifest import Manifest
from rules.profile import load_profile, profile_names
from service.config import load_config
from service.console import JsonOption, err, examples, out, print_json, print_table
from service.errors import ExitCode, UserError

ProfileArgument = Annotated[str, typer.Argument(help="A profile's id, or the path of its file.")]
#: A trial visits a few pages only; the real job's limits are for the real job.
TRIAL = Limits(
    max_pages=8, max_resources=10, max_attempts=2, attempt_gap_seconds=2, visit_minutes=3
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Site profiles: how one platform is read.", no_args_is_help=True)
    group.command("list")(list_profiles)
    group.command("show", epilog=examples("profile show generic"))(show)
    group.command("test", epilog=examples("profile test https://platform.example/space/1"))(
        try_profile
    )
    app.add_typer(group, name="profile")


def list_profiles(*, as_json: JsonOption = False) -> None:
    """List the built-in profiles."""
    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        print_json([{"id": p.id, "version": p.version, "title": p.title} for p in profiles])
        return
    rows = [(p.id, p.version, p.title, ", ".join(p.hosts) or "任何网站") for p in profiles]
    print_table(("编号", "版本", "名称", "适用地址"), rows)


def show(profile: ProfileArgument) -> None:
    """Show a profile as it was read, its defaults filled in."""
    shown = load_profile(profile).model_dump(mode="json")
    out.print(yaml.safe_dump(shown, allow_unicode=True, sort_keys=False), markup=False)


def try_profile(
    address: Annotated[str, typer.Argument(help="Address of one space.")],
    profile: Annotated[str, typer.Option("--profile", help="The profile to try.")] = "generic",
    *,
    as_json: JsonOption = False,
) -> None:
    """Visit a few pages of one space and show what the profile reads of it; nothing is kept."""
    chosen = load_profile(profile)
    if not chosen.covers(address) or chosen.space_of(address) is None:
        raise UserError(
            f"{address} is no space to the profile {chosen.id}",
            "try --profile generic, or mend hosts and space_pattern of the profile",
        )
    config = load_config()
    with tempfile.TemporaryDirectory(prefix="spaceaudit-") as folder:
        directory = Path(folder)
        order = CrawlOrder(
            crawl_id="trial",
            campaign="trial",
            profile=profile,
            spaces=(SpaceTask(space="trial", url=address),),
            limits=TRIAL,
            egress_allow=config.egress_allow,
            browser=config.browser,
            store=str(directory / "store"),
            directory=directory,
            key=directory / "key.pem",
            contact=config.user_agent_contact,
        )
        run(order, lambda event: err.print(f"{event.event} {dict(event.details)}", markup=False))
        done = list(receipts(order))
        if not done:
            raise typer.Exit(ExitCode.FELL_SHORT)
        with SnapshotStore(order.store).local(done[0].wacz) as path, SnapshotReader(path) as reader:
            _show_reading(reader.manifest, as_json=as_json)


def _show_reading(manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    out.print(f"可见范围:{manifest.visibility.label}")
    for reason in manifest.reasons:
        out.print(f"  {reason.evidence}", markup=False)
    pages = [(p.kind.label, p.visibility.label, p.blocks, p.title, p.url) for p in manifest.pages]
    print_table(("类别", "可见", "文本块", "标题", "地址"), pages, title="网页")
    files = [(r.kind.label, r.openness.label, r.url) for r in manifest.resources]
    print_table(("类别", "开放", "地址"), files, title="资源")
    for missed in manifest.not_captured:
        out.print(f"未读:{missed.url} {missed.detail}", markup=False)
