"""Closed vocabularies, each defined once, each member with the Chinese label that officers see.

A member's value is what files, tables and the API carry; ``label`` is for screens and papers.
Whatever follows from a member (is it final? does it mean *not public*?) is a table in this
module, so that no other module repeats the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self


class Term(StrEnum):
    """A closed vocabulary whose members carry a Chinese label."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        """Make a member from its stable value and its Chinese label."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    @classmethod
    def of(cls, value: str) -> Self:
        """The member with this value; ValueError for one that is none."""
        # Type checkers take the call for the making of a member, with its label.
        return cls(value)  # type: ignore[call-arg]


class Access(Term):
    """The three answers to "can everybody see it?"."""

    PUBLIC = "public", "公开"
    NOT_PUBLIC = "not_public", "不公开"
    CANNOT_TELL = "cannot_tell", "无法判断"


class Visibility(Term):
    """What an anonymous visitor measured on a space or a page (design §2)."""

    PUBLIC = "public", "所有人可见"
    PARTIAL = "partial", "部分公开"
    LOGIN = "login", "登录可见"
    PASSWORD = "password", "凭密码可见"
    RESTRICTED = "restricted", "好友/班级/校内可见"
    HIDDEN = "hidden", "仅自己可见"
    MISSING = "missing", "不存在"
    BLOCKED = "blocked", "被拦截"
    UNREACHABLE = "unreachable", "无法访问"

    @property
    def access(self) -> Access:
        """Public, not public or cannot tell."""
        return VISIBILITY_ACCESS[self]


VISIBILITY_ACCESS: Mapping[Visibility, Access] = MappingProxyType(
    {
        Visibility.PUBLIC: Access.PUBLIC,
        Visibility.PARTIAL: Access.NOT_PUBLIC,
        Visibility.LOGIN: Access.NOT_PUBLIC,
        Visibility.PASSWORD: Access.NOT_PUBLIC,
        Visibility.RESTRICTED: Access.NOT_PUBLIC,
        Visibility.HIDDEN: Access.NOT_PUBLIC,
        Visibility.MISSING: Access.NOT_PUBLIC,
        Visibility.BLOCKED: Access.CANNOT_TELL,
        Visibility.UNREACHABLE: Access.CANNOT_TELL,
    }
)


class Openness(Term):
    """Whether an anonymous visitor gets a resource, free and whole (design §2)."""

    OPEN = "open", "可免费获取"
    LOGIN = "login", "需登录"
    FORBIDDEN = "forbidden", "禁止访问"
    PAID = "paid", "需积分或付费"
    PASSWORD = "password", "需密码或提取码"
    MISSING = "missing", "文件不存在"
    DISGUISED = "disguised", "名不副实(网页冒充文件)"
    EMPTY = "empty", "空文件"
    CORRUPT = "corrupt", "文件损坏"
    OFFSITE = "offsite", "站外(网盘、网店)"
    BLOCKED = "blocked", "被拦截"
    UNREACHABLE = "unreachable", "无法访问"

    @property
    def access(self) -> Access:
        """Open counts as public; blocked and unreachable say nothing about the teacher."""
        if self is Openness.OPEN:
            return Access.PUBLIC
        if self in (Openness.BLOCKED, Openness.UNREACHABLE):
            return Access.CANNOT_TELL
        return Access.NOT_PUBLIC


