"""Settings: environment variables ``SPACEAUDIT_*``, then ``spaceaudit.toml``, then defaults.

They are read once, at the start of a command, into a frozen object that is handed on.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AwareDatetime,
    ByteSize,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from crawler.addresses import AllowError, parse_allow
from crawler.identity import is_contact
from crawler.quiet import parse_quiet_hours, time_zone
from service.errors import ConfigError
from service.oidc import is_safe_issuer
from service.replay import REPLAY_FOLDER
from service.web.assets import KIT_FOLDER

ENV_PREFIX = "SPACEAUDIT_"
CONFIG_FILE = Path("spaceaudit.toml")
#: Settings whose whole value is a secret.
SECRETS = frozenset({"oidc_client_secret"})
LogLevel = Literal["debug", "info", "warning", "error"]


class Config(BaseSettings):
    """Every setting of one run, documented; see ``spaceaudit config``."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Field(default=Path("var"), description="Where data lives.")
    database_url: str = Field(
        default_factory=lambda data: f"sqlite:///{data['home'] / 'spaceaudit.db'}",
        repr=False,
        description="SQLAlchemy address of the database.",
    )
    store: str = Field(
        default_factory=lambda data: str(data["home"] / "snapshots"),
        repr=False,
        description="Snapshot store: a directory or an fsspec address such as s3://bucket/prefix.",
    )
    broker: str | None = Field(
        default=None,
        repr=False,
        description="Queue of a many-machine set-up (amqp:// or redis://); without it jobs run inline.",
    )
    browser: Path | None = Field(
        default=None, description="Browser executable; without it one is looked for."
    )
    egress_allow: str = Field(
        default="",
        description="Comma-separated host:port or network:port that the guard lets through "
        "although not public.",
    )
    timestamp_url: str = Field(
        default="",
        description="RFC 3161 time-stamp authority (http or https) asked for every snapshot; one that "
        "is not public needs its host:port in SPACEAUDIT_EGRESS_ALLOW. Empty: none is asked.",
    )
    timestamp_ca: Path | None = Field(
        default=None,
        validate_default=True,
        description="The authority's root certificate (PEM), by which time stamps are verified.",
    )
    now: AwareDatetime | None = Field(
        default=None,
        description="Pretend date-time with its zone, for rehearsals (2022-10-10T08:00:00+08:00).",
    )
    attempt_gap_seconds: float = Field(
        default=600, ge=0, description="Seconds between two attempts to open a space."
    )
    max_attempts: int = Field(
        default=3, ge=2, le=20, description="Attempts to open a space before a person is asked."
    )
    page_seconds: float = Field(default=45, gt=0, description="Seconds that one page may take.")
    max_pages: int = Field(default=80, ge=1, description="Pages visited in one space.")
    max_depth: int = Field(default=6, ge=0, description="Links followed from a space's home page.")
    max_resources: int = Field(default=300, ge=0, description="Files fetched from one space.")
    max_file_bytes: ByteSize = Field(
        default=ByteSize(64 * 1024 * 1024), gt=0, description="Largest file fetched (64MiB)."
    )
    max_visit_bytes: ByteSize = Field(
        default=ByteSize(1024**3),
        gt=0,
        description="Most that one visit to a space brings home, in all (1GiB).",
    )
    visit_minutes: float = Field(
        default=20,
        gt=0,
        description="Minutes at work that one visit to a space may take; waiting does not count.",
    )
    full_visit_days: float = Field(
        default=7,
        ge=0,
        description="A later visit renders only pages that answer otherwise than before; after so many "
        "days it renders all of them again. 0: at every visit.",
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="Pages open at once in the browser, over all spaces."
    )
    site_concurrency: int = Field(
        default=12,
        ge=1,
        le=64,
        description="Requests at once to one site (host:port), pages' own included, over all crawls "
        "of this home; twelve are what two visitors' browsers send.",
    )
    timezone: str = Field(
        default="Asia/Shanghai", description="Time zone that times of day are meant in."
    )
    quiet_hours: str = Field(
        default="",
        validate_default=True,
        description="Times of day at which sites are left alone, such as school hours "
        "(07:30-12:00,14:00-17:30); a crawl waits and goes on afterwards. Empty: none.",
    )
    user_agent_contact: str = Field(
        default="",
        description="Mail or web address put into the user agent, so that a platform can ask.",
    )
    robots_authority: str = Field(
        default="",
        description="Who allowed in writing to visit what robots.txt forbids, with the paper's number; "
        "it is recorded in every snapshot. Empty: robots.txt is obeyed.",
    )
    public_url: str = Field(
        default="",
        description="Address under which officers reach the pages, when not on this machine "
        "(https://shenhe.example); needed to serve beyond it.",
    )
    session_idle_minutes: float = Field(
        default=120, gt=0, description="Minutes without a request after which a log-in ends."
    )
    session_hours: float = Field(default=12, gt=0, description="Hours that a log-in lasts at most.")
    oidc_issuer: str = Field(
        default="",
        description="Address of the OpenID provider by which officers may sign in. Empty: none.",
    )
    oidc_client_id: str = Field(default="", description="What the provider calls this service.")
    oidc_client_secret: str = Field(
        default="",
        validate_default=True,
        repr=False,
        description="The secret that the provider gave this service.",
    )
    oidc_label: str = Field(
        default="统一身份认证", description="What the log-in page calls the provider."
    )
    oidc_claim: str = Field(
        default="preferred_username",
        description="The provider's claim that names the account at a person's first log-in.",
    )
    kit: Path = Field(
        default=KIT_FOLDER,
        description="Folder with Bootstrap, htmx and ECharts, which the pages load; plain without.",
    )
    replay: Path = Field(
        default=REPLAY_FOLDER,
        description="Folder with ReplayWeb.page's ui.js and sw.js, by which snapshots are replayed.",
    )
    log_level: LogLevel = Field(
        default="warning", description="How much is logged: debug, info, warning or error."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file; nothing else is read."""
        file = InitSettingsSource(settings_cls, init_kwargs=dict(_file_values()))
        return (init_settings, env_settings, file)

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        # Child processes work in directories of their own.
        return value.expanduser().absolute()

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return ",".join(map(str, value)) if isinstance(value, list) else value

    @field_validator("egress_allow")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            parse_allow(value)
        except AllowError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        time_zone(value)
        return value

    @field_validator("quiet_hours", mode="before")
    @classmethod
    def _spans(cls, value: object) -> object:
        return ",".join(map(str, value)) if isinstance(value, list) else value

    @field_validator("quiet_hours")
    @classmethod
    def _quiet(cls, value: str, info: ValidationInfo) -> str:
        if "timezone" in info.data:
            parse_quiet_hours(value, info.data["timezone"])
        return value

    @field_validator("user_agent_contact")
    @classmethod
    def _contact(cls, value: str) -> str:
        if value and not is_contact(value):
            raise ValueError(
                f"{value!r} is no address of mail or of the web (https://…) in plain letters"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        place = urlsplit(value)
        if value and (place.scheme not in ("http", "https") or not place.hostname):
            raise ValueError("it is no http or https address")
        return value.rstrip("/")

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if value and not is_safe_issuer(value):
            raise ValueError("it is no https address")
        return value

    @field_validator("oidc_client_secret")
    @classmethod
    def _client(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuer") and not (info.data.get("oidc_client_id") and value):
            raise ValueError("SPACEAUDIT_OIDC_ISSUER is set, and needs its client id and secret")
        return value

    @field_validator("timestamp_url")
    @classmethod
    def _authority(cls, value: str) -> str:
        place = urlsplit(value)
        if value and (place.scheme not in ("http", "https") or not place.hostname):
            raise ValueError("it is no http or https address")
        return value

    @field_validator("timestamp_ca")
    @classmethod
    def _verifiable(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        # A token that nobody can verify is not asked for.
        if value is None and info.data.get("timestamp_url"):
            raise ValueError("SPACEAUDIT_TIMESTAMP_URL is set, and its answers must be verified")
        return value.expanduser().absolute() if value else None

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    def clock(self) -> datetime:
        """The date-time in UTC: the pretended one when ``SPACEAUDIT_NOW`` is set."""
        return (self.now or datetime.now(UTC)).astimezone(UTC)


class Source(StrEnum):
    """Where a setting's value comes from."""

    ENV = "env"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as ``spaceaudit config`` shows it; secrets within addresses are masked."""

    name: str
    value: str
    source: Source
    help: str


def load_config() -> Config:
    """Read the settings.

    Raises:
        ConfigError: a value cannot be read; names the variable and where it was set.
    """
    try:
        return Config()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{variable(name)} (from {_source(name).value}) cannot be used: {problem}",
            f"set it right or leave it out: {Config.model_fields[name].description}",
        ) from error


def variable(field: str) -> str:
    """The environment variable of a field."""
    return ENV_PREFIX + field.upper()


def explain(config: Config) -> list[Setting]:
    """Every setting with its value, its source and a line of help."""
    return [
        Setting(
            name=variable(name),
            value="***"
            if name in SECRETS and getattr(config, name)
            else masked(_shown(getattr(config, name))),
            source=_source(name),
            help=field.description or "",
        )
        for name, field in Config.model_fields.items()
    ]


def unknown_settings() -> list[str]:
    """Variables and keys of the file that look like settings and are none."""
    known = {variable(name) for name in Config.model_fields}
    variables = sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    )
    keys = sorted(key for key in _file_values() if key not in Config.model_fields)
    return [*variables, *(f"{key} ({CONFIG_FILE})" for key in keys)]


_PASSWORD = re.compile(r"(://[^:/@\s]*):.+@")
_SECRET_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*)=[^&]*")


def masked(value: str) -> str:
    """The value without the passwords that an address in it may carry."""
    return _SECRET_PARAMETER.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", value))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _source(field: str) -> Source:
    if any(name.upper() == variable(field) and text for name, text in os.environ.items()):
        return Source.ENV
    return Source.FILE if field in _file_values() else Source.DEFAULT


def _file_values() -> Mapping[str, Any]:
    """What the file says, empty without one; Any because TOML values are."""
    try:
        # "utf-8-sig": editors on Windows put a mark at the beginning that TOML does not know.
        return tomllib.loads(CONFIG_FILE.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(
            f"{CONFIG_FILE} cannot be read: {error}",
            'write it as UTF-8 text with lines such as home = "var"',
        ) from error
