"""An application on a real port of the loopback address, for as long as a block runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 20


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve the application; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # No protocol but HTTP: what uvicorn loads for the others warns of its own future.
        settings = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
        server = _Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            if not server.answers.wait(START_SECONDS):
                raise RuntimeError("the server did not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)


@contextmanager
def client_of(app: ASGIApp) -> Iterator[httpx.Client]:
    """A client of the application; redirects are not followed."""
    # The environment's proxy has no business here.
    with (
        served(app) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
        yield client
