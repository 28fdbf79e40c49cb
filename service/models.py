"""The classifiers in force: trained from the seed corpora on first use, kept in the data directory."""

from __future__ import annotations

import logging
import tempfile
from datetime import date
from pathlib import Path

from audit.cards import read_card
from audit.classifier import Classifier, ModelError, load
from audit.training import SEEDED, seeded_task, train

log = logging.getLogger(__name__)


def load_classifiers(folder: Path, on: date | None = None) -> tuple[Classifier, ...]:
    """Load the classifiers of a folder, training what is missing or of another seed."""
    return tuple(_classifier(family, folder, on) for family in SEEDED)


def _classifier(family: str, folder: Path, on: date | None) -> Classifier:
    task = seeded_task(family)
    card = read_card(folder / f"{family}.json") or {}
    if card.get("digest") == task.digest:
        try:
            return load(folder / f"{family}.skops")
        except ModelError as error:
            log.info("%s is trained anew: %s", family, error)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        train(task, Path(draft), on)
        # The card goes last: it is what says that the model beside it is the right one.
        for suffix in ("skops", "md", "json"):
            (Path(draft) / f"{family}.{suffix}").replace(folder / f"{family}.{suffix}")
    return load(folder / f"{family}.skops")
