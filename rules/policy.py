"""Verdict policies: what follows from what was measured, as versioned data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator

from models.vocabulary import Access, NotScreened, Openness, Severity, SignOffLevel, VerdictState
from rules.record import Record


class PolicyError(ValueError):
    """A policy is unknown or malformed; the command stops with exit code 2."""


class Policy(Record):
    """How measurements become a verdict."""

    id: str
    version: str
    title: str
    source: str
    openness: Mapping[Openness, VerdictState]
    allowed_gaps: frozenset[NotScreened]
    holding_severity: Severity
    valid_days: int = Field(gt=0)
    #: Levels whose word has to be on record before a space can be eligible; none by default.
    required_sign_offs: tuple[SignOffLevel, ...] = ()
    digest: str = ""

    @field_validator("openness")
    @classmethod
    def _complete(cls, value: Mapping[Openness, VerdictState]) -> Mapping[Openness, VerdictState]:
        missing = set(Openness) - set(value) - {Openness.OPEN}
        if missing:
            raise ValueError(f"says nothing of {', '.join(sorted(missing))}")
        if aged := [each for each, state in value.items() if state is VerdictState.STALE]:
            raise ValueError(f"{aged[0]}: stale is what becomes of a verdict, not one to give")
        for openness, state in value.items():
            unknown = openness.access is Access.CANNOT_TELL
            if unknown and state is VerdictState.REJECTED:
                raise ValueError(f"{openness} says nothing about the teacher and cannot reject")
        return value

    @property
    def stamp(self) -> str:
        """Identity and content in one string, as verdicts stand on it."""
        return f"{self.id}@{self.version} {self.digest}"


@lru_cache
def load_policy(name: str = "default") -> Policy:
    """Load a built-in policy by id, or any by the path of its file.

    Raises:
        PolicyError: There is no such policy, or it is malformed; names the file and the field.
    """
    text = _text(name)
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    try:
        return Policy.model_validate({**yaml.safe_load(text), "digest": digest})
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise PolicyError(f"{name}: {error}") from error


def _text(name: str) -> str:
    path = Path(name)
    if path.suffix != ".yaml":
        entry = resources.files(__package__) / "policies" / f"{name}.yaml"
        if not entry.is_file():
            raise PolicyError(f"no policy {name!r}; give the path of a .yaml file")
        return entry.read_text(encoding="utf-8")
    if not path.is_file():
        raise PolicyError(f"no policy file {name}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name} is not UTF-8 text; save it as UTF-8") from error
