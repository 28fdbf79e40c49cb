"""What a notice asks to mend: findings that a person confirmed, and what was measured as not open."""

from __future__ import annotations

from collections.abc import Iterator

from models.review_tables import NoticeItem
from models.tables import Resource
from models.vocabulary import Access, FindingState, Openness, Part, VerdictState
from rules.policy import Policy
from service.case import Case, CaseFinding
from service.wording import masked

#: Why access and openness are asked for.
OPEN_BASIS = (
    "泉州市教育局关于开展2022年度泉州市优秀教师网络学习空间征集活动的通知"
    "(泉教装〔2022〕3号)三(四):空间设为所有人可见,上传资源免费开放"
)
MEND_ACCESS = "请把空间的访问权限设为“所有人可见”,并退出登录后确认能够打开。"
_MEND_RESOURCE = {
    Openness.LOGIN: "请取消登录限制,使未登录的人也能下载。",
    Openness.FORBIDDEN: "请取消访问限制,使所有人都能下载。",
    Openness.PAID: "请取消积分或付费要求,改为免费下载。",
    Openness.PASSWORD: "请取消密码或提取码,重新上传不加密的文件。",
    Openness.OFFSITE: "请把文件直接上传到空间,不要链接到网盘或网店。",
    Openness.DISGUISED: "下载到的是网页,不是文件本身。请重新上传文件,并退出登录后试下载。",
    Openness.MISSING: "链接所指的文件不存在。请重新上传,或删除该链接。",
    Openness.EMPTY: "文件是空的。请重新上传,或删除该文件。",
    Openness.CORRUPT: "文件已损坏,打不开。请重新上传,或删除该文件。",
}


def items_of(case: Case, policy: Policy) -> list[NoticeItem]:
    """The items of a notice on what is known of a space now; none when there is nothing to mend.

    Personal numbers are masked: the notice goes out by a link.
    """
    return [*_access(case), *_resources(case, policy), *_findings(case)]


def _access(case: Case) -> Iterator[NoticeItem]:
    snapshot = case.snapshot
    if snapshot is None or snapshot.visibility.access is not Access.NOT_PUBLIC:
        return
    yield NoticeItem(
        notice_id="",
        what=f"空间未对所有人公开:未登录访问时{snapshot.visibility.label}",
        where=snapshot.url,
        basis=OPEN_BASIS,
        mend=MEND_ACCESS,
    )


def _resources(case: Case, policy: Policy) -> Iterator[NoticeItem]:
    for resource in case.resources:
        if is_fault(resource, policy):
            name = masked(resource.name or resource.kind.label)
            yield NoticeItem(
                notice_id="",
                what=f"资源“{name}”未能免费获取:{resource.openness.label}",
                where=resource.url,
                basis=OPEN_BASIS,
                mend=_MEND_RESOURCE[resource.openness],
            )


def is_fault(resource: Resource, policy: Policy) -> bool:
    """Whether a file was measured as not open, and the policy holds that against the space."""
    if resource.openness.access is not Access.NOT_PUBLIC:
        return False
    return policy.openness[resource.openness] is not VerdictState.ELIGIBLE


def _findings(case: Case) -> Iterator[NoticeItem]:
    names = {resource.url: resource.name for resource in case.resources}
    titles = {page.url: page.title for page in case.pages}
    for each in case.findings:
        if each.state is FindingState.CONFIRMED:
            yield NoticeItem(
                notice_id="",
                finding_id=each.row.id,
                fingerprint=each.row.fingerprint,
                what=f"{each.title}:“{masked(each.row.text)}”",
                where=_place(each, names, titles),
                basis=each.row.basis,
                mend=each.mend or "请修改或删除该内容。",
            )


def _place(each: CaseFinding, names: dict[str, str], titles: dict[str, str]) -> str:
    """Where a teacher finds it: the file and the place in it, or the page by title and words."""
    row = each.row
    if row.part is Part.ATTACHMENT:
        name = names.get(row.url) or "附件"
        return masked(f"附件“{name}” {row.locator}({row.url})")
    title = titles.get(row.url, "")
    page = f"{row.part.label}“{title}”" if title else row.part.label
    return masked(f"{page} {row.url},“{row.context[:60]}”处")
