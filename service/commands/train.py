"""``spaceaudit train`` and ``evaluate``: the classifiers, from labelled texts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from audit.classifier import load
from audit.evaluation import evaluate
from audit.training import SEEDED, data_task, seeded_task, train
from service.config import load_config
from service.console import JsonOption, examples, out, print_json, print_table

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
    *,
    as_json: JsonOption = False,
) -> None:
    """Train classifiers; each gets a card that says what it learnt from and how well it does."""
    folder = out_folder or load_config().home / "models"
    tasks = [data_task(data)] if data is not None else [seeded_task(name) for name in SEEDED]
    cards = [train(task, folder) for task in tasks]
    if as_json:
        print_json([asdict(card) for card in cards])
        return
    rows = [
        (
            card.family,
            sum(card.examples.values()),
            f"{card.macro_f1:.3f}",
            f"{card.suspect.recall:.3f}",
            f"{card.strong.recall:.3f}",
            folder / card.file,
        )
        for card in cards
    ]
    print_table(("类别", "例句", "宏F1(分组交叉)", "疑似召回", "明显召回", "模型文件"), rows)


def evaluate_command(
    model: Annotated[Path, typer.Argument(help="A model file that train wrote.")],
    data: Annotated[Path, typer.Argument(help="Labelled texts, JSON lines.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled texts."""
    result = evaluate(load(model), data)
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
