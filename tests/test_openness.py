"""Openness of a file: status, type, magic bytes and size together."""

import random
from collections.abc import Callable

import pytest

from crawler.openness import (
    Opened,
    combine_fetches,
    is_worth_a_referer,
    judge_file,
    needs_another_fetch,
    with_referer,
)
from crawler.plain import Fetched
from crawler.sniff import claimed_kind, file_name, sniff
from models.vocabulary import Openness, Outcome, ResourceKind
from tests.locked_files import (
    archive,
    compound,
    crypto_api_pass,
    doc,
    film,
    locked_zip,
    opens,
    pdf,
    picture,
    ppt,
    rar4,
    rar5,
    rc4_pass,
    seven_zip,
    xls,
)

BASE = "https://platform.example/files/"


DOCX = archive("[Content_Types].xml", "word/document.xml")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
#: What the national platform is said to save under a file's name, byte for byte of that kind.
LOGIN_WALL = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>openresty</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
WALL = b"<!doctype html><title>\xe4\xb8\x8b\xe8\xbd\xbd</title><p>please wait</p>"


def fetched(name: str, body: bytes, status: int = 200, **headers: str) -> Fetched:
    renamed = {key.replace("_", "-"): value for key, value in headers.items()}
    return Fetched(BASE + name, BASE + name, status, renamed, body)


@pytest.mark.parametrize(
    ("answer", "openness", "kind"),
    [
        (fetched("a.pdf", pdf()), Openness.OPEN, ResourceKind.PDF),
        (fetched("a.docx", DOCX), Openness.OPEN, ResourceKind.DOCX),
        (fetched("a.doc", DOCX), Openness.OPEN, ResourceKind.DOCX),
        (fetched("a.zip", archive("a.txt")), Openness.OPEN, ResourceKind.ARCHIVE),
        (fetched("download?id=3", pdf()), Openness.OPEN, ResourceKind.PDF),
        (fetched("a.txt", "教学计划".encode("gb18030")), Openness.OPEN, ResourceKind.TXT),
        (fetched("a.json", b'{"points": 3}'), Openness.OPEN, ResourceKind.TXT),
        (fetched("get?id=1", b'{"points": 3}'), Openness.PAID, ResourceKind.TXT),
        (
            fetched("a.doc", OLE + "WordDocument".encode("utf-16-le")),
            Openness.OPEN,
            ResourceKind.DOC,
        ),
        (fetched("a.png", picture("PNG")), Openness.OPEN, ResourceKind.IMAGE),
        (fetched("a.mp4", film()), Openness.OPEN, ResourceKind.VIDEO),
        (fetched("a.pdf", WALL), Openness.DISGUISED, ResourceKind.PDF),
        (fetched("a.pdf", LOGIN_WALL), Openness.LOGIN, ResourceKind.PDF),
        (fetched("a.txt", WALL), Openness.DISGUISED, ResourceKind.TXT),
        (fetched("a.enbx", WALL), Openness.DISGUISED, ResourceKind.OTHER),
        (fetched("get?id=1", WALL), Openness.OPEN, ResourceKind.HTML),
        (fetched("a.html", WALL), Openness.OPEN, ResourceKind.HTML),
        (fetched("a.pdf", b""), Openness.EMPTY, ResourceKind.PDF),
        (fetched("a.pdf", pdf()[:200]), Openness.CORRUPT, ResourceKind.PDF),
        (fetched("a.docx", DOCX[:-60]), Openness.CORRUPT, ResourceKind.DOCX),
        (fetched("a.png", picture("PNG")[:-30]), Openness.CORRUPT, ResourceKind.IMAGE),
        (fetched("a.jpg", picture("JPEG")[:300]), Openness.CORRUPT, ResourceKind.IMAGE),
        (fetched("a.pdf", b"\x01\x02\x00\x03" * 40), Openness.CORRUPT, ResourceKind.PDF),
        (fetched("a.pdf", pdf("secret")), Openness.PASSWORD, ResourceKind.PDF),
        (fetched("a.zip", locked_zip()), Openness.PASSWORD, ResourceKind.ARCHIVE),
        (
            fetched("a.docx", OLE + "EncryptedPackage".encode("utf-16-le")),
            Openness.PASSWORD,
            ResourceKind.DOCX,
        ),
        (fetched("a.pdf", b'{"code":"CS/REQUIRE_SESSION"}'), Openness.LOGIN, ResourceKind.PDF),
        (fetched("a.pdf", b'{"message":"ok"}'), Openness.DISGUISED, ResourceKind.PDF),
        (fetched("a.pdf", b"", 401), Openness.LOGIN, ResourceKind.PDF),
        (fetched("a.pdf", b"", 402), Openness.PAID, ResourceKind.PDF),
        (fetched("a.pdf", b'{"msg":"need 5 points"}', 403), Openness.PAID, ResourceKind.PDF),
        (fetched("a.pdf", b"", 403), Openness.FORBIDDEN, ResourceKind.PDF),
        (fetched("a.pdf", b'{"msg":"login"}', 404), Openness.MISSING, ResourceKind.PDF),
        (fetched("a.pdf", b"", 410), Openness.MISSING, ResourceKind.PDF),
        (fetched("a.pdf", b"", 429), Openness.BLOCKED, ResourceKind.PDF),
        (
            fetched("a.pdf", b"", 403, cf_mitigated="challenge"),
            Openness.BLOCKED,
            ResourceKind.PDF,
        ),
        (fetched("a.pdf", b'{"msg":"login"}', 503), Openness.UNREACHABLE, ResourceKind.PDF),
        (
            Fetched(BASE + "a.pdf", failure=Outcome.TRUNCATED),
            Openness.UNREACHABLE,
            ResourceKind.PDF,
        ),
        (
            Fetched(BASE + "a.pdf", "https://platform.example/login", 200, {}, WALL),
            Openness.LOGIN,
            ResourceKind.PDF,
        ),
    ],
    ids=lambda value: value.requested.rsplit("/", 1)[1] if isinstance(value, Fetched) else None,
)
def test_openness_of_one_fetch(answer: Fetched, openness: Openness, kind: ResourceKind) -> None:
    opened = judge_file(answer)
    assert (opened.openness, opened.kind) == (openness, kind)
    assert opened.evidence


