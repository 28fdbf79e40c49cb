"""``spaceaudit train`` and ``evaluate``: the classifiers, from labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from audit.cards import ModelCard
from audit.classifier import ModelError, load
from audit.evaluation import evaluate
from audit.training import FAMILIES, SEEDED, Task, data_task, seeded_task
from service.config import Config, load_config
from service.console import JsonOption, examples, out, print_json, print_table
from service.decided import decided_examples
from service.errors import UserError
from service.models import CANDIDATES, OWN, load_classifiers, train_candidate, train_into
from service.workspace import database_session

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Labelled texts, JSON lines; without it the seed corpora."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "train", epilog=examples("train --out models", "train --data 标注.jsonl --out models")
    )(train_command)
    app.command(
        "evaluate", epilog=examples("evaluate models/solicitation.skops 标注.jsonl --json")
    )(evaluate_command)


def train_command(
    data: DataOption = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for models and their cards.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(help="With --data: the family in whose place the model is to screen."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Train classifiers; each gets a card that says what it learnt from and how well it does.

    Without --out the models are candidates: they run in shadow until `models promote`.
    """
    if family is not None and family not in FAMILIES:
        raise UserError(f"there is no family {family}", f"families are: {', '.join(FAMILIES)}")
    config = load_config()
    folder, on = config.home / "models", config.clock().date()
    tasks = [data_task(data, family)] if data is not None else _seeded(config)
    candidates = out_folder is None and (data is None or family is not None)
    place = out_folder or folder / (CANDIDATES if candidates else OWN)
    if candidates:
        load_classifiers(folder, on)
        cards = [card for task in tasks if (card := train_candidate(task, folder, on))]
    else:
        cards = [train_into(task, place, on) for task in tasks]
    if as_json:
        print_json([asdict(card) for card in cards])
        return
    _show(cards, place)
    if len(cards) < len(tasks):
        out.print(f"{len(tasks) - len(cards)} 个模型与在用的相同,未重新训练")


def _seeded(config: Config) -> list[Task]:
    """What the families' models learn: the seed, and what the auditors decided so far."""
    with database_session(config) as current:
        return [seeded_task(name, decided_examples(current, name)) for name in SEEDED]


def _show(cards: Sequence[ModelCard], place: Path) -> None:
    rows = [
        (
            card.family,
            sum(card.examples.values()),
            card.sources.get("decisions", 0),
            f"{card.macro_f1:.3f}",
            f"{card.suspect.recall:.3f}",
            f"{card.strong.recall:.3f}",
            place / card.file,
        )
        for card in cards
    ]
    heads = ("类别", "例句", "其中审核结论", "宏F1(分组交叉)", "疑似召回", "明显召回", "模型文件")
    print_table(heads, rows)


def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A model file that train wrote.")],
    data: Annotated[Path, typer.Argument(help="Labelled texts, JSON lines.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled texts."""
    result = evaluate(load(_model_file(model)), data)
    if as_json:
        print_json(asdict(result))
        return
    rows = [
        (label, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", s.support)
        for label, s in result.labels.items()
    ]
    print_table(("标签", "精确率", "召回率", "F1", "数量"), rows)
    out.print(
        f"{result.n} 条 · 准确率 {result.accuracy:.3f} · 宏 F1 {result.macro_f1:.3f} · "
        f"{result.docs_per_s:.0f} 条/秒"
    )


def _model_file(path: Path) -> Path:
    """The model itself, or the one model of a folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.skops"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise ModelError(f"{path} does not hold one model ({names}); name the file")
    return found[0]
