"""Training classifiers: the seeded families for screening, and models of anybody's labels.

Calibration and thresholds come from scores with whole groups held out, so a model is never judged
on texts like those it learnt from. The same texts, cues, parameters and versions give the same
model and the same digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from audit.bands import (
    LESSON_DEVIATIONS,
    STRONG_SHARE,
    SUSPECT_SHARE,
    BandShares,
    shares,
    sure_shares,
    sure_thresholds,
    thresholds,
)
from audit.cards import GroupFigures, ModelCard
from audit.classifier import Calibration, Classifier, Linear, Thresholds
from audit.corpus import OTHER, Corpus, CorpusError, Example, cue_file, read_corpus, seed_corpus
from audit.evaluation import accuracy, label_scores, macro_f1
from audit.features import CUE_VALUE, FEATURES_VERSION, Cues, Recipe, Values, bags, plain_form
from audit.fitting import DEFAULT, FOLDS, Design, Parameters, Truth, calibration, fit, out_of_fold

#: Rises when the same input would give another model.
TRAINING_VERSION = 2
#: The family whose model tells subjects; it finds nothing by itself.
SUBJECT = "subject"
FAMILIES = ("abusive", "headline", "rumour", "solicitation", SUBJECT)
#: Those of them with a seed corpus.
SEEDED = tuple(family for family in FAMILIES if seed_corpus(family).exists())
#: The seed's sentences from legitimate lessons, none of them of any family: what is taught, and
#: what is read and explained (prose with its quarrels and fears is what the models mistake most).
LESSONS = ("teaching", "reading", SUBJECT)
#: What is no teaching matter, among the subjects.
NO_SUBJECT = "其他"

#: Models of screening do without words: with the runs of characters and the cues they gain
#: nothing with groups held out, and the tokenizer is most of the time.
SCREENING_WORDS = 0
#: A headline is short; in characters.
LONGEST = {"headline": 60}
#: More groups than this are not shown one by one.
_GROUPS_SHOWN = 60
_NAME = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learnt, and from what.

    Attributes:
        name: Of the model and its files.
        labels: Of the examples; of two the second is the one that is looked for.
        corpus: The labelled texts, which the figures are about.
        sources: How many of them are from where.
        lessons: Legitimate teaching, none of which may come out suspect.
        taught: Whether the model learns the lessons too, as texts of the first label.
        longest: The longest text that it judges in screening, in characters.
    """

    name: str
    labels: tuple[str, ...]
    corpus: Corpus
    sources: Mapping[str, int]
    lessons: tuple[Example, ...]
    recipe: Recipe
    parameters: Parameters
    taught: bool
    longest: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that makes a model what it is."""
        lessons = [[example.text, example.group] for example in self.lessons]
        recipe = [self.recipe.plain, self.recipe.cues.patterns]
        flags = [self.name, self.labels, self.taught, self.longest]
        made_of = [self.corpus.digest, flags, lessons, recipe, _figures(self.parameters)]
        text = json.dumps([*made_of, _versions()], ensure_ascii=False, sort_keys=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def seeded_task(family: str, decided: Sequence[Example] = ()) -> Task:
    """What a family's model for screening learns: its seed, and texts that auditors decided on.

    Raises:
        CorpusError: The seed is damaged.
    """
    seed = read_corpus(seed_corpus(family))
    corpus = seed
    if decided:
        digest = hashlib.sha256(
            json.dumps([seed.digest, [[e.text, e.label, e.group] for e in decided]]).encode()
        )
        corpus = Corpus((*seed.examples, *decided), f"sha256:{digest.hexdigest()}")
    lessons = () if family == SUBJECT else _lessons()
    recipe = Recipe(words=SCREENING_WORDS, cues=Cues.read(cue_file(family)))
    return Task(
        name=family,
        labels=corpus.labels,
        corpus=corpus,
        sources={"seed": len(seed.examples), "decisions": len(decided)},
        lessons=lessons,
        recipe=recipe,
        parameters=DEFAULT,
        taught=True,
        longest=LONGEST.get(family),
    )


def data_task(file: Path, family: str | None = None) -> Task:
    """What a model of a file's labels learns.

    Args:
        file: Labelled texts, JSON lines; of two or more labels.
        family: For screening, in place of the seed: the one label beside ``other`` is its own.

    Raises:
        CorpusError: The file cannot be read, or its labels do not fit.
    """
    corpus = read_corpus(file)
    labels, name = corpus.labels, corpus.family
    if family is not None:
        if name is None:
            raise CorpusError(f"{file}: a family needs one label beside {OTHER!r}, not {labels}")
        renamed = (replace(e, label=family if e.label == name else OTHER) for e in corpus.examples)
        corpus, labels, name = Corpus(tuple(renamed), corpus.digest), (OTHER, family), family
    if name is None or not _NAME.fullmatch(name):
        name = re.sub(r"[^\w-]+", "-", file.stem)[:64].strip("-") or "model"
    return Task(
        name=name,
        labels=labels,
        corpus=corpus,
        sources={"data": len(corpus.examples)},
        lessons=_lessons() if corpus.family else (),
        recipe=Recipe(cues=Cues.read(cue_file(family)) if family else Cues({})),
        parameters=DEFAULT,
        taught=family is not None,
        longest=LONGEST.get(family) if family else None,
    )


def _lessons() -> tuple[Example, ...]:
    """Legitimate teaching of the seed: its lessons, and its texts of the subjects."""
    found = [
        example
        for name in LESSONS
        if seed_corpus(name).exists()
        for example in read_corpus(seed_corpus(name)).examples
        if example.label != NO_SUBJECT
    ]
    return tuple(Example(e.text, OTHER, f"lessons:{e.label}:{e.group}") for e in found)


def train(task: Task, out: Path, on: date | None = None) -> ModelCard:
    """Train, and write ``NAME.skops`` with its card into the folder ``out``.

    Raises:
        CorpusError: A label has too few texts.
    """
    classifier, card = fitted(task, on)
    out.mkdir(parents=True, exist_ok=True)
    classifier.save(out / card.file)
    written = replace(card, bytes=(out / card.file).stat().st_size)
    written.write(out)
    return written


def fitted(task: Task, on: date | None = None) -> tuple[Classifier, ModelCard]:
    """A classifier and its card; nothing is written.

    Raises:
        CorpusError: A label has too few texts.
    """
    held = _held_out(task)
    chances, lessons, shape, linear = _learnt(task, held.groups)
    truth = _truth(task)
    bands = _bands(task, chances, lessons, truth)
    classifier = Classifier(
        task.name,
        task.labels,
        task.digest,
        recipe=task.recipe,
        linear=linear,
        calibration=shape,
        thresholds=bands,
        longest=task.longest,
    )
    return classifier, _card(task, classifier, held, _Figures(chances, lessons, truth), on)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is kept together in a fold, and what that is called."""

    groups: list[str]
    what: str


