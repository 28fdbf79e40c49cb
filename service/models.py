"""The classifiers in force, the candidates beside them, and how one takes the other's place.

A folder holds the models in force; ``candidates/`` those that run in shadow; ``former/`` those that
were in force. What a person promoted stays, whatever the seed; the rest is trained from it.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from audit.cards import ModelCard, read_card
from audit.classifier import Classifier, ModelError, load
from audit.floors import short_of
from audit.shadow import ShadowCount
from audit.training import SEEDED, Task, seeded_task, train
from models.audit_log import record
from service.errors import UserError

#: The files of a model; the card goes last, for it says that the model beside it is the right one.
SUFFIXES = ("skops", "md", "json")
CANDIDATES, FORMER, PROMOTED = "candidates", "former", "promoted.json"
#: Where models of anybody's labels go without a folder of their own; they screen nothing.
OWN = "own"

log = logging.getLogger(__name__)


def load_classifiers(folder: Path, on: date | None = None) -> tuple[Classifier, ...]:
    """Load the classifiers of a folder, training what is missing or of another seed."""
    return tuple(_classifier(family, folder, on) for family in SEEDED)


def load_candidates(folder: Path) -> tuple[Classifier, ...]:
    """The candidates that wait beside the classifiers in force; an unreadable one is left out."""
    found = []
    for file in sorted((folder / CANDIDATES).glob("*.skops")):
        try:
            found.append(load(file))
        except ModelError as error:
            log.warning("a candidate is left out: %s", error)
    return tuple(found)


def _classifier(family: str, folder: Path, on: date | None) -> Classifier:
    task = seeded_task(family)
    wanted = (task.digest, _promoted(folder).get(family))
    standing = _digest(folder, family)
    if standing is not None and standing in wanted:
        try:
            return load(folder / f"{family}.skops")
        except ModelError as error:
            log.warning("%s is trained anew from the seed: %s", family, error)
    train_into(task, folder, on)
    return load(folder / f"{family}.skops")


def train_into(task: Task, folder: Path, on: date | None) -> ModelCard:
    """Train, and put the finished files into a folder in place of the old ones."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        card = train(task, Path(draft), on)
        _move(Path(draft), folder, task.name)
    return card


def train_candidate(task: Task, folder: Path, on: date | None) -> ModelCard | None:
    """Train a model to stand beside the one in force; None when that is the same one."""
    if _digest(folder, task.name) == task.digest:
        return None
    return train_into(task, folder / CANDIDATES, on)


