"""What models said of a text before; only a model that is new is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from audit.cache.code import CLASSIFYING, code_digest
from audit.cache.store import AnswerStore, key_of
from audit.classifier import Band, Classification, Classifier, classify_all

_Row = tuple[float, str, list[tuple[str, float]], int, int]


def classified(
    classifiers: Sequence[Classifier], text: str, store: AnswerStore | None
) -> Mapping[str, Classification]:
    """What each classifier says of a text, by family; ``store`` is what they said before."""
    if store is None or not classifiers:
        return _asked(classifiers, text)
    key = key_of("classes", code_digest(CLASSIFYING), text)
    rows: dict[str, _Row] = json.loads(store.get(key) or b"{}")
    new = [classifier for classifier in classifiers if classifier.digest not in rows]
    said = _asked(new, text)
    if new:
        rows |= {each.digest: _row(said[each.family]) for each in new}
        held = {each.digest: rows[each.digest] for each in classifiers}
        store.put(key, json.dumps(held).encode())
    return {each.family: _classification(rows[each.digest]) for each in classifiers}


def _asked(classifiers: Sequence[Classifier], text: str) -> Mapping[str, Classification]:
    return classify_all(tuple(classifiers), text)


def _row(said: Classification) -> _Row:
    return (said.probability, said.band.value, list(said.terms), said.start, said.end)


def _classification(row: _Row) -> Classification:
    probability, band, terms, start, end = row
    named = tuple((name, weight) for name, weight in terms)
    return Classification(probability, Band(band), named, start, end)
