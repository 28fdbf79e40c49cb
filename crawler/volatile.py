"""What of an answer changes by itself, and never counts as a change: counters, clocks, recommendations.

Two sources: the site profile (CSS for documents, keys for answers in JSON), and two looks at the same
answer shortly after each other. What is learned from two looks covers short things only: a number, a
date, an identifier amid words that stayed the same, or a value that is nothing but a short name. A
sentence that changed is never covered, whatever was learned before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree, html
from lxml.cssselect import CSSSelector
from w3lib.encoding import html_to_unicode

from models.manifest import TextBlock, VolatilePart
from rules.profile import Profile

#: A value that is nothing but a name (a visitor, a recommended space) has no more characters.
LONGEST_NAME = 20
#: A text block with a counter or clock in it has no more characters: longer ones are texts.
LONGEST_BLOCK = 80
#: Characters of a number, a date's part, or a made identifier (a session's token has up to 128).
LONGEST_TOKEN = 128
#: A run of letters without any digit is an identifier from this length on, and a word below it.
LETTERS_OF_TOKEN = 24
#: Answers above this are compared byte by byte only, in bytes.
COMPARED_BYTES = 4 * 1024 * 1024
#: Parts learned in one visit at most, so that a page made anew each time fills no manifest.
MOST_PARTS = 400

_TOKEN = re.compile(r"[A-Za-z0-9_+=-]+|\s+|.", re.DOTALL)
_NAME = re.compile(rf"[^\W_](?:[\w· ]{{0,{LONGEST_NAME - 1}}})")

#: In the place of an address: on every page of the space.
ANYWHERE = ""

#: A place in an answer, and the text there.
Leaf = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with changing places in it, as two looks at it showed."""

    #: The tokens that stay; None where one changes. Empty: the whole is a name.
    tokens: tuple[str | None, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether words stay around what changes, by which it is known again on another page."""
        return any(kept is not None and kept.isalpha() for kept in self.tokens)

    def fits(self, text: str) -> bool:
        """Whether a text is the same but for its changing places."""
        if not self.tokens:
            return _is_name(text)
        found = _TOKEN.findall(text)
        return len(found) == len(self.tokens) and all(
            token == kept or (kept is None and _changes(token))
            for token, kept in zip(found, self.tokens, strict=True)
        )


@lru_cache(maxsize=4096)
def template_of(first: str, second: str) -> Template | None:
    """What two looks at one text have in common; None when more than short things differ."""
    tokens, others = _TOKEN.findall(first), _TOKEN.findall(second)
    if len(tokens) == len(others):
        kept = tuple(a if a == b else None for a, b in zip(tokens, others, strict=True))
        changed = [(a, b) for a, b in zip(tokens, others, strict=True) if a != b]
        if changed and all(_changes(a) and _changes(b) for a, b in changed):
            return Template(kept)
    return Template() if _is_name(first) and _is_name(second) else None


def _changes(token: str) -> bool:
    """Whether a token is a number, a date's part or an identifier, and not a word."""
    if not token.isascii() or not 0 < len(token) <= LONGEST_TOKEN or not token[0].isalnum():
        return False
    return any(character.isdigit() for character in token) or len(token) >= LETTERS_OF_TOKEN


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Mask:
    """All that is known to change by itself on one site."""

    selectors: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    #: By address and place.
    learned: Mapping[tuple[str, str], Template] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: Profile, parts: Iterable[VolatilePart] = ()) -> Mask:
        """By a profile, and by what was learned."""
        learned = {}
        for part in parts:
            template = template_of(part.first, part.second)
            if template is not None:
                learned[part.url, part.where] = template
        return cls(profile.volatile_selectors, frozenset(profile.volatile_keys), learned)

    def same(self, first: bytes, second: bytes, content_type: str, url: str = "") -> bool:
        """Whether two answers of an address say the same, what changes by itself aside."""
        if first == second:
            return True
        before = self._leaves(first, content_type)
        after = self._leaves(second, content_type)
        if before is None or after is None or len(before) != len(after):
            return False
        return all(
            place == place_after
            and (text == text_after or self._covers(url, place, text, text_after))
            for (place, text), (place_after, text_after) in zip(before, after, strict=True)
        )

    def _covers(self, url: str, place: str, *texts: str) -> bool:
        template = self.learned.get((url, place))
        return template is not None and all(template.fits(text) for text in texts)

    def learn(
        self, first: bytes, second: bytes, content_type: str, url: str
    ) -> tuple[VolatilePart, ...]:
        """What two looks at an address show to change by itself; nothing when more than that differs."""
        before = self._leaves(first, content_type)
        after = self._leaves(second, content_type)
        if before is None or after is None or [p for p, _ in before] != [p for p, _ in after]:
            return ()
        return tuple(
            VolatilePart(url=url, where=place, first=text, second=other)
            for (place, text), (_, other) in zip(before, after, strict=True)
            if text != other and template_of(text, other) is not None
        )

    def mark(self, page_url: str, blocks: Sequence[TextBlock]) -> list[TextBlock]:
        """A page's text blocks, those marked volatile that are known to change by themselves."""
        return [
            block.model_copy(update={"volatile": True})
            if not block.volatile
            and len(block.text) <= LONGEST_BLOCK
            and any(
                self._covers(url, block_place(block), block.text) for url in (page_url, ANYWHERE)
            )
            else block
            for block in blocks
        ]

    def _leaves(self, body: bytes, content_type: str) -> list[Leaf] | None:
        """The texts of an answer with their places; None for what is neither JSON nor a document."""
        if len(body) > COMPARED_BYTES:
            return None
        if "json" in content_type or body.lstrip()[:1] in (b"{", b"["):
            try:
                return list(_json_leaves("$", json.loads(body), self.keys))
            except (ValueError, RecursionError):
                return None
        if "html" in content_type:
            return self._html_leaves(body, content_type)
        return None

    def _html_leaves(self, body: bytes, content_type: str) -> list[Leaf] | None:
        try:
            _, text = html_to_unicode(content_type, body)
            root = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
            for selector in self.selectors:
                for element in CSSSelector(selector, translator="html")(root):
                    element.drop_tree()
        except (etree.LxmlError, ValueError, AssertionError, SyntaxError):
            # A selector that only a browser knows, or no document: it is compared byte by byte.
            return None
        return list(_html_leaves("", root))


