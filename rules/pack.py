"""Rule packs: what is held against a space's text, read from YAML with the place of every mistake.

A built-in pack goes through the same door as a bureau's own.

    PackError    the file is refused: it names file, line, rule and field; the command ends with code 2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Self, TypeGuard

import yaml
from pydantic import ValidationError, model_validator

from rules.events import event_years
from rules.families import families
from rules.quantities import quantity_table
from rules.record import Record
from rules.rule import Basis, Context, Cues, Rule, content_digest
from rules.words import expand_pattern, expand_words
from rules.yamltext import refuse_depth

__all__ = [
    "Basis",
    "Context",
    "Cues",
    "PackError",
    "Rule",
    "RulePack",
    "load_packs",
    "pack_names",
    "parse_pack",
]

PACK_SUFFIX = ".yaml"

#: Raised when folding, matching or a validator changes what is hit, so that verdicts made before
#: are recognised as made by another engine.
ENGINE = "3"


class PackError(ValueError):
    """A pack is unknown or malformed; nothing of it is used."""


class RulePack(Record):
    """The rules of one or more pack files, as one."""

    id: str
    version: str
    rules: tuple[Rule, ...]

    @cached_property
    def digest(self) -> str:
        """Over the rules' whole content; the order of files and comments do not matter."""
        rules = sorted(self.rules, key=lambda rule: rule.id)
        contents = [rule.model_dump(mode="json") for rule in rules]
        return content_digest([ENGINE, _tables(), contents])

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [rule.id for rule in self.rules]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"rule ids used twice: {', '.join(repeated)}")
        return self

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    def rule(self, rule_id: str) -> Rule:
        """The rule with an id; KeyError names what is unknown."""
        return self._by_id[rule_id]

    def join(self, others: Sequence[RulePack]) -> RulePack:
        """This pack and others as one, ids and versions joined in order."""
        packs = (self, *others)
        return RulePack(
            id="+".join(pack.id for pack in packs),
            version="+".join(dict.fromkeys(pack.version for pack in packs)),
            rules=tuple(rule for pack in packs for rule in pack.rules),
        )


_Fields = dict[str, object]


def _data(name: str) -> Mapping[str, _Fields]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    data: Mapping[str, _Fields] = yaml.safe_load(text)
    return data


@cache
def _tables() -> str:
    """Over what validators look up: a verdict stands on these tables as on the rules."""
    events = {event: [years.start, years.stop] for event, years in event_years().items()}
    return content_digest([quantity_table(), events])


@cache
def _documents() -> Mapping[str, _Fields]:
    return {
        key: {
            "document": entry["document"],
            "effective_from": entry.get("from"),
            "effective_to": entry.get("to"),
            "verify": entry.get("verify", False),
        }
        for key, entry in _data("documents.yaml").items()
    }


@cache
def _read_clauses() -> Mapping[str, frozenset[str]]:
    """By document, the clauses that were read; any other is cited from memory."""
    return {
        key: frozenset(str(clause) for clause in _texts(entry.get("read", [])))
        for key, entry in _data("documents.yaml").items()
    }


def _texts(entry: object) -> list[str]:
    return entry if _is_texts(entry) else []


@cache
def cue_sets() -> Mapping[str, Cues]:
    """The named sets of context words that rules share."""
    return {name: Cues.model_validate(entry) for name, entry in _data("cues.yaml").items()}


def _basis(entry: object) -> object:
    """``KEY CLAUSE`` of a known document, or a whole basis written out."""
    if not isinstance(entry, str):
        return entry
    key, _, clause = entry.partition(" ")
    if key not in _documents():
        raise ValueError(f"basis: unknown document {key!r}; see documents.yaml")
    basis = Basis.model_validate({**_documents()[key], "clause": clause})
    unread = clause not in _read_clauses()[key]
    return basis.model_copy(update={"verify": True}) if unread else basis


def _cues(entries: object) -> object:
    """A list of words and ``@names`` as sets of cues; the loose words make one set."""
    if not isinstance(entries, list):
        return entries
    numbers = [e for e in entries if isinstance(e, (int, float))]
    if numbers:
        raise ValueError(f"context: a word is text; put {numbers[0]} in quotes")
    known = cue_sets()
    names = [e[1:] for e in entries if isinstance(e, str) and e.startswith("@")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"context: unknown cues @{unknown[0]}; known: {', '.join(known)}")
    words = [e for e in entries if isinstance(e, str) and not e.startswith("@")]
    written = [e for e in entries if not isinstance(e, str)]
    loose = [{"label": "、".join(words[:3]), "words": words}] if words else []
    return [known[name] for name in names] + loose + written