class Outcome(Term):
    """How one attempt to read one address ended. Closed: every attempt is exactly one of these."""

    OK = "ok", "正常打开"
    UNAUTHORIZED = "unauthorized", "服务器要求登录(401)"
    LOGIN_REDIRECT = "login_redirect", "转到登录页"
    LOGIN_WALL = "login_wall", "页面只有登录框"
    PASSWORD_PROMPT = "password_prompt", "页面要求输入访问密码"
    REFUSAL_PAGE = "refusal_page", "页面写明无权查看"
    HIDDEN_PAGE = "hidden_page", "页面写明处于隐藏状态"
    FORBIDDEN = "forbidden", "服务器拒绝(403)"
    NOT_FOUND = "not_found", "不存在(404/410)"
    SOFT_NOT_FOUND = "soft_not_found", "页面写明不存在"
    EMPTY_PAGE = "empty_page", "页面没有内容"
    PAYMENT = "payment", "需积分或付费"
    BOT_WALL = "bot_wall", "被人机验证拦截"
    RATE_LIMITED = "rate_limited", "访问过快被限制"
    SERVER_ERROR = "server_error", "对方服务器出错"
    TIMEOUT = "timeout", "超时"
    DNS = "dns", "域名无法解析"
    CONNECT = "connect", "连接失败"
    TLS = "tls", "证书或加密连接失败"
    TRUNCATED = "truncated", "内容没有收全"
    REDIRECT_LOOP = "redirect_loop", "重定向循环"
    TOO_LARGE = "too_large", "超过大小上限"
    NO_RESPONSE = "no_response", "没有得到响应"
    ROBOTS = "robots", "网站的 robots.txt 不允许"
    GUARD_DENIED = "guard_denied", "被出口守卫拒绝"
    CANARY_DOWN = "canary_down", "我方网络当时不通"
    CRASH = "crash", "我方程序或浏览器出错"

    @property
    def visibility(self) -> Visibility:
        """What this outcome, if confirmed, says of the space or page."""
        return OUTCOME_VISIBILITY[self]


OUTCOME_VISIBILITY: Mapping[Outcome, Visibility] = MappingProxyType(
    {
        Outcome.OK: Visibility.PUBLIC,
        Outcome.UNAUTHORIZED: Visibility.LOGIN,
        Outcome.LOGIN_REDIRECT: Visibility.LOGIN,
        Outcome.LOGIN_WALL: Visibility.LOGIN,
        Outcome.PASSWORD_PROMPT: Visibility.PASSWORD,
        Outcome.REFUSAL_PAGE: Visibility.RESTRICTED,
        Outcome.FORBIDDEN: Visibility.RESTRICTED,
        Outcome.HIDDEN_PAGE: Visibility.HIDDEN,
        Outcome.NOT_FOUND: Visibility.MISSING,
        Outcome.SOFT_NOT_FOUND: Visibility.MISSING,
        Outcome.PAYMENT: Visibility.RESTRICTED,
        Outcome.BOT_WALL: Visibility.BLOCKED,
        Outcome.RATE_LIMITED: Visibility.BLOCKED,
        Outcome.EMPTY_PAGE: Visibility.UNREACHABLE,
        Outcome.SERVER_ERROR: Visibility.UNREACHABLE,
        Outcome.TIMEOUT: Visibility.UNREACHABLE,
        Outcome.DNS: Visibility.UNREACHABLE,
        Outcome.CONNECT: Visibility.UNREACHABLE,
        Outcome.TLS: Visibility.UNREACHABLE,
        Outcome.TRUNCATED: Visibility.UNREACHABLE,
        Outcome.REDIRECT_LOOP: Visibility.UNREACHABLE,
        Outcome.TOO_LARGE: Visibility.UNREACHABLE,
        Outcome.NO_RESPONSE: Visibility.UNREACHABLE,
        Outcome.ROBOTS: Visibility.BLOCKED,
        Outcome.GUARD_DENIED: Visibility.UNREACHABLE,
        Outcome.CANARY_DOWN: Visibility.UNREACHABLE,
        Outcome.CRASH: Visibility.UNREACHABLE,
    }
)

#: Outcomes that are our side's doing: never held against a teacher, named apart in reports.
OURS: frozenset[Outcome] = frozenset({Outcome.GUARD_DENIED, Outcome.CANARY_DOWN, Outcome.CRASH})

#: Outcomes of which another try says the same.
FINAL: frozenset[Outcome] = frozenset({Outcome.GUARD_DENIED, Outcome.ROBOTS})

#: Outcomes that another try may change.
WORTH_A_RETRY: frozenset[Outcome] = (
    frozenset(
        outcome
        for outcome, visibility in OUTCOME_VISIBILITY.items()
        if visibility.access is Access.CANNOT_TELL
    )
    - FINAL
)


class Dimension(Term):
    """The notice's four review dimensions."""

    POLITICAL = "political", "政治性"
    SCIENTIFIC = "scientific", "科学性"
    APPLICABILITY = "applicability", "适用性"
    NORMATIVE = "normative", "规范性"


