"""RTF: body, table cells, headers, footers, notes, comments, text boxes, links and pictures.

Libraries for RTF give the body alone and lose what stands in headers, notes and boxes. The format
is small: groups in braces, words behind a backslash, and bytes in the code page of the font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from types import MappingProxyType

from audit.extract.decoding import written
from audit.extract.embedded import embedded
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, Refused, contained, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?[ ]?"
    rb"|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
#: Groups whose text a reader sees, and what officers call the place; the rest of them is hidden.
_PLACES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("header", "headerl", "headerr", "headerf"), "页眉")
    | dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "页脚")
    | dict.fromkeys(("shptxt", "dptxbxtext"), "文本框")
    | dict.fromkeys(("title", "subject", "keywords", "doccomm", "category"), "文档属性")
    | {"footnote": "脚注", "annotation": "批注", "fldinst": "域", "pict": "图", "objdata": "对象"}
)
#: Groups that hold settings, or the same once more for other readers.
_HIDDEN_WORDS = """
    fonttbl colortbl stylesheet listtable listoverridetable info filetbl revtbl rsidtbl generator
    themedata colorschememapping latentstyles datastore xmlnstbl objclass objname
    author operator company manager creatim revtim printim buptim comment hlinkbase userprops
    template atnid atnauthor atndate atnref atrfstart atrfend bkmkstart bkmkend pntext pntxta pntxtb
    listtext panose falt fname sp sn sv picprop blipuid shprslt mmathPr wgrffmtfilter
    ftnsep ftnsepc aftnsep aftnsepc tc xe passwordhash docvar formfield ffname fldtype"""
_HIDDEN = frozenset(_HIDDEN_WORDS.split())
_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "tab": "\t", "line": "\n", "page": "\n", "emdash": "—", "endash": "–", "emspace": " ",
        "enspace": " ", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
        "bullet": "•", "qmspace": " ",
    }
)  # fmt: skip
_ENDS = frozenset({"par", "sect", "cell", "nestcell", "row", "nestrow"})
#: Code pages by the number that a font's character set has; what is not here is the document's.
_CHARSETS: Mapping[int, str] = MappingProxyType(
    {134: "gb18030", 136: "big5", 128: "cp932", 129: "cp949", 0: "cp1252", 77: "mac_roman",
     161: "cp1253", 162: "cp1254", 204: "cp1251", 238: "cp1250"}
)  # fmt: skip
_WIDE = frozenset({"gb18030", "big5", "cp932", "cp949"})
_LINK = re.compile(r'HYPERLINK\s+(?:\\l\s+)?"?([^"\s]+)')
_DEEPEST = 500


@dataclass(slots=True)
class _State:
    """What holds inside one group."""

    encoding: str = "cp1252"
    skipped: int = 1
    place: str = ""
    is_hidden: bool = False
    #: The same picture once more, in an older format.
    is_copy: bool = False
    #: Stays the same object in the groups below: they write into the run of their place.
    run: _Run = field(default_factory=lambda: _Run(""))


@dataclass(slots=True)
class _Run:
    """The text of one paragraph of one place, as far as it was read."""

    place: str
    text: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)
    pending_encoding: str = "cp1252"
    binary: bytes = b""

    def settle(self) -> None:
        if self.pending:
            self.text.append(self.pending.decode(self.pending_encoding, "replace"))
            self.pending.clear()

    def taken(self) -> str:
        self.settle()
        text = "".join(self.text)
        self.text.clear()
        return text


@extractor(ResourceKind.RTF)
def read_rtf(data: bytes, context: Context) -> Iterator[Item]:
    """Everything a reader of the document can see, and what it links to."""
    if len(data) > context.limits.file_bytes:
        raise Refused(NotScreened.TOO_LARGE, "more than the limit")
    if not data.lstrip().startswith(b"{\\rt"):
        raise Refused(NotScreened.UNREADABLE, "no RTF")
    yield from _Reader(data).items()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._state = _State()
        self._stack: list[_State] = []
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._in_fonts, self._fonts_depth = False, 0
        self._ignorable = False
        self._to_skip = 0
        self._paragraphs = count(1)
        self._pictures = count(1)
        self._row, self._column = 0, 0

    def items(self) -> Iterator[Item]:
        at, deepest = 0, False
        while at < len(self._data):
            token = _TOKEN.match(self._data, at)
            if token is None:  # a backslash at the very end
                break
            at = token.end()
            if token["word"]:
                at = self._binary(token, at)
                yield from self._word(token["word"].decode("ascii"), token["number"])
            elif token["brace"] == b"{":
                deepest = deepest or len(self._stack) >= _DEEPEST
                if deepest:
                    yield Gap("嵌套过深的部分", NotScreened.BUDGET)
                    return
                self._open()
            elif token["brace"]:
                if not self._stack:
                    break
                yield from self._close()
            else:
                at = self._bytes(token, at)
        yield from self._ended()
        if self._stack:
            yield Gap("文件末尾", NotScreened.UNREADABLE)

    def _open(self) -> None:
        self._state.run.settle()
        self._stack.append(self._state)
        self._state = replace(self._state)
        self._to_skip = 0

    def _close(self) -> Iterator[Item]:
        inner, self._state = self._state, self._stack.pop()
        self._to_skip = 0
        inner.run.settle()
        if inner.run is not self._state.run:
            yield from self._finished(inner.run)
        if self._in_fonts and len(self._stack) < self._fonts_depth:
            self._in_fonts = False

    def _binary(self, token: re.Match[bytes], at: int) -> int:
        """Step over bytes that are given by their number; a picture may be stored so."""
        if token["word"] != b"bin" or not token["number"]:
            return at
        length = max(0, int(token["number"]))
        self._state.run.binary = self._data[at : at + length]
        return at + length

    def _bytes(self, token: re.Match[bytes], at: int) -> int:
        """Text, bytes in hexadecimal and signs, all in the code page of the font."""
        run = self._state.run
        raw = token["text"] or b""
        if token["hex"]:
            raw = bytes.fromhex(token["hex"].decode("ascii"))
        elif token["sign"] is not None:
            return self._sign(token["sign"], at)
        if self._to_skip:
            dropped = min(self._to_skip, len(raw))
            self._to_skip -= dropped
            raw = raw[dropped:]
        if not raw:
            return at
        if self._in_fonts or self._state.is_hidden:
            return at
        if run.pending_encoding != self._state.encoding:
            run.settle()
            run.pending_encoding = self._state.encoding
        run.pending += raw
        # The second byte of a character may look like a brace or a backslash.
        following = self._data[at : at + 2]
        mark = following[:1] in (b"{", b"}", b"\\") and following != b"\\'"
        if mark and not token["hex"] and self._is_half(run):
            run.pending += following[:1]
            return at + 1
        return at

    @staticmethod
    def _is_half(run: _Run) -> bool:
        if run.pending_encoding not in _WIDE:
            return False
        half = False
        for byte in run.pending:
            half = not half and byte >= 0x81
        return half

    def _sign(self, sign: bytes, at: int) -> int:
        self._to_skip = 0
        if sign == b"*":
            self._ignorable = True
        elif sign in (b"\\", b"{", b"}"):
            self._say(sign.decode("ascii"))
        elif sign == b"~":
            self._say(" ")
        elif sign == b"_":
            self._say("-")
        elif sign in (b"\n", b"\r"):
            self._say("\n")
        return at

    def _say(self, text: str) -> None:
        if not self._state.is_hidden and not self._in_fonts:
            self._state.run.settle()
            self._state.run.text.append(text)

    def _word(self, word: str, number: bytes | None) -> Iterator[Item]:
        ignorable, self._ignorable = self._ignorable, False
        self._to_skip = 0
        value = int(number) if number else 0
        if word in _PLACES:
            self._enter(word)
        elif word == "fonttbl":
            self._in_fonts, self._fonts_depth = True, len(self._stack)
        elif word == "nonshppict":
            self._state.is_hidden = self._state.is_copy = True
        elif word in _HIDDEN and word != "info":
            self._state.is_hidden = True
        elif word in _ENDS:
            yield from self._end(word)
        elif word in _SIGNS:
            self._say(_SIGNS[word])
        elif word == "u" and number:
            self._unicode(value)
        elif not self._setting(word, value) and ignorable:
            self._state.is_hidden = word not in ("shppict", "shpinst", "nesttableprops", "fldrslt")

    def _enter(self, word: str) -> None:
        """A group of its own place: it has a run of its own."""
        self._state.place = _PLACES[word]
        shown = word in ("shptxt", "pict") and not self._state.is_copy
        self._state.is_hidden = self._is_hidden_above() and not shown
        self._state.run = _Run(self._state.place)
        self._state.run.pending_encoding = self._state.encoding

    def _is_hidden_above(self) -> bool:
        return bool(self._stack) and self._stack[-1].is_hidden

    def _setting(self, word: str, value: int) -> bool:
        """Code pages, fonts, and how many bytes stand for a character given by its number."""
        match word:
            case "ansicpg":
                self._page = _page(value)
                self._state.encoding = self._page
            case "f":
                self._font = value
                if not self._in_fonts:
                    self._state.run.settle()
                    self._state.encoding = self._fonts.get(value, self._page)
            case "fcharset" if self._in_fonts:
                self._fonts[self._font] = self._charset(value)
            case "plain":
                self._state.run.settle()
                self._state.encoding = self._page
            case "uc":
                self._state.skipped = max(0, min(value, 10))
            case "v" if value or word == "v":
                pass  # hidden letters are words of the author all the same
            case _:
                return False
        return True

    def _charset(self, value: int) -> str:
        # Chinese programs give Western fonts to Chinese text: its bytes are the document's.
        if value in (0, 1, 2) and self._page in _WIDE:
            return self._page
        return _CHARSETS.get(value, self._page)

    def _unicode(self, value: int) -> None:
        code = value + 0x10000 if value < 0 else value
        self._to_skip = self._state.skipped
        if self._state.is_hidden or self._in_fonts or not 0 < code <= 0x10FFFF:
            return
        run = self._state.run
        run.settle()
        last = ord(run.text[-1][-1]) if run.text and run.text[-1] else 0
        if 0xD800 <= last < 0xDC00 <= code < 0xE000:
            run.text[-1] = run.text[-1][:-1] + chr(
                0x10000 + ((last & 0x3FF) << 10) + (code & 0x3FF)
            )
        else:
            run.text.append(chr(code))

    def _end(self, word: str) -> Iterator[Item]:
        run = self._state.run
        if word in ("row", "nestrow"):
            self._row, self._column = self._row + 1, 0
            return
        if run.place and word in ("par", "sect"):
            self._say("\n")
        elif word in ("cell", "nestcell"):
            self._column += 1
            where = f"表格 第{self._row + 1}行第{self._column}列"
            yield from written(run.taken().strip(), f"{run.place} {where}".strip())
        else:
            yield from written(run.taken().strip(), f"第{next(self._paragraphs)}段")

    def _finished(self, run: _Run) -> Iterator[Item]:
        text = run.taken().strip()
        match run.place:
            case "图":
                yield from self._picture(text, run.binary)
            case "域":
                for address in _LINK.findall(text):
                    yield Segment(address, Part.LINK, "正文·链接")
            case "对象":
                yield Gap("嵌入对象", NotScreened.UNSUPPORTED)
            case place:
                yield from written(text, place)

    def _picture(self, text: str, binary: bytes) -> Iterator[Item]:
        digits = re.sub(r"[^0-9a-fA-F]", "", text)
        data = binary or bytes.fromhex(digits[: len(digits) // 2 * 2])
        if data:
            place = f"图{next(self._pictures)}"
            yield from contained(place, embedded(place, data))

    def _ended(self) -> Iterator[Item]:
        for state in (self._state, *reversed(self._stack)):
            run = state.run
            if run.place not in ("图", "域", "对象"):
                yield from written(
                    run.taken().strip(), run.place or f"第{next(self._paragraphs)}段"
                )


def _page(number: int) -> str:
    if number in (936, 54936, 20936):
        return "gb18030"
    if number == 950:
        return "big5"
    if number == 65001:
        return "utf-8"
    name = f"cp{number}"
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name
