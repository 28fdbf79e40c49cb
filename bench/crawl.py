"""The crawler beside a bare Playwright loop and crawlee-python, on the sample platform.

Ours is the whole visit: pages found by itself, every exchange in a WARC file, text with boxes,
screenshots, files fetched, signed and verified. The others get the list of pages that such a visit
read, load each with the same browser, as many at a time, and take a screenshot. The sides take
turns; of several turns the best counts, since other work on the machine only ever adds.

A ratio above one says that ours is better: more pages a minute, less CPU time, less memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from urllib.parse import urlsplit

from _measuring import Cost, SideError, measured

from crawler.browser import find_browser, launch_options
from crawler.browsing import LOCALE, TIMEZONE, VIEWPORT
from crawler.run import receipts
from crawler.screenshots import SCREENSHOT_QUALITY
from crawler.store import SnapshotReader, SnapshotStore
from crawler.task import CrawlOrder, Limits, SpaceTask
from models.vocabulary import Visibility
from rules.profile import load_profile
from sample.catalog import load_catalog

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
CRAWLEE = "crawlee[playwright]==1.11.0"
PROFILE = "sample"
REPEATS = 3
#: A second visit with nothing changed takes no more than this part of the first's time.
SECOND_VISIT = 0.35
#: What is held early in a long crawl is at least this part of what is held late in it.
STEADY = 0.9

Side = Callable[["Work", Path], Cost]


@dataclass(frozen=True, slots=True)
class Work:
    """What all sides have to do: spaces for ours, the pages in them for the others."""

    site: str
    spaces: tuple[SpaceTask, ...]
    pages: tuple[str, ...] = ()


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


# The sides


def ours(work: Work, folder: Path) -> Cost:
    """A whole visit to each space; what it found has to be what was found before."""
    order = order_for(work, folder)
    (folder / "order-in.json").write_text(order.model_dump_json(), encoding="utf-8")
    cost = measured([sys.executable, HERE / "_ours.py", folder / "order-in.json"], folder)
    found = captured(order)
    if work.pages and sorted(found) != sorted(work.pages):
        raise SideError(f"ours read {len(found)} pages where {len(work.pages)} were to be read")
    return cost


def bare(work: Work, folder: Path) -> Cost:
    """A Playwright loop."""
    return measured([sys.executable, HERE / "_bare.py", peer_task(work, folder)], folder)


def crawlee(work: Work, folder: Path) -> Cost:
    """The PlaywrightCrawler of crawlee-python."""
    python = CACHE / "crawlee" / "bin" / "python"
    return measured([python, HERE / "_crawlee.py", peer_task(work, folder)], folder)


def order_for(work: Work, folder: Path) -> CrawlOrder:
    """The order for our side: as by default, but for the pause between attempts."""
    return CrawlOrder(
        crawl_id="bench",
        campaign="bench",
        profile=PROFILE,
        spaces=work.spaces,
        limits=Limits(attempt_gap_seconds=0.2),
        egress_allow=urlsplit(work.site).netloc,
        store=str(folder / "store"),
        directory=folder / "crawl",
        key=folder / "key.pem",
    )


def captured(order: CrawlOrder) -> list[str]:
    """The pages that the visits of an order brought home."""
    store = SnapshotStore(order.store)
    pages: list[str] = []
    for receipt in receipts(order):
        with store.local(receipt.wacz) as path, SnapshotReader(path) as reader:
            pages += [page.url for page in reader.manifest.pages if page.captured]
    return pages


def peer_task(work: Work, folder: Path) -> Path:
    """What a peer needs to know, in a file."""
    task = {
        "urls": work.pages,
        "ready": load_profile(PROFILE).ready_selector,
        "quality": SCREENSHOT_QUALITY,
        "concurrency": Limits().concurrency,
        "launch": launch_options(find_browser()),
        "context": {"viewport": VIEWPORT, "locale": LOCALE, "timezone_id": TIMEZONE},
        "storage": str(folder / "storage"),
    }
    path = folder / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


def install_crawlee() -> str | None:
    """Put crawlee into an environment of its own; returns why not, if it cannot be had."""
    folder = CACHE / "crawlee"
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == CRAWLEE:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    steps: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", CRAWLEE],
    )
    for command in steps:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
    stamp.write_text(CRAWLEE, encoding="utf-8")
    return None


# The platform


@contextmanager
def sample_platform() -> Iterator[str]:
    """The sample platform on a free port, built and started afresh; gives its address."""
    files = CACHE / "sample"
    subprocess.run(
        [sys.executable, "-m", "sample", "build", "--out", files],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [sys.executable, "-m", "sample", "serve", "--files", str(files), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            if not said:
                raise SideError("the sample platform did not start")
            yield said.strip()
        finally:
            server.terminate()


def public_spaces(site: str) -> tuple[SpaceTask, ...]:
    """The sample's public spaces that behave."""
    return tuple(
        SpaceTask(space=space.id, url=site.rstrip("/") + space.path)
        for space in load_catalog()
        if space.visibility is Visibility.PUBLIC
        and space.behaviour is None
        and space.former_path is None
    )