@dataclass(frozen=True, slots=True)
class _Figures:
    """What the folds gave of a task's own texts and of the lessons."""

    chances: Values
    lessons: Values
    truth: Truth


def _held_out(task: Task) -> _Held:
    """The groups, if each label has enough of them; else each text by itself."""
    examples = task.corpus.examples
    by_group, by_text = (_kept(task, key) for key in ("group", "text"))
    if min(map(len, by_group.values())) >= FOLDS:
        return _Held([example.group for example in examples], "groups")
    if min(map(len, by_text.values())) >= FOLDS:
        return _Held([example.text for example in examples], "equal texts")
    scarce = min(by_text, key=lambda label: len(by_text[label]))
    count = len(by_text[scarce])
    raise CorpusError(f"label {scarce!r} needs {FOLDS} different texts, not {count}")


def _kept(task: Task, key: str) -> dict[str, set[str]]:
    """The groups or texts of each label."""
    kept = {label: set[str]() for label in task.labels}
    for example in task.corpus.examples:
        kept[example.label].add(getattr(example, key))
    return kept


def _truth(task: Task) -> Truth:
    number = {label: index for index, label in enumerate(task.labels)}
    return np.array([number[example.label] for example in task.corpus.examples])


def _learnt(task: Task, groups: list[str]) -> tuple[Values, Values, Calibration, Linear]:
    """Probabilities of the own texts and of the lessons, held out, and the model on all."""
    own, classes = len(task.corpus.examples), len(task.labels)
    taught = task.lessons if task.taught else ()
    texts = [example.text for example in (*task.corpus.examples, *taught)]
    design = Design.of(texts, task.recipe, task.parameters.min_texts)
    truth = np.concatenate([_truth(task), np.zeros(len(taught), dtype=np.int64)])
    together = [*groups, *(example.group for example in taught)]
    scores = out_of_fold(design.matrix, truth, together, classes, task.parameters)
    shape = calibration(scores[:own], truth[:own])
    chances = shape.probabilities(scores)
    linear = design.linear(*fit(design.matrix, truth, classes, task.parameters))
    lessons = chances[own:, -1]
    if task.lessons and not task.taught:
        lessons = _judged(linear, shape, task)
    return chances[:own], lessons, shape, linear


