"""What stands in a file's place and says why there is no file: JSON, or a page of an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from models.vocabulary import Openness

#: Words by which an answer says why, the more telling first.
WORDS: tuple[tuple[Openness, tuple[str, ...]], ...] = (
    (Openness.PAID, ("积分", "金币", "points", "余额", "payment", "vip", "会员", "购买", "付费")),
    (Openness.PASSWORD, ("提取码", "访问密码", "访问码", "password", "passwd")),
    (
        Openness.LOGIN,
        ("require_session", "unauthorized", "not_login", "notlogin", "login", "登录", "登陆"),
    ),
    (
        Openness.FORBIDDEN,
        ("forbidden", "permission", "denied", "权限", "无权", "仅好友", "仅校内", "仅班级"),
    ),
    (Openness.MISSING, ("not found", "not_found", "notfound", "不存在", "已删除", "已失效")),
)
#: Numbers that platforms write into a code, whatever the status of the answer.
CODES: Mapping[str, Openness] = MappingProxyType(
    {
        "401": Openness.LOGIN,
        "402": Openness.PAID,
        "403": Openness.FORBIDDEN,
        "404": Openness.MISSING,
        "410": Openness.MISSING,
        "40001": Openness.LOGIN,
        "40100": Openness.LOGIN,
        "40101": Openness.LOGIN,
        "40300": Openness.FORBIDDEN,
        "40400": Openness.MISSING,
    }
)
_CODE_KEYS = frozenset({"code", "status", "errcode", "errno", "error_code", "ret", "retcode"})
_SAID_KEYS = frozenset(
    {"msg", "message", "error", "errmsg", "error_msg", "error_description", "info", "reason", "tip"}
)
_GOOD_CODES = frozenset({"0", "200", "1", "ok", "success", "true"})
#: An error's answer is short; the rest is content.
_MOST = 64 * 1024
#: Titles of the pages that web servers write for a request without a log-in.
_LOGIN_TITLE = re.compile(
    rb"<(title|h1)[^>]*>\s*(401\b|401 )?\s*(authorization required|unauthorized)\s*</",
    re.IGNORECASE,
)


def page_refusal(body: bytes) -> Openness | None:
    """The refusal that a web server's own error page names, although its status does not."""
    return Openness.LOGIN if _LOGIN_TITLE.search(body[:4096]) else None


def json_refusal(body: bytes, *, content: bool = False) -> Openness | None:
    """Why there is no file, by a JSON answer in its place; None when the answer does not say.

    Args:
        body: The answer.
        content: JSON is what was asked for, so that only the envelope of an error counts.
    """
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None
    try:
        answer = json.loads(body[:_MOST])
    except ValueError:
        return None if content else _by_words(body[:4096].decode("utf-8", errors="replace"))
    return _by_envelope(answer) or (None if content else _by_words(_text(answer)))


def _by_envelope(answer: Mapping[str, Any]) -> Openness | None:
    """By the answer's code and message; a good code is no refusal."""
    fields = dict(_fields(answer))
    codes = [str(fields[key]).lower() for key in _CODE_KEYS if key in fields]
    if codes and all(code in _GOOD_CODES for code in codes):
        return None
    said = " ".join(str(value) for key, value in fields.items() if key in _SAID_KEYS)
    refused = bool(codes) or fields.get("success") is False or "error" in fields
    words = _by_words(" ".join((said, *codes))) if refused else None
    return words or next((CODES[code] for code in codes if code in CODES), None)


def _fields(answer: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of the answer and of an error inside it, by small letters."""
    for key, value in answer.items():
        name = key.lower()
        if isinstance(value, dict) and name in ("error", "meta", "head"):
            yield name, ""
            yield from _fields(value)
        elif not isinstance(value, dict | list):
            yield name, value


def _text(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False)[:4096]


def _by_words(text: str) -> Openness | None:
    small = text.lower()
    for openness, words in WORDS:
        if any(word in small for word in words):
            return openness
    return None