def repeated(work: Work, number: int) -> Work:
    """The same spaces again and again under other names, ``number`` of them."""
    spaces = islice(cycle(work.spaces), number)
    named = (
        SpaceTask(space=f"{task.space}-{turn}", url=task.url) for turn, task in enumerate(spaces)
    )
    return Work(work.site, tuple(named))


# The comparison


def costs(work: Work, sides: Mapping[str, Side], repeats: int) -> dict[str, Cost]:
    """The best of several turns of each side, number by number."""
    turns: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                turns[name].append(side(work, Path(folder)))
    return {name: _best(run) for name, run in turns.items()}


def _best(turns: Sequence[Cost]) -> Cost:
    return Cost(
        min(turn.seconds for turn in turns),
        min(turn.cpu_seconds for turn in turns),
        min(turn.peak_megabytes for turn in turns),
        "",
    )


def compared(found: Mapping[str, Cost], pages: int) -> Iterator[Row]:
    """Ours beside each peer."""
    mine = found["ours"]
    for peer, floor, memory_floor in (("playwright", 0.8, 1 / 1.5), ("crawlee", 1.0, None)):
        if peer not in found:
            continue
        theirs = found[peer]
        speeds = 60 * pages / mine.seconds, 60 * pages / theirs.seconds
        yield _row("pages a minute", peer, *speeds, more=True, floor=floor)
        each = mine.cpu_seconds / pages, theirs.cpu_seconds / pages
        yield _row("CPU seconds a page", peer, *each, more=False)
        peaks = mine.peak_megabytes, theirs.peak_megabytes
        yield _row("peak memory MB", peer, *peaks, more=False, floor=memory_floor)


def second_visit(work: Work, repeats: int) -> Iterator[Row]:
    """Ours over the same spaces again, nothing changed but counters, beside its first visit."""
    turns = [_two_visits(work) for _ in range(repeats)]
    cost, cost_again = (_best(visits) for visits in zip(*turns, strict=True))
    peer, floor = "its first visit", 1 / SECOND_VISIT
    speeds = cost_again.seconds, cost.seconds
    yield _row("seconds of a second visit", peer, *speeds, more=False, floor=floor)
    each_cpu = cost_again.cpu_seconds, cost.cpu_seconds
    yield _row("CPU seconds of a second visit", peer, *each_cpu, more=False)