class Severity(Term):
    """How a rule's hit is put before a person; never a verdict by itself."""

    NOTICE = "notice", "提示"
    SUSPECT = "suspect", "疑似"
    SERIOUS = "serious", "严重"

    @property
    def rank(self) -> int:
        """0 for a notice, 2 for serious."""
        return list(Severity).index(self)


class FindingState(Term):
    """Where a finding stands."""

    OPEN = "open", "待处理"
    CONFIRMED = "confirmed", "已确认"
    DISMISSED = "dismissed", "已排除"
    RECTIFIED = "rectified", "已整改"
    SUPERSEDED = "superseded", "已被取代"


class CaseState(Term):
    """Where the review of one space stands."""

    QUEUED = "queued", "待领取"
    LEASED = "leased", "审核中"
    FIRST_DECISION = "first_decision", "一审完成"
    AGREED = "agreed", "意见一致"
    DISPUTED = "disputed", "意见分歧"
    ADJUDICATED = "adjudicated", "已终审"
    DECIDED = "decided", "已办结"
    APPEALED = "appealed", "申诉中"
    UPHELD = "upheld", "维持原判"
    OVERTURNED = "overturned", "撤销原判"


#: States of a case in which nothing is left to do.
SETTLED_CASES = (CaseState.DECIDED, CaseState.UPHELD, CaseState.OVERTURNED)


class VerdictState(Term):
    """What the ranking is told about a space."""

    ELIGIBLE = "eligible", "合格"
    PENDING = "pending", "待复核"
    REJECTED = "rejected", "不予推荐"
    UNDETERMINED = "undetermined", "无法判定"
    STALE = "stale", "已过期"


class VerdictReason(Term):
    """Why a verdict is what it is."""

    NO_SNAPSHOT = "no_snapshot", "尚未抓取"
    NOT_PUBLIC = "not_public", "空间未对所有人公开"
    ACCESS_UNKNOWN = "access_unknown", "无法判断空间是否公开"
    RESOURCE_NOT_OPEN = "resource_not_open", "有资源未免费开放"
    RESOURCE_BROKEN = "resource_broken", "有资源损坏或缺失"
    RESOURCE_UNKNOWN = "resource_unknown", "有资源无法取得,不能判断"
    FINDING_CONFIRMED = "finding_confirmed", "有问题经人工确认"
    FINDING_OPEN = "finding_open", "有疑似问题待人工处理"
    COVERAGE_GAP = "coverage_gap", "有内容未能筛查,待人工查看"
    REJECTED_BY_PERSON = "rejected_by_person", "经人工审核不予推荐"
    PERSON_MUST_PASS = "person_must_pass", "曾被人工否定,须人工复核通过"
    SIGN_OFF_MISSING = "sign_off_missing", "逐级签署不全"
    ALL_CLEAR = "all_clear", "公开、开放、已筛查,无待处理问题"
    CONTENT_CHANGED = "content_changed", "空间内容已变化"
    RULES_CHANGED = "rules_changed", "规则已更新"
    MODELS_CHANGED = "models_changed", "模型已更新"
    POLICY_CHANGED = "policy_changed", "判定规则已更新"
    EXPIRED = "expired", "结论已过有效期"


class Action(Term):
    """What a person decides on a finding or on a whole space."""

    CONFIRM = "confirm", "确认"
    DISMISS = "dismiss", "排除"
    UNDO = "undo", "撤销"


class Part(Term):
    """The part of a space in which something was found."""

    PAGE = "page", "网页"
    ATTACHMENT = "attachment", "附件"
    IMAGE = "image", "图片"
    LINK = "link", "链接"


class CoverageKind(Term):
    """What the coverage ledger counts."""

    PAGE = "page", "网页"
    RESOURCE = "resource", "资源"
    IMAGE = "image", "图片"
    FRAME = "frame", "内嵌页"
    BLOCK = "block", "文本块"