def opened(openness: Openness) -> Opened:
    return Opened(openness, Outcome.OK, ResourceKind.PDF, "seen")


@pytest.mark.parametrize(
    ("seen", "answer", "another"),
    [
        ([Openness.OPEN], Openness.OPEN, False),
        ([Openness.LOGIN], Openness.UNREACHABLE, True),
        ([Openness.LOGIN, Openness.LOGIN], Openness.LOGIN, False),
        ([Openness.LOGIN, Openness.OPEN], Openness.OPEN, False),
        ([Openness.LOGIN, Openness.PAID], Openness.UNREACHABLE, True),
        ([Openness.LOGIN, Openness.PAID, Openness.PAID], Openness.PAID, False),
        ([Openness.UNREACHABLE] * 3, Openness.UNREACHABLE, False),
        ([Openness.BLOCKED] * 2, Openness.BLOCKED, True),
    ],
)
def test_answer_of_several_fetches(seen: list[Openness], answer: Openness, another: bool) -> None:
    fetches = [opened(one) for one in seen]
    assert combine_fetches(fetches).openness is answer
    assert needs_another_fetch(fetches, most=3) is another


def test_our_outage_is_not_the_files_fault() -> None:
    fetches = [opened(Openness.MISSING)] * 2
    assert combine_fetches(fetches, canary_up=False).openness is Openness.UNREACHABLE


@pytest.mark.parametrize(
    ("url", "disposition", "kind"),
    [
        ("https://x.example/a.PPTX", "", ResourceKind.PPTX),
        ("https://x.example/%E8%AF%BE%E4%BB%B6.pdf?v=2", "", ResourceKind.PDF),
        ("https://x.example/get?id=1", 'attachment; filename="a.xls"', ResourceKind.XLS),
        (
            "https://x.example/get",
            "attachment; filename*=UTF-8''%E8%AF%BE.docx",
            ResourceKind.DOCX,
        ),
        ("https://x.example/a.b/c", "", None),
    ],
)
def test_claimed_kind(url: str, disposition: str, kind: ResourceKind | None) -> None:
    assert claimed_kind(url, disposition) is kind


