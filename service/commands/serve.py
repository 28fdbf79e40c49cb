"""``spaceaudit serve``: the web pages and the API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from crawler.store import SnapshotStore
from models.database import session
from service.config import Config, load_config
from service.console import examples, remark
from service.desk import desk_of
from service.errors import ExitCode, UserError
from service.replay import ADVICE, ReplaySite, find_replayer
from service.users import acting_user
from service.web.app import create_app
from service.web.replay.app import create_replay_app
from service.web.security import LOOPBACK_NAMES
from service.workbench import open_workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=examples("serve", "serve --port 8080 --as wang"))(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to answer on; loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    by: Annotated[
        str | None, typer.Option("--as", help="User who decides on the pages; else read only.")
    ] = None,
) -> None:
    """Serve the web pages and the API on this machine, until Ctrl-C.

    There are no accounts yet, so only this machine is answered. Snapshots are replayed on the port
    after this one, which serves nothing else.
    """
    _require_loopback(host)
    config = load_config()
    with open_workbench(config) as bench:
        if by is not None:
            with session(bench.engine) as current:
                acting_user(current, by)
        listening = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        with replaying(config, bench.store, listening) as replay:
            remark(f"http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C ends it)")
            app = create_app(desk_of(bench), by, replay)
            _server(app, config).run(sockets=[listening])


def _server(app: ASGIApp, config: Config) -> uvicorn.Server:
    settings = uvicorn.Config(
        app,
        log_level=config.log_level,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
    )
    return uvicorn.Server(settings)


@contextmanager
def replaying(
    config: Config, store: SnapshotStore, desk: socket.socket
) -> Iterator[ReplaySite | None]:
    """Serve replays on the port after the desk's, or on a free one; None where there is no program."""
    replayer = find_replayer(config.replay)
    if replayer is None:
        remark(f"snapshots cannot be replayed: {ADVICE}")
        yield None
        return
    host, port = desk.getsockname()[:2]
    listening = _listen_near(host, port + 1)
    server = _server(create_replay_app(store, replayer), config)
    # Beside the main thread: only there does uvicorn take signals, and one of two would miss them.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield ReplaySite(host, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _listen_near(host: str, port: int) -> socket.socket:
    try:
        return _listen(host, port)
    except (UserError, OverflowError):
        return _listen(host, 0)


def _require_loopback(host: str) -> None:
    if host not in LOOPBACK_NAMES:
        raise UserError(
            f"{host} is not a loopback address, and there are no accounts yet to keep strangers out",
            "leave out --host; from elsewhere, use a tunnel such as ssh -L 8000:127.0.0.1:8000 HOST",
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise UserError(
            f"port {port} of {host} cannot be used ({error.strerror})",
            "choose another with --port, or 0 for a free one",
            ExitCode.ENVIRONMENT,
        ) from error
