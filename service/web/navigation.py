"""The navigation, as data: one line an entry, shown to whoever holds its permission."""

from __future__ import annotations

from dataclasses import dataclass

from models.vocabulary import Permission
from service.web.access import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; it is current on every address that begins with one of ``under``."""

    label: str
    address: str
    permission: Permission
    under: tuple[str, ...]


#: In the order in which they are shown.
MAIN = (
    Entry("推荐活动", "/", Permission.ACCOUNT, ("/campaigns",)),
    Entry("审核队列", "/queue", Permission.CASES_DECIDE, ("/queue",)),
    Entry("审计日志", "/audit", Permission.AUDIT_READ, ("/audit",)),
    Entry("账号管理", "/admin/users", Permission.USERS_MANAGE, ("/admin/users",)),
    Entry("接口令牌", "/admin/tokens", Permission.TOKENS_MANAGE, ("/admin/tokens",)),
    Entry("消息通知", "/admin/notifications", Permission.INTEGRATIONS_MANAGE, ("/admin/notif",)),
    Entry("推送", "/admin/webhooks", Permission.INTEGRATIONS_MANAGE, ("/admin/webhooks",)),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry on a page."""

    label: str
    address: str
    current: bool


def navigation(visitor: Visitor | None, path: str) -> list[Shown]:
    """The entries that a visitor sees on the page at this path."""
    if visitor is None or visitor.must_change:
        return []
    return [
        Shown(each.label, each.address, path == each.address or path.startswith(each.under))
        for each in MAIN
        if visitor.may(each.permission)
    ]
