"""``spaceaudit serve``: the web pages and the API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from crawler.store import SnapshotStore
from models.database import session
from service.config import Config, load_config
from service.console import examples, out, remark
from service.desk import desk_of
from service.errors import ExitCode, UserError
from service.logins import FIRST_ADMINISTRATOR, make_first_administrator
from service.replay import ADVICE, ReplaySite, Tickets, find_replayer
from service.users import acting_user
from service.web.app import create_app
from service.web.replay.app import create_replay_app
from service.web.security import LOOPBACK_NAMES
from service.web.settings import settings_from
from service.workbench import Workbench, open_workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=examples("serve", "serve --port 8080 --as wang"))(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to answer on; beyond loopback it needs a public address.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    by: Annotated[
        str | None,
        typer.Option("--as", help="User that this machine is signed in as, for the demo."),
    ] = None,
) -> None:
    """Serve the web pages and the API, until Ctrl-C.

    The first start makes an administrator and tells its one-time password. Beyond this machine it
    answers when SPACEAUDIT_PUBLIC_URL says under which address officers reach it. On this machine
    snapshots are replayed, on the port after this one, which serves nothing else.
    """
    config = load_config()
    _require_place(host, by, config)
    with open_workbench(config) as bench:
        settings = replace(settings_from(config), acting_as=by)
        _prepare_accounts(bench, by)
        listening = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        tickets = Tickets(settings.sealer, bench.now)
        with replaying(config, bench.store, listening, tickets) as replay:
            remark(f"http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C ends it)")
            app = create_app(desk_of(bench), replay=replay, settings=settings)
            _server(app, config).run(sockets=[listening])


def _prepare_accounts(bench: Workbench, by: str | None) -> None:
    """Look the demo's user up, or make the first administrator and tell its password, once."""
    with session(bench.engine) as current:
        if by is not None:
            acting_user(current, by)
            return
        password = make_first_administrator(current, at=bench.now())
    if password is not None:
        out.print(f"administrator: {FIRST_ADMINISTRATOR}", markup=False)
        out.print(f"one-time password, shown only now: {password}", markup=False)


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
    config: Config, store: SnapshotStore, desk: socket.socket, tickets: Tickets
) -> Iterator[ReplaySite | None]:
    """Serve replays on the port after the desk's, or on a free one; None where there is no program.

    On this machine only: the replay origin knows no log-in, and stays out of others' reach.
    """
    if desk.getsockname()[0] not in LOOPBACK_NAMES:
        remark("snapshots are replayed on this machine only: pages from elsewhere say so")
        yield None
        return
    replayer = find_replayer(config.replay)
    if replayer is None:
        remark(f"snapshots cannot be replayed: {ADVICE}")
        yield None
        return
    host, port = desk.getsockname()[:2]
    listening = _listen_near(host, port + 1)
    server = _server(create_replay_app(store, replayer, tickets), config)
    # Beside the main thread: only there does uvicorn take signals, and one of two would miss them.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield ReplaySite(host, listening.getsockname()[1], tickets)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _listen_near(host: str, port: int) -> socket.socket:
    try:
        return _listen(host, port)
    except (UserError, OverflowError):
        return _listen(host, 0)


def _require_place(host: str, by: str | None, config: Config) -> None:
    """Beyond this machine nobody is signed in by themselves, and a public address is known."""
    if host in LOOPBACK_NAMES:
        return
    if by is not None:
        raise UserError(
            f"{host} is not a loopback address, and --as signs everybody in",
            "leave out --as, and sign in with a password",
        )
    if not config.public_url:
        raise UserError(
            f"{host} is not a loopback address, and no public address is set",
            "set SPACEAUDIT_PUBLIC_URL to what officers type, such as https://shenhe.example",
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