class NotScreened(Term):
    """Why something that was found was not screened."""

    NOT_OPEN = "not_open", "未开放,无法取得"
    OFFSITE = "offsite", "在站外,未取"
    NOT_CAPTURED = "not_captured", "未能取得"
    BUDGET = "budget", "超出抓取预算"
    ROBOTS = "robots", "网站的 robots.txt 不允许"
    UNSUPPORTED = "unsupported", "格式暂不支持"
    TOO_LARGE = "too_large", "文件过大"
    ENCRYPTED = "encrypted", "文件加密"
    UNREADABLE = "unreadable", "文件损坏或无法解析"
    TIMEOUT = "timeout", "解析超时"
    NO_TEXT_LAYER = "no_text_layer", "没有文字层(扫描件)"
    PICTURE_TEXT = "picture_text", "图片中的文字未识别"
    AUDIO_VIDEO = "audio_video", "音视频内容未识别"
    DECORATION = "decoration", "装饰性小图"
    FAILED = "failed", "筛查程序出错"


class Fate(Term):
    """What became of one address that a page asked for."""

    CAPTURED = "captured", "已取得"
    KNOWN = "known", "与本次访问已取得的相同"
    PARTIAL = "partial", "只取得一部分"
    TOO_LARGE = "too_large", "过大,只存应答头"
    STREAM = "stream", "读取页面时仍未传完"
    GONE = "gone", "浏览器未能交出内容"
    ABORTED = "aborted", "页面自己取消"
    FAILED = "failed", "网络失败"
    REFUSED = "refused", "被出口守卫拒绝"
    UNANSWERED = "unanswered", "读取页面时仍无应答"
    NOT_ASKED = "not_asked", "浏览器没有请求"

    @property
    def kept(self) -> bool:
        """Whether the whole answer is in the snapshot."""
        return self in (Fate.CAPTURED, Fate.KNOWN)


class ResourceKind(Term):
    """What sort of file a resource is, by its content where that is known."""

    DOC = "doc", "Word 文档(旧)"
    DOCX = "docx", "Word 文档"
    PPT = "ppt", "演示文稿(旧)"
    PPTX = "pptx", "演示文稿"
    XLS = "xls", "电子表格(旧)"
    XLSX = "xlsx", "电子表格"
    PDF = "pdf", "PDF"
    RTF = "rtf", "RTF 文档"
    EPUB = "epub", "电子书"
    TXT = "txt", "纯文本"
    SUBTITLE = "subtitle", "字幕"
    HTML = "html", "网页"
    IMAGE = "image", "图片"
    AUDIO = "audio", "音频"
    VIDEO = "video", "视频"
    ARCHIVE = "archive", "压缩包"
    OTHER = "other", "其他"


class ResourceSource(Term):
    """Where on a page the address of a resource was found."""

    LINK = "link", "页面链接"
    PLAYER = "player", "播放器或内嵌对象"
    ATTRIBUTE = "attribute", "元素属性"
    HANDLER = "handler", "点击脚本"
    SCRIPT = "script", "脚本数据"
    STRUCTURED = "structured", "结构化数据"
    API = "api", "接口数据"
    TEXT = "text", "正文文字"

    @property
    def guessed(self) -> bool:
        """Whether what a script makes of the address is not known: it may be completed or unused."""
        return self in (ResourceSource.HANDLER, ResourceSource.SCRIPT, ResourceSource.API)


class PageKind(Term):
    """What a page of a space is for, as the site profile reads it."""

    HOME = "home", "主页"
    LIST = "list", "列表"
    ARTICLE = "article", "文章"
    RESOURCE = "resource", "资源"
    ALBUM = "album", "相册"
    BOARD = "board", "留言板"
    OTHER = "other", "其他"


class SchoolKind(Term):
    """Where a school stands, for the rural policy (column 学校类别)."""

    URBAN = "urban", "城区"
    TOWN = "town", "镇区"
    RURAL = "rural", "乡村"
    REMOTE = "remote", "偏远"


class Role(Term):
    """What a user may do."""

    TEACHER = "teacher", "教师"
    SCHOOL_AUDITOR = "school_auditor", "学校审核员"
    COUNTY_AUDITOR = "county_auditor", "县区审核员"
    CITY_STAFF = "city_staff", "市级工作人员"
    RANKING_CLIENT = "ranking_client", "排名程序"
    ADMINISTRATOR = "administrator", "管理员"


