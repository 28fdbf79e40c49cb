"""``spaceaudit rules``: the rule packs in force, their own tests, and a try on any text or file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from audit.extract.worker import ExtractionWorker
from audit.pictures.reader import PictureReader
from crawler.sniff import claimed_kind, sniff
from models.vocabulary import Part, ResourceKind
from rules.examples import check_examples
from rules.families import families
from rules.hits import Hit
from rules.lists import DEFAULT_FAMILY, list_pack
from rules.matcher import Matcher
from rules.pack import RulePack, load_packs
from service.commands import lists
from service.config import load_config
from service.console import JsonOption, examples, out, print_json, print_table
from service.errors import ExitCode, UserError
from service.list_trial import try_list
from service.rulebook import rules_in_force
from service.trial_pictures import pictures_of
from service.workbench import open_workbench

PackOption = Annotated[
    list[str] | None,
    typer.Option("--pack", help="A pack's id or file; may be given several times. Default: all."),
]


@dataclass(frozen=True, slots=True)
class TriedInput:
    """One text to try the rules on, and what of its file could not be read."""

    name: str
    texts: tuple[tuple[str, Part], ...]
    not_screened: tuple[dict[str, str], ...] = ()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Rule packs: what text is held against.", no_args_is_help=True)
    group.command("list")(list_rules)
    group.command("show", epilog=examples("rules show normative.contacts.wechat"))(show)
    group.command("test")(run_examples)
    group.command("digest")(digest)
    group.command("try", epilog=examples("rules try 教案.docx", "rules try texts.jsonl --json"))(
        try_rules
    )
    lists.register(group)
    app.add_typer(group, name="rules")


def _load(pack: list[str] | None) -> RulePack:
    """The packs that were named, or all in force at this installation."""
    return load_packs(pack) if pack else rules_in_force(load_config().home)


def list_rules(pack: PackOption = None, *, as_json: JsonOption = False) -> None:
    """List the rules in force."""
    rules = _load(pack).rules
    if as_json:
        print_json(
            [
                {
                    "id": rule.id,
                    "title": rule.title,
                    "dimension": rule.dimension,
                    "family": rule.family,
                    "severity": rule.severity,
                    "digest": rule.digest,
                }
                for rule in rules
            ]
        )
        return
    rows = [
        (r.id, r.dimension.label, families()[r.family].label, r.severity.label, r.title)
        for r in rules
    ]
    print_table(("规则", "维度", "类别", "程度", "名称"), rows, title=f"{len(rules)} 条规则")


def show(
    rule: Annotated[str, typer.Argument(help="A rule's id.")], pack: PackOption = None
) -> None:
    """Show one rule whole: its words, its exceptions, its basis, its examples."""
    packs = _load(pack)
    found = next((known for known in packs.rules if known.id == rule), None)
    if found is None:
        near = [known.id for known in packs.rules if rule in known.id][:5]
        hint = f"did you mean {', '.join(near)}?" if near else "see: spaceaudit rules list"
        raise UserError(f"there is no rule {rule}", hint)
    out.print(
        yaml.safe_dump(found.model_dump(mode="json"), allow_unicode=True, sort_keys=False),
        markup=False,
    )


def run_examples(pack: PackOption = None, *, as_json: JsonOption = False) -> None:
    """Run every rule's own examples: what it should hit, and what it must leave alone."""
    packs = _load(pack)
    failures = check_examples(packs)
    count = sum(len(rule.should_hit) + len(rule.near_misses) for rule in packs.rules)
    if as_json:
        print_json(
            {"rules": len(packs.rules), "examples": count, "failures": list(map(str, failures))}
        )
    else:
        for failure in failures:
            out.print(str(failure), markup=False)
        out.print(f"{len(packs.rules)} 条规则,{count} 个例子,{len(failures)} 个不符")
    if failures:
        raise typer.Exit(ExitCode.FELL_SHORT)


def digest(pack: PackOption = None) -> None:
    """Print the digest of the packs in force, as verdicts stand on it."""
    out.print(_load(pack).digest, highlight=False)