def test_file_name_of_a_disposition() -> None:
    assert file_name("inline") == ""
    assert file_name('attachment; filename="a b.pdf"') == "a b.pdf"


def test_a_text_is_text_in_both_encodings() -> None:
    for encoding in ("utf-8", "gb18030"):
        assert sniff("学生名单".encode(encoding)).kind is ResourceKind.TXT


# --- Locked, cut, damaged


@pytest.mark.parametrize(
    ("name", "body", "openness", "said"),
    [
        ("a.pdf", pdf(owner="owner"), Openness.OPEN, "无需密码"),
        ("a.pdf", pdf("user", "owner"), Openness.PASSWORD, "要密码"),
        ("a.pdf", pdf().rpartition(b"%%EOF")[0], Openness.OPEN, "没有结尾标记"),
        ("a.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>", Openness.CORRUPT, "不完整"),
        ("a.pdf", b"%PDF-1.4\nnothing here\n%%EOF", Openness.CORRUPT, "损坏"),
        ("a.doc", doc(), Openness.OPEN, "Word"),
        ("a.doc", doc(locked=True), Openness.PASSWORD, "密码"),
        ("a.doc", doc()[:-600], Openness.CORRUPT, "不完整"),
        ("a.doc", doc()[:700], Openness.CORRUPT, "不完整"),
        ("a.ppt", ppt(), Openness.OPEN, "演示"),
        ("a.ppt", ppt(locked=True), Openness.PASSWORD, "密码"),
        ("a.ppt", compound({"PowerPoint Document": b"", "EncryptedSummary": b""}), Openness.PASSWORD, "密码"),
        ("a.xls", xls(), Openness.OPEN, "表格"),
        ("a.xls", xls(rc4_pass("secret")), Openness.PASSWORD, "密码"),
        ("a.xls", xls(rc4_pass("VelvetSweatshop")), Openness.OPEN, "表格"),
        ("a.xls", xls(crypto_api_pass("secret")), Openness.PASSWORD, "密码"),
        ("a.xls", xls(crypto_api_pass("VelvetSweatshop")), Openness.OPEN, "表格"),
        ("a.xls", xls(crypto_api_pass("VelvetSweatshop", 40)), Openness.OPEN, "表格"),
        # The key and verifier that [MS-OFFCRYPTO] gives for this password.
        ("a.xls", xls(bytes.fromhex("0000590a9a0a")), Openness.PASSWORD, "密码"),
        ("a.docx", compound({"EncryptedPackage": b"", "EncryptionInfo": b""}), Openness.PASSWORD, "密码"),
        ("a.docx", DOCX[:-60], Openness.CORRUPT, "不完整"),
        ("a.zip", locked_zip(), Openness.PASSWORD, "1 个"),
        ("a.zip", locked_zip(99), Openness.PASSWORD, "1 个"),
        ("a.rar", rar4(), Openness.OPEN, "压缩包"),
        ("a.rar", rar4("files"), Openness.PASSWORD, "文件加了密码"),
        ("a.rar", rar4("names"), Openness.PASSWORD, "文件名也加密"),
        ("a.rar", rar4()[:200], Openness.CORRUPT, "不完整"),
        ("a.rar", rar5(), Openness.OPEN, "压缩包"),
        ("a.rar", rar5("files"), Openness.PASSWORD, "文件加了密码"),
        ("a.rar", rar5("names"), Openness.PASSWORD, "文件名也加密"),
        ("a.rar", rar5()[:200], Openness.CORRUPT, "不完整"),
        ("a.rar", rar5().replace(b"lesson", b"nossel"), Openness.CORRUPT, "损坏"),
        ("a.7z", seven_zip(), Openness.OPEN, "压缩包"),
        ("a.7z", seven_zip(packed=True), Openness.OPEN, "压缩包"),
        ("a.7z", seven_zip("files"), Openness.PASSWORD, "文件加了密码"),
        ("a.7z", seven_zip("files", packed=True), Openness.PASSWORD, "文件加了密码"),
        ("a.7z", seven_zip("names"), Openness.PASSWORD, "文件名也加密"),
        ("a.7z", seven_zip()[:-9], Openness.CORRUPT, "不完整"),
        ("a.7z", seven_zip()[:-1] + b"x", Openness.CORRUPT, "损坏"),
        ("a.gif", picture("GIF"), Openness.OPEN, "图片"),
        ("a.gif", picture("GIF")[:-5], Openness.CORRUPT, "不完整"),
        ("a.bmp", picture("BMP"), Openness.OPEN, "图片"),
        ("a.bmp", picture("BMP")[:-50], Openness.CORRUPT, "不完整"),
        ("a.webp", picture("WEBP")[:-9], Openness.CORRUPT, "不完整"),
        ("a.mp4", film(index=False), Openness.CORRUPT, "moov"),
        ("a.mp4", film()[:-50], Openness.CORRUPT, "不完整"),
        ("a.pdf", picture("GIF"), Openness.DISGUISED, "图片"),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-VERSION:3\n", Openness.OPEN, "视频"),
    ],
)  # fmt: skip
def test_locked_cut_and_damaged_are_told_apart(
    name: str, body: bytes, openness: Openness, said: str
) -> None:
    judged = judge_file(fetched(name, body))
    assert judged.openness is openness, judged.evidence
    assert said in judged.evidence