class FeedEvent(Term):
    """What a row of the verdict feed announces."""

    ISSUED = "verdict.issued", "发布结论"
    STALED = "verdict.staled", "结论过期"
    OVERTURNED = "verdict.overturned", "结论被撤销"
    WITHDRAWN = "space.withdrawn", "撤回提名"


class RankingStage(Term):
    """The two stages of selection."""

    COUNTY = "county", "县级推荐"
    CITY = "city", "市级评审"


class Permission(Term):
    """What a page or an action of the desk asks of a signed-in person; roles hold sets of these."""

    ACCOUNT = "account", "本人账号"
    SPACES_READ = "spaces_read", "查看空间与证据"
    CASES_DECIDE = "cases_decide", "作出审核决定"
    CASES_ADJUDICATE = "cases_adjudicate", "终审分歧"
    PERSONAL_DATA_OPEN = "personal_data_open", "查看个人信息原文"
    NOTICES_SEND = "notices_send", "发出与办结整改通知"
    NOTICES_ANSWER = "notices_answer", "答复整改通知"
    APPEALS_LODGE = "appeals_lodge", "提出申诉"
    APPEALS_HEAR = "appeals_hear", "审理申诉"
    SIGN_OFF = "sign_off", "逐级签署"
    SAMPLES_REVIEW = "samples_review", "抽查"
    DASHBOARD_READ = "dashboard_read", "查看进度与统计"
    EXPORT = "export", "导出"
    FEED_READ = "feed_read", "查看结论记录"
    RANKINGS_READ = "rankings_read", "查看排名"
    RULES_TRIAL = "rules_trial", "试运行规则"
    AUDIT_READ = "audit_read", "查看审计日志"
    USERS_MANAGE = "users_manage", "管理账号"
    TOKENS_MANAGE = "tokens_manage", "管理接口令牌"
    INTEGRATIONS_MANAGE = "integrations_manage", "管理推送与通知"


class TokenScope(Term):
    """What an API token may do."""

    VERDICTS_READ = "verdicts:read", "读取结论"
    NOMINATIONS_WRITE = "nominations:write", "提交提名"
    CASES_READ = "cases:read", "读取案件"
    CASES_DECIDE = "cases:decide", "作出审核决定"
    RANKINGS_READ = "rankings:read", "读取排名"
    METRICS_READ = "metrics:read", "读取运行指标"


class LoginMethod(Term):
    """How a session began."""

    PASSWORD = "password", "密码"
    OIDC = "oidc", "统一身份认证"
    LOOPBACK = "loopback", "本机演示"


class FlashLevel(Term):
    """How a message after an action is coloured; the word stands beside the colour."""

    SUCCESS = "success", "完成"
    INFO = "info", "提示"
    WARNING = "warning", "注意"
    DANGER = "danger", "未完成"


class CaseEventKind(Term):
    """One step in the life of a case."""

    QUEUED = "queued", "进入队列"
    LEASED = "leased", "领取"
    EXTENDED = "extended", "延长占用"
    HANDED_OVER = "handed_over", "转交"
    RELEASED = "released", "放回"
    EXPIRED = "expired", "占用到期"
    SKIPPED = "skipped", "跳过"
    ESCALATED = "escalated", "上报"
    FIRST_DECIDED = "first_decided", "一审完成"
    SECOND_DECIDED = "second_decided", "二审完成"
    AGREED = "agreed", "意见一致"
    DISPUTED = "disputed", "意见分歧"
    ADJUDICATED = "adjudicated", "终审"
    DECIDED = "decided", "办结"
    REOPENED = "reopened", "重新打开"
    APPEALED = "appealed", "申诉"
    UPHELD = "upheld", "维持"
    OVERTURNED = "overturned", "撤销"


class ReviewRound(Term):
    """Which look at a finding or a space an opinion comes from."""

    FIRST = "first", "一审"
    SECOND = "second", "二审"
    ADJUDICATION = "adjudication", "终审"
    APPEAL = "appeal", "申诉审理"
    SAMPLE = "sample", "抽查"


