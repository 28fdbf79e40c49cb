"""What the pages load beside our own files, and what the tests check them with: single files out of npm.

Pinned with their digests in ``scripts/kit.lock`` and ``scripts/axe.lock``. Without them the pages work in
plain HTML and our own style; set-up says so and goes on.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from provision.console import SetupError, say
from provision.node import npm_command, present_npm
from provision.npm_package import discard, download, pins
from provision.places import AXE, KIT
from provision.stamps import digest, mark_done, recorded


@dataclass(frozen=True)
class Bundle:
    """Files to take out of packages: by package, the path in it and the name here."""

    name: str
    lock: str
    place: Path
    files: Mapping[str, Mapping[str, str]]
    without: str


#: service/web/assets.py knows these names.
PAGES = Bundle(
    name="kit",
    lock="kit.lock",
    place=KIT,
    files=MappingProxyType(
        {
            "bootstrap": {
                "dist/css/bootstrap.min.css": "bootstrap.min.css",
                "LICENSE": "LICENSE.bootstrap",
            },
            "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE.htmx"},
            "echarts": {"dist/echarts.min.js": "echarts.min.js", "LICENSE": "LICENSE.echarts"},
        }
    ),
    without="pages are plain",
)
CHECKS = Bundle(
    name="axe",
    lock="axe.lock",
    place=AXE,
    files=MappingProxyType(
        {"axe-core": {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE.axe-core"}}
    ),
    without="pages are not checked for accessibility",
)


def provide_kit() -> None:
    """Put the pages' files under ``.cache/kit``, where npm is there; never fails the set-up."""
    _provide(PAGES, needed=False)


def provide_kit_for_tests() -> None:
    """The same for the tests, with what checks the pages: installs an npm where there is none."""
    _provide(PAGES, needed=True)
    _provide(CHECKS, needed=True)


def _provide(bundle: Bundle, *, needed: bool) -> None:
    locked = pins(bundle.lock)
    state = digest(*(f"{package} {integrity}" for package, integrity in locked))
    names = [name for files in bundle.files.values() for name in files.values()]
    if recorded(bundle.name) == state and all((bundle.place / name).is_file() for name in names):
        return
    try:
        npm = npm_command() if needed else present_npm()
        if npm is None:
            say(bundle.name, f"no npm here: {bundle.without}, all else works")
            return
        _fetch(bundle, npm, locked)
    except SetupError as error:
        say(bundle.name, f"{error}: {bundle.without}, all else works")
        return
    finally:
        discard()
    mark_done(bundle.name, state)


def _fetch(bundle: Bundle, npm: Sequence[str | Path], locked: Sequence[tuple[str, str]]) -> None:
    """Download the packages one after the other; the place is replaced when all are there."""
    fresh = bundle.place.with_name(f"{bundle.place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        for package, integrity in locked:
            say(bundle.name, f"downloading {package} from npm")
            name = package.rpartition("@")[0]
            unpack(download(npm, package, integrity), fresh, bundle.files[name])
    except SetupError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(bundle.place, ignore_errors=True)
    fresh.rename(bundle.place)


def unpack(archive: Path, place: Path, files: Mapping[str, str]) -> None:
    """Take single files out of a package.

    Raises:
        SetupError: one of them is not in it.
    """
    try:
        with tarfile.open(archive) as package:
            for inside, name in files.items():
                (place / name).write_bytes(_member(package, f"package/{inside}"))
    except (KeyError, tarfile.TarError, OSError) as error:
        raise SetupError(f"{archive.name} does not hold what it should ({error})") from error


def _member(package: tarfile.TarFile, name: str) -> bytes:
    member = package.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read()
