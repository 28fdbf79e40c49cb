"""The rules in force at one installation: the built-in packs and the bureau's own lists.

A list in force is a pack file in ``HOME/rules``; an older version of it is kept in
``HOME/rules/history``. The digest of the whole follows the lists, so that a verdict from before a
list came or went is stale.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from rules.lists import ListEntry, list_pack
from rules.pack import PACK_SUFFIX, PackError, RulePack, load_packs, pack_names
from service.errors import UserError

_FOLDER = "rules"
_HISTORY = "history"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class LocalList:
    """One list in force."""

    name: str
    path: Path
    pack: RulePack


def rules_in_force(home: Path) -> RulePack:
    """The built-in packs with the lists of this installation.

    Raises:
        PackError: a file in ``HOME/rules`` is no pack; it names file, line and rule.
    """
    return load_packs([*pack_names(), *(str(path) for path in _files(home))])


def local_lists(home: Path) -> list[LocalList]:
    """The lists in force, by name."""
    return [LocalList(path.stem, path, load_packs([str(path)])) for path in _files(home)]


def _files(home: Path) -> list[Path]:
    return sorted((home / _FOLDER).glob(f"*{PACK_SUFFIX}"))


def checked_name(name: str) -> str:
    """The name of a list, which becomes part of its rules' ids."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot name a list",
            "use small letters, digits and hyphens, such as --name county-2022",
        )
    return name


def cited(source: Path, on: date) -> str:
    """What an entry without a 依据 of its own cites: the file and the day it came into force."""
    return f"{source.name}（{on.isoformat()} 导入）"


def put_in_force(home: Path, name: str, entries: Sequence[ListEntry]) -> LocalList:
    """Write a list as a pack; an older version of it goes to the history.

    The rules must read back from the file as they were made, or nothing is changed.
    """
    path = home / _FOLDER / f"{checked_name(name)}{PACK_SUFFIX}"
    version = str(len(_versions(home, name)) + 1 + path.is_file())
    pack = list_pack(name, version, entries)
    text = yaml.safe_dump(
        pack.model_dump(mode="json", exclude_defaults=True), allow_unicode=True, sort_keys=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    _shelve(home, name)
    new.replace(path)
    try:
        return LocalList(name, path, load_packs([str(path)]))
    except PackError:
        path.unlink()
        raise


def remove(home: Path, name: str) -> Path:
    """Take a list out of force; where it is kept.

    Raises:
        UserError: there is no such list.
    """
    kept = _shelve(home, checked_name(name))
    if kept is None:
        known = ", ".join(each.stem for each in _files(home)) or "none"
        raise UserError(f"there is no list {name}", f"lists in force: {known}")
    return kept


def _shelve(home: Path, name: str) -> Path | None:
    path = home / _FOLDER / f"{name}{PACK_SUFFIX}"
    if not path.is_file():
        return None
    number = len(_versions(home, name)) + 1
    kept = home / _FOLDER / _HISTORY / f"{name}-{number}{PACK_SUFFIX}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    path.replace(kept)
    return kept


def _versions(home: Path, name: str) -> list[Path]:
    numbered = re.compile(rf"{re.escape(name)}-\d+")
    folder = home / _FOLDER / _HISTORY
    return [p for p in folder.glob(f"*{PACK_SUFFIX}") if numbered.fullmatch(p.stem)]
