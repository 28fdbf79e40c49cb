"""Openness of a file: status, type, magic bytes and size together."""

import zipfile
from io import BytesIO

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from crawler.openness import Opened, combine_fetches, judge_file, needs_another_fetch
from crawler.plain import Fetched
from crawler.sniff import claimed_kind, file_name, sniff
from models.vocabulary import Openness, Outcome, ResourceKind

BASE = "https://platform.example/files/"


def pdf(*, locked: bool = False) -> bytes:
    out = BytesIO()
    canvas = Canvas(out, encrypt=StandardEncryption("secret") if locked else None)
    canvas.drawString(100, 700, "lesson")
    canvas.save()
    return out.getvalue()


def archive(*names: str) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "content " * 50)
    return out.getvalue()


def locked_zip() -> bytes:
    # The flag in both headers says "encrypted"; what follows need not be.
    body = bytearray(archive("a.txt"))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def picture(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (60, 60), "white").save(out, kind)
    return out.getvalue()


DOCX = archive("[Content_Types].xml", "word/document.xml")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
WALL = b"<html><head><title>401 Authorization Required</title></head><body></body></html>"


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
        (fetched("a.json", b'{"points": 3}'), Openness.PAID, ResourceKind.TXT),
        (
            fetched("a.doc", OLE + "WordDocument".encode("utf-16-le")),
            Openness.OPEN,
            ResourceKind.DOC,
        ),
        (fetched("a.png", picture("PNG")), Openness.OPEN, ResourceKind.IMAGE),
        (fetched("a.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 64), Openness.OPEN, ResourceKind.VIDEO),
        (fetched("a.pdf", WALL), Openness.DISGUISED, ResourceKind.PDF),
        (fetched("a.html", WALL), Openness.OPEN, ResourceKind.HTML),
        (fetched("a.pdf", b""), Openness.EMPTY, ResourceKind.PDF),
        (fetched("a.pdf", pdf()[:200]), Openness.CORRUPT, ResourceKind.PDF),
        (fetched("a.docx", DOCX[:-60]), Openness.CORRUPT, ResourceKind.ARCHIVE),
        (fetched("a.png", picture("PNG")[:-30]), Openness.CORRUPT, ResourceKind.IMAGE),
        (fetched("a.jpg", picture("JPEG")[:300]), Openness.CORRUPT, ResourceKind.IMAGE),
        (fetched("a.pdf", b"\x01\x02\x00\x03" * 40), Openness.CORRUPT, ResourceKind.PDF),
        (fetched("a.pdf", pdf(locked=True)), Openness.PASSWORD, ResourceKind.PDF),
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
