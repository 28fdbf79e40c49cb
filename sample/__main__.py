"""``python -m sample``: build and serve the sample platform, hold a report against its truth."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from sample.app import PRIVATE_URL, create_app
from sample.build import BASE_URL, SHEET, build
from sample.catalog import load_catalog
from sample.compare import compare
from sample.nominations import make_nominations
from sample.pictures import FontError
from sample.truth import TRUTH, write_truth

HOST = "127.0.0.1"
#: Seconds that answers under way get when the platform is stopped.
STOP_SECONDS = 3

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


def _fail(message: str, code: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)


@app.command("build")
def build_files(
    out: Annotated[Path, typer.Option(help="Directory for the files.")],
    base_url: Annotated[str, typer.Option(help="Where the platform will be.")] = BASE_URL,
) -> None:
    """Make the files, the pictures and the nomination sheet."""
    try:
        build(out, base_url)
    except FontError as error:
        raise _fail(f"{error}.", 3) from error
    typer.echo(f"{len(load_catalog())} spaces in {out}; sheet {out / SHEET}")


@app.command()
def serve(
    files: Annotated[Path, typer.Option(help="Directory that build made.")],
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.")] = 8765,
    private_url: Annotated[str, typer.Option(help="Where one space leads off to.")] = PRIVATE_URL,
) -> None:
    """Serve the platform until Ctrl-C; prints its address once it takes requests."""
    if not (files / SHEET).is_file():
        raise _fail(
            f"{files} holds no built platform. Run: python -m sample build --out {files}", 2
        )
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise _fail(
            f"Port {port} cannot be used ({error}). Choose another with --port.", 3
        ) from error
    with listener:
        typer.echo(f"http://{HOST}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            create_app(files, private_url=private_url),
            log_level="warning",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])


@app.command("compare")
def compare_report(
    report: Annotated[Path, typer.Argument(help="What report --format json wrote.")],
    truth: Annotated[Path, typer.Option(help="The truth.")] = TRUTH,
) -> None:
    """Hold a report against the truth; ends 1 when a floor is missed."""
    try:
        comparison = compare(_read(report), _read(truth))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _fail(
            f"The report cannot be compared: {error!r}. Give a report and a truth in JSON.", 2
        ) from error
    typer.echo(comparison.render())
    raise typer.Exit(0 if comparison.ok else 1)


def _read(path: Path) -> dict[str, object]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or "spaces" not in data:
        raise ValueError(f"{path} has no spaces")
    return data


@app.command("refresh")
def refresh() -> None:
    """Write the committed truth.json and nominations.xlsx anew, after the content was changed."""
    spaces = load_catalog()
    write_truth(spaces)
    TRUTH.with_name(SHEET).write_bytes(make_nominations(spaces, BASE_URL))


if __name__ == "__main__":
    app()
