"""``spaceaudit rules import|export|remove`` and ``rules try --list``: a bureau's own words.

A list is shown on stored snapshots before it acts; ``--confirm`` puts it in force as a pack of this
installation. Coming and going are in the audit log, and verdicts from before are stale.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from audit.extract.decoding import decode
from audit.extract.registry import Refused
from models.audit_log import record
from models.database import session
from rules.families import families
from rules.lists import DEFAULT_FAMILY, ReadList, Row, read_list
from service.config import Config, load_config
from service.console import JsonOption, actor, examples, out, print_json, print_table, remark
from service.errors import ExitCode, UserError
from service.list_trial import (
    HEADERS,
    ListTrial,
    trial_document,
    trial_examples,
    trial_rows,
    try_list,
)
from service.report_csv import safe_cell
from service.rulebook import (
    LocalList,
    checked_name,
    cited,
    local_lists,
    put_in_force,
    remove,
    rules_in_force,
)
from service.sheets import read_sheets
from service.workbench import Workbench, open_workbench

FamilyOption = Annotated[
    str,
    typer.Option("--family", help="Family (id or label) of words that the list files nowhere."),
]
CampaignFilter = Annotated[
    str | None, typer.Option("--campaign", "-c", help="Try on this campaign's snapshots only.")
]
_NAME_HELP = "Name of the list: small letters, digits, hyphens."
NameOption = Annotated[str, typer.Option("--name", help=_NAME_HELP)]
_TABLES = frozenset({".xlsx", ".csv"})
_EXPORTED = ("词", "类别", "级别", "依据")


def register(group: typer.Typer) -> None:
    """Add the commands to ``spaceaudit rules``."""
    group.command(
        "import",
        epilog=examples("rules import 名单.xlsx", "rules import 名单.xlsx --name county --confirm"),
    )(import_list)
    group.command("export", epilog=examples("rules export county --out 名单.csv"))(export_list)
    group.command("remove", epilog=examples("rules remove county"))(remove_list)


def read_words(path: Path, config: Config, family: str) -> ReadList:
    """A list from txt (a word a line), csv or xlsx, in UTF-8 or GB18030.

    Raises:
        UserError: the file cannot be read, or holds nothing.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}", "give the path of a list")
    basis = cited(path, config.clock().date())
    read = read_list(_rows(path), basis=basis, family=family)
    if not read.entries and not read.refused:
        raise UserError(f"the list {path} is empty", "write one word a line")
    return read


def _rows(path: Path) -> list[Row]:
    if path.suffix.lower() in _TABLES:
        return [(row.number, row.cells) for sheet in read_sheets(path) for row in sheet.rows]
    try:
        text = decode(path.read_bytes())
    except Refused as refusal:
        hint = "save it as UTF-8 or GB18030 text, csv or xlsx"
        raise UserError(f"the list {path} is no text", hint) from refusal
    return [(number, (line.strip(),)) for number, line in enumerate(text.splitlines(), 1)]


def import_list(  # noqa: PLR0913  (a command's options)
    file: Annotated[
        Path, typer.Argument(help="txt (a word a line), csv or xlsx 词/类别/级别/依据.")
    ],
    name: NameOption = "own",
    family: FamilyOption = DEFAULT_FAMILY,
    campaign: CampaignFilter = None,
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="Put the list in force.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a list would flag on stored snapshots; with --confirm put it in force."""
    config = load_config()
    checked_name(name)
    read = read_words(file, config, family)
    with open_workbench(config) as bench:
        trial = try_list(bench, read.entries, campaign=campaign) if read.entries else ListTrial({})
        placed = _place(bench, file, name, read) if confirm and read.entries else None
    shown = trial_document(trial) | _read_document(read) | {"in_force": placed is not None}
    if as_json:
        print_json(shown | ({"digest": placed.pack.digest} if placed else {}))
    else:
        show_trial(read, trial)
        _say_placed(placed, name, config)
    if read.refused:
        raise typer.Exit(ExitCode.FELL_SHORT)


def _place(bench: Workbench, file: Path, name: str, read: ReadList) -> LocalList:
    placed = put_in_force(bench.config.home, name, read.entries)
    source = {"source": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    counts = {"words": len(read.entries), "refused": len(read.refused)}
    told = {"version": placed.pack.version, "digest": placed.pack.digest}
    _log(bench, "rules.imported", name, source | counts | told)
    return placed


def _log(bench: Workbench, action: str, name: str, details: Mapping[str, Any]) -> None:
    with session(bench.engine) as current:
        subject = f"list {name}"
        at = bench.now()
        record(current, actor=actor(), action=action, at=at, subject=subject, details=details)


def _say_placed(placed: LocalList | None, name: str, config: Config) -> None:
    if placed is None:
        remark(f"nothing is in force yet; to put it in force add: --name {name} --confirm")
        return
    digest = rules_in_force(config.home).digest
    out.print(f"名单 {name}（第 {placed.pack.version} 版）已生效，规则摘要 {digest}", markup=False)
    remark("verdicts from before are stale; screen again: spaceaudit screen --campaign C")


def show_trial(read: ReadList, trial: ListTrial) -> None:
    """Print what was refused, and what every word would do."""
    for refused in read.refused:
        out.print(f"拒收 {refused}", markup=False)
    for warned in read.warned:
        out.print(f"提醒 {warned}", markup=False)
    title = f"{trial.snapshots} 个快照，{trial.characters} 字，命中 {trial.hits} 处"
    print_table(HEADERS, trial_rows(trial), title)
    for line in trial_examples(trial):
        out.print(line, markup=False)


def list_document(read: ReadList, trial: ListTrial) -> dict[str, object]:
    """A trial and what was refused, for machines."""
    return trial_document(trial) | _read_document(read)


def _read_document(read: ReadList) -> dict[str, object]:
    return {
        "taken": len(read.entries),
        "refused": [_remark(each.number, each.word, each.why) for each in read.refused],
        "warned": [_remark(each.number, each.word, each.why) for each in read.warned],
    }


def _remark(number: int, word: str, why: str) -> dict[str, object]:
    return {"row": number, "word": word, "why": why}


def export_list(
    name: Annotated[str, typer.Argument(help=_NAME_HELP)],
    file: Annotated[Path | None, typer.Option("--out", help="Where to; default: output.")] = None,
) -> None:
    """Write a list in force as csv, as it may be imported again."""
    known = {each.name: each for each in local_lists(load_config().home)}
    if name not in known:
        hint = f"lists in force: {', '.join(known) or 'none'}"
        raise UserError(f"there is no list {name}", hint)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_EXPORTED)
    for rule in known[name].pack.rules:
        label = families()[rule.family].label
        for phrase in rule.phrases:
            row = (phrase, label, rule.severity.label, rule.basis[0].clause)
            writer.writerow(map(safe_cell, row))
    if file is None:
        out.print(text.getvalue(), markup=False, end="")
    else:
        file.write_text(text.getvalue(), encoding="utf-8-sig")


def remove_list(name: Annotated[str, typer.Argument(help=_NAME_HELP)]) -> None:
    """Take a list out of force; it is kept in the history."""
    with open_workbench(load_config()) as bench:
        kept = remove(bench.config.home, name)
        _log(bench, "rules.removed", name, {"kept": kept.name})
    out.print(f"名单 {name} 已停用，留存于 {kept}", markup=False)
