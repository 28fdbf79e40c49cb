"""Openness: whether an anonymous visitor gets a file, free and whole.

By status *and* type *and* magic bytes *and* size: a wall that answers 200 with a page under a
file's name is not an open file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from crawler.access import ATTEMPTS_FOR_NOT_PUBLIC, judge_plain
from crawler.plain import Fetched
from crawler.sniff import Sniffed, claimed_kind, sniff
from models.vocabulary import FINAL, Access, Openness, Outcome, ResourceKind

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

#: Words by which a JSON answer in a file's place says why, the more telling first.
JSON_REFUSALS: tuple[tuple[Openness, tuple[str, ...]], ...] = (
    (Openness.PAID, ("积分", "points", "余额", "payment", "vip", "会员")),
    (Openness.PASSWORD, ("提取码", "访问密码", "password")),
    (Openness.LOGIN, ("require_session", "unauthorized", "not_login", "login", "登录")),
    (Openness.FORBIDDEN, ("forbidden", "permission", "权限")),
)

#: Statuses under which a JSON body may say more exactly why.
_REFUSALS = frozenset({401, 402, 403})

#: Kinds whose name may stand over any content without a deceit.
_LOOSE = frozenset({ResourceKind.HTML, ResourceKind.TXT, ResourceKind.OTHER})


@dataclass(frozen=True, slots=True)
class Opened:
    """What one fetch of a file says."""

    openness: Openness
    outcome: Outcome
    kind: ResourceKind
    evidence: str


def judge_file(fetched: Fetched) -> Opened:
    """Name the openness that one fetch shows."""
    claimed = claimed_kind(fetched.requested, fetched.headers.get("content-disposition", ""))
    judged = judge_plain(fetched.observation())
    if judged.outcome is not Outcome.OK:
        openness = OUTCOME_OPENNESS.get(judged.outcome, Openness.UNREACHABLE)
        if fetched.status in _REFUSALS:
            openness = _refusal_in_json(fetched.body) or openness
        return Opened(openness, judged.outcome, claimed or ResourceKind.OTHER, judged.evidence)
    found = sniff(fetched.body)
    openness, why = _judge_content(fetched.body, claimed, found)
    # Where the file itself was seen, its content says what it is; else its name does.
    seen = openness in (Openness.OPEN, Openness.PASSWORD, Openness.CORRUPT)
    kind = (found.kind if seen else claimed) or claimed or found.kind or ResourceKind.OTHER
    evidence = f"状态码 {fetched.status},{len(fetched.body)} 字节,{why}"
    return Opened(openness, Outcome.OK, kind, evidence)


def _judge_content(
    body: bytes, claimed: ResourceKind | None, found: Sniffed
) -> tuple[Openness, str]:
    if not body:
        return Openness.EMPTY, "内容为空"
    if found.locked:
        return Openness.PASSWORD, "文件加了密码"
    if found.broken:
        return Openness.CORRUPT, found.broken
    is_file = claimed is not None and claimed not in _LOOSE
    if found.json and claimed is not ResourceKind.TXT:
        refusal = _refusal_in_json(body)
        return refusal or Openness.DISGUISED, "应答是 JSON 而不是文件"
    if is_file and found.kind is ResourceKind.HTML:
        return Openness.DISGUISED, f"名为{claimed.label if claimed else ''},内容是网页"
    if is_file and found.kind in (None, ResourceKind.TXT):
        return Openness.CORRUPT, f"不是{claimed.label if claimed else ''}的内容"
    return Openness.OPEN, f"内容是{found.kind.label if found.kind else '二进制文件'}"


def _refusal_in_json(body: bytes) -> Openness | None:
    if not body.lstrip().startswith(b"{"):
        return None
    text = body[:4096].decode("utf-8", errors="replace").lower()
    for openness, words in JSON_REFUSALS:
        if any(word in text for word in words):
            return openness
    return None


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
