"""The worker outlives whatever a file does to its child."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.extract import Gap
from audit.extract.limits import Limits
from audit.extract.worker import ExtractionWorker
from models.vocabulary import NotScreened, ResourceKind
from tests.locked_files import rar5
from tests.test_extract_timed import subtitled

OLD_OFFICE = Path(__file__).parent / "cases" / "office"
HOSTILE = """
import os, signal, tempfile, time
from audit.extract.records import Segment
from audit.extract.registry import extractor
from models.vocabulary import Part, ResourceKind

@extractor(ResourceKind.OTHER)
def misbehave(data, context):
    yield Segment("begun", Part.ATTACHMENT, "1")
    match data.decode():
        case "sleep": time.sleep(3600)
        case "spin":
            while True: pass
        case "hog":
            hoard = []
            while True: hoard.append(bytearray(1 << 26))
        case "crash": os.kill(os.getpid(), signal.SIGSEGV)
        case "leave": os._exit(0)
        case "print": os.write(1, b"noise\\n"); print("noise", flush=True)
        case "write": tempfile.TemporaryFile(buffering=0).write(b"x")
        case "secrets": yield Segment(",".join(sorted(os.environ)), Part.ATTACHMENT, "2")
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtractionWorker]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "hostile_extractor.py").write_text(HOSTILE, encoding="utf-8")
    limits = Limits(seconds=6, cpu_seconds=3, memory_bytes=768 << 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("SPACEAUDIT_SECRET", "s3cret")
        with ExtractionWorker(limits, modules=["hostile_extractor"]) as worker:
            yield worker


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("sleep", NotScreened.TIMEOUT),
        ("spin", NotScreened.TIMEOUT),
        ("hog", NotScreened.TOO_LARGE),
        ("crash", NotScreened.UNREADABLE),
        ("leave", NotScreened.UNREADABLE),
        ("write", NotScreened.UNREADABLE),
    ],
)
def test_a_bad_file_is_a_gap_and_the_next_is_read(
    worker: ExtractionWorker, deed: str, reason: NotScreened
) -> None:
    found = worker.extract(deed.encode(), ResourceKind.OTHER, "坏.bin")
    assert found.gaps == (Gap("坏.bin", reason),)
    after = worker.extract("好".encode(), ResourceKind.TXT, "好.txt")
    assert [segment.text for segment in after.segments] == ["好"]


def test_prints_do_not_reach_the_wire(worker: ExtractionWorker) -> None:
    found = worker.extract(b"print", ResourceKind.OTHER, "x")
    assert ([s.text for s in found.segments], found.gaps) == (["begun"], ())


def test_the_child_gets_none_of_our_environment(worker: ExtractionWorker) -> None:
    found = worker.extract(b"secrets", ResourceKind.OTHER, "x")
    names = set(found.segments[1].text.split(","))
    assert "SPACEAUDIT_SECRET" not in names
    assert names <= {
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUTF8",
        "LC_CTYPE",
    }


def test_the_same_child_reads_file_after_file(worker: ExtractionWorker) -> None:
    worker.extract(b"1", ResourceKind.TXT, "a")
    process = worker._process.pid
    worker.extract(b"2", ResourceKind.TXT, "b")
    assert worker._process.pid == process


@pytest.mark.parametrize(
    ("make", "kind", "word"),
    [
        (OLD_OFFICE.joinpath("plan.doc").read_bytes, ResourceKind.DOC, "正文记号乙"),
        (OLD_OFFICE.joinpath("deck.ppt").read_bytes, ResourceKind.PPT, "备注记号丙"),
        (OLD_OFFICE.joinpath("marks.xls").read_bytes, ResourceKind.XLS, "隐藏表记号丁"),
        (lambda: rar5(data="压缩的字".encode()), ResourceKind.ARCHIVE, "压缩的字"),
        (subtitled, ResourceKind.VIDEO, "同学们好"),
    ],
    ids=["doc", "ppt", "xls", "rar", "mkv"],
)
def test_the_child_has_what_it_needs_under_its_limits(
    worker: ExtractionWorker, make: Callable[[], bytes], kind: ResourceKind, word: str
) -> None:
    found = worker.extract(make(), kind, "x")
    assert word in "\n".join(segment.text for segment in found.segments)


def test_a_large_file_does_not_reach_the_child() -> None:
    with ExtractionWorker(Limits(file_bytes=10)) as worker:
        found = worker.extract(b"0" * 11, ResourceKind.TXT, "x")
        assert found.gaps == (Gap("x", NotScreened.TOO_LARGE),)
        assert worker._process.pid is None


def test_closing_ends_the_child() -> None:
    with ExtractionWorker() as worker:
        worker.extract(b"1", ResourceKind.TXT, "a")
        pid = worker._process.pid
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


def test_starting_a_worker_loads_no_parser() -> None:
    code = (
        "import sys, audit.extract.worker;"
        "print(sorted({'lxml', 'pypdfium2', 'openpyxl', 'docx'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
        env=dict(os.environ),
    )
    assert shown.stdout.strip() == "[]"
