"""Openness: whether an anonymous visitor gets a file, free and whole.

By status *and* type *and* magic bytes *and* size: a wall that answers 200 with a page under a
file's name is not an open file. A file that we took the beginning of is judged by that beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from crawler.access import ATTEMPTS_FOR_NOT_PUBLIC, judge_plain
from crawler.plain import Fetched
from crawler.refusals import json_refusal, page_refusal
from crawler.sniff import Sniffed, claimed_extension, claimed_kind, sniff
from models.vocabulary import FINAL, Access, Openness, Outcome, ResourceKind
from rules.hosts import offsite_host

#: What a plain fetch's outcome says of a file.
OUTCOME_OPENNESS: Mapping[Outcome, Openness] = MappingProxyType(
    {
        Outcome.UNAUTHORIZED: Openness.LOGIN,
        Outcome.LOGIN_REDIRECT: Openness.LOGIN,
        Outcome.FORBIDDEN: Openness.FORBIDDEN,
        Outcome.PAYMENT: Openness.PAID,
        Outcome.NOT_FOUND: Openness.MISSING,
        Outcome.BOT_WALL: Openness.BLOCKED,
        Outcome.RATE_LIMITED: Openness.BLOCKED,
        Outcome.ROBOTS: Openness.BLOCKED,
    }
)

#: Statuses under which a JSON body may say more exactly why.
_REFUSALS = frozenset({401, 402, 403})

#: Kinds whose name may stand over any content without a deceit.
_LOOSE = frozenset(
    {
        ResourceKind.HTML,
        ResourceKind.TXT,
        ResourceKind.SUBTITLE,
        ResourceKind.RTF,
        ResourceKind.EPUB,
        ResourceKind.OTHER,
    }
)
#: What a picture under the name of any of these puts off a visitor with.
_NO_PICTURES = frozenset(ResourceKind) - _LOOSE - {ResourceKind.IMAGE}
#: Answers that may be meant for those only who come without the page that links the file.
_PERHAPS_HOTLINK = frozenset(
    {Openness.LOGIN, Openness.FORBIDDEN, Openness.MISSING, Openness.DISGUISED, Openness.EMPTY}
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What one fetch of a file says."""

    openness: Openness
    outcome: Outcome
    kind: ResourceKind
    evidence: str


