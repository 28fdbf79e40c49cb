"""ReplayWeb.page, which replays snapshots in the reviewer's browser: two scripts out of an npm package."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from provision.console import SetupError, say
from provision.node import npm_command, present_npm
from provision.npm_package import discard, download, pinned
from provision.places import REPLAY
from provision.stamps import digest, mark_done, recorded

#: What is served of the package, and its licence; service/replay.py knows these names.
FILES = ("ui.js", "sw.js", "LICENSE", "package.json")


def provide_replay() -> None:
    """Put ReplayWeb.page under ``.cache/replay``, where npm is there; never fails the set-up."""
    _provide(needed=False)


def provide_replay_with_npm() -> None:
    """The same for the tests, which need it: installs an npm where there is none."""
    _provide(needed=True)


def _provide(*, needed: bool) -> None:
    package, integrity = pinned("replay.lock")
    state = digest(package, integrity)
    if recorded("replay") == state and all((REPLAY / name).is_file() for name in FILES):
        return
    try:
        npm = npm_command() if needed else present_npm()
        if npm is None:
            say("replay", "no npm here: snapshots cannot be replayed, all else works")
            return
        say("replay", f"downloading {package} from npm (2.4 MB)")
        unpack(download(npm, package, integrity), REPLAY)
    except SetupError as error:
        say("replay", f"{error}: snapshots cannot be replayed, all else works")
        return
    finally:
        discard()
    mark_done("replay", state)


def unpack(archive: Path, place: Path) -> None:
    """Take the files that are served out of the package.

    Raises:
        SetupError: one of them is not in it.
    """
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        with tarfile.open(archive) as package:
            for name in FILES:
                (fresh / name).write_bytes(_member(package, f"package/{name}"))
    except (KeyError, tarfile.TarError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise SetupError(f"{archive.name} holds no ReplayWeb.page ({error})") from error
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


def _member(package: tarfile.TarFile, name: str) -> bytes:
    member = package.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read()
