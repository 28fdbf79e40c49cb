"""Training and judging on public labelled sets, beside plain scikit-learn on the same texts.

The sets are not part of the repository: ``--data FOLDER`` names a folder with ``cold/train.jsonl``,
``cold/dev.jsonl`` and ``lessons/*.jsonl``. Without it, or where one is missing, that is said and
only the seed corpora are measured. Rates are per second of processor time on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from audit.cards import ModelCard
from audit.classifier import Band, Classifier, classify_all, load
from audit.corpus import Example, read_corpus
from audit.evaluation import evaluate
from audit.features import words
from audit.training import SEEDED, SUBJECT, data_task, fitted, seeded_task, train

#: What was promised: macro-F1 on COLD's dev part, texts a second, macro-F1 of subjects with files
#: held out, and the share of lessons that no family's model flags.
COLD_FLOOR, RATE_FLOOR, SUBJECT_FLOOR, SILENT_FLOOR = 0.917, 1_000.0, 0.97, 0.998
#: Texts of each set with ``--quick``.
QUICK = 3_000


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; ``floor`` is the least value of ours, none where nothing was promised."""

    measure: str
    ours: float
    peer: str
    peer_value: float
    floor: float | None = None

    @property
    def ratio(self) -> float:
        """Ours to the peer's."""
        return round(self.ours / self.peer_value, 3) if self.peer_value else 0.0

    @property
    def ok(self) -> bool:
        """Whether ours holds its floor."""
        return self.floor is None or self.ours >= self.floor

    def as_json(self) -> str:
        """A row for machines."""
        values = asdict(self) | {"ratio": self.ratio, "ok": self.ok}
        order = ("measure", "ours", "peer", "peer_value", "ratio", "floor", "ok")
        return json.dumps({name: values[name] for name in order}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Plain:
    """The peer: scikit-learn's TF-IDF on jieba's words and a linear SVC, as in any tutorial."""

    macro_f1: float
    docs_per_s: float


def plain(train_on: Sequence[Example], held: Sequence[Example]) -> Plain:
    """Fit the peer on the same texts and measure it on the same others."""
    vectorizer = TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False)
    model = LinearSVC(random_state=0)
    matrix = vectorizer.fit_transform([example.text for example in train_on])
    model.fit(matrix, [example.label for example in train_on])
    started = time.process_time()
    said = model.predict(vectorizer.transform([example.text for example in held]))
    seconds = time.process_time() - started
    truth = [example.label for example in held]
    return Plain(float(f1_score(truth, said, average="macro")), len(held) / seconds)


def cold(folder: Path, scratch: Path, *, quick: bool) -> Iterator[Row]:
    """COLD: trained on train, measured on dev."""
    learnt, held = (_part(folder / name, scratch, quick) for name in ("train.jsonl", "dev.jsonl"))
    card = train(data_task(learnt), scratch)
    ours = evaluate(load(scratch / card.file), held)
    peer = plain(read_corpus(learnt).examples, read_corpus(held).examples)
    name = "plain TF-IDF of jieba words + linear SVC"
    floor = None if quick else COLD_FLOOR
    yield Row("COLD dev, macro-F1", ours.macro_f1, name, round(peer.macro_f1, 4), floor)
    rate = round(peer.docs_per_s, 1)
    yield Row("COLD dev, texts a second", ours.docs_per_s, name, rate, RATE_FLOOR)
    yield Row("COLD model, megabytes", round(card.bytes / 1e6, 2), "none", 0.0)


def _part(file: Path, scratch: Path, quick: bool) -> Path:
    if not quick:
        return file
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    part = scratch / file.name
    part.write_text("".join(lines[:: max(1, len(lines) // QUICK)]), encoding="utf-8")
    return part


def lessons(files: Sequence[Path], models: tuple[Classifier, ...]) -> Iterator[Row]:
    """Lessons: their subject with whole files held out, and how many a family's model flags."""
    examples = [example for file in files for example in read_corpus(file).examples]
    for file in files:
        _, card = fitted(data_task(file))
        measure = f"subject of {file.stem}, macro-F1 with {card.held_out} held out"
        yield Row(measure, card.macro_f1, "accuracy", card.accuracy)
        yield Row(f"subject of {file.stem}, accuracy", card.accuracy, "none", 0.0, SUBJECT_FLOOR)
    texts = [example.text for example in examples]
    started = time.process_time()
    said = [classify_all(models, text) for text in texts]
    seconds = time.process_time() - started
    silent = [all(each.band is Band.SILENT for each in one.values()) for one in said]
    share = round(sum(silent) / len(silent), 5)
    yield Row("lessons flagged by no family's model", share, "none", 0.0, SILENT_FLOOR)
    for model in models:
        flagged = sum(one[model.family].band is not Band.SILENT for one in said)
        yield Row(f"lessons not flagged as {model.family}", 1 - flagged / len(said), "none", 0.0)
    size = sum(len(text.encode()) for text in texts) / 1e6
    yield Row("screening by all families, megabytes a second", round(size / seconds, 2), "none", 0)


def seeds(cards: Sequence[ModelCard], seconds: float) -> Iterator[Row]:
    """The seed corpora: each family with whole groups held out, and what training them costs."""
    for card in cards:
        yield Row(f"seed {card.family}, macro-F1 with groups held out", card.macro_f1, "none", 0.0)
    yield Row("training all seeded models, CPU seconds", round(seconds, 1), "none", 0.0)


def measured(data: Path | None, *, quick: bool, say: Callable[[str], None]) -> Iterator[Row]:
    """All rows."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        started = time.process_time()
        cards = [train(seeded_task(family), scratch) for family in SEEDED]
        yield from seeds(cards, time.process_time() - started)
        models = tuple(load(scratch / f"{name}.skops") for name in SEEDED if name != SUBJECT)
        if data is None:
            say("no --data FOLDER: the public sets are not measured")
            return
        if (data / "cold").is_dir():
            yield from cold(data / "cold", scratch, quick=quick)
        else:
            say("there is no cold/ in the folder: COLD is not measured")
        if files := sorted((data / "lessons").glob("*.jsonl")):
            yield from lessons(files, models)
        else:
            say("there are no lessons/*.jsonl in the folder: lessons are not measured")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say by the exit code whether a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--quick", action="store_true", help="a part of COLD, without its floor")
    parser.add_argument("--data", type=Path, help="folder of the public sets")
    chosen, _others = parser.parse_known_args(arguments)
    ok = True
    for row in measured(
        chosen.data, quick=chosen.quick, say=lambda text: print(text, file=sys.stderr)
    ):
        ok = ok and row.ok
        print(row.as_json() if chosen.json else _line(row), flush=True)
    return 0 if ok else 1


def _line(row: Row) -> str:
    peer = f"{row.peer} {row.peer_value:.3f}, {row.ratio:.2f} times" if row.peer_value else ""
    floor = f"floor {row.floor} {'ok' if row.ok else 'MISSED'}" if row.floor is not None else ""
    return f"{row.measure:<56}{row.ours:>10.4f}  {floor}  {peer}".rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