def learn_blocks(
    page_url: str, first: Sequence[TextBlock], second: Sequence[TextBlock]
) -> tuple[VolatilePart, ...]:
    """The text blocks that two renderings of a page show to change by themselves.

    A number amid words is the same counter on every page of the space; a name is one on this page.
    """
    if [block_place(block) for block in first] != [block_place(block) for block in second]:
        return ()
    return tuple(
        VolatilePart(
            url=ANYWHERE if template.has_words else page_url,
            where=block_place(a),
            first=a.text,
            second=b.text,
        )
        for a, b in zip(first, second, strict=True)
        if a.text != b.text
        and not a.volatile
        and max(len(a.text), len(b.text)) <= LONGEST_BLOCK
        and (template := template_of(a.text, b.text)) is not None
    )


def block_place(block: TextBlock) -> str:
    """The name of a text block's place among learned parts."""
    return f"block:{block.role}:{block.locator}"


def _json_leaves(place: str, value: Any, keys: frozenset[str]) -> Iterator[Leaf]:  # noqa: ANN401
    if isinstance(value, dict):
        yield place, "{}"
        for key in sorted(value):
            if key not in keys:
                yield from _json_leaves(f"{place}.{key}", value[key], keys)
    elif isinstance(value, list):
        yield place, "[]"
        for index, item in enumerate(value):
            yield from _json_leaves(f"{place}[{index}]", item, keys)
    else:
        yield place, value if isinstance(value, str) else json.dumps(value)


def _html_leaves(place: str, root: etree._Element) -> Iterator[Leaf]:
    """In document order, without comments."""
    stack: list[tuple[str, etree._Element | None, str]] = [(f"{place}/{root.tag}", root, "")]
    while stack:
        at, element, tail = stack.pop()
        if element is None:
            yield at, tail
            continue
        yield at, element.text or ""
        for name in sorted(element.attrib):
            yield f"{at}/@{name}", str(element.attrib[name])
        stack += reversed(list(_children(at, element)))


def _children(at: str, element: etree._Element) -> Iterator[tuple[str, etree._Element | None, str]]:
    for index, child in enumerate(element):
        if isinstance(child.tag, str):
            yield f"{at}/{child.tag}[{index}]", child, ""
        if child.tail:
            yield f"{at}/text()[{index}]", None, child.tail
