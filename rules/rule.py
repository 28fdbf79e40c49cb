"""A rule: what to look for, why, what lets it stand or fall, and examples of both.

A rule without a basis or without near misses is no rule; the loader names its place.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cached_property
from typing import Self

from pydantic import Field, field_validator, model_validator

from models.vocabulary import Dimension, Part, Severity
from rules.families import families
from rules.folding import fold
from rules.names import SHORTEST_NAME
from rules.patterns import refuse_pattern
from rules.record import Record
from rules.validators import VALIDATORS

#: What of a rule only tells or tests; a change in it changes no hit.
_SILENT_FIELDS = frozenset({"title", "mend", "should_hit", "near_misses", "few_examples"})


#: Examples of each kind from which on a rule is well tried.
ENOUGH_EXAMPLES = 8


class Basis(Record):
    """Where a rule comes from, and when that applied."""

    document: str = Field(min_length=1)
    clause: str = Field(min_length=1)
    effective_from: date | None = None
    effective_to: date | None = None
    #: The wording was read in a reprint and still has to be checked against the official text.
    verify: bool = False

    def in_force(self, on: date) -> bool:
        """Whether the clause applied on a day."""
        begun = self.effective_from is None or self.effective_from <= on
        return begun and (self.effective_to is None or on <= self.effective_to)

    def __str__(self) -> str:
        return f"《{self.document}》{self.clause}"


class Cues(Record):
    """Words near a hit that tell how it is meant."""

    label: str = Field(min_length=1)
    words: tuple[str, ...] = Field(min_length=1)
    #: Folded characters to each side in which a word counts; None is the sentence.
    window: int | None = Field(default=None, gt=0, le=400)
    #: Set phrases in which a word means something else (不要 in 不要错过).
    but_not: tuple[str, ...] = ()


class Context(Record):
    """What must stand near a hit (a word of every set) and what must not (any word of any)."""

    require: tuple[Cues, ...] = ()
    exclude: tuple[Cues, ...] = ()
    #: A hit inside 《…》 names a work and does not count.
    skip_titles: bool = False


class Rule(Record):
    """One rule: data plus at most one refusal in code (its validator)."""

    id: str = Field(pattern=r"^[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*)+$")
    title: str = Field(min_length=1)
    dimension: Dimension
    family: str
    severity: Severity
    basis: tuple[Basis, ...] = Field(min_length=1)
    #: What the teacher should mend, in Chinese.
    mend: str = Field(min_length=1)
    phrases: tuple[str, ...] = ()
    #: Official names; what is a slip away from one is a hit (see :mod:`rules.names`).
    names: tuple[str, ...] = ()
    #: Regular expressions on folded text; a group ``hit`` narrows the hit, ``value`` is validated.
    patterns: tuple[str, ...] = ()
    #: Patterns are tried only near one of these words; empty: everywhere.
    anchors: tuple[str, ...] = ()
    #: Longer phrases that cancel a hit inside them.
    allow: tuple[str, ...] = ()
    context: Context = Context()
    #: Subjects (column 学科) in which the rule is silent.
    subjects: tuple[str, ...] = ()
    #: Stages (column 学段) for which the rule speaks; empty: all.
    stages: tuple[str, ...] = ()
    #: Parts of a space in which the rule speaks; empty: all.
    parts: tuple[Part, ...] = ()
    validator: str | None = None
    should_hit: tuple[str, ...] = Field(min_length=1)
    near_misses: tuple[str, ...] = Field(min_length=1)
    #: Why the rule cannot have :data:`ENOUGH_EXAMPLES` of each kind; the packs' own test asks for it.
    few_examples: str = ""

    @cached_property
    def digest(self) -> str:
        """Over what can change a hit: not the wording for people, not the examples."""
        return content_digest(self.model_dump(mode="json", exclude=set(_SILENT_FIELDS)))

    @field_validator("patterns")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            _check_pattern(pattern)
        return patterns

    @field_validator("phrases", "allow", "anchors")
    @classmethod
    def _phrases(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in phrases:
            if not fold(phrase).text.strip():
                raise ValueError(f"{phrase!r} folds to nothing")
        repeated = next((phrase for phrase in phrases if phrases.count(phrase) > 1), None)
        if repeated is not None:
            raise ValueError(f"{repeated!r} is there twice")
        return phrases

    @field_validator("names")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        short = next((name for name in names if len(fold(name).text) < SHORTEST_NAME), None)
        if short is not None:
            raise ValueError(f"{short!r}: a name has at least {SHORTEST_NAME} characters")
        return names

    @field_validator("validator")
    @classmethod
    def _known_validator(cls, name: str | None) -> str | None:
        if name is not None and name not in VALIDATORS:
            raise ValueError(f"unknown validator; known: {', '.join(VALIDATORS)}")
        return name

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if not self.phrases and not self.patterns and not self.names:
            raise ValueError("a rule needs phrases, patterns or names")
        family = families().get(self.family)
        if family is None:
            raise ValueError(f"unknown family {self.family!r}; see families.yaml")
        if family.dimension is not self.dimension:
            raise ValueError(f"family {self.family!r} belongs to {family.dimension.value}")
        return self

    def applies(
        self,
        *,
        subject: str | None = None,
        stage: str | None = None,
        part: Part | None = None,
        on: date | None = None,
    ) -> bool:
        """Whether the rule speaks here; what is not known (None) excludes nothing."""
        return (
            (subject is None or subject not in self.subjects)
            and (stage is None or not self.stages or stage in self.stages)
            and (part is None or not self.parts or part in self.parts)
            and (on is None or any(basis.in_force(on) for basis in self.basis))
        )


def _check_pattern(pattern: str) -> None:
    """Refuse what cannot compile, and what folded text can never contain."""
    refuse_pattern(pattern)
    for character in pattern:
        if not character.isascii() and fold(character).text != character:
            raise ValueError(
                f"{pattern!r}: write {character!r} in its folded form {fold(character).text!r}"
            )


def content_digest(content: object) -> str:
    """SHA-256 over the canonical JSON of some content."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