def test_an_owners_password_keeps_nobody_out() -> None:
    assert opens(pdf(owner="owner"))


def test_a_damaged_document_has_a_directory_and_no_text() -> None:
    body = bytearray(DOCX)
    at = body.index(b"word/document.xml") + 40
    body[at : at + 30] = bytes(30)
    assert judge_file(fetched("a.docx", bytes(body))).evidence.count("损坏") == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.docx", DOCX),
        ("a.zip", archive("a.txt", "b.txt")),
        ("a.doc", doc()),
        ("a.pdf", pdf()),
        ("a.rar", rar4()),
        ("a.rar", rar5()),
        ("a.7z", seven_zip()),
        ("a.mp4", film(data=9000)),
        ("a.png", picture("PNG")),
        ("a.webp", picture("WEBP")),
        ("a.txt", "课".encode() * 999),
    ],
)
def test_what_we_cut_ourselves_is_not_called_damaged(name: str, body: bytes) -> None:
    for share in (2, 3, 5):
        part = Fetched(
            BASE + name, BASE + name, 200, {}, body[: len(body) * share // 6], truncated="length", total=10**9
        )  # fmt: skip
        judged = judge_file(part)
        assert judged.openness is Openness.OPEN, judged.evidence
        assert "1000000000" in judged.evidence


@pytest.mark.parametrize(
    ("name", "body", "openness"),
    [
        ("a.pdf", b"\x01\x02\x00\x03" * 99, Openness.CORRUPT),
        ("a.pdf", WALL, Openness.DISGUISED),
        ("a.zip", locked_zip(), Openness.PASSWORD),
        ("a.rar", rar5("files"), Openness.PASSWORD),
    ],
)
def test_a_beginning_says_enough_against_a_file(name: str, body: bytes, openness: Openness) -> None:
    part = Fetched(BASE + name, BASE + name, 200, {}, body, truncated="length")
    assert judge_file(part).openness is openness


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "make",
    [pdf, lambda: archive("word/document.xml"), locked_zip, film, doc, ppt, lambda: xls(rc4_pass("x")),
     lambda: xls(crypto_api_pass("x")), rar4, lambda: rar5("files"), lambda: rar5("names"), seven_zip,
     lambda: seven_zip(packed=True), lambda: seven_zip("names"), lambda: picture("GIF"), lambda: picture("WEBP")],
)  # fmt: skip
def test_no_bytes_break_the_reader(make: Callable[[], bytes], whole: bool) -> None:
    chance, good = random.Random(1), make()
    for _ in range(400):
        body = bytearray(good)
        reach = min(len(body), chance.choice((16, 64, 700, len(body))))
        for _ in range(chance.choice((1, 3, 20))):
            body[chance.randrange(reach)] = chance.choice((0, 1, 255, chance.randrange(256)))
        sniff(bytes(body[: chance.choice((len(body), chance.randrange(len(body))))]), whole=whole)


