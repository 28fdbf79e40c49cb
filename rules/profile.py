"""Site profiles: how one platform is read, as data that a bureau edits without touching code.

A profile says which addresses belong to a space, what is a page or a resource, where the next
page of a list is, which texts are refusals, and what changes on every visit (a counter, a clock).
``generic`` works on any site; others refine it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from models.vocabulary import Outcome, PageKind, Visibility
from rules.patterns import refuse_pattern
from rules.profile_mistakes import mistakes, yaml_mistake
from rules.record import Record
from rules.yamltext import read_yaml

PROFILE_SUFFIX = ".yaml"

#: How a fragment begins that is a route of its own (``#/…``, ``#!…``) and not a place on the page.
ROUTE_MARKS = ("/", "!")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
#: Escapes that stay: decoded, they would move the bounds of the path, the query or a parameter.
_KEPT_IN_PATH = re.compile(r"%(23|25|2f|3f)", re.IGNORECASE)
_KEPT_IN_QUERY = re.compile(r"%(23|25|26|3d)", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


class ProfileError(ValueError):
    """A profile is unknown or malformed; the command stops with exit code 2."""


def _checked_pattern(value: str) -> str:
    refuse_pattern(value)
    return value


def _checked_selector(value: str) -> str:
    """Refuse what is surely no CSS; the browser has the last word on the rest."""
    bare = _QUOTED.sub("", value)
    paired = bare.count("(") == bare.count(")") and bare.count("[") == bare.count("]")
    if (
        not value.strip()
        or not paired
        or value.startswith(("/", "http"))
        or re.search("[\"'{}]", bare)
    ):
        raise ValueError(
            f"{value!r} is not a CSS selector; write one that the browser's console finds with "
            "document.querySelectorAll"
        )
    return value


class _Part(Record):
    """A part of a profile: the texts below its fields go into the schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class PagePattern(_Part):
    """A page of a space, recognised by its path, query and route."""

    kind: PageKind
    """What the page is for."""
    pattern: str
    """Regular expression, searched in the decoded path, query and route (`#/…`)."""

    _check = field_validator("pattern")(_checked_pattern)


class MemberLinks(_Part):
    """Links that make their target a page of the space by where they stand.

    For platforms whose pages do not carry the space's identity in their address. A link to a page
    that carries the identity of *another* space is never taken.
    """

    selector: str
    """CSS of the links themselves, as narrow as can be: what it takes is held against the teacher."""
    found_on: tuple[PageKind, ...] = (PageKind.HOME, PageKind.LIST)
    """Kinds of the pages of the space on which such links count."""
    kind: PageKind = PageKind.ARTICLE
    """What the page behind the link is, unless `pages` says otherwise."""

    _check = field_validator("selector")(_checked_selector)


