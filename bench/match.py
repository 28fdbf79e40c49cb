"""The whole matcher beside raw scans of other libraries, on the same texts with the same phrases.

Ours is everything: folding with the map back, evasions undone, word boundaries, allow phrases,
context, hits with their explanation. The others only scan: pyahocorasick's and flashtext's own
extraction; and jieba cuts everything into words, which is the other way to keep to their bounds.
Each side runs in a process of its own; speed is by CPU time, memory is what the process holds more
after building, and at its peak.

A ratio above one says that ours is better: more megabytes a second, less memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from _material import BESIDE, DENSITY, Material, material, phrases
from _scanning import PAGE

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
PEERS = ("pyahocorasick==2.3.1", "flashtext==2.7")
TURNS = 3
SIZES = (1_000, 10_000, 50_000)
MEGABYTES, QUICK_MEGABYTES = 10.5, 2
#: What was promised: twice pyahocorasick's raw scan at this many phrases, …
PROMISED_AT = 10_000
FLOORS = {"pyahocorasick": 2.0, "jieba": 15.0}


class SideError(RuntimeError):
    """A side of the comparison did not do its work; nothing can be said."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; ``floor`` is the least ratio, none where nothing was promised."""

    measure: str
    ours: float
    peer: str
    peer_value: float
    ratio: float
    floor: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the ratio holds its floor."""
        return self.floor is None or self.ratio >= self.floor


@dataclass(frozen=True, slots=True)
class Cost:
    """What one side took."""

    seconds: float
    build_seconds: float
    built_megabytes: float
    peak_megabytes: float
    found: int


def install_peers() -> str | None:
    """Put the peers into an environment of their own; returns why not, if they cannot be had."""
    folder = CACHE / "match"
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == " ".join(PEERS):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    steps: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *PEERS],
    )
    for command in steps:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
    stamp.write_text(" ".join(PEERS), encoding="utf-8")
    return None


def cost_of(side: str, task: Path) -> Cost:
    """Run a side on a task."""
    peer = side in {name.partition("==")[0] for name in PEERS}
    python = CACHE / "match" / "bin" / "python" if peer else sys.executable
    command = [python, HERE / f"_scan_{side}.py", task]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)
    if done.returncode:
        raise SideError(f"{side} failed: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout))


def compared(size: int, texts: Material, sides: Sequence[str], turns: int) -> Iterator[Row]:
    """Ours beside each peer with so many phrases."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        task = write_task(Path(name), texts, phrases(size, texts), turns)
        costs = {side: cost_of(side, task) for side in ("ours", *sides)}
    mine = costs.pop("ours")
    for peer, theirs in costs.items():
        tell(size, peer, theirs, texts)
        floor = FLOORS.get(peer) if size == PROMISED_AT else None
        speeds = texts.megabytes / mine.seconds, texts.megabytes / theirs.seconds
        yield _row(f"MB/s, {size} phrases", peer, *speeds, more=True, floor=floor)
        built = mine.built_megabytes, theirs.built_megabytes
        yield _row(f"MB held by {size} phrases", peer, *built, more=False)
        peaks = mine.peak_megabytes, theirs.peak_megabytes
        yield _row(f"peak MB, {size} phrases", peer, *peaks, more=False)
    tell(size, "ours", mine, texts)


def write_task(folder: Path, texts: Material, chosen: Sequence[str], turns: int) -> Path:
    """What a side needs to know, in files."""
    (folder / "texts").write_text(PAGE.join(texts.documents), encoding="utf-8", newline="")
    (folder / "phrases").write_text("\n".join(chosen), encoding="utf-8")
    paths = {name: str(folder / name) for name in ("texts", "phrases")}
    (folder / "task").write_text(json.dumps(paths | {"turns": turns}), encoding="utf-8")
    return folder / "task"


def tell(size: int, side: str, cost: Cost, texts: Material) -> None:
    """Say how much a side found and how long it built; for people, on standard error."""
    often = cost.found / texts.characters * 10_000
    print(
        f"  {size:>6} phrases, {side}: {cost.found} found ({often:.2f} in 10,000 characters), "
        f"built in {cost.build_seconds:.2f} s",
        file=sys.stderr,
    )


def _row(  # noqa: PLR0913  (the columns of the table)
    measure: str, peer: str, mine: float, theirs: float, *, more: bool, floor: float | None = None
) -> Row:
    ratio = mine / theirs if more else theirs / max(mine, 0.01)
    return Row(measure, round(mine, 3), peer, round(theirs, 3), round(ratio, 3), floor)


def as_json(row: Row) -> str:
    """A row for machines."""
    return json.dumps(asdict(row) | {"ok": row.ok}, ensure_ascii=False)


def as_line(row: Row) -> str:
    """A row for people."""
    floor = "" if row.floor is None else f"≥ {row.floor:.2f} {'ok' if row.ok else 'MISSED'}"
    return (
        f"{row.measure:<30}{row.ours:>9.2f}   {row.peer:<16}{row.peer_value:>9.2f}"
        f"{row.ratio:>8.2f}  {floor}"
    )


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say by the exit code whether a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--quick", action="store_true", help="2 MB, 10,000 phrases, one turn")
    parser.add_argument("--texts", type=Path, nargs="*", help="folders of .txt and .jsonl to scan")
    chosen = parser.parse_args(arguments)
    default = [f for f in (BESIDE / "statutes", BESIDE / "lessons") if f.is_dir()]
    size = QUICK_MEGABYTES if chosen.quick else MEGABYTES
    texts = material(int(size * 1e6), default if chosen.texts is None else chosen.texts)
    print(
        f"{texts.megabytes:.1f} MB, {texts.characters} characters: {texts.source}; phrases that "
        f"occur about {DENSITY} times in 10,000 characters",
        file=sys.stderr,
    )
    refusal = install_peers()
    if refusal is not None:
        print(f"the peers are left out, they cannot be installed: {refusal}", file=sys.stderr)
    sides = ["jieba", *([] if refusal else ["pyahocorasick", "flashtext"])]
    return report(texts, sides, [PROMISED_AT] if chosen.quick else SIZES, chosen)


def report(
    texts: Material, sides: Sequence[str], sizes: Sequence[int], chosen: argparse.Namespace
) -> int:
    """Compare at each size and print row by row; jieba's speed does not hang on the phrases."""
    show = as_json if chosen.json else as_line
    ok = True
    try:
        for size in sizes:
            peers = [side for side in sides if side != "jieba" or size == PROMISED_AT]
            for row in compared(size, texts, peers, 1 if chosen.quick else TURNS):
                print(show(row), flush=True)
                ok = ok and row.ok
    except SideError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
