"""The truth about the sample platform, made from the same records as the platform itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.vocabulary import Openness, Visibility
from sample.planted import Placed, open_articles, open_resources, placed_texts
from sample.records import Space
from sample.views import file_path, page_gate

SCHEMA = 1
TRUTH = Path(__file__).with_name("truth.json")


def make_truth(spaces: Sequence[Space]) -> dict[str, Any]:
    """What is so, space by space; addresses are paths, without a host."""
    return {"schema": SCHEMA, "spaces": [_space(space) for space in spaces]}


def write_truth(spaces: Sequence[Space], path: Path = TRUTH) -> None:
    """Write the truth for people and ``compare`` to read."""
    text = json.dumps(make_truth(spaces), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _space(space: Space) -> dict[str, Any]:
    placed = list(placed_texts(space))
    return {
        "space": space.id,
        "path": space.nominated_path,
        "visibility": space.visibility,
        "behaviour": space.behaviour,
        "pages": [{"path": path, "visibility": seen} for path, seen in _closed_pages(space)],
        "resources": list(_resources(space)),
        "problems": _numbered(f"{space.id}-p", _problems(placed)),
        "hard_negatives": _numbered(f"{space.id}-h", _hard_negatives(placed)),
    }


def _closed_pages(space: Space) -> Iterator[tuple[str, Visibility]]:
    if space.visibility is not Visibility.PARTIAL:
        if space.visibility is not Visibility.PUBLIC:
            yield space.nominated_path, space.visibility
        return
    for column in space.shown_columns:
        seen = page_gate(space, column).visibility
        if seen is not Visibility.PUBLIC:
            yield f"{space.path}/{column}", seen
            continue
        items = {"articles": space.articles, "resources": space.resources}.get(column, ())
        for number in range(1, len(items) + 1):
            seen = page_gate(space, column, number).visibility
            if seen is not Visibility.PUBLIC:
                yield f"{space.path}/{column.removesuffix('s')}/{number}", seen


def _resources(space: Space) -> Iterator[dict[str, Any]]:
    """Files and places elsewhere that a visitor comes to; behind a closed page there are none."""
    for _, one in open_resources(space):
        where = {"url": one.href} if one.href else {"path": file_path(space, one)}
        yield where | {"openness": one.openness}
    for _, article in open_articles(space):
        for link in article.links:
            if link.offsite:
                yield {"url": link.href, "openness": Openness.OFFSITE}


def _problems(placed: Sequence[Placed]) -> Iterator[dict[str, Any]]:
    for place in placed:
        for problem in place.text.problems:
            yield {
                "dimension": problem.dimension,
                "family": problem.family,
                "text": problem.text,
                **_where(place),
                "medium": place.medium,
            }


def _hard_negatives(placed: Sequence[Placed]) -> Iterator[dict[str, Any]]:
    for place in placed:
        for one in place.text.hard_negatives:
            yield {"text": one.text, **_where(place), "why": one.why}


def _where(place: Placed) -> dict[str, Any]:
    where: dict[str, Any] = {"path": place.path, "part": place.part}
    return where | {"locator": place.locator} if place.locator else where


def _numbered(prefix: str, items: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"{prefix}{number:02}"} | item for number, item in enumerate(items, start=1)]
