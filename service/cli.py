"""``spaceaudit``: the command line.

A mistake of the user or of the machine ends in one sentence what is wrong and one what to do, on
standard error, with the exit code of ``service.errors.ExitCode``. With
``SPACEAUDIT_LOG_LEVEL=debug`` the traceback is logged beside it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated

import typer
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from audit.classifier import ModelError
from audit.corpus import CorpusError
from audit.review import DecisionError
from crawler.browser import BrowserError
from crawler.run import CrawlError, CrawlLacksError
from crawler.signing import SigningKeyError
from crawler.store import StoreError
from models.database import DatabaseError
from rules.pack import PackError
from rules.policy import PolicyError
from rules.profile import ProfileError
from rules.scheme import SchemeError
from service.commands import (
    audit,
    case,
    classifiers,
    config,
    decide,
    doctor,
    export,
    nominations,
    notify,
    profile,
    rank,
    report,
    rules,
    serve,
    tokens,
    train,
    users,
    verdicts,
    verify,
    webhooks,
)
from service.config import load_config, masked
from service.console import complain, examples, out
from service.errors import ConfigError, ExitCode, UserError

PROGRAM = "spaceaudit"
ASK_DOCTOR = "see what this machine lacks: spaceaudit doctor"

#: Errors of the other packages, whose messages say what to do by themselves or by this hint.
REPORTED: Mapping[type[Exception], tuple[ExitCode, str]] = MappingProxyType(
    {
        ProfileError: (ExitCode.USAGE, ""),
        PackError: (ExitCode.USAGE, ""),
        PolicyError: (ExitCode.USAGE, ""),
        DecisionError: (ExitCode.USAGE, ""),
        SchemeError: (ExitCode.USAGE, ""),
        CorpusError: (ExitCode.USAGE, ""),
        ModelError: (ExitCode.USAGE, ""),
        SigningKeyError: (ExitCode.ENVIRONMENT, ""),
        CrawlLacksError: (ExitCode.ENVIRONMENT, ASK_DOCTOR),
        CrawlError: (ExitCode.FELL_SHORT, ""),
        DatabaseError: (ExitCode.ENVIRONMENT, ""),
        DBAPIError: (ExitCode.ENVIRONMENT, ASK_DOCTOR),
        CommandError: (
            ExitCode.ENVIRONMENT,
            "the database is of another version: update spaceaudit, or set SPACEAUDIT_DATABASE_URL",
        ),
        BrowserError: (ExitCode.ENVIRONMENT, ASK_DOCTOR),
        StoreError: (ExitCode.ENVIRONMENT, ""),
        OSError: (ExitCode.ENVIRONMENT, ASK_DOCTOR),
    }
)

log = logging.getLogger(PROGRAM)

app = typer.Typer(
    name=PROGRAM,
    help="Checks nominated teacher online spaces: public access, openness, content; with evidence.",
    epilog=examples(
        "doctor",
        "audit sample/nominations.xlsx --campaign demo --profile sample",
        "report --campaign demo",
        "serve",
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        out.print(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Checks nominated teacher online spaces: public access, openness, content; with evidence."""


#: In the order in which ``--help`` lists them: the job first, then its parts.
COMMANDS = (
    doctor,
    audit,
    nominations,
    report,
    case,
    decide,
    rank,
    export,
    verify,
    serve,
    verdicts,
    rules,
    profile,
    train,
    classifiers,
    users,
    tokens,
    notify,
    webhooks,
    config,
)

for _command in COMMANDS:
    _command.register(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code.

    Args:
        arguments: Without the program's name; None takes those of the process.
    """
    _start_log()
    try:
        app(args=arguments, prog_name=PROGRAM)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else ExitCode.DONE
        if code == ExitCode.INTERRUPTED:
            complain("stopped; nothing that was finished is lost", "the same command continues")
        return code
    except UserError as error:
        return _explain(error, error.message, error.hint, error.exit_code)
    except tuple(REPORTED) as error:
        exit_code, hint = next(REPORTED[kind] for kind in REPORTED if isinstance(error, kind))
        return _explain(error, _message(error), hint, exit_code)
    return ExitCode.DONE


def _message(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return str(error.orig)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _explain(error: Exception, message: str, hint: str, exit_code: ExitCode) -> int:
    log.debug("the command ended in an error", exc_info=error)
    # Servers answer in several lines; an error is one sentence.
    complain(masked(" ".join(message.split())), hint)
    return exit_code


def _start_log() -> None:
    try:
        level = load_config().log_level
    except ConfigError:
        # The command itself reads the settings again and says what is wrong with them.
        level = "warning"
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def main() -> None:
    """The console script."""
    sys.exit(run())
