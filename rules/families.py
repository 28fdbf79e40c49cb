"""The families that rules are grouped in, each under one of the four dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import yaml
from pydantic import Field

from models.vocabulary import Dimension
from rules.record import Record


class Family(Record):
    """A group of rules that answer the same question."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    dimension: Dimension
    label: str = Field(min_length=1)


@cache
def families() -> Mapping[str, Family]:
    """Family by id, in the order of the file."""
    text = (resources.files(__package__) / "families.yaml").read_text(encoding="utf-8")
    return {
        name: Family.model_validate({"id": name, "dimension": dimension, "label": label})
        for dimension, members in yaml.safe_load(text).items()
        for name, label in members.items()
    }
