"""ReplayWeb.page as set-up left it: the program that replays snapshots in the reviewer's browser.

It is a program of its own under the AGPL: its files are served as they came, and nothing of ours
imports them. Where they are missing, snapshots are not replayed, and all else works.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from service.seals import Sealer

#: Where set-up puts it (scripts/provision/replay.py).
REPLAY_FOLDER = Path(__file__).parent.parent / ".cache" / "replay"
#: The files that are served.
SCRIPTS = ("ui.js", "sw.js")
#: Seconds of a ticket's window: it holds until the end of the next one, 12 to 24 hours. Within a window
#: an address stays the same, so that a browser need not fetch a snapshot's index again.
TICKET_WINDOW = 12 * 3600
ADVICE = "where npm is installed, `make setup` installs ReplayWeb.page; or set SPACEAUDIT_REPLAY"


@dataclass(frozen=True, slots=True)
class Replayer:
    """An installed ReplayWeb.page."""

    folder: Path
    version: str


def find_replayer(folder: Path) -> Replayer | None:
    """ReplayWeb.page in a folder; None where it is not, or not whole."""
    if not all((folder / name).is_file() for name in SCRIPTS):
        return None
    try:
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        return Replayer(folder, str(package["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Tickets:
    """Lets somebody whom the desk has shown a case see its one snapshot replayed, for a day.

    The replay origin has no log-in, since what runs there is hostile: it takes a ticket in the address.
    """

    sealer: Sealer
    clock: Callable[[], datetime]

    def give(self, digest: str) -> str:
        """A ticket for the snapshot with this digest."""
        window = int(self.clock().timestamp()) // TICKET_WINDOW
        return f"{window}.{self.sealer.seal('replay', str(window), digest)}"

    def holds(self, ticket: str, digest: str) -> bool:
        """Whether a ticket is for this snapshot, and of this window or the one before."""
        window, _, seal = ticket.partition(".")
        now = int(self.clock().timestamp()) // TICKET_WINDOW
        fresh = window in (str(now), str(now - 1))
        return fresh and self.sealer.holds(seal, "replay", window, digest)


@dataclass(frozen=True, slots=True)
class ReplaySite:
    """Where the replay origin listens beside the desk: a loopback address and a port.

    Without ``tickets`` it shows a snapshot to whoever knows its digest.
    """

    host: str
    port: int
    tickets: Tickets | None = None

    def address(self, desk_host: str, digest: str, url: str, moment: datetime) -> str:
        """Where a page of a snapshot is replayed, for someone who sees the desk at ``desk_host``.

        By the machine's other name: cookies are told apart by host name and not by port, so under
        the desk's own name replayed scripts could read and set the desk's.
        """
        literal = f"[{self.host}]" if ":" in self.host else self.host
        name = literal if desk_host == "localhost" else "localhost"
        query = urlencode({"url": url, "ts": f"{moment.astimezone(UTC):%Y%m%d%H%M%S}"})
        root = f"/t/{self.tickets.give(digest)}" if self.tickets else ""
        return f"http://{name}:{self.port}{root}/view/{digest}?{query}"
