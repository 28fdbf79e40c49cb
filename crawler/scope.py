"""Which addresses share a space's identity, where no profile says it: learned from its own home page.

The nominated address carries an identity in some *role*: a segment behind ``/space/``, a parameter
``uid``, the host's first label, a segment of the route behind ``#``. Links with the same value in
the same role are of the space, links with another value there are other people's. Further roles are
learned from the links of the home page that carry the same identity. An address without any role is
of nobody as far as one can tell: it counts only when the space itself lists it *and* the page behind
it names the space as its author.

Pure functions over addresses; conservative throughout, since what counts here is held against a teacher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit


def _words(words: str) -> dict[str, None]:
    """A set that keeps the order in which it is written."""
    return dict.fromkeys(words.split())


#: Parameters that name a person or a space, whatever page they stand on; the first that is there counts.
PERSON_PARAMETERS = tuple(
    _words(
        "uid sid userid user_id spaceid space_id blogid blog_id teacherid teacher_id memberid member_id "
        "ownerid owner_id authorid author_id personid person_id homeid hostid zoneid accountid userno "
        "usercode username uname user author teacher member owner account space zone u mid tno"
    )
)
#: Parameters that name whatever the page is about: an identity only together with the page.
ITEM_PARAMETERS = ("id", "no", "key", "code")
#: Path segments after which an identity stands.
PERSON_WORDS = _words(
    "space spaces u user users people person member members home blog blogs author authors teacher "
    "teachers t zone zones i profile profiles s studio studios kongjian boke uid sid"
)
#: Path segments after which the number of an item stands, and never a person's.
ITEM_WORDS = _words(
    "article articles post posts news photo photos album albums category categories cat tag tags topic "
    "topics thread threads resource resources file files download downloads attachment page pages p "
    "archive archives video videos doc docs show view detail list"
)
#: Path segments that name nobody.
_NOBODY = _words("index main default list show view detail about home php")
_NOBODY |= ITEM_WORDS
#: First labels of hosts that are a site's and not a person's.
_SITE_LABELS = _words(
    "www blog blogs space home edu m wap i bbs zone my user u cdn static img school www2 web portal test"
)
#: How a user name is marked in a path: ``/~chen``, ``/@chen``.
_MARKS = ("~", "@")
_EXTENSION = re.compile(r"\.(s?html?|php|jsp|aspx?|do|action)$", re.IGNORECASE)
_NAME = re.compile(r"^[\w.@~%+-]{1,64}$")
_JOINED = re.compile(r"^([a-z]+(?:[-_][a-z]+)*)[-_](\d+)(?:[-_](.*))?$", re.IGNORECASE)
_YEAR = re.compile(r"^(19|20)\d\d$")
#: Two links with the same number behind the same word are no accident; one may be an item's number.
SUPPORT = 2
#: A user name shorter than this may stand anywhere by accident.
SHORTEST_NAME = 3


class Whose(Enum):
    """Whose an address is, by what it carries."""

    OURS = "ours"
    OTHERS = "others"
    UNSAID = "unsaid"


class Link(Protocol):
    """What is asked of a link."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def main(self) -> bool: ...  # noqa: D102
    @property
    def author(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Role:
    """A place in an address where an identity stands, and the identity there."""

    #: ``path``, ``route``, ``parameter`` or ``host``.
    kind: str
    #: Segments before it; or the parameter's name, its page and what else has to be there.
    where: tuple[str, ...]
    value: str

    def value_in(self, url: str) -> str | None:
        """What another address has in this role; None when it has no such role."""
        if self.kind == "host":
            return urlsplit(url).netloc.lower()
        if self.kind == "parameter":
            return self._parameter_in(url)
        steps = _route_steps(url) if self.kind == "route" else _path_steps(url)
        at = len(self.where)
        if len(steps) <= at or tuple(steps[:at]) != self.where:
            return None
        # A word where ours is a number, or a page's name, is nobody's identity.
        if self.value[0] in _MARKS:
            return steps[at] if steps[at][0] in _MARKS else None
        named = steps[at].isdigit() or not (self.value.isdigit() or steps[at].lower() in _NOBODY)
        return steps[at] if named else None

    def _parameter_in(self, url: str) -> str | None:
        name, page, *others = self.where
        pairs = _pairs(url)
        if page and page != _page(url):
            return None
        if any(tuple(other.split("=", 1)) not in pairs for other in others):
            return None
        found = [value for key, value in pairs if key.lower() == name]
        # One address with two owners is nobody's.
        return found[0] if len(set(found)) == 1 else ("" if found else None)

    @property
    def words(self) -> str:
        """In words for an officer."""
        if self.kind == "host":
            return f"域名 {self.value}"
        if self.kind == "parameter":
            name, page, *others = self.where
            return f"参数 {page}{'?' if page else ''}{'&'.join([*others, f'{name}={self.value}'])}"
        mark = "#/" if self.kind == "route" else "/"
        return f"路径 {mark}{'/'.join((*self.where, self.value))}/…"


class Scope:
    """The addresses of one space."""

    def __init__(self, start: str) -> None:
        """Take the identity from the nominated address."""
        self._netloc = urlsplit(start).netloc.lower()
        self._start = start
        role = _role_of(start)
        self.roles: tuple[Role, ...] = (role,) if role else ()

    @property
    def known(self) -> bool:
        """Whether the nominated address carries an identity at all."""
        return bool(self.roles)

    def whose(self, url: str) -> Whose:
        """Whose an address is."""
        if urlsplit(url).netloc.lower() != self._netloc:
            return Whose.UNSAID
        values = {role: role.value_in(url) for role in self.roles}
        if any(value is not None and value != role.value for role, value in values.items()):
            return Whose.OTHERS
        ours = any(value is not None for value in values.values())
        return Whose.OURS if ours else Whose.UNSAID

    def learn(self, links: Iterable[Link]) -> None:
        """Learn in which other roles the links of the home page carry the same identity."""
        if not self.known or self.roles[0].kind == "host":
            return
        token = self.roles[0].value
        urls = {link.url for link in links if urlsplit(link.url).netloc.lower() == self._netloc}
        possible = {role for url in urls for role in _possible_roles(url, token)}
        learned = {role for role in possible - set(self.roles) if _supported(role, urls)}
        self.roles += tuple(sorted(learned, key=lambda role: role.words))

    def names_us(self, links: Iterable[Link]) -> bool:
        """Whether a page that carries no identity in its address says that it is the space's.

        Links marked as the author's decide; without them the first link in the page's own matter
        that carries anybody's identity, which is where a name stands below a title.
        """
        links = list(links)
        marked = [
            w for link in links if link.author if (w := self.whose(link.url)) is not Whose.UNSAID
        ]
        if marked:
            return set(marked) == {Whose.OURS}
        said = (self.whose(link.url) for link in links if link.main)
        return next((whose for whose in said if whose is not Whose.UNSAID), None) is Whose.OURS

    @property
    def words(self) -> str:
        """The learned rule, in words for an officer; empty when there is none."""
        return ";".join(role.words for role in self.roles)

    def span_in(self, target: str) -> tuple[int, int] | None:
        """Where the identity stands in a path with its query and route; None if it does not."""
        for role in self.roles[:1]:
            lead = "[?&]" + re.escape(role.where[0]) + "=" if role.kind == "parameter" else "[/_-]"
            pattern = f"{lead}({re.escape(role.value)})(?=$|[/?#&._-])"
            matches = list(re.finditer(pattern, target))
            # Behind all that stands before it.
            if matches:
                return matches[0].span(1)
        return None


# --- What an address is made of


def _pairs(url: str) -> list[tuple[str, str]]:
    parts = urlsplit(url)
    route_query = parts.fragment.partition("?")[2] if parts.fragment.startswith(("/", "!")) else ""
    return parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(route_query)


def _page(url: str) -> str:
    return "/" + "/".join(_steps(urlsplit(url).path))


def _path_steps(url: str) -> list[str]:
    return _steps(urlsplit(url).path)


def _route_steps(url: str) -> list[str]:
    fragment = urlsplit(url).fragment
    if not fragment.startswith(("/", "!")):
        return []
    return _steps(fragment.lstrip("!").partition("?")[0])


def _steps(path: str) -> list[str]:
    """The segments of a path; ``blog-12-3`` is ``blog``, ``12``, ``3``, and an extension is none."""
    steps: list[str] = []
    for segment in path.split("/"):
        name = _EXTENSION.sub("", unquote(segment))
        if not name:
            continue
        joined = _JOINED.match(name)
        behind_person = bool(steps) and steps[-1].lower() in PERSON_WORDS
        if (
            joined
            and not behind_person
            and joined[1].split("-")[0].lower() in PERSON_WORDS | ITEM_WORDS
        ):
            steps += [*re.split("[-_]", joined[1]), joined[2]]
            steps += [joined[3]] if joined[3] else []
        else:
            steps.append(name)
    return steps


def _is_name(value: str) -> bool:
    return not value.isdigit() and len(value) >= SHORTEST_NAME


# --- Roles


def _supported(role: Role, urls: set[str]) -> bool:
    """Whether a role carries our identity, often enough and no less than anybody else's."""
    values = Counter(value for url in urls if (value := role.value_in(url)))
    ours = values.pop(role.value, 0)
    said = role.kind == "parameter" or _is_name(role.value) or role.where[-1] in ("uid", "sid")
    return ours >= (1 if said else SUPPORT) and ours >= max(values.values(), default=0)


def _role_of(url: str) -> Role | None:
    """The role in which the nominated address carries its identity."""
    path, person = _steps_role("path", _path_steps(url)), _person_parameter(url)
    if path and person and not path.value.isdigit():
        path = None  # /user/center?uid=12
    route = _steps_role("route", _route_steps(url))
    return route or path or person or _item_parameter(url) or _host_role(url)


def _person_parameter(url: str) -> Role | None:
    pairs = {name.lower(): value for name, value in _pairs(url)}
    for name in PERSON_PARAMETERS:
        value = pairs.get(name, "")
        if _NAME.match(value) and value.lower() not in _NOBODY:
            return Role("parameter", (name, ""), value)
    return None


def _item_parameter(url: str) -> Role | None:
    """An ``id`` is a person's on this page only, with the rest of its route."""
    pairs = _pairs(url)
    for name in ITEM_PARAMETERS:
        value = next((value for key, value in pairs if key.lower() == name), "")
        if _NAME.match(value):
            others = (
                f"{k}={v}" for k, v in pairs if k.lower() != name and re.match(r"[A-Za-z]", v)
            )
            return Role("parameter", (name, _page(url), *sorted(others)), value)
    return None


def _steps_role(kind: str, steps: list[str]) -> Role | None:
    for at, step in enumerate(steps):
        if step[0] in _MARKS:
            return Role(kind, tuple(steps[:at]), step)
        before = steps[at - 1].lower() if at else ""
        if before in PERSON_WORDS and _identifies(step):
            dated = _YEAR.match(step) and len(steps) > at + 1 and steps[at + 1].isdigit()
            return None if dated else Role(kind, tuple(steps[:at]), step)
    return None


def _identifies(step: str) -> bool:
    return bool(_NAME.match(step)) and step.lower() not in _NOBODY | PERSON_WORDS


def _host_role(url: str) -> Role | None:
    parts = urlsplit(url)
    labels = (parts.hostname or "").split(".")
    address = all(label.isdigit() for label in labels) or ":" in (parts.hostname or "")
    if address or len(labels) < SHORTEST_NAME or labels[0].lower() in _SITE_LABELS:
        return None
    return Role("host", (), parts.netloc.lower())


def _possible_roles(url: str, token: str) -> Iterator[Role]:
    """The roles in which a link carries this identity."""
    for name, value in _pairs(url):
        if value == token and name.lower() in PERSON_PARAMETERS:
            yield Role("parameter", (name.lower(), ""), token)
    for kind, steps in (("path", _path_steps(url)), ("route", _route_steps(url))):
        if token not in steps[1:]:
            continue
        before = tuple(steps[: steps.index(token, 1)])
        numbered = any(step.isdigit() for step in before)
        item = before[-1].lower() in ITEM_WORDS
        if not numbered and (_is_name(token) or not item):
            yield Role(kind, before, token)
