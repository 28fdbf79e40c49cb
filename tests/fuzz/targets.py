"""What must hold of any bytes: the targets, without the fuzzer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from models.manifest import load_manifest
from rules.folding import fold
from rules.loosening import loosen
from rules.matcher import Matcher
from rules.pack import PackError, load_packs, parse_pack
from rules.profile import ProfileError, parse_profile
from rules.scheme import SchemeError, parse_scheme
from service.errors import SheetError
from service.nomination_rows import read_nominations


def _text(data: bytes) -> str:
    """Bytes as text, so that the fuzzer reaches Chinese, invisible and broken characters alike."""
    if data[:1] < b"\x80":
        return data[1:].decode("utf-8", "surrogateescape")
    return data[1:].decode("utf-16-le", "surrogatepass" if len(data) % 2 else "replace")


def folding(data: bytes) -> None:
    """Folding twice is folding once; spans of both folds lead back, in order and in range."""
    text = _text(data)
    folded = fold(text)
    assert fold(folded.text).text == folded.text
    spans = [folded.original(at, at + 1) for at in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    loose = loosen(folded)
    if loose is not None:
        starts = [loose.original(at, at + 1) for at in range(len(loose.text))]
        assert starts == sorted(starts)
        assert all(0 <= start < end <= len(folded.text) for start, end in starts)


@cache
def _matcher() -> Matcher:
    return Matcher(load_packs())


def matching(data: bytes) -> None:
    """Every hit is in the text as it says, and comes in order."""
    text = _text(data)
    hits = _matcher().match(text)
    assert all(hit.text == text[hit.start : hit.end] and hit.text for hit in hits)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)


def packs(data: bytes) -> None:
    """A rule pack is read or refused."""
    _refused_with(PackError, lambda: parse_pack(_text(data), "fuzz.yaml"))


def profiles(data: bytes) -> None:
    """A site profile is read or refused."""
    _refused_with(ProfileError, lambda: parse_profile(_text(data), "fuzz.yaml"))


def schemes(data: bytes) -> None:
    """A scoring scheme is read or refused."""
    _refused_with(SchemeError, lambda: parse_scheme(_text(data), "fuzz.yaml"))


def manifests(data: bytes) -> None:
    """A manifest is read or refused."""
    _refused_with(ValidationError, lambda: load_manifest(data))


def nominations(data: bytes) -> None:
    """A nomination file, csv or xlsx, is read or refused."""
    with tempfile.NamedTemporaryFile(suffix=".xlsx" if data[:2] == b"PK" else ".csv") as file:
        file.write(data)
        file.flush()
        _refused_with(SheetError, lambda: read_nominations(Path(file.name)))


def _refused_with(error: type[Exception], read: Callable[[], object]) -> None:
    try:
        read()
    except error:
        return


LOADERS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (packs, profiles, schemes, manifests, nominations)
}


def loaders(data: bytes) -> None:
    """One of the loaders, by the first byte."""
    targets = list(LOADERS.values())
    targets[data[0] % len(targets) if data else 0](data[1:])