def _context(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    return {
        key: _cues(value) if key in ("require", "exclude") else value
        for key, value in entry.items()
    }


def _is_texts(entry: object) -> TypeGuard[list[str]]:
    return isinstance(entry, list) and all(isinstance(one, str) for one in entry)


def _each(patterns: list[str]) -> list[str]:
    return [expand_pattern(pattern) for pattern in patterns]


def _expanded(entry: _Fields) -> _Fields:
    """A rule's fields with shorthands written out and the dimension of its family."""
    fields = dict(entry)
    if isinstance(basis := fields.get("basis"), list):
        fields["basis"] = [_basis(item) for item in basis]
    if "context" in fields:
        fields["context"] = _context(fields["context"])
    for name, expand in (("phrases", expand_words), ("anchors", expand_words), ("patterns", _each)):
        if _is_texts(words := fields.get(name)):
            fields[name] = expand(words)
    family = families().get(str(fields.get("family")))
    if family is not None:
        fields.setdefault("dimension", family.dimension)
    return fields


def _first_fault(error: ValidationError) -> tuple[str, str]:
    """The field of the first fault, "" for the whole, and what is wrong with it."""
    fault = error.errors()[0]
    return ".".join(str(part) for part in fault["loc"]), fault["msg"]


class _Source:
    """A pack's text, read once for its values and for the line of each."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        try:
            refuse_depth(text)
            loader = _Loader(text)
            node = loader.get_single_node()
            data = loader.construct_document(node) if node is not None else None
        except (yaml.YAMLError, ValueError, AttributeError, IndexError, OverflowError) as error:
            # A date that no calendar has, a number of 5,000 digits: the loader's own errors.
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            raise PackError(f"{where}:{line}: not valid YAML: {error}") from error
        if node is None or not isinstance(data, dict) or not isinstance(data.get("rules"), list):
            raise PackError(f"{where}: a pack is a mapping with id, version and a list of rules")
        self.data: dict[str, object] = data
        self._rules: yaml.SequenceNode = _value_of(node, "rules")

    def rules(self) -> tuple[Rule, ...]:
        """Every rule.

        Raises:
            PackError: naming the first that is refused, with its line.
        """
        entries = self.data["rules"]
        nodes = self._rules.value
        return tuple(map(self._rule, entries if isinstance(entries, list) else [], nodes))

    def _rule(self, entry: object, node: yaml.Node) -> Rule:
        if not isinstance(entry, dict):
            place = self._place(node)
            raise PackError(f"{place}: a rule is a mapping of fields; indent them under '- id:'")
        name = f"rule {entry.get('id', '(without id)')}"
        try:
            return Rule.model_validate(_expanded(entry))
        except ValidationError as error:
            field, fault = _first_fault(error)
            place = self._place(_key_of(node, field.partition(".")[0]) or node)
            told = f"{field}: {fault}" if field else fault
            raise PackError(f"{place}: {name}: {told}") from error
        except ValueError as error:
            place = self._place(_key_of(node, str(error).partition(":")[0]) or node)
            raise PackError(f"{place}: {name}: {error}") from error

    def _place(self, node: yaml.Node) -> str:
        return f"{self.where}:{node.start_mark.line + 1}"


#: The parser written in C where it is there: a pack of some thousand lines in a tenth of the time.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _key_of(node: yaml.Node, name: str) -> yaml.Node | None:
    """The key of a mapping's entry, whose line is told."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((key for key, _ in pairs if key.value == name), None)


def _value_of(node: yaml.Node, name: str) -> yaml.SequenceNode:
    found: yaml.SequenceNode = next(value for key, value in node.value if key.value == name)
    return found


def parse_pack(text: str, where: str) -> RulePack:
    """Read one pack from YAML; ``where`` names the file in errors.

    Raises:
        PackError: naming file, line, rule and field.
    """
    source = _Source(text, where)
    rules = source.rules()
    try:
        return RulePack.model_validate({**source.data, "rules": rules})
    except ValidationError as error:
        raise PackError(f"{where}: {_told(error)}") from error


def _told(error: ValidationError) -> str:
    field, fault = _first_fault(error)
    return f"{field}: {fault}" if field else fault


def pack_names() -> list[str]:
    """The built-in packs, sorted."""
    folder = resources.files(__package__) / "packs"
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(PACK_SUFFIX) for name in names if name.endswith(PACK_SUFFIX))


@cache
def _built_in(name: str) -> RulePack:
    entry = resources.files(__package__) / "packs" / f"{name}{PACK_SUFFIX}"
    if not entry.is_file():
        known = ", ".join(pack_names())
        raise PackError(f"no rule pack {name!r}; known: {known}; or give a path to a .yaml file")
    return parse_pack(entry.read_text(encoding="utf-8"), entry.name)


def _one(name: str) -> RulePack:
    path = Path(name)
    if path.suffix != PACK_SUFFIX:
        return _built_in(name)
    if not path.is_file():
        raise PackError(f"no rule pack file {name}; give the path of a .yaml file")
    return parse_pack(path.read_text(encoding="utf-8"), name)


def load_packs(names: Sequence[str] | None = None) -> RulePack:
    """Load packs by name or by path (a name that ends in ``.yaml``); all built-in ones by default.

    Raises:
        PackError: naming file, rule and field.
    """
    chosen = pack_names() if names is None else list(names)
    if not chosen:
        raise PackError("no rule pack was named; leave the list out for the built-in ones")
    first, *others = (_one(name) for name in chosen)
    try:
        return first.join(others) if others else first
    except ValidationError as error:
        raise PackError(f"{', '.join(chosen)}: {_told(error)}") from error