def try_rules(  # noqa: PLR0913  (a command's options)
    files: Annotated[
        list[Path] | None, typer.Argument(help="Texts, jsonl, docx, pptx, xlsx, pdf, …")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Subject of the teacher, as 历史.")] = None,
    pack: PackOption = None,
    words: Annotated[
        Path | None,
        typer.Option("--list", help="Try a list of words (txt, csv, xlsx) instead of the rules."),
    ] = None,
    *,
    family: lists.FamilyOption = DEFAULT_FAMILY,
    campaign: lists.CampaignFilter = None,
    as_json: JsonOption = False,
) -> None:
    """Screen any texts or files with the rules; nothing is kept.

    Each line of a .jsonl file is an input of its own, its text under "text". With --list and no
    file, show what the words would flag on the stored snapshots.
    """
    if words is not None and not files:
        _try_words(words, family, campaign, as_json=as_json)
        return
    if not files:
        raise UserError("no file was named", "give a file to screen, or --list FILE")
    for path in files:
        if not path.is_file():
            raise UserError(f"there is no file {path}", "give the path of a file")
    matcher = Matcher(_load(pack) if words is None else _listed(words, family))
    with ExitStack() as stack:
        worker = stack.enter_context(ExtractionWorker())
        pictures = stack.enter_context(PictureReader())
        for path in files:
            for tried in _inputs(path, worker, pictures):
                _show_tried(_tried(tried, matcher, subject), as_json=as_json)


def _listed(words: Path, family: str) -> RulePack:
    read = lists.read_words(words, load_config(), family)
    if not read.entries:
        raise UserError(f"every row of {words} was refused", str(read.refused[0]))
    return list_pack("trial", "1", read.entries)


def _try_words(words: Path, family: str, campaign: str | None, *, as_json: bool) -> None:
    config = load_config()
    read = lists.read_words(words, config, family)
    if not read.entries:
        raise UserError(f"every row of {words} was refused", str(read.refused[0]))
    with open_workbench(config) as bench:
        trial = try_list(bench, read.entries, campaign=campaign)
    if as_json:
        print_json(lists.list_document(read, trial))
    else:
        lists.show_trial(read, trial)
    if read.refused:
        raise typer.Exit(ExitCode.FELL_SHORT)


def _inputs(path: Path, worker: ExtractionWorker, pictures: PictureReader) -> Iterator[TriedInput]:
    if path.suffix == ".jsonl":
        yield from _lines(path)
        return
    data = path.read_bytes()
    found = sniff(data)
    kind = found.kind or claimed_kind(f"file:///{path.name}") or ResourceKind.OTHER
    extraction = worker.extract(data, kind, path.name)
    texts, gaps = pictures_of(data, kind, path.name, extraction, pictures)
    segments = [(segment.text, segment.part) for segment in extraction.segments]
    yield TriedInput(
        name=str(path),
        texts=(*segments, *texts),
        not_screened=tuple({"what": gap.what, "reason": gap.reason.value} for gap in gaps),
    )


def _lines(path: Path) -> Iterator[TriedInput]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise UserError(
                    f'{path}, line {number} is no JSON object with a "text"', "mend that line"
                ) from error
            yield TriedInput(f"{path}:{number}", ((str(text), Part.PAGE),))


def _tried(tried: TriedInput, matcher: Matcher, subject: str | None) -> dict[str, Any]:
    findings: list[dict[str, Any]] = []
    offset = 0
    for text, part in tried.texts:
        hits = matcher.match(text, subject=subject, part=part)
        findings += [_hit_document(hit, offset) for hit in hits]
        # Segments of a file count as joined by one line break each.
        offset += len(text) + 1
    return {
        "input": tried.name,
        "chars": sum(len(text) for text, _ in tried.texts),
        "findings": findings,
        "not_screened": list(tried.not_screened),
    }


def _hit_document(hit: Hit, offset: int) -> dict[str, Any]:
    return {
        "rule": hit.rule.id,
        "dimension": hit.rule.dimension.value,
        "family": hit.rule.family,
        "severity": hit.rule.severity.value,
        "text": hit.text,
        "start": offset + hit.start,
        "end": offset + hit.end,
    }


def _show_tried(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))  # noqa: T201  (one object a line)
        return
    rows = [
        (f["severity"], f["rule"], f["text"], f"{f['start']}–{f['end']}")
        for f in document["findings"]
    ]
    title = f"{document['input']}:{document['chars']} 字,{len(rows)} 处"
    print_table(("程度", "规则", "原文", "位置"), rows, title=title)
    for gap in document["not_screened"]:
        out.print(f"未筛查:{gap['what']}({gap['reason']})", markup=False)
