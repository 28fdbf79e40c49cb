"""House rules that no linter knows: where packages come from, what is locked, who may import whom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", *(f"scripts/{name}.lock" for name in ("build", "node", "fonts")))
#: Packages come from whatever registry the person's own configuration names; so no file names one.
#: Written in parts, or this file would break its own rule.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("npmmirror", "com"),
        ("pypi", "tuna"),
        ("deb", "debian", "org"),
        ("mirrors", "aliyun", "com"),
    )
)
#: Paths of one machine only.
PRIVATE = re.compile(r"(?<![\w./])/(?:root|work/(?:main|shared))\b|\.\./shared/")


def files() -> Iterator[Path]:
    """Every text file of the checkout that git does not ignore."""
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    for folder, names, leaves in os.walk(ROOT):
        names[:] = [name for name in names if name not in ignored and name != ".git"]
        yield from (Path(folder) / leaf for leaf in leaves if leaf not in ignored)


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def locked(name: str) -> Iterator[tuple[str, int]]:
    """Each requirement of a lock file with the number of its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        yield block.splitlines()[0].rstrip(" \\"), block.count("--hash=sha256:")


def test_no_file_names_a_registry_or_a_private_path() -> None:
    offences = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in files()
        for text in [text_of(path)]
        for found in (*(r for r in REGISTRIES if r in text), *PRIVATE.findall(text))
        if path != Path(__file__)
    ]
    assert offences == []


#: In parts: this file must not name such a path either.
WORK = "/" + "work"


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("cd /root/x", True),
        (f"'{WORK}/main/a'", True),
        ("see ../shared/notes", True),
        ("http://x/root/a", False),
        ("/working/main", False),
        (f"a{WORK}/main", False),
        ("/var/root", False),
    ],
)
def test_what_counts_as_a_private_path(text: str, private: bool) -> None:
    assert bool(PRIVATE.search(text)) is private


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_address(name: str) -> None:
    requirements = list(locked(name))
    assert requirements
    for requirement, hashes in requirements:
        assert re.match(r"[a-z0-9][\w.\[\]-]*==[\w.!+]+( ; .+)?$", requirement), requirement
        assert hashes > 0, f"{requirement} has no hash"
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_what_comes_from_npm_is_pinned_by_its_digest() -> None:
    for name, number in (("browser", 1), ("replay", 1), ("axe", 1), ("kit", 3)):
        lines = (ROOT / "scripts" / f"{name}.lock").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert len(pins) == number
        for pin in pins:
            assert re.fullmatch(r"(@[\w-]+/)?[\w.-]+@[\d.]+ sha512-[\w+/]{86}==", pin)


def test_the_lock_satisfies_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(wish for extra in extras for wish in extra)]
    pins = {Requirement(line).name: Requirement(line) for line, _ in locked("requirements.lock")}
    for requirement in map(Requirement, wanted):
        pinned = pins[canonicalize_name(requirement.name)]
        version = next(iter(pinned.specifier)).version
        assert requirement.specifier.contains(version), f"{requirement} is locked as {version}"


def test_every_package_of_ours_has_its_place_in_the_import_rules() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linter = contracts["tool"]["importlinter"]
    bound = {source for contract in linter["contracts"] for source in contract["source_modules"]}
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert ours <= set(linter["root_packages"])
    # The service is the one that may import everything.
    assert ours - {"service"} <= bound
    wheel = contracts["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert ours <= set(wheel)


@pytest.mark.parametrize(("required", "ending"), [("", "1 skipped"), ("1", "1 failed")])
def test_a_missing_server_is_a_skip_here_and_a_failure_where_servers_are_required(
    tmp_path: Path, required: str, ending: str
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.postgres\ndef test_it():\n    pytest.skip('none')\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            ROOT / "pyproject.toml",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=ROOT,
        env={**os.environ, "SPACEAUDIT_REQUIRE_SERVERS": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ending in done.stdout.splitlines()[-1]
    assert "none" in done.stdout