def _two_visits(work: Work) -> tuple[Cost, Cost]:
    """What a first visit and the one after it cost."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        for each in (first, second):
            each.mkdir()
        cost = ours(work, first)
        again = {receipt.space: receipt.as_earlier for receipt in receipts(order_for(work, first))}
        later = Work(
            work.site,
            tuple(task.model_copy(update={"earlier": again[task.space]}) for task in work.spaces),
            work.pages,
        )
        (second / "store").symlink_to(first / "store")
        (second / "key.pem").symlink_to(first / "key.pem")
        return cost, ours(later, second)


def steadiness(work: Work, pages: int) -> Iterator[Row]:
    """The memory ours holds late in a crawl of so many pages, beside what it holds early."""
    spaces = -(-pages * len(work.spaces) // len(work.pages))
    more = repeated(work, spaces)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        held = ours(more, Path(folder)).megabytes
        read = len(captured(order_for(more, Path(folder))))
    fifth = len(held) // 5
    early, late = (mean(held[start * fifth : (start + 1) * fifth]) for start in (1, 4))
    name = f"memory MB, last fifth of {read} pages"
    yield _row(name, "its second fifth", late, early, more=False, floor=STEADY)


def growth(work: Work, sizes: Sequence[int]) -> Iterator[Row]:
    """Ours over more and more spaces, beside ours over the fewest."""
    first: tuple[float, float, float] | None = None
    for size in sizes:
        more = repeated(work, size)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            cost = ours(more, Path(folder))
            pages = len(captured(order_for(more, Path(folder))))
        mine = 60 * pages / cost.seconds, cost.cpu_seconds / pages, cost.peak_megabytes
        first = first or mine
        peer = f"ours over {sizes[0]} spaces"
        yield _row(f"pages a minute over {size} spaces", peer, mine[0], first[0], more=True)
        yield _row(f"CPU seconds a page over {size} spaces", peer, mine[1], first[1], more=False)
        yield _row(f"peak memory MB over {size} spaces", peer, mine[2], first[2], more=False)


def _row(  # noqa: PLR0913  (the columns of the table)
    measure: str, peer: str, mine: float, theirs: float, *, more: bool, floor: float | None = None
) -> Row:
    ratio = mine / theirs if more else theirs / mine
    return Row(measure, round(mine, 3), peer, round(theirs, 3), round(ratio, 3), floor)


def benchmark(repeats: int, sizes: Sequence[int], pages: int) -> Iterator[Row]:
    """Run it all on a platform of its own."""
    sides: dict[str, Side] = {"playwright": bare, "ours": ours}
    refusal = install_crawlee()
    if refusal is None:
        sides["crawlee"] = crawlee
    else:
        print(f"crawlee is left out, it cannot be installed: {refusal}", file=sys.stderr)
    with sample_platform() as site:
        work = Work(site, public_spaces(site))
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            ours(work, Path(folder))
            work = Work(site, work.spaces, tuple(captured(order_for(work, Path(folder)))))
        print(f"{len(work.spaces)} spaces, {len(work.pages)} pages", file=sys.stderr)
        yield from compared(costs(work, sides, repeats), len(work.pages))
        yield from second_visit(work, repeats)
        if pages:
            yield from steadiness(work, pages)
        yield from growth(work, sizes)


# What is said


def as_json(row: Row) -> str:
    """A row for machines."""
    return json.dumps(asdict(row) | {"ok": row.ok}, ensure_ascii=False)


def as_line(row: Row) -> str:
    """A row for people."""
    floor = "" if row.floor is None else f"≥ {row.floor:.2f} {'ok' if row.ok else 'MISSED'}"
    return (
        f"{row.measure:<36}{row.ours:>9.2f}   {row.peer:<22}{row.peer_value:>9.2f}"
        f"{row.ratio:>8.2f}  {floor}"
    )


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say by the exit code whether a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--quick", action="store_true", help="one turn for each side")
    parser.add_argument(
        "--spaces", type=int, nargs="*", default=(), help="also ours over so many: 25 100 400"
    )
    parser.add_argument(
        "--pages", type=int, default=0, help="also ours' memory over so many pages: 1000"
    )
    chosen = parser.parse_args(arguments)
    show = as_json if chosen.json else as_line
    if not chosen.json:
        print(f"{'measure':<36}{'ours':>9}   {'peer':<22}{'peer':>9}{'ratio':>8}  floor")
    ok = True
    try:
        for row in benchmark(1 if chosen.quick else REPEATS, chosen.spaces, chosen.pages):
            print(show(row), flush=True)
            ok = ok and row.ok
    except SideError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
