"""Sets up what the project needs on a fresh machine: ``python3 scripts/bootstrap.py [--for demo|test|lint]``.

Needs Python 3.11 and nothing else. Looks first and installs only what is missing, inside the checkout
where it can and by the system's packages where it may (as root). Running it again costs a moment.
Exit code 3: something is missing that it cannot install; the last line says what to do.
"""

from __future__ import annotations

import argparse
import sys
import time

from provision.archives import provide_libarchive
from provision.browser import provide_browser
from provision.console import SetupError, say
from provision.environment import provide_packages, provide_python
from provision.fonts import provide_fonts
from provision.kit import provide_kit, provide_kit_for_tests
from provision.places import LOG
from provision.replay import provide_replay, provide_replay_with_npm
from provision.servers import provide_servers

STEPS = {
    "lint": (provide_python, provide_packages),
    "demo": (
        provide_python,
        provide_packages,
        provide_libarchive,
        provide_fonts,
        provide_browser,
        provide_replay,
        provide_kit,
    ),
    "test": (
        provide_python,
        provide_packages,
        provide_libarchive,
        provide_fonts,
        provide_browser,
        provide_servers,
        provide_replay_with_npm,
        provide_kit_for_tests,
    ),
}
OLDEST = (3, 11)


def main() -> int:
    """Run the steps for one purpose, in order."""
    parser = argparse.ArgumentParser(description="Sets up the project on this machine.")
    parser.add_argument("--for", dest="purpose", choices=STEPS, default="demo")
    purpose = parser.parse_args().purpose
    if sys.version_info < OLDEST:
        version = ".".join(map(str, OLDEST))
        print(f"this is Python {sys.version.split()[0]}; run it with Python {version} or newer")
        return 3
    started = time.monotonic()
    LOG.unlink(missing_ok=True)
    try:
        for step in STEPS[purpose]:
            step()
    except SetupError as error:
        print(f"set-up stopped: {error}\n(all output: {LOG})", file=sys.stderr)
        return 3
    say("set-up", f"ready for {purpose} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
