"""Whether this machine has what a run needs; each check says what it found and what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from audit.extract import packed
from audit.pictures.reader import PictureReader
from crawler.addresses import parse_allow
from crawler.browser import BrowserError, find_browser, probe
from crawler.sandbox import Sandbox, measure
from crawler.timestamp import Stamper, TimestampError, Token, digest_of
from models.database import DatabaseError, is_current, open_engine, session
from models.tables import AuditEvent
from service.config import Config, masked
from service.replay import ADVICE, find_replayer

#: A visit keeps tens of MB; below this a crawl of a county fills the disk within hours.
MIN_FREE_BYTES = 2 * 1024**3
#: No run is earlier than this program: a clock before it is wrong.
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
#: How far a clock may be behind the newest event before it counts as wrong.
CLOCK_SLACK = timedelta(minutes=5)
FONT_LIST_SECONDS = 20
#: A white square in the plainest of formats.
BLANK_PICTURE = b"BM" + b"".join(
    number.to_bytes(size, "little")
    for number, size in (
        (54 + 64 * 64 * 3, 4), (0, 4), (54, 4), (40, 4), (64, 4), (64, 4), (1, 2), (24, 2), (0, 24),
    )
) + b"\xff" * (64 * 64 * 3)  # fmt: skip
PICTURES_ADVICE = "install again (make setup): rapidocr, onnxruntime and their models come with it"
STAMP_ADVICE = (
    "see SPACEAUDIT_TIMESTAMP_URL and SPACEAUDIT_TIMESTAMP_CA; an authority that is not public needs "
    "its host:port in SPACEAUDIT_EGRESS_ALLOW"
)
SANDBOX_AS_ROOT = (
    "run spaceaudit as an ordinary user: a page that breaks out of the browser is root otherwise"
)
SANDBOX_TURNED_OFF = (
    "unset it, unless a container or a virtual machine isolates the browser already"
)
SANDBOX_BROKEN = "use a browser built with its sandbox (Debian: chromium-headless-shell)"
#: Where fonts are when there is no fontconfig, and parts of file names of Chinese fonts.
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
                "/System/Library/Fonts", "/Library/Fonts")  # fmt: skip
CHINESE_FONTS = (
    "cjk",
    "wqy",
    "sourcehan",
    "droidsansfallback",
    "simsun",
    "msyh",
    "pingfang",
    "arphic",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to do when it is not right."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine(config: Config) -> list[Check]:
    """Run every check; none raises, whatever the machine is like."""
    return [check(config) for check in CHECKS]


def _browser(config: Config) -> Check:
    try:
        browser = find_browser(config.browser)
        version = asyncio.run(probe(browser))
    except BrowserError as error:
        found, _, advice = str(error).rpartition("; ")
        return Check("browser", ok=False, found=found, advice=advice)
    return Check("browser", ok=True, found=f"{browser.path} ({version})")


def _sandbox(config: Config) -> Check:
    """Whether Chromium holds the pages by itself; a run without it works, and says so."""
    try:
        browser = find_browser(config.browser)
    except BrowserError:
        return Check("sandbox", ok=True, found="not looked at: there is no browser")
    if not browser.sandbox and os.geteuid() == 0:
        return Check(
            "sandbox", ok=True, found="off, because root runs the browser", advice=SANDBOX_AS_ROOT
        )
    if not browser.sandbox:
        found = "off, because SPACEAUDIT_BROWSER_SANDBOX=off"
        return Check("sandbox", ok=True, found=found, advice=SANDBOX_TURNED_OFF)
    state = asyncio.run(measure(browser))
    if state is Sandbox.OFF:
        found = "asked for, and the kernel shows pages outside of it"
        return Check("sandbox", ok=False, found=found, advice=SANDBOX_BROKEN)
    if state is Sandbox.UNKNOWN:
        return Check(
            "sandbox", ok=True, found="asked for; this system does not show whether it is on"
        )
    return Check("sandbox", ok=True, found="on: pages run behind a filter of their own")


def _fonts(_config: Config) -> Check:
    font = _listed_font() or _font_file()
    if font is not None:
        return Check("fonts", ok=True, found=font)
    return Check(
        "fonts",
        ok=False,
        found="no Chinese font",
        advice="install one (Debian: apt-get install fonts-noto-cjk); screenshots show boxes without",
    )


def _listed_font() -> str | None:
    """The first Chinese font that fontconfig knows; None also when there is no fontconfig."""
    program = shutil.which("fc-list")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, ":lang=zh", "family"],
            capture_output=True,
            text=True,
            timeout=FONT_LIST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    families = sorted(line.partition(",")[0] for line in answer.stdout.splitlines() if line)
    return families[0] if families else None


def _font_file() -> str | None:
    for folder in FONT_FOLDERS:
        for path in Path(folder).expanduser().rglob("*.[ot]t[cf]"):
            name = path.name.lower().replace("-", "").replace("_", "")
            if any(part in name for part in CHINESE_FONTS):
                return str(path)
    return None


def _database(config: Config) -> Check:
    address = masked(config.database_url)
    try:
        with _engine(config) as engine:
            current = is_current(engine)
    except (DatabaseError, DBAPIError, OSError) as error:
        problem = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        return Check(
            "database",
            ok=False,
            found=f"{address}: {masked(' '.join(problem.split()))}",
            advice="start the server, or set SPACEAUDIT_DATABASE_URL",
        )
    tables = "its tables are there" if current else "the next command makes or updates its tables"
    return Check("database", ok=True, found=f"{address}: {tables}")


def _store(config: Config) -> Check:
    address = masked(config.store)
    try:
        files, root = fsspec.core.url_to_fs(config.store)
        files.makedirs(root, exist_ok=True)
        probe_name = f"{root}/.probe-{uuid.uuid4().hex}"
        files.pipe_file(probe_name, b"probe")
        same = files.cat_file(probe_name) == b"probe"
        files.rm_file(probe_name)
    except (OSError, ValueError, ImportError) as error:
        return Check(
            "store",
            ok=False,
            found=f"{address}: {masked(str(error))}",
            advice="make it writable, or set SPACEAUDIT_STORE",
        )
    found = (
        f"{address}: writable" if same else f"{address}: gives back other bytes than were written"
    )
    return Check("store", ok=same, found=found, advice="" if same else "set SPACEAUDIT_STORE")


def _disk(config: Config) -> Check:
    folder = next(path for path in (config.home, *config.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Check(
        "disk",
        ok=free >= MIN_FREE_BYTES,
        found=f"{config.home}: {free / 1024**3:.1f} GiB free",
        advice=""
        if free >= MIN_FREE_BYTES
        else f"free {MIN_FREE_BYTES / 1024**3:.0f} GiB, or set SPACEAUDIT_HOME",
    )


def _clock(config: Config) -> Check:
    now = config.clock()
    if config.now is not None:
        return Check("clock", ok=True, found=f"pretended by SPACEAUDIT_NOW: {now.isoformat()}")
    newest = _newest_event(config)
    if now < RELEASED or (newest is not None and now < newest - CLOCK_SLACK):
        other = "this program" if now < RELEASED else "the newest event of the audit log"
        return Check(
            "clock",
            ok=False,
            found=f"{now.isoformat(timespec='seconds')} is before {other}",
            advice="set the clock (timedatectl set-ntp true)",
        )
    return Check("clock", ok=True, found=now.isoformat(timespec="seconds"))


def _newest_event(config: Config) -> datetime | None:
    """When the audit log was last written to; None where there is none to read."""
    try:
        with _engine(config) as engine:
            if not is_current(engine):
                return None
            with session(engine) as current:
                newest = select(AuditEvent.at).order_by(col(AuditEvent.seq).desc()).limit(1)
                return current.exec(newest).first()
    except (DatabaseError, DBAPIError, OSError):
        # The database's own check says why.
        return None


def _timestamp(config: Config) -> Check:
    if not config.timestamp_url:
        found = "no time-stamp authority is set: snapshots are signed, and not stamped"
        return Check("timestamp", ok=True, found=found)
    try:
        token = asyncio.run(_stamped(config))
    except TimestampError as error:
        found, _, advice = str(error).partition("; ")
        return Check("timestamp", ok=False, found=found, advice=advice or STAMP_ADVICE)
    found = f"{config.timestamp_url}: a time stamp of {token.time.isoformat()} holds"
    return Check("timestamp", ok=True, found=found)


async def _stamped(config: Config) -> Token:
    allow = parse_allow(config.egress_allow)
    stamper = Stamper(config.timestamp_url, config.timestamp_ca, allow)
    await stamper.start()
    try:
        return await asyncio.to_thread(stamper.stamp, digest_of(b"probe"))
    finally:
        await stamper.stop()


def _pictures(_config: Config) -> Check:
    """Whether the models that read words in pictures load, by reading one."""
    with PictureReader() as reader:
        reading = reader.read(BLANK_PICTURE)
    if reading.reason is None:
        return Check("pictures", ok=True, found=f"OCR models load ({reader.version})")
    found = f"a blank picture was not read: {reading.reason.value}"
    return Check("pictures", ok=False, found=found, advice=PICTURES_ADVICE)


def _contact(config: Config) -> Check:
    if not config.user_agent_contact:
        return Check(
            "contact",
            ok=True,
            found="no contact is set: a platform cannot ask who visits it",
            advice="set SPACEAUDIT_USER_AGENT_CONTACT to a mail or web address",
        )
    return Check("contact", ok=True, found=f"+{config.user_agent_contact} in every request")


def _replay(config: Config) -> Check:
    replayer = find_replayer(config.replay)
    if replayer is None:
        found = "no ReplayWeb.page: snapshots cannot be replayed, all else works"
        return Check("replay", ok=True, found=found, advice=ADVICE)
    return Check("replay", ok=True, found=f"ReplayWeb.page {replayer.version} ({config.replay})")


def _archives(_config: Config) -> Check:
    """Whether rar, 7z and tar archives can be read; without the library each is a ledger gap."""
    version = packed.version()
    if version is None:
        return Check(
            "archives",
            ok=True,
            found="no libarchive: rar, 7z and tar archives go to the ledger unread, zip is read",
            advice="install it (Debian: apt-get install libarchive13)",
        )
    return Check("archives", ok=True, found=f"libarchive {version}")


@contextmanager
def _engine(config: Config) -> Iterator[Engine]:
    engine = open_engine(config.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


CHECKS: tuple[Callable[[Config], Check], ...] = (
    _browser,
    _sandbox,
    _fonts,
    _database,
    _store,
    _pictures,
    _disk,
    _clock,
    _timestamp,
    _replay,
    _archives,
    _contact,
)
