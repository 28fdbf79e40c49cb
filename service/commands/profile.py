"""``spaceaudit profile``: the site profiles, and what one reads of an address."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from crawler.run import receipts, run
from crawler.store import SnapshotReader, SnapshotStore
from crawler.task import CrawlOrder, Limits, SpaceTask
from models.vocabulary import Visibility
from rules.profile import Profile, load_profile, profile_names, schema_text
from service.config import load_config
from service.console import JsonOption, err, examples, out, print_json, print_table
from service.errors import ExitCode, UserError
from service.trial import LeftOut, Trial, read_trial

ProfileArgument = Annotated[str, typer.Argument(help="A profile's id, or the path of its file.")]
#: A trial visits a few pages only; the real job's limits are for the real job.
TRIAL = Limits(
    max_pages=8, max_resources=10, max_attempts=2, attempt_gap_seconds=2, visit_minutes=3
)

#: Addresses shown for each reason why links were left out; --json has them all.
EXAMPLES = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Site profiles: how one platform is read.", no_args_is_help=True)
    group.command("list")(list_profiles)
    group.command("show", epilog=examples("profile show generic"))(show)
    group.command("schema", epilog=examples("profile schema > profile.schema.json"))(schema)
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


def schema() -> None:
    """Print the JSON schema of a profile file, for editors that check YAML as it is written."""
    sys.stdout.write(schema_text())


def try_profile(
    address: Annotated[str, typer.Argument(help="Address of one space.")],
    profile: Annotated[str, typer.Option("--profile", help="The profile to try.")] = "generic",
    *,
    as_json: JsonOption = False,
) -> None:
    """Visit a few pages of one space and show what the profile reads of it; nothing is kept."""
    chosen = load_profile(profile)
    _check_address(chosen, address)
    with tempfile.TemporaryDirectory(prefix="spaceaudit-") as folder:
        order = _order(address, profile, Path(folder))
        run(order, lambda event: err.print(f"{event.event} {dict(event.details)}", markup=False))
        done = list(receipts(order))
        if not done:
            raise typer.Exit(ExitCode.FELL_SHORT)
        with SnapshotStore(order.store).local(done[0].wacz) as path, SnapshotReader(path) as reader:
            trial = read_trial(chosen, reader)
    if as_json:
        print_json(trial.manifest.model_dump(mode="json") | {"trial": _as_json(trial)})
    else:
        _show(trial)


def _check_address(profile: Profile, address: str) -> None:
    if not profile.covers(address):
        raise UserError(
            f"{address} is on no host of the profile {profile.id}",
            f"add its host to hosts ({', '.join(profile.hosts)}), or try --profile generic",
        )
    if profile.space_of(address) is None:
        raise UserError(
            f"{address} is no space to the profile {profile.id}",
            f"mend space_pattern ({profile.space_pattern}), or try --profile generic",
        )


def _order(address: str, profile: str, directory: Path) -> CrawlOrder:
    config = load_config()
    return CrawlOrder(
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
        robots_authority=config.robots_authority,
        site_slots=config.home / "site-slots",
    )


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "left_out": [asdict(link) for link in trial.left_out],
        "fields": [asdict(field) for field in trial.fields],
        "unknown_labels": list(trial.unknown_labels),
    }


def _show(trial: Trial) -> None:
    manifest = trial.manifest
    out.print(f"可见范围:{manifest.visibility.label}")
    for reason in manifest.reasons:
        out.print(f"  {reason.evidence}", markup=False)
    if manifest.scope:
        out.print(f"认页规则:{manifest.scope}", markup=False)
    pages = (
        (p.kind.label, p.visibility.label, _label(p.declared), p.blocks, p.title, p.url)
        for p in manifest.pages
    )
    print_table(("类别", "可见", "自称", "文本块", "标题", "地址"), pages, title="当作网页")
    files = ((r.kind.label, r.openness.label, r.name, r.url) for r in manifest.resources)
    print_table(("类别", "开放", "名称", "地址"), files, title="当作文件")
    print_table(("原因", "个数", "例"), _grouped(trial.left_out), title="没有列入的链接")
    matched = ((f.field, f.value, f.count) for f in trial.fields if f.count)
    print_table(("字段", "值", "次数"), matched, title="起作用的字段")
    _warn(trial)


def _label(declared: Visibility | None) -> str:
    return declared.label if declared else ""


def _grouped(links: Sequence[LeftOut]) -> Iterator[tuple[str, int, str]]:
    """One row a reason, the most frequent first, with a few of its addresses."""
    for why, count in Counter(link.why for link in links).most_common():
        urls = [link.url for link in links if link.why == why]
        yield why, count, "\n".join(urls[:EXAMPLES])


def _warn(trial: Trial) -> None:
    """Name what is likely to be wrong in the profile."""
    read = sum(page.captured for page in trial.manifest.pages)
    idle = [field for field in trial.fields if field.idle and read]
    if idle:
        out.print(f"注意:下列字段在 {read} 页里没有匹配到;空间里没有这样的东西,或者字段写得不对")
    for field in idle:
        out.print(f"  {field.field}:{field.value}", markup=False)
    for field in trial.fields:
        if field.count is None:
            out.print(f"未试:{field.field} 只有浏览器认得:{field.value}", markup=False)
    for words in trial.unknown_labels:
        out.print(f"注意:declared, values 里没有平台写的“{words}”", markup=False)
    canary = trial.manifest.canary
    if canary is not None and not canary.up:
        out.print(f"注意:canary_path 打不开:{canary.url}({canary.before.label})", markup=False)
    for missed in trial.manifest.not_captured:
        out.print(f"未读:{missed.url} {missed.detail}", markup=False)