def _judged(linear: Linear, shape: Calibration, task: Task) -> Values:
    """The probabilities of lessons that the model did not learn."""
    plains = [plain_form(example.text) for example in task.lessons]
    scores = linear.scores(bags(plains, task.recipe), plains, task.recipe.cues)
    return shape.probabilities(scores)[:, -1]


def _bands(task: Task, chances: Values, lessons: Values, truth: Truth) -> Thresholds:
    if len(task.labels) > 2:
        return sure_thresholds(chances, truth)
    return thresholds(chances[:, -1], truth, lessons)


def _card(
    task: Task, classifier: Classifier, held: _Held, figures: _Figures, on: date | None
) -> ModelCard:
    examples, bands = task.corpus.examples, classifier.thresholds
    labels = [example.label for example in examples]
    chance = figures.chances[:, -1]
    several = len(task.labels) > 2
    told = label_scores(labels, _even(task, figures.chances))
    return ModelCard(
        family=task.name,
        labels=task.labels,
        digest=classifier.digest,
        file=f"{task.name}.skops",
        corpus=task.corpus.digest,
        sources=task.sources,
        examples=dict(sorted(Counter(labels).items())),
        groups=len({example.group for example in examples}),
        lessons=len(task.lessons),
        parameters=_figures(task.parameters),
        versions=_versions(),
        features=classifier.size,
        bytes=0,
        macro_f1=macro_f1(told),
        accuracy=round(accuracy(labels, _even(task, figures.chances)), 4),
        auc=None if several else round(float(roc_auc_score(figures.truth, chance)), 4),
        held_out=held.what,
        suspect=_reached(figures, bands.suspect, several=several),
        strong=_reached(figures, bands.strong, several=several),
        by_group=_by_group(examples, _even(task, figures.chances)),
        trained_on=on.isoformat() if on else None,
    )


def _reached(figures: _Figures, threshold: float, *, several: bool) -> BandShares:
    if several:
        return sure_shares(figures.chances, figures.truth, threshold)
    return shares(figures.chances[:, -1], figures.truth, figures.lessons, threshold)


def _even(task: Task, chances: Values) -> list[str]:
    return [task.labels[index] for index in chances.argmax(axis=1)]


def _by_group(examples: Sequence[Example], said: Sequence[str]) -> dict[str, GroupFigures]:
    right: dict[str, list[bool]] = {}
    for example, label in zip(examples, said, strict=True):
        right.setdefault(example.group, []).append(example.label == label)
    if len(right) > _GROUPS_SHOWN:
        return {}
    return {
        group: GroupFigures(len(hits), round(sum(hits) / len(hits), 4))
        for group, hits in sorted(right.items())
    }


def _figures(parameters: Parameters) -> dict[str, float]:
    shares_ = {"suspect_share": SUSPECT_SHARE, "strong_share": STRONG_SHARE, "folds": FOLDS}
    own = {"cue_value": CUE_VALUE, "lesson_deviations": LESSON_DEVIATIONS}
    return asdict(parameters) | shares_ | own


def _versions() -> dict[str, str]:
    ours = {"features": str(FEATURES_VERSION), "training": str(TRAINING_VERSION)}
    return ours | {name: version(name) for name in ("jieba", "scikit-learn")}
