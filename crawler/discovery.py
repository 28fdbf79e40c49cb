"""Addresses of files that a page holds elsewhere than in its links.

In attributes (players, embeds, JSON), in what a click would run, in scripts and the data in them, in
JSON-LD, in the answers that the page's own scripts fetched, and written out as text. Text and JSON
in, links out; nothing is fetched here.

By an extension, or in JSON under a key that the profile names. A relative address counts only where
its base is sure: in an attribute or under such a key; in a script it must begin with ``/``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from w3lib.url import safe_url_string

from crawler.filetypes import EXTENSIONS
from crawler.readings import FoundLink, Gathered, PageReading
from crawler.sniff import claimed_kind
from models.vocabulary import ResourceKind, ResourceSource
from rules.hosts import offsite_host
from rules.profile import Profile

#: Addresses taken from one page's scripts and data; what is beyond is told to the ledger.
MOST_A_PAGE = 100
#: Values looked at in one JSON text; a page's data seldom has a tenth of it.
_MOST_VALUES = 50_000
#: An address is not longer than this, in characters.
_LONGEST = 2000
#: Extensions looked at in one string.
_MOST_ANCHORS = 5000
#: Assignments such as ``window.__DATA__ = {…}`` tried in one script.
_MOST_ASSIGNMENTS = 40

#: Extensions that mark a file by themselves: no pages, no pictures, nothing a script asks for.
_NOT_BY_NAME = frozenset({"json", "md", "csv", "swf"})
_BY_NAME = frozenset(
    name
    for name, kind in EXTENSIONS.items()
    if kind not in (ResourceKind.HTML, ResourceKind.IMAGE) and name not in _NOT_BY_NAME
)
_ANCHOR = re.compile(
    rf"\.(?:{'|'.join(sorted(_BY_NAME, key=len, reverse=True))})(?![A-Za-z0-9_])", re.IGNORECASE
)
_TAIL = re.compile(r"[?#&][^\s\"'`<>\\()]*")
_DELIMITERS = "\"'`<>\n\r\t()"
_TEMPLATE = re.compile(r"[{}$*|^\\]|\s\+\s")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([/\"'])")
_WRITTEN = re.compile(r"https?://[\w.-]+(?::\d+)?/[^\s\"'<>,，。；、（）()【】《》“”;]+")
_PARAMETERS = re.compile(r"\w+=[^?]*$")
_ASSIGNMENT = re.compile(r"=\s*(?=[\[{])")
#: Pages that show a file which they name in a parameter.
_VIEWERS = re.compile(
    r"(?i)(viewer|preview|player|embed|onlineview|view\.officeapps)[^?]*$|\.(html?|swf)$"
)

#: Elements whose ``src`` is a file whatever it looks like, and such as hold one in some way.
_PLAYED = frozenset({"video", "audio", "source", "track"})
_EMBEDS = frozenset({"iframe", "frame", "param", "embed", "object"})
#: Keys under which a file's name stands beside its address.
_NAME_KEYS = ("title", "name", "filename", "file_name", "resname", "resourcename", "originalname")
#: Keys of schema.org that hold a file itself.
_SCHEMA_KEYS = frozenset({"contenturl"})


@dataclass(frozen=True, slots=True)
class _Candidate:
    address: str
    name: str = ""


def add_discovered(reading: PageReading, answers: Sequence[bytes], profile: Profile) -> None:
    """Add to a page's links the files that it holds elsewhere, and drop what was gathered."""
    shown = {image.url for image in reading.images}
    # A picture that a script has put in place is a picture of the page, and no file besides.
    reading.links = [
        link
        for link in reading.links
        if link.source is not ResourceSource.PLAYER or link.url not in shown
    ]
    found, reading.files_left = discover(reading, answers, profile.resource_json_keys)
    reading.links += found
    reading.search_cut = any(part.cut for part in reading.gathered)
    reading.gathered.clear()


def discover(
    reading: PageReading, answers: Sequence[bytes], keys: Iterable[str]
) -> tuple[list[FoundLink], int]:
    """The files that a page holds besides its links, and how many more were left.

    Args:
        reading: The page, with what was gathered from its frames.
        answers: Bodies of JSON answers that the page's scripts fetched.
        keys: Keys of JSON whose values are addresses of files, by the profile.
    """
    wanted = frozenset(key.lower() for key in keys)
    known = {link.url for link in reading.links} | {image.url for image in reading.images}
    found: dict[str, FoundLink] = {}
    for link in _all(reading, answers, wanted):
        if link.url not in known:
            found.setdefault(link.url, link)
    links = list(found.values())
    return links[:MOST_A_PAGE], max(0, len(links) - MOST_A_PAGE)


def _all(
    reading: PageReading, answers: Sequence[bytes], keys: frozenset[str]
) -> Iterator[FoundLink]:
    for part in reading.gathered:
        yield from in_attributes(part)
        for kind, text in part.scripts:
            yield from in_script(text, kind, part.base, keys)
    for body in answers:
        yield from in_answer(body, reading.url, keys)
    yield from in_text(reading.text)


def in_attributes(part: Gathered) -> Iterator[FoundLink]:
    """Files in attributes of elements: players, embeds, JSON, what a click would run."""
    for tag, name, value, text in part.attributes:
        source = ResourceSource.ATTRIBUTE
        if name.startswith("on") or value.startswith("javascript:"):
            source = ResourceSource.HANDLER
        elif tag in _PLAYED or tag in _EMBEDS:
            source = ResourceSource.PLAYER
        if tag == "img" and name.startswith("data-"):
            # A picture that its script has not put in place yet.
            if claimed_kind(value) is ResourceKind.IMAGE:
                yield from _links([_Candidate(value, text)], part.base, source)
            continue
        if tag in _PLAYED and name == "src":
            found = [_Candidate(value, text)]
        else:
            found = [_Candidate(c.address, text) for c in in_string(value, relative=True)]
        yield from _links(found, part.base, source)


