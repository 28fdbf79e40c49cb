"""The sample platform for tests: built once for all tests of a run, served on a port of its own."""

from __future__ import annotations

import atexit
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import uvicorn

from sample.app import create_app
from sample.build import build

#: Where one space leads off to: a port on which nothing listens.
PRIVATE = "http://127.0.0.1:1/internal"


@lru_cache
def site_folder() -> Path:
    """The directory that ``build`` made; it goes when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="sample-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build(folder)
    return folder


@contextmanager
def serving(slow_seconds: float = 0) -> Iterator[str]:
    """A freshly started platform; gives its address."""
    app = create_app(site_folder(), private_url=PRIVATE, slow_seconds=slow_seconds)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
