"""What a user can get wrong, and what every command then says.

    UserError                        exit 2 unless the error says otherwise; nothing was changed
    ├── ConfigError                  a setting cannot be read; nothing starts
    ├── SheetError                   a nomination file cannot be read at all; nothing is imported
    ├── CampaignError                the campaign is unknown, or is not what the command says it is
    ├── AccountError                 a user name or role does not fit; no account is changed
    └── EnvironmentLacks             exit 3: the machine lacks something; ``spaceaudit doctor`` says what

A row of a nomination file that cannot be used is no error: it is refused, named in the result,
the other rows are imported, and the command ends with ``ExitCode.FELL_SHORT``.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    #: Done, but something was refused or fell short; the output says what.
    FELL_SHORT = 1
    #: Wrong usage or configuration.
    USAGE = 2
    #: The environment lacks something.
    ENVIRONMENT = 3
    #: Stopped by Ctrl-C; the same command continues.
    INTERRUPTED = 130


class UserError(Exception):
    """A mistake that the user can put right.

    Attributes:
        message: One sentence: what is wrong.
        hint: One sentence: what to do about it.
        exit_code: What the command ends with.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, hint: str, exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class ConfigError(UserError):
    """A setting cannot be read; the message names its variable."""


class SheetError(UserError):
    """A nomination file cannot be read at all: nothing of it is imported."""


class CampaignError(UserError):
    """A campaign is unknown, or is not what the command says it is."""


class AccountError(UserError):
    """An account cannot be made or changed as asked."""


class EnvironmentLacks(UserError):  # noqa: N818  (reads as what it says)
    """The machine lacks something that the command needs."""

    exit_code = ExitCode.ENVIRONMENT