def _move(source: Path, target: Path, family: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for suffix in SUFFIXES:
        (source / f"{family}.{suffix}").replace(target / f"{family}.{suffix}")


def _digest(folder: Path, family: str) -> str | None:
    return (read_card(folder / f"{family}.json") or {}).get("digest")


def _promoted(folder: Path) -> dict[str, str]:
    """The digests of models that a person put in force, by family."""
    return dict(read_card(folder / PROMOTED) or {})


def _keep_promoted(folder: Path, values: Mapping[str, str]) -> None:
    half = folder / f"{PROMOTED}.part"
    half.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    half.replace(folder / PROMOTED)


# Shadow


def _shadow_file(folder: Path, family: str) -> Path:
    return folder / CANDIDATES / f"{family}.shadow.json"


def keep_shadow(folder: Path, snapshot: str, counts: Mapping[str, ShadowCount]) -> None:
    """Keep what the candidates would have said of a snapshot; a later reading takes its place."""
    for family, count in counts.items():
        kept = shadow_of(folder, family)
        kept["snapshots"][snapshot] = asdict(count)
        file = _shadow_file(folder, family)
        file.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def shadow_of(folder: Path, family: str) -> dict[str, Any]:
    """The counts of a candidate by snapshot; those of another candidate do not count."""
    digests = [_digest(folder / CANDIDATES, family), _digest(folder, family)]
    kept = read_card(_shadow_file(folder, family))
    if kept is not None and [kept.get("candidate"), kept.get("in_force")] == digests:
        return dict(kept)
    return {"candidate": digests[0], "in_force": digests[1], "snapshots": {}}


def shadow_total(folder: Path, family: str) -> dict[str, int]:
    """The counts of a candidate over all snapshots that it read."""
    counts = shadow_of(folder, family)["snapshots"].values()
    names = ("texts", "both", "added", "dropped")
    return {"snapshots": len(counts)} | {name: sum(one[name] for one in counts) for name in names}


# Promotion


@dataclass(frozen=True, slots=True)
class Standing:
    """A model, and where it stands: in force, candidate or former."""

    standing: str
    family: str
    digest: str
    macro_f1: float
    short_of: Sequence[str]
    shadow: Mapping[str, int]


def standings(folder: Path) -> list[Standing]:
    """All models of a folder with a card."""
    found = []
    for name, cards in (
        ("in force", sorted(folder.glob("*.json"))),
        ("candidate", sorted((folder / CANDIDATES).glob("*.json"))),
        ("former", sorted((folder / FORMER).glob("*/*.json"))),
    ):
        for file in cards:
            card = read_card(file) or {}
            if "macro_f1" in card:
                found.append(_standing(name, card, folder))
    return found


def _standing(name: str, card: Mapping[str, Any], folder: Path) -> Standing:
    shadow = shadow_total(folder, card["family"]) if name == "candidate" else {}
    missed = short_of(card)
    return Standing(name, card["family"], card["digest"], card["macro_f1"], missed, shadow)


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes what is in force, when, and why."""

    actor: str
    at: datetime
    reason: str = ""
    below_floor: bool = False


def promote(current: Session, folder: Path, family: str, change: Change) -> str:
    """Put a candidate in force; gives its digest.

    Raises:
        UserError: There is none, it never ran in shadow, or it misses a floor and no reason is
            given for lowering it.
    """
    card = read_card(folder / CANDIDATES / f"{family}.json")
    if card is None:
        raise UserError(f"there is no candidate for {family}", "train one with: spaceaudit train")
    missed, shadow = short_of(card), shadow_total(folder, family)
    if not shadow["snapshots"] and not change.reason:
        raise UserError(
            f"the candidate for {family} never ran in shadow",
            "run it with: spaceaudit models shadow --campaign CODE (or give a --reason why not)",
        )
    if missed and not (change.below_floor and change.reason):
        raise UserError(
            f"the candidate for {family} misses the floor: {'; '.join(missed)}",
            "train on more texts, or lower the floor with --below-floor --reason TEXT",
        )
    before = _digest(folder, family)
    load(folder / CANDIDATES / f"{family}.skops")
    _keep_former(folder, family)
    _move(folder / CANDIDATES, folder, family)
    _shadow_file(folder, family).unlink(missing_ok=True)
    _keep_promoted(folder, _promoted(folder) | {family: str(card["digest"])})
    details = {"before": before, "short_of": missed, "shadow": shadow, "reason": change.reason}
    _log(current, change, "model.promoted", f"model:{family}:{card['digest']}", details)
    return str(card["digest"])


def rollback(current: Session, folder: Path, family: str, change: Change) -> str:
    """Put the model back that was in force before; gives its digest.

    Raises:
        UserError: None was.
    """
    former = sorted((folder / FORMER / family).glob("*.json"))
    if not former:
        raise UserError(f"no other model was in force for {family}", "see: spaceaudit models list")
    card = read_card(former[-1]) or {}
    before, stem = _digest(folder, family), former[-1].stem
    for suffix in SUFFIXES:
        source = former[-1].with_name(f"{stem}.{suffix}")
        source.replace(folder / f"{family}.{suffix}")
    _keep_promoted(folder, _promoted(folder) | {family: str(card["digest"])})
    details = {"before": before, "reason": change.reason}
    _log(current, change, "model.rolled_back", f"model:{family}:{card['digest']}", details)
    return str(card["digest"])


def _keep_former(folder: Path, family: str) -> None:
    if _digest(folder, family) is None:
        return
    kept = folder / FORMER / family
    kept.mkdir(parents=True, exist_ok=True)
    number = len(list(kept.glob("*.json"))) + 1
    for suffix in SUFFIXES:
        shutil.copy2(folder / f"{family}.{suffix}", kept / f"{number:04d}.{suffix}")


def _log(
    current: Session, change: Change, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    record(
        current,
        actor=change.actor,
        action=action,
        at=change.at,
        subject=subject,
        details=details,
    )
