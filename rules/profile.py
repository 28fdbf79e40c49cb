"""Site profiles: how one platform is read, as data that a bureau edits without touching code.

A profile says which addresses belong to a space, what is a page or a resource, where the next
page of a list is, which texts are refusals, and what changes on every visit (a counter, a clock).
``generic`` works on any site; others refine it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, field_validator

from models.vocabulary import Outcome, PageKind, Visibility
from rules.record import Record

PROFILE_SUFFIX = ".yaml"


class ProfileError(ValueError):
    """A profile is unknown or malformed; the command stops with exit code 2."""


def _checked_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {value!r} ({error})") from error
    return value


class PagePattern(Record):
    """A page of a space, recognised by its path and query."""

    kind: PageKind
    pattern: str

    _check = field_validator("pattern")(_checked_pattern)


class Marker(Record):
    """A sign on a rendered page, and the outcome it stands for.

    A marker matches when every one of its given parts does: ``text`` occurs in the page's
    visible text, ``selector`` matches a visible element, ``url`` matches the final address.
    ``max_text`` keeps a marker from firing on a full page that merely mentions the words.
    """

    outcome: Outcome
    text: str | None = None
    selector: str | None = None
    url: str | None = None
    max_text: int | None = Field(default=None, gt=0)


class DeclaredLabel(Record):
    """Where the platform itself says who may see the space or item, and what its words mean."""

    selector: str
    values: dict[str, Visibility]


class Price(Record):
    """Where an item says that it costs points or money."""

    selector: str
    pattern: str = r"[1-9]\d*\s*(积分|金币|点|元)"

    _check = field_validator("pattern")(_checked_pattern)


class Profile(Record):
    """How one platform is read."""

    id: str = Field(pattern=r"^[a-z0-9_-]+$")
    version: str
    title: str
    #: Hosts the profile is for, as ``host`` or ``host:port`` with ``*`` as a wildcard; empty = any.
    hosts: tuple[str, ...] = ()
    #: Matched on path and query; its group ``space`` is the identity all pages of a space share.
    space_pattern: str = r"^(?P<space>/.*?)/?$"
    pages: tuple[PagePattern, ...] = ()
    #: Paths never visited (log-out, edit, endless calendars).
    ignore: tuple[str, ...] = ()
    #: CSS of links that are resources whatever their address looks like.
    resource_selectors: tuple[str, ...] = ()
    resource_patterns: tuple[str, ...] = ()
    #: Attributes that hold a resource's address (players, embeds).
    resource_attributes: tuple[str, ...] = ("data-file", "data-src", "data-url")
    #: Clicked until nothing more comes ("load more"), within the page's budget.
    load_more_selectors: tuple[str, ...] = ()
    #: Waited for before a page is read.
    ready_selector: str | None = None
    declared: DeclaredLabel | None = None
    price: Price | None = None
    markers: tuple[Marker, ...] = ()
    #: CSS of what changes with every visit; kept out of the content digest.
    volatile_selectors: tuple[str, ...] = ()
    #: Path of a page on the platform that is always up, fetched before and after each visit.
    canary_path: str = "/"
    digest: str = ""

    @field_validator("space_pattern")
    @classmethod
    def _space_group(cls, value: str) -> str:
        _checked_pattern(value)
        if "(?P<space>" not in value:
            raise ValueError("space_pattern needs a group (?P<space>…)")
        return value

    @field_validator("ignore", "resource_patterns")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked_pattern(item) for item in value)

    @cached_property
    def _host_patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(
            re.compile(re.escape(host).replace(r"\*", ".*") + "$", re.IGNORECASE)
            for host in self.hosts
        )

    def covers(self, url: str) -> bool:
        """Whether the address is on a host that this profile is for."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        if not self.hosts:
            return True
        names = (parts.netloc.rpartition("@")[2], parts.hostname)
        return any(p.match(name) for p in self._host_patterns for name in names)

    def space_of(self, url: str) -> str | None:
        """The identity of the space an address belongs to (with its host), or None."""
        parts = urlsplit(url)
        match = re.search(self.space_pattern, _path_query(url))
        if match is None:
            return None
        return f"{parts.netloc.lower()}{match.group('space')}"

    def page_kind(self, url: str) -> PageKind | None:
        """The kind of page at an address, or None when the profile knows no such page."""
        target = _path_query(url)
        for page in self.pages:
            if re.search(page.pattern, target):
                return page.kind
        return None

    def ignores(self, url: str) -> bool:
        """Whether an address is never to be visited."""
        return _any(self.ignore, _path_query(url))

    def is_resource(self, url: str) -> bool:
        """Whether an address is a resource by its pattern."""
        return _any(self.resource_patterns, _path_query(url))


def _path_query(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _any(patterns: Sequence[str], target: str) -> bool:
    return any(re.search(pattern, target) for pattern in patterns)


def parse_profile(text: str, where: str) -> Profile:
    """Read a profile from YAML; ``where`` names the file in errors."""
    try:
        data = yaml.safe_load(text)
        if not isinstance(data, dict):
            raise ProfileError(f"{where}: a profile is a mapping of fields")
        data["digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        return Profile.model_validate(data)
    except yaml.YAMLError as error:
        raise ProfileError(f"{where}: not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProfileError(f"{where}: {place}: {first['msg']}") from error


@lru_cache
def load_profile(name: str) -> Profile:
    """Load a built-in profile by id, or any profile by the path of its file."""
    path = Path(name)
    if path.suffix == PROFILE_SUFFIX:
        if not path.is_file():
            raise ProfileError(f"no profile file {name}")
        return parse_profile(path.read_text(encoding="utf-8"), name)
    built_in = resources.files(__package__) / "profiles" / f"{name}{PROFILE_SUFFIX}"
    if not built_in.is_file():
        known = ", ".join(profile_names())
        raise ProfileError(f"no profile {name!r}; known: {known}; or give a path to a .yaml file")
    return parse_profile(built_in.read_text(encoding="utf-8"), f"{name}{PROFILE_SUFFIX}")


def profile_names() -> list[str]:
    """The ids of the built-in profiles, sorted."""
    folder = resources.files(__package__) / "profiles"
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(PROFILE_SUFFIX) for name in names if name.endswith(".yaml"))
