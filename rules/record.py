"""The base of every record that is read from YAML."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses unknown fields, so that a typo in YAML is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
