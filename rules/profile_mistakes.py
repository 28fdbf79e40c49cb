"""Mistakes in a profile file in words: the file, the line, the field, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

#: What to do, by the kind of mistake; ``{…}`` are what pydantic knows of it.
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "invalid_key": "{input!r} is not the name of a field; put names in quotes that YAML takes for something else (on, off, yes, no)",
        "missing": "is missing; add it, as docs/profiles.md shows",
        "string_type": "is not text; put it in quotes",
        "enum": "{input!r} is not known; write one of {expected}",
        "tuple_type": "is not a list; write [a, b], or one entry a line after a dash",
        "dict_type": "is not a mapping; write name: value, one a line",
        "model_type": "is not a mapping; write its fields as name: value",
        "model_attributes_type": "is not a mapping; write its fields as name: value",
        "string_pattern_mismatch": "{input!r} does not fit; use small letters, digits, - and _",
        "greater_than": "{input!r} is too small; write a number above {gt}",
        "too_short": "is empty; give at least one entry",
    }
)
SEE_SCHEMA = "compare it with the output of: spaceaudit profile schema"


def yaml_mistake(error: yaml.YAMLError, where: str) -> str:
    """What is wrong with a text that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or "cannot be read"
    return (
        f"{where}{line}: not valid YAML ({problem}); mind the indentation, and put patterns and "
        "selectors in single quotes"
    )


def mistakes(error: ValidationError, text: str, where: str, names: Iterable[str]) -> Iterator[str]:
    """Each mistake in one line; ``names`` are the fields there are, to propose one for a typo."""
    known = sorted(set(names))
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for details in error.errors():
        # pydantic adds the number of a name that is not text.
        place = details["loc"][: -1 if details["type"] == "invalid_key" else None]
        line = _line(root, place)
        yield f"{where}{f', line {line}' if line else ''}: {_field(place)}: {_advice(details, known)}"


def _field(place: Sequence[str | int]) -> str:
    """``markers, entry 2, text`` for the place of a mistake."""
    names = (f"entry {part + 1}" if isinstance(part, int) else part for part in place)
    return ", ".join(names) or "the profile"


def _line(node: yaml.Node | None, place: Sequence[str | int]) -> int | None:
    """The line of a field, or of the nearest that holds it."""
    for part in place:
        inner = _inner(node, part)
        if inner is None:
            break
        node = inner
    return node.start_mark.line + 1 if node is not None else None


def _inner(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    return None


def _advice(details: ErrorDetails, known: Sequence[str]) -> str:
    kind = details["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(details["loc"][-1]), known, n=1)
        return "there is no such field; " + (f"write {near[0]}" if near else SEE_SCHEMA)
    if kind == "value_error":
        return details["msg"].removeprefix("Value error, ")
    if kind in ADVICE:
        return ADVICE[kind].format(input=details["input"], **details.get("ctx", {}))
    return f"{details['msg']}; {SEE_SCHEMA}"
