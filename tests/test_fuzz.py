"""No bytes break folding, matching or a loader: what a loader documents is the only error."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import targets
from tests.fuzz.seeds import valid

ROOT = Path(__file__).parent.parent
#: What readers of YAML, JSON and tables have stumbled over.
NASTY = (
    "2022-13-45",
    "2022-02-30T25:61:00Z",
    "!!python/object/apply:os.system [a]",
    "&a [*a, *a]",
    "{? {a: b} : c}",
    "[" * 2000,
    "[&a [x, x], &b [*a, *a, *a, *a], &c [*b, *b, *b, *b], &d [*c, *c, *c, *c], [*d, *d, *d]]",
    "{a: " * 2000,
    "1e999",
    ".nan",
    "0x" + "f" * 5000,
    "9" * 5000,
    "12:30:45:99",
    "!!binary '*'",
    "!!timestamp 'x'",
    "!!int ''",
    "!!float 'a'",
    "<<: [1, 2]",
    "<<: 1",
    "\ud800",
    "\x00",
    '"\\ud800"',
    "~",
    "''",
    "%",
    "- - -",
    "(((((((",
    "[a-",
    "(?P<hit>",
    "'(a+)+$'",
    "{country}",
    '"@nothing"',
    "{no-such-list}",
)
spliced = st.tuples(
    st.sampled_from(sorted(valid())),
    st.integers(0, 10_000),
    st.integers(0, 12),
    st.one_of(st.sampled_from(NASTY), st.text(max_size=8)),
)


@pytest.mark.parametrize("kind", ["packs", "profiles", "schemes", "nominations"])
def test_the_seeds_are_read(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fuzzer that starts from refused files would never get past the first check."""
    data = valid()[kind].encode()
    flag = b"" if kind == "nominations" else b"\0"
    read: list[bool] = []
    monkeypatch.setattr(
        targets, "_refused_with", lambda _, reader: read.append(reader() is not None)
    )
    targets.LOADERS[kind](flag + data)
    assert read == [True]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spliced)
def test_no_mistake_in_a_file_breaks_its_loader(case: tuple[str, int, int, str]) -> None:
    kind, place, length, snippet = case
    text = valid()[kind]
    at = place % (len(text) + 1)
    broken = (text[:at] + snippet + text[at + length :]).encode("utf-8", "surrogatepass")
    flag = b"" if kind in {"manifests", "nominations"} else b"\0"
    targets.LOADERS[kind](flag + broken)


@pytest.mark.parametrize("snippet", NASTY)
@pytest.mark.parametrize("kind", ["packs", "profiles", "schemes"])
def test_nothing_nasty_breaks_a_loader_as_a_value(kind: str, snippet: str) -> None:
    text = re.sub(r"(?m)^(title|version): .*$", lambda m: f"{m[1]}: {snippet}", valid()[kind])
    targets.LOADERS[kind](b"\0" + text.encode("utf-8", "surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_folding_or_matching(data: bytes) -> None:
    targets.folding(data)
    targets.matching(data)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("target", ["folding", "matching", "loaders"])
def test_fuzzing_by_coverage_finds_nothing(target: str, tmp_path: Path) -> None:
    bounds = ["-runs=1500", "-max_total_time=8", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{target}", *bounds],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert int(runs[1]) > 20