# --- Refusals in a file's place


@pytest.mark.parametrize(
    ("body", "openness"),
    [
        ('{"code":"CS/REQUIRE_SESSION"}', Openness.LOGIN),
        ('{"code":401}', Openness.LOGIN),
        ('{"code":403,"msg":"x"}', Openness.FORBIDDEN),
        ('{"error":{"code":404}}', Openness.MISSING),
        ('{"errcode":1,"errmsg":"积分不足"}', Openness.PAID),
        ('{"success":false,"message":"没有权限"}', Openness.FORBIDDEN),
        ('{"success":false,"message":"资源不存在或已删除"}', Openness.MISSING),
        ('{"code":500,"msg":"请输入提取码"}', Openness.PASSWORD),
        ('{"code":0,"data":{"x":1}}', Openness.DISGUISED),
        ('{"code":"CS/REQ', Openness.DISGUISED),
    ],
)
def test_refusals_in_json(body: str, openness: Openness) -> None:
    assert judge_file(fetched("a.pdf", body.encode())).openness is openness
    assert judge_file(fetched("a.pdf", b"\xef\xbb\xbf" + body.encode())).openness is openness


@pytest.mark.parametrize(
    ("body", "openness"),
    [
        ('{"title":"登录界面设计","vip":true}', Openness.OPEN),
        ('[{"password":"题库"}]', Openness.OPEN),
        ('{"code":401,"msg":"x"}', Openness.LOGIN),
        ('{"code":0,"msg":"请登录后学习"}', Openness.OPEN),
    ],
)
def test_json_that_is_the_content_is_a_file(body: str, openness: Openness) -> None:
    assert judge_file(fetched("a.json", body.encode())).openness is openness


def test_a_page_behind_a_promised_file_is_no_file() -> None:
    page = fetched("download?id=3", WALL)
    assert judge_file(page).openness is Openness.OPEN
    assert judge_file(page, promised=True).openness is Openness.DISGUISED
    assert judge_file(fetched("x", LOGIN_WALL), promised=True).openness is Openness.LOGIN


def test_a_way_to_a_net_disk_is_a_way_off_the_site() -> None:
    there = Fetched(BASE + "a.pdf", "https://pan.baidu.com/s/1abc", 302, {})
    judged = judge_file(there)
    assert judged.openness is Openness.OFFSITE
    assert "百度网盘" in judged.evidence


# --- With and without referer


@pytest.mark.parametrize(
    ("without", "with_it", "answer"),
    [
        (Openness.FORBIDDEN, Openness.OPEN, Openness.OPEN),
        (Openness.MISSING, Openness.OPEN, Openness.OPEN),
        (Openness.DISGUISED, Openness.OPEN, Openness.OPEN),
        (Openness.FORBIDDEN, Openness.FORBIDDEN, Openness.FORBIDDEN),
        (Openness.FORBIDDEN, Openness.LOGIN, Openness.FORBIDDEN),
        (Openness.FORBIDDEN, Openness.PASSWORD, Openness.PASSWORD),
        (Openness.FORBIDDEN, Openness.UNREACHABLE, Openness.UNREACHABLE),
        (Openness.FORBIDDEN, Openness.BLOCKED, Openness.BLOCKED),
    ],
)
def test_a_file_that_its_page_opens_is_open(
    without: Openness, with_it: Openness, answer: Openness
) -> None:
    assert is_worth_a_referer(opened(without))
    both = with_referer(opened(without), opened(with_it))
    assert both.openness is answer
    assert both.evidence.count("seen") == 2
    assert ("防盗链" in both.evidence) is (answer is Openness.OPEN)


@pytest.mark.parametrize("openness", [Openness.OPEN, Openness.PAID, Openness.UNREACHABLE])
def test_where_a_referer_changes_nothing_none_is_tried(openness: Openness) -> None:
    assert not is_worth_a_referer(opened(openness))
