"""What a page says beside a link to a net disk: whether a code is needed, and whether it is shown."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from rules.hosts import NET_DISK, offsite_host

#: A code in the text near a link; disks make theirs of four letters and digits, owners of up to eight.
_CODE = re.compile(
    r"(?:提取码|提取密码|访问码|访问密码|分享码|密码|口令|code|pwd)\s*(?:为|是)?\s*[:：=]?\s*"
    r"([A-Za-z0-9]{4,8})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_CODE_WORDS = re.compile(r"提取码|提取密码|访问码|访问密码|分享码")
#: Parameters by which a disk's own link carries the code.
_CODE_PARAMETERS = ("pwd", "password", "passwd", "code")
#: A code stands at most so many characters after the link it belongs to.
_NEAR = 120


def disk_note(url: str, link_text: str, page_text: str) -> str:
    """What an officer should know of a link's extraction code; empty for no net disk.

    The code itself is masked: whoever may see it finds it on the page.
    """
    host = offsite_host(url)
    if host is None or host.kind != NET_DISK:
        return ""
    carried = _carried(url)
    if carried:
        return f"需提取码,链接中带有({masked(carried)})"
    near = _near(url, link_text, page_text)
    shown = _CODE.search(near)
    if shown:
        return f"需提取码,页面给出({masked(shown[1])})"
    if _CODE_WORDS.search(near):
        return "需提取码,页面没有给出"
    return "链接旁没有提取码"


def masked(code: str) -> str:
    """A code with its middle hidden."""
    return f"{code[0]}{'*' * (len(code) - 2)}{code[-1]}" if len(code) > 2 else "*" * len(code)


def _carried(url: str) -> str:
    parameters = parse_qs(urlsplit(url).query)
    return next((parameters[name][0] for name in _CODE_PARAMETERS if name in parameters), "")


def _near(url: str, link_text: str, page_text: str) -> str:
    """The link's own words and what follows it on the page, up to the next address."""
    for sign in (url, urlsplit(url).path, link_text.strip()):
        at = page_text.find(sign) if len(sign) > 2 else -1
        if at >= 0:
            after = page_text[at + len(sign) : at + len(sign) + _NEAR]
            return f"{link_text} {re.split(r'https?://', after)[0]}"
    return link_text