class SignOffLevel(Term):
    """The levels of 逐级 responsibility, the lowest first."""

    TEACHER = "teacher", "教师"
    SCHOOL = "school", "学校"
    COUNTY = "county", "县区"
    CITY = "city", "市级"


class Statement(Term):
    """What somebody signs: a teacher's consent to openness, or a level's word on safety."""

    CONSENT = "consent", "同意全部内容免费开放"
    SAFETY = "safety", "对内容安全负责"
    WITHDRAWN = "withdrawn", "撤回签署"


class NoticeState(Term):
    """Where a notice to mend (整改通知) stands."""

    DRAFTED = "drafted", "拟稿"
    SENT = "sent", "已发出"
    READ = "read", "已查看"
    ANSWERED = "answered", "已答复"
    RECHECKING = "rechecking", "复查中"
    RECTIFIED = "rectified", "复查通过"
    NOT_RECTIFIED = "not_rectified", "复查未通过"
    CLOSED = "closed", "已办结"
    WITHDRAWN = "withdrawn", "已撤回"


class NoticeEventKind(Term):
    """One step in the life of a notice."""

    SENT = "sent", "发出"
    OPENED = "opened", "对方打开"
    REMINDED = "reminded", "催办"
    EXTENDED = "extended", "延期"
    ANSWERED = "answered", "答复"
    RECHECK_ASKED = "recheck_asked", "申请复查"
    RECHECKED = "rechecked", "复查"
    CLOSED = "closed", "办结"
    REOPENED = "reopened", "退回继续整改"
    LINK_RENEWED = "link_renewed", "换发链接"
    LINK_REVOKED = "link_revoked", "停用链接"
    APPEALED = "appealed", "提出申诉"
    APPEAL_DECIDED = "appeal_decided", "申诉审结"
    WITHDRAWN = "withdrawn", "撤回"


class RecheckOutcome(Term):
    """What a re-check found of one thing that a notice asks to mend."""

    RECTIFIED = "rectified", "已整改"
    STILL_THERE = "still_there", "仍然存在"
    NOT_CHECKED = "not_checked", "未能复查"


class AppealState(Term):
    """Where an appeal stands."""

    LODGED = "lodged", "已提出"
    HEARD = "heard", "审理中"
    UPHELD = "upheld", "维持原判"
    OVERTURNED = "overturned", "撤销原判"
    WITHDRAWN = "withdrawn", "已撤回"


class SampleOutcome(Term):
    """What a person found on a space that the machine had found clean."""

    WAITING = "waiting", "待抽查"
    CLEAN = "clean", "确无问题"
    MISSED = "missed", "有漏检"
    UNUSABLE = "unusable", "无法判断"


class OpenedThing(Term):
    """What somebody opened that is hidden until asked for."""

    PERSONAL_DATA = "personal_data", "个人信息原文"
    PICTURE = "picture", "遮挡的图片"
    SCREENSHOT = "screenshot", "截图"
    FILE = "file", "附件"
    REPLAY = "replay", "快照回放"
    EXPORT = "export", "导出文件"


class DeliveryState(Term):
    """Where a webhook delivery or a notification stands."""

    WAITING = "waiting", "待发送"
    DELIVERED = "delivered", "已送达"
    RETRYING = "retrying", "等待重试"
    DEAD = "dead", "多次失败,已停止"
    CANCELLED = "cancelled", "已取消"


class NotifiedEvent(Term):
    """What people are told of by mail, 企业微信 or 钉钉."""

    DEADLINE = "deadline", "临近截止"
    OVERDUE = "overdue", "已逾期"
    CRAWL_FINISHED = "crawl_finished", "抓取完成"
    CRAWL_FAILED = "crawl_failed", "抓取失败"
    DELIVERY_DEAD = "delivery_dead", "推送停止"
    NOTICE_ANSWERED = "notice_answered", "整改已答复"
    APPEAL_LODGED = "appeal_lodged", "有新申诉"
    CASE_DISPUTED = "case_disputed", "有意见分歧"


class PictureLook(Term):
    """How one person wants pictures of spaces to look until they are clicked."""

    PLAIN = "plain", "原样"
    BLUR = "blur", "模糊"
    GREY = "grey", "灰度"