class Marker(_Part):
    """A sign on a rendered page, and the outcome it stands for.

    A marker matches when every one of its given parts does: ``text`` occurs in the page's
    visible text, ``selector`` matches a visible element, ``url`` matches the final address.
    ``max_text`` keeps a marker from firing on a full page that merely mentions the words.
    """

    outcome: Outcome
    """What the sign stands for."""
    text: str | None = None
    """Words in the visible text, letter for letter."""
    selector: str | None = None
    """CSS of a visible element."""
    url: str | None = None
    """Regular expression, searched in the address at which the browser ended up."""
    max_text: int | None = Field(default=None, gt=0)
    """The page has no more visible text than this, in characters."""

    @field_validator("selector", "url")
    @classmethod
    def _parts(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        return _checked_pattern(value) if info.field_name == "url" else _checked_selector(value)

    @model_validator(mode="after")
    def _some_sign(self) -> Marker:
        if not (self.text or self.selector or self.url):
            raise ValueError("has no sign to look for; give text, selector or url")
        return self


class DeclaredLabel(_Part):
    """Where the platform itself says who may see the space or item, and what its words mean."""

    selector: str
    """CSS of the label."""
    values: dict[str, Visibility] = Field(min_length=1)
    """What each wording means; of several that occur in the label the longest counts."""

    _check = field_validator("selector")(_checked_selector)

    @field_validator("values")
    @classmethod
    def _longest_first(cls, values: dict[str, Visibility]) -> dict[str, Visibility]:
        # The first that occurs is taken: "公开" must not stand before "不公开".
        return dict(sorted(values.items(), key=lambda item: -len(item[0])))


class Price(_Part):
    """Where an item says that it costs points or money."""

    selector: str
    """CSS of the price."""
    pattern: str = r"[1-9]\d*\s*(积分|金币|点|元)"
    """Regular expression that its text matches when the item is not free."""

    _check = field_validator("pattern")(_checked_pattern)
    _check_selector = field_validator("selector")(_checked_selector)


class Profile(_Part):
    """How one platform is read."""

    id: str = Field(pattern=r"^[a-z0-9_-]+$")
    """Name of the profile, as the file's: small letters, digits, `-` and `_`."""
    version: str
    """Changes with every edit that changes what is read; in quotes."""
    title: str
    """Name of the platform, for officers."""
    hosts: tuple[str, ...] = ()
    """Hosts the profile is for, as `host` or `host:port` with `*` as a wildcard; empty = any."""
    space_pattern: str = r"^(?P<space>/.*?)/?$"
    """Regular expression on the decoded path and query, and on the route (`#/…`) where there is one;
    its group `space` is the identity that all pages of a space share."""
    pages: tuple[PagePattern, ...] = ()
    """Pages of a space by their address, the first that matches counts; empty = all pages whose
    identity begins with the space's."""
    members: tuple[MemberLinks, ...] = ()
    """Links whose targets belong to the space although their address does not say so."""
    ignore: tuple[str, ...] = ()
    """Addresses never visited as pages (log-out, edit, endless calendars), as regular expressions."""
    resource_selectors: tuple[str, ...] = ()
    """CSS of links that are files whatever their address looks like."""
    resource_patterns: tuple[str, ...] = ()
    """Addresses that are files, as regular expressions on the decoded path and query."""
    resource_attributes: tuple[str, ...] = ("data-file", "data-src", "data-url")
    """Attributes that hold a file's address (players, embeds)."""
    resource_json_keys: tuple[str, ...] = ()
    """Keys of JSON, in the answers the page fetches and in its scripts, whose values are addresses
    of files."""
    load_more_selectors: tuple[str, ...] = ()
    """CSS of buttons clicked until nothing more comes ("load more"), within the page's budget."""
    next_page_selectors: tuple[str, ...] = ()
    """CSS of what turns a list to its next page in place, without an address of its own."""
    tab_selectors: tuple[str, ...] = ()
    """CSS of tabs whose panels are hidden until they are pressed."""
    discover_controls: bool = True
    """Whether "load more", folded parts, tabs and pagers are looked for by words and roles as well."""
    learn_scope: bool = False
    """Whether addresses that share the nominated address's identity are learned to belong to the
    space, beside those that `space_pattern` names; for profiles without `pages`."""
    ready_selector: str | None = None
    """CSS of what is on a page once its scripts have built it; waited for before it is read."""
    declared: DeclaredLabel | None = None
    """Where the platform says who may see the space or item."""
    price: Price | None = None
    """Where an item says that it costs points or money."""
    markers: tuple[Marker, ...] = ()
    """Signs of refusals, log-in walls, missing pages and walls against robots; the first counts."""
    volatile_selectors: tuple[str, ...] = ()
    """CSS of what changes with every visit; kept out of the content digest."""
    volatile_keys: tuple[str, ...] = ()
    """Keys in the platform's answers in JSON whose values change with every visit: at a later visit
    they are not compared."""
    canary_path: str = "/"
    """Path of a page on the platform that is always up, fetched before and after each visit."""
    digest: str = ""
    """Of the file, filled in when it is read."""

    @field_validator("space_pattern")
    @classmethod
    def _space_group(cls, value: str) -> str:
        _checked_pattern(value)
        if "(?P<space>" not in value:
            raise ValueError(
                f"{value!r} has no group named space; put the part that all pages of a space "
                "share into (?P<space>…)"
            )
        return value

    @field_validator("hosts")
    @classmethod
    def _bare_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not host.strip() or re.search(r"[/?#\s]", host):
                raise ValueError(
                    f"{host!r} is not a host; write host or host:port, without https://"
                )
        return value

    @field_validator("ignore", "resource_patterns")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked_pattern(item) for item in value)

    @field_validator(
        "resource_selectors",
        "load_more_selectors",
        "next_page_selectors",
        "tab_selectors",
        "volatile_selectors",
        "ready_selector",
    )
    @classmethod
    def _selectors(cls, value: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for item in (value,) if isinstance(value, str) else value or ():
            _checked_selector(item)
        return value

    @cached_property
    def _host_patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(
            re.compile(re.escape(host).replace(r"\*", ".*") + "$", re.IGNORECASE)
            for host in self.hosts
        )

    @cached_property
    def named_parameters(self) -> frozenset[str]:
        """Parameters that some pattern speaks of: to this platform they are more than a trace."""
        patterns = (self.space_pattern, *(p.pattern for p in self.pages), *self.resource_patterns)
        return frozenset(re.findall(r"(\w+)=", " ".join(patterns)))

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
        match = re.search(self.space_pattern, _path_query(url))
        if match is None:
            return None
        return f"{urlsplit(url).netloc.lower()}/{match.group('space').removeprefix('/')}"

    def page_kind(self, url: str) -> PageKind | None:
        """The kind of page at an address, or None when the profile knows no such page."""
        return next((page.kind for page in self.pages if self.matches(page.pattern, url)), None)

    def ignores(self, url: str) -> bool:
        """Whether an address is never to be visited."""
        return any(self.matches(pattern, url) for pattern in self.ignore)

    def is_resource(self, url: str) -> bool:
        """Whether an address is a resource by its pattern."""
        return any(self.matches(pattern, url) for pattern in self.resource_patterns)

    @staticmethod
    def matches(pattern: str, url: str) -> bool:
        """Whether a pattern is found in an address's decoded path, query and route."""
        return re.search(pattern, _path_query(url)) is not None


@lru_cache(maxsize=4096)
def _path_query(url: str) -> str:
    """What patterns are held against: platforms write ``/`` and Chinese names escaped or not."""
    parts = urlsplit(url)
    path = _decoded(parts.path, _KEPT_IN_PATH) or "/"
    query = f"?{_decoded(parts.query, _KEPT_IN_QUERY)}" if parts.query else ""
    route = parts.fragment if parts.fragment.startswith(ROUTE_MARKS) else ""
    return path + query + (f"#{_decoded(route, _KEPT_IN_PATH)}" if route else "")


def _decoded(part: str, kept: re.Pattern[str]) -> str:
    part = _ESCAPE.sub(lambda escape: escape[0].upper(), part)
    try:
        return unquote(kept.sub(r"%25\1", part), errors="strict")
    except UnicodeDecodeError:
        # Another encoding than UTF-8: two names must not become the same replacement characters.
        return part


def parse_profile(text: str, where: str) -> Profile:
    """Read a profile from YAML; ``where`` names the file in errors.

    Raises:
        ProfileError: one line for each mistake: the file, the line, the field and what to do.
    """
    try:
        data = read_yaml(text)
    except yaml.YAMLError as error:
        raise ProfileError(yaml_mistake(error, where)) from error
    if not isinstance(data, dict):
        raise ProfileError(
            f"{where}: a profile is a mapping of fields; begin with id, version and title, "
            "as docs/profiles.md shows"
        )
    data["digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        raise ProfileError(".\n".join(mistakes(error, text, where, _field_names()))) from error


def _field_names() -> Iterator[str]:
    for part in (Profile, PagePattern, MemberLinks, Marker, DeclaredLabel, Price):
        yield from part.model_fields


@lru_cache
def load_profile(name: str) -> Profile:
    """Load a built-in profile by id, or any profile by the path of its file."""
    path = Path(name)
    if path.suffix == PROFILE_SUFFIX:
        if not path.is_file():
            raise ProfileError(f"no profile file {name}; give the path of a YAML file")
        return parse_profile(_text(path), name)
    built_in = resources.files(__package__) / "profiles" / f"{name}{PROFILE_SUFFIX}"
    if not built_in.is_file():
        known = ", ".join(profile_names())
        raise ProfileError(f"no profile {name!r}; known: {known}; or give a path to a .yaml file")
    return parse_profile(built_in.read_text(encoding="utf-8"), f"{name}{PROFILE_SUFFIX}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path} is not UTF-8; save it in that encoding") from error


def profile_names() -> list[str]:
    """The ids of the built-in profiles, sorted."""
    folder = resources.files(__package__) / "profiles"
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(PROFILE_SUFFIX) for name in names if name.endswith(".yaml"))


def profile_schema() -> dict[str, Any]:
    """The JSON schema of a profile file, for editors; ``digest`` is not for authors."""
    schema = Profile.model_json_schema()
    del schema["properties"]["digest"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as the file ``rules/profiles/schema.json`` has it."""
    return json.dumps(profile_schema(), ensure_ascii=False, indent=2) + "\n"
