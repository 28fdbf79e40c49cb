"""The classifiers in force: trained from the seed corpora on first use, kept in the data directory."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path

from audit.classifier import Classifier, ModelError, load
from audit.corpus import read_corpus, seed_corpus
from audit.training import train

#: Families with a seed corpus; each is trained with the same parameters on every machine.
SEEDED = ("solicitation",)

log = logging.getLogger(__name__)


def load_classifiers(folder: Path) -> tuple[Classifier, ...]:
    """Load the seeded classifiers from a folder, training what is missing or of another corpus."""
    return tuple(_classifier(family, folder) for family in SEEDED)


def _classifier(family: str, folder: Path) -> Classifier:
    corpus = seed_corpus(family)
    if _corpus_digest(folder / f"{family}.json") == read_corpus(corpus).digest:
        try:
            return load(folder / f"{family}.skops")
        except ModelError as error:
            log.info("%s is trained anew: %s", family, error)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        train(corpus, Path(draft))
        # The card goes last: it is what says that the model beside it is the right one.
        for suffix in ("skops", "json"):
            (Path(draft) / f"{family}.{suffix}").replace(folder / f"{family}.{suffix}")
    return load(folder / f"{family}.skops")


def _corpus_digest(card: Path) -> str | None:
    try:
        digest: str = json.loads(card.read_text(encoding="utf-8"))["corpus"]
    except (OSError, ValueError, KeyError):
        return None
    return digest
