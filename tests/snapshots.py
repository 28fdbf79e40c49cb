"""Makes small, real snapshots for tests: a WARC, packed and signed."""

from datetime import UTC, datetime
from pathlib import Path

from crawler.archive import Archive, Exchange
from crawler.signing import Signer, load_signer
from crawler.wacz import WARC_NAME, pack
from models.manifest import Attempt, Manifest, PageCapture, Reason, TextBlock, Versions
from models.vocabulary import Outcome, PageKind, Visibility

URL = "http://platform.example/space/s1"
AT = datetime(2022, 9, 1, 8, tzinfo=UTC)
TEXT = "欢迎来到王老师的学习空间"


def manifest(**values: object) -> Manifest:
    """A manifest of one public page."""
    attempt = Attempt(number=1, started_at=AT, outcome=Outcome.OK, status=200, final_url=URL)
    page = PageCapture(
        url=URL,
        final_url=URL,
        kind=PageKind.HOME,
        title="王老师的学习空间",
        visibility=Visibility.PUBLIC,
        outcome=Outcome.OK,
        attempts=(attempt,),
        captured=True,
        text_sha256="0" * 64,
    )
    made = Manifest(
        snapshot_id="c1-0001",
        crawl_id="c1",
        campaign="2022",
        space="s1",
        url=URL,
        taken_at=AT,
        finished_at=AT,
        visibility=Visibility.PUBLIC,
        reasons=(Reason(code=Outcome.OK, evidence="看到了内容"),),
        attempts=(attempt,),
        pages=(page,),
        site_profile="generic",
        site_profile_digest="sha256:0",
        user_agent="test",
        versions=Versions(spaceaudit="0", browser="0", scrapy="0", playwright="0", python="0"),
    )
    return made.model_copy(update=values).with_content_digest()


def exchange(url: str, body: bytes, **values: object) -> Exchange:
    """An answer to a GET."""
    made = {
        "url": url,
        "method": "GET",
        "request_headers": (("Host", "platform.example"),),
        "status": 200,
        "response_headers": (("Content-Type", "text/html"), ("Content-Encoding", "gzip")),
        "body": body,
        "at": AT,
    }
    return Exchange(**{**made, **values})  # type: ignore[arg-type]


def write_archive(folder: Path) -> Path:
    """A WARC file of a page, a file and the page's evidence."""
    path = folder / WARC_NAME
    archive = Archive(path, {"software": "test"})
    # An address as a careless page has it: the record's is the same in ASCII.
    archive.write(exchange(URL, "<p>欢迎</p>".encode()))
    archive.write(exchange("http://platform.example/files/课件.pdf", b"%PDF-1.4 " + b"x" * 5000))
    block = TextBlock(text=TEXT)
    archive.json(f"urn:text:{URL}", [block.model_dump(mode="json")], AT)
    archive.resource(f"urn:fullPage:{URL}", b"\xff\xd8" + bytes(range(256)) * 40, "image/jpeg", AT)
    archive.close()
    return path


def write_snapshot(folder: Path, signer: Signer | None = None) -> Path:
    """A whole, sound WACZ file."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "snapshot.wacz"
    pack(write_archive(folder), manifest(), signer or load_signer(folder / "key.pem"), target)
    return target
