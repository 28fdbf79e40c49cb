"""The catalogue of the sample platform, read from ``sample/content/*.yaml``."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import yaml
from pydantic import ValidationError

from sample.markup import MarkupError
from sample.records import Space

PLATFORM = "泉州示例教师空间平台"

#: Resources on one page of the list.
PAGE_SIZE = 4


class ContentError(ValueError):
    """A content file is malformed; the message names the file and the place."""


@lru_cache
def load_catalog() -> tuple[Space, ...]:
    """All spaces, by their ids.

    Raises:
        ContentError: a content file cannot be read as a space.
    """
    folder = resources.files(__package__) / "content"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return tuple(parse_space((folder / name).read_text(encoding="utf-8"), name) for name in names)


def parse_space(text: str, where: str) -> Space:
    """Read one space from YAML; ``where`` names the file in errors."""
    try:
        return Space.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, MarkupError) as error:
        raise ContentError(f"{where}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContentError(f"{where}: {place}: {first['msg']}") from error


def list_pages(space: Space) -> int:
    """How many pages the list of resources has, at least one."""
    return max(1, -(-len(space.resources) // PAGE_SIZE))