def in_script(text: str, kind: str, base: str, keys: frozenset[str]) -> Iterator[FoundLink]:
    """Files in an inline script: in the data it holds, and in its text."""
    structured = "ld+json" in kind
    source = ResourceSource.STRUCTURED if structured else ResourceSource.SCRIPT
    wanted = keys | _SCHEMA_KEYS if structured else keys
    for value in _data_in(text, kind):
        yield from _links(in_json(value, wanted), base, source)
    yield from _links(in_string(text, relative=False), base, source)


def in_answer(body: bytes, base: str, keys: frozenset[str]) -> Iterator[FoundLink]:
    """Files in an answer that the page's scripts fetched."""
    keys = frozenset(key.lower() for key in keys)
    with suppress(ValueError, RecursionError):
        yield from _links(in_json(json.loads(body), keys), base, ResourceSource.API)


def in_text(text: str) -> Iterator[FoundLink]:
    """Addresses written out on the page: net disks, shops and files."""
    for match in _WRITTEN.finditer(text):
        url = match[0].rstrip(".:;!?")
        if offsite_host(url) or _is_file(url):
            yield FoundLink(safe_url_string(url), file=True, source=ResourceSource.TEXT)


def _data_in(text: str, kind: str) -> Iterator[Any]:
    """The JSON values in a script: all of it, or what it assigns."""
    decoder = json.JSONDecoder()
    if "json" in kind:
        with suppress(ValueError, RecursionError):
            yield json.loads(text)
        return
    at = 0
    for _ in range(_MOST_ASSIGNMENTS):
        match = _ASSIGNMENT.search(text, at)
        if match is None:
            return
        at = match.end()
        with suppress(ValueError, RecursionError):
            value, at = decoder.raw_decode(text, at)
            yield value


def in_json(value: object, keys: frozenset[str]) -> Iterator[_Candidate]:
    """Addresses in a JSON value: by extension, or under one of the keys, with the name beside them."""
    waiting: list[tuple[str, object, str]] = [("", value, "")]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        key, item, name = waiting.pop()
        if isinstance(item, dict):
            beside = _name_in(item) or name
            waiting += [(str(k).lower(), v, beside) for k, v in reversed(item.items())]
        elif isinstance(item, list):
            waiting += [(key, v, name) for v in reversed(item)]
        elif isinstance(item, str) and (key in keys or _is_told(item)):
            yield _Candidate(item, name)


def _is_told(text: str) -> bool:
    return _is_sure(text) and (_is_file(text) or offsite_host(text) is not None)


def _name_in(item: Mapping[str, Any]) -> str:
    small = {str(key).lower(): value for key, value in item.items()}
    names = (small.get(key) for key in _NAME_KEYS)
    return next((name[:200] for name in names if isinstance(name, str) and name.strip()), "")


def in_string(text: str, *, relative: bool) -> Iterator[_Candidate]:
    """Addresses in any string, from each file extension out to what bounds it."""
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    for match in islice(_ANCHOR.finditer(text), _MOST_ANCHORS):
        before = text[max(0, match.start() - _LONGEST) : match.start()]
        start = max(before.rfind(mark) for mark in _DELIMITERS) + 1
        tail = _TAIL.match(text, match.end())
        whole = before[start:] + match[0] + (tail[0] if tail else "")
        yield from (_Candidate(one) for one in _addresses(whole.strip(), relative=relative))


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    return chr(int(digits, 16)) if digits else match[3]


def _addresses(text: str, *, relative: bool) -> Iterator[str]:
    """The address in a string that ends like one; of a viewer's, the address it shows."""
    inner = max(text.rfind("http://"), text.rfind("https://"))
    if inner > 0 and "?" not in text[:inner]:
        text = text[inner:]
    if _TEMPLATE.search(text):
        return
    if relative and _PARAMETERS.match(text):
        # What a player is given: its parameters, and no address around them.
        yield from (value for _, value in parse_qsl(text) if _is_file(value))
        return
    if not (_is_sure(text) or (relative and _is_path(text))):
        return
    if _is_file(text):
        yield text
        return
    parts = urlsplit(text)
    shown = [value for _, value in parse_qsl(parts.query) if _is_file(value)]
    if _VIEWERS.search(f"{parts.netloc}{parts.path}"):
        yield from shown
    elif shown:
        yield text


def _is_sure(text: str) -> bool:
    return text.startswith(("http://", "https://", "/"))


def _is_path(text: str) -> bool:
    """Whether a string reads as a relative address, and not as words or code."""
    path = text.partition("?")[0]
    return re.match(r"(\.{0,2}/)?[^\s:;=,]+$", path) is not None and "/" in text


def _is_file(url: str) -> bool:
    if len(url) > _LONGEST:
        return False
    with suppress(ValueError):
        path = unquote(urlsplit(url).path)
        return path.rpartition(".")[2].lower() in _BY_NAME and "/" in url
    return False


def _links(
    candidates: Iterable[_Candidate], base: str, source: ResourceSource
) -> Iterator[FoundLink]:
    for candidate in candidates:
        with suppress(ValueError):
            url = safe_url_string(urljoin(base, candidate.address.strip()))
            parts = urlsplit(url)
            if parts.scheme in ("http", "https") and parts.hostname:
                yield FoundLink(url, candidate.name.strip()[:200], file=True, source=source)