def judge_file(fetched: Fetched, *, promised: bool = False) -> Opened:
    """Name the openness that one fetch shows.

    Args:
        fetched: The answer.
        promised: The page or the profile says that a file is there, whatever its name.
    """
    disposition = fetched.headers.get("content-disposition", "")
    claim = _Claim(
        kind=claimed_kind(fetched.requested, disposition),
        extension=claimed_extension(fetched.requested, disposition),
        promised=promised,
    )
    away = offsite_host(fetched.final_url or "")
    if away is not None:
        said = f"转到站外{away.label},未抓取"
        return Opened(Openness.OFFSITE, Outcome.OK, claim.kind or ResourceKind.OTHER, said)
    judged = judge_plain(fetched.observation())
    if judged.outcome is not Outcome.OK:
        openness = OUTCOME_OPENNESS.get(judged.outcome, Openness.UNREACHABLE)
        if fetched.status in _REFUSALS:
            openness = json_refusal(fetched.body) or openness
        return Opened(openness, judged.outcome, claim.kind or ResourceKind.OTHER, judged.evidence)
    found = sniff(fetched.body, whole=not fetched.truncated)
    openness, why = _judge_content(fetched.body, claim, found)
    # Where the file itself was seen, its content says what it is; else its name does.
    seen = openness in (Openness.OPEN, Openness.PASSWORD, Openness.CORRUPT)
    kind = (found.kind if seen else claim.kind) or claim.kind or found.kind or ResourceKind.OTHER
    evidence = f"状态码 {fetched.status},{_size(fetched)},{why}"
    return Opened(openness, Outcome.OK, kind, evidence)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the name of an address says is there."""

    kind: ResourceKind | None
    extension: str
    promised: bool

    @property
    def label(self) -> str:
        return self.kind.label if self.kind else "文件"

    @property
    def is_page(self) -> bool:
        """Whether a web page may stand there: it is named one, or nothing is said."""
        return self.kind is ResourceKind.HTML or (self.kind is None and not self.promised)


def _size(fetched: Fetched) -> str:
    if not fetched.truncated:
        return f"{len(fetched.body)} 字节"
    total = f",全长 {fetched.total} 字节" if fetched.total else ""
    why = "时间" if fetched.truncated == "time" else "大小"
    return f"按{why}上限只取前 {len(fetched.body)} 字节{total}"


def _judge_content(body: bytes, claim: _Claim, found: Sniffed) -> tuple[Openness, str]:
    if not body:
        return Openness.EMPTY, "内容为空"
    note = f";{found.note}" if found.note else ""
    if found.locked:
        return Openness.PASSWORD, f"文件加了密码{note}"
    if found.cut:
        return Openness.CORRUPT, f"文件不完整:{found.cut}"
    if found.broken:
        return Openness.CORRUPT, f"文件损坏:{found.broken}"
    if found.json:
        return _judge_json(body, claim)
    if found.kind is ResourceKind.HTML and not claim.is_page:
        return _judge_page(body, claim)
    return _judge_kind(claim, found, note)


def _judge_json(body: bytes, claim: _Claim) -> tuple[Openness, str]:
    if claim.extension == "json":
        refusal = json_refusal(body, content=True)
        return (refusal, "应答是 JSON 的拒绝说明") if refusal else (Openness.OPEN, "内容是 JSON")
    if claim.kind in (ResourceKind.TXT, ResourceKind.SUBTITLE):
        return Openness.OPEN, "内容是纯文本"
    refusal = json_refusal(body)
    return refusal or Openness.DISGUISED, "应答是 JSON 而不是文件"


def _judge_page(body: bytes, claim: _Claim) -> tuple[Openness, str]:
    refusal = page_refusal(body)
    if refusal is not None:
        return refusal, f"名为{claim.label},内容是要求登录的网页(401 Authorization Required)"
    if claim.extension in ("md", "json"):
        return Openness.OPEN, "内容是网页"
    return Openness.DISGUISED, f"名为{claim.label},内容是网页"


def _judge_kind(claim: _Claim, found: Sniffed, note: str) -> tuple[Openness, str]:
    strict = claim.kind is not None and claim.kind not in _LOOSE
    if strict and found.kind in (None, ResourceKind.TXT):
        return Openness.CORRUPT, f"文件损坏:不是{claim.label}的内容"
    if found.kind is ResourceKind.IMAGE and claim.kind in _NO_PICTURES:
        return Openness.DISGUISED, f"名为{claim.label},内容是图片(盗链提示图常如此)"
    shown = found.kind.label if found.kind else "二进制文件"
    return Openness.OPEN, f"内容是{shown}{note}"


def is_worth_a_referer(opened: Opened) -> bool:
    """Whether the file may be handed out to those who come from the page that links it."""
    return opened.openness in _PERHAPS_HOTLINK


def with_referer(without: Opened, with_it: Opened) -> Opened:
    """The answer of a fetch without and one with the linking page as referer, at the same attempt.

    Open with it is open: everybody who reads the page gets the file. When the second fetch could
    not tell, neither can both.
    """
    both = f"不带来源页:{without.evidence};带来源页:{with_it.evidence}"
    if with_it.openness is Openness.OPEN:
        return replace(
            with_it, evidence=f"{both};只在从所在网页打开时可获取(防盗链),视为可免费获取"
        )
    if with_it.openness.access is Access.CANNOT_TELL:
        return replace(with_it, evidence=both)
    if with_it.openness in _PERHAPS_HOTLINK:
        return replace(without, evidence=both)
    # Past the wall it is locked, broken or has its price: that is what a visitor meets.
    return replace(with_it, evidence=both)


def needs_another_fetch(seen: Sequence[Opened], most: int) -> bool:
    """Whether one more fetch could still settle or change the answer."""
    if not seen:
        return True
    last = seen[-1]
    if last.openness is Openness.OPEN or last.outcome in FINAL:
        return False
    if _settled(seen):
        return False
    return len(seen) < most


def _settled(seen: Sequence[Opened]) -> bool:
    tail = seen[-ATTEMPTS_FOR_NOT_PUBLIC:]
    return (
        len(tail) == ATTEMPTS_FOR_NOT_PUBLIC
        and len({one.openness for one in tail}) == 1
        and tail[-1].openness.access is Access.NOT_PUBLIC
    )


def combine_fetches(seen: Sequence[Opened], *, canary_up: bool = True) -> Opened:
    """The answer of all fetches: open, not open (agreed by two), or cannot tell."""
    last = seen[-1]
    if last.openness.access is not Access.NOT_PUBLIC:
        return last
    if _settled(seen) and canary_up:
        return last
    why = "我方网络当时不通" if not canary_up else "几次抓取结果不一致"
    return Opened(Openness.UNREACHABLE, last.outcome, last.kind, f"{why};{last.evidence}")
