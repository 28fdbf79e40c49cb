"""Later visits with a real browser: what has not changed is not rendered again, what has is seen."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.browser import Browser
from crawler.signing import load_signer
from crawler.store import SnapshotReader, SnapshotStore, StoreError
from crawler.verification import flaws
from models.manifest import Manifest
from models.vocabulary import Openness, Outcome, Visibility
from tests.crawl_site import (
    LIMITS,
    MODIFIED,
    PROFILE,
    Crawled,
    Paths,
    answer,
    by_head,
    crawl,
    dated,
    listening,
    moved,
    order_for,
    tagged,
)
from tests.guard_site import Answer, Site

pytestmark = pytest.mark.browser

TEXT = "第一课 课堂笔记\n".encode()
LATER_TEXT = "第二课 课堂笔记\n".encode()
SCRIPT = "fetch('data.json').then((r) => r.json()).then((d) => { said.textContent = d.text; });"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def page(*parts: str) -> str:
    return "<!doctype html><title>空间</title><p>欢迎来到我的空间</p>" + "".join(parts)


def liar(body: str) -> Answer:
    """An answer that says "not modified" to everybody who asks so, whatever they have."""
    whole = answer(body, ETag='"always"')
    return by_head(lambda head: answer(b"", 304) if b"If-None-Match" in head else whole)


def counting(make: Callable[[int], Answer]) -> Answer:
    """Another answer each time."""
    numbers = count(1)
    return by_head(lambda _: make(next(numbers)))


def counted(number: int) -> Answer:
    return answer(page(f"<p>访问 <b class=counter>{number}</b> 次</p><p>不变的文章</p>"))


def counted_json(number: int) -> Answer:
    content = {"visits": number, "text": "脚本取来的文字"}
    return answer(json.dumps(content, ensure_ascii=False), kind="application/json")


LINKS = "<a href=p/1>一</a><a href=p/2>二</a><a href=/f/{name}.txt>文件</a>"
SCRIPTED = page("<p id=said></p><img src=../dot.png><script src=../code.js></script>")

#: Each space at its first visit: its answers below ``/s/NAME/``.
FIRST: Mapping[str, Mapping[str, Answer]] = {
    "calm": {"p/1": answer(SCRIPTED), "p/2": answer(page("<a href=3>三</a>")), "p/3": answer("三")},
    "etag": {"p/1": tagged(page("文一"), '"1"'), "p/2": tagged(page("文二"), 'W/"2"')},
    "dated": {"p/1": dated(page("文一")), "p/2": dated(page("文二"))},
    "edited": {"p/1": answer(page("旧的文字")), "p/2": answer(page("文二"))},
    "edited-data": {"p/1": answer(SCRIPTED), "p/2": answer(page("文二"))},
    "closed": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "removed": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "refused": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "counter": {"p/1": counting(counted), "p/2": answer(SCRIPTED)},
    "liar": {"p/1": liar(page("旧的文字")), "p/2": liar(page("文二"))},
    "replaced": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "grown": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "posting": {
        "p/1": answer(page("<script>fetch('/count', {method: 'POST'})</script>")),
        "p/2": answer(page("文二")),
    },
    "lost": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
    "broken": {"p/1": answer(page("文一")), "p/2": answer(page("文二"))},
}
#: What is another answer at the second visit.
SECOND: Mapping[str, Answer] = {
    "/s/edited/p/1": answer(page("新的文字")),
    "/s/edited-data/p/data.json": answer('{"text": "新的文字"}', kind="application/json"),
    "/s/closed/p/1": moved("/login"),
    "/s/removed/p/1": answer("404 Not Found", 404),
    "/s/refused/p/1": answer("<p>没有权限查看</p>"),
    "/s/liar/p/1": liar(page("新的文字")),
    "/f/replaced.txt": answer(LATER_TEXT, kind="text/plain"),
    "/s/grown/": answer(page(LINKS.format(name="grown"), "<a href=p/9>九</a>")),
    "/s/grown/p/9": answer(page("新的一页")),
}
#: Spaces in which nothing that lasts has changed.
SAME = ("calm", "etag", "dated", "counter", "posting")


def table() -> dict[str, Answer]:
    found: dict[str, Answer] = {
        "/healthz": answer("好"),
        "/login": answer("<form>用户名<input>密码<input type=password></form>"),
        "/count": answer("{}", kind="application/json"),
    }
    for name, pages in FIRST.items():
        home = page(LINKS.format(name=name))
        found[f"/s/{name}/"] = tagged(home, '"home"') if name == "etag" else answer(home)
        found |= {f"/s/{name}/{path}": each for path, each in pages.items()}
        found[f"/s/{name}/code.js"] = tagged(SCRIPT, '"code"', "text/javascript")
        found[f"/s/{name}/dot.png"] = dated(PNG, "image/png")
        data = answer('{"text": "脚本取来的文字"}', kind="application/json")
        found[f"/s/{name}/p/data.json"] = counting(counted_json) if name == "counter" else data
        found[f"/f/{name}.txt"] = answer(TEXT, kind="text/plain")
    found["/f/etag.txt"] = tagged(TEXT, '"file"', "text/plain")
    return found


@dataclass
class Ground:
    """A platform, and the visits to it one after the other."""

    site: Site
    folder: Path
    browser: Path
    #: The requests' heads of each visit.
    heads: list[list[bytes]] = field(default_factory=list)

    def visit(
        self,
        before: Crawled | None = None,
        spaces: tuple[str, ...] = tuple(FIRST),
        **values: object,
    ) -> Crawled:
        number = len(self.heads) + 1
        order = order_for(
            self.folder,
            {name: f"{self.site.url}s/{name}/" for name in spaces},
            f"{self.site.host}:{self.site.port}",
            crawl_id=f"crawl-{number}",
            directory=self.folder / f"crawl-{number}",
            browser=self.browser,
            **values,
        )
        if before is not None:
            tasks = (
                t.model_copy(update={"earlier": before.receipts[t.space].as_earlier})
                for t in order.spaces
            )
            order = order.model_copy(update={"spaces": tuple(tasks)})
        del self.site.heads[:]
        done = crawl(order)
        self.heads.append(list(self.site.heads))
        assert done.failed == 0
        return done

    def asked(self, visit: int, path: str) -> list[str]:
        """The heads of the requests for a path at a visit, in lower case."""
        start = f"GET {path} ".encode()
        return [h.decode("latin-1").lower() for h in self.heads[visit - 1] if h.startswith(start)]


@dataclass(frozen=True)
class Visits:
    """Three visits to the same spaces."""

    ground: Ground
    first: Crawled
    second: Crawled
    third: Crawled


@pytest.fixture(scope="module")
def visits(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visits]:
    site = Site(Paths({}))
    with listening(site):
        ground = Ground(site, tmp_path_factory.mktemp("revisit"), browser_executable.path)
        answers = table()
        site.answer = Paths(answers)
        first = ground.visit()
        site.answer = Paths({**answers, **SECOND})
        first.wacz("lost").unlink()
        whole = first.wacz("broken").read_bytes()
        first.wacz("broken").write_bytes(whole[: len(whole) // 2])
        second = ground.visit(first)
        third = ground.visit(second)
        yield Visits(ground, first, second, third)


def unchanged(manifest: Manifest) -> set[str]:
    return {
        p.url.partition("/s/")[2].partition("/")[2] for p in manifest.pages if p.unchanged_since
    }


def text_of(done: Crawled, space: str, path: str) -> str:
    [url] = [p.url for p in done.manifests[space].pages if p.url.endswith(f"/s/{space}/{path}")]
    with SnapshotReader(done.wacz(space)) as reader:
        return "\n".join(block.text for block in reader.blocks(url))


def pages_of(done: Crawled, space: str) -> dict[str, Outcome]:
    return {p.url.partition(f"/s/{space}/")[2]: p.outcome for p in done.manifests[space].pages}


# What did not change


@pytest.mark.parametrize("space", SAME)
def test_visits_to_an_unchanged_space_agree(space: str, visits: Visits) -> None:
    manifests = [done.manifests[space] for done in (visits.first, visits.second, visits.third)]
    assert len({manifest.content_digest for manifest in manifests}) == 1
    assert {manifest.visibility for manifest in manifests} == {Visibility.PUBLIC}
    assert len({tuple(page.url for page in manifest.pages) for manifest in manifests}) == 1
    assert len({tuple((i.url, i.sha256) for i in m.images) for m in manifests}) == 1


@pytest.mark.parametrize(
    ("space", "pages"),
    [
        ("calm", {"p/1", "p/2", "p/3"}),
        ("etag", {"p/1", "p/2"}),
        ("dated", {"p/1", "p/2"}),
        ("counter", {"p/1", "p/2"}),
        ("posting", {"p/2"}),
    ],
)
def test_only_the_home_page_is_rendered_again_where_nothing_changed(
    space: str, pages: set[str], visits: Visits
) -> None:
    assert unchanged(visits.first.manifests[space]) == set()
    assert unchanged(visits.second.manifests[space]) == pages
    assert unchanged(visits.third.manifests[space]) == pages


def test_each_unchanged_page_is_asked_for_again_by_a_stranger(visits: Visits) -> None:
    ground = visits.ground
    for space, path in (("calm", "p/1"), ("calm", "p/data.json"), ("counter", "p/data.json")):
        heads = ground.asked(2, f"/s/{space}/{path}")
        assert len(heads) == 1, (space, path)
        assert "cookie" not in heads[0]
        assert "spaceaudit/" in heads[0]
    [script] = ground.asked(2, "/s/calm/code.js")
    assert 'if-none-match: "code"' in script
    pictures = ground.asked(2, "/s/calm/dot.png")
    assert any(f"if-modified-since: {MODIFIED}".lower() in head for head in pictures)


def test_a_site_is_asked_with_its_own_validators(visits: Visits) -> None:
    for path, sign in (
        ("/s/etag/p/1", 'if-none-match: "1"'),
        ("/s/etag/p/2", 'if-none-match: w/"2"'),
        ("/s/dated/p/1", f"if-modified-since: {MODIFIED}".lower()),
        ("/f/etag.txt", 'if-none-match: "file"'),
    ):
        for visit in (2, 3):
            assert any(sign in head for head in visits.ground.asked(visit, path)), (path, visit)


def test_an_unchanged_page_tells_when_and_where_it_was_read(visits: Visits) -> None:
    first, third = visits.first.manifests["calm"], visits.third.manifests["calm"]
    read = {page.url: page.attempts[-1].started_at for page in first.pages}
    for page_ in third.pages[1:]:
        assert page_.unchanged_since == read[page_.url]
        assert page_.as_in == first.snapshot_id
        [attempt] = page_.attempts
        assert attempt.started_at > visits.second.manifests["calm"].finished_at
        assert "未再渲染" in attempt.evidence
    assert third.full_visit_at == first.taken_at
    assert first.full_visit_at is None


def test_the_evidence_of_an_unchanged_page_is_carried_over_as_it_was_recorded(
    visits: Visits,
) -> None:
    found = []
    for done in (visits.first, visits.third):
        with SnapshotReader(done.wacz("calm")) as reader:
            url = reader.manifest.pages[-1].url
            for kind in ("text", "dom", "fullPage"):
                [place] = reader.places(f"urn:{kind}:{url}")
                found.append((kind, reader.raw(place)))
    assert found[:3] == found[3:]


def test_what_changed_by_itself_is_kept_as_it_was_at_each_visit(visits: Visits) -> None:
    urls = [f"{visits.ground.site.url}s/counter/p/{name}" for name in ("1", "data.json")]
    for url in urls:
        bodies = set()
        for done in (visits.first, visits.second, visits.third):
            with SnapshotReader(done.wacz("counter")) as reader:
                bodies.add(reader.body(url))
        assert len(bodies) == 3


# What did change


@pytest.mark.parametrize("space", ["edited", "edited-data", "liar"])
def test_a_changed_page_is_read_again_and_the_others_are_not(space: str, visits: Visits) -> None:
    manifest = visits.second.manifests[space]
    assert manifest.content_digest != visits.first.manifests[space].content_digest
    assert unchanged(manifest) == {"p/2"}
    assert "新的文字" in text_of(visits.second, space, "p/1")
    assert unchanged(visits.third.manifests[space]) == {"p/1", "p/2"}
    assert visits.third.manifests[space].content_digest == manifest.content_digest
    assert "新的文字" in text_of(visits.third, space, "p/1")


@pytest.mark.parametrize(
    ("space", "outcome", "visibility"),
    [
        ("closed", Outcome.LOGIN_REDIRECT, Visibility.PARTIAL),
        ("refused", Outcome.REFUSAL_PAGE, Visibility.PARTIAL),
        ("removed", Outcome.NOT_FOUND, Visibility.PUBLIC),
    ],
)
def test_a_page_that_was_closed_since_is_found_closed(
    space: str, outcome: Outcome, visibility: Visibility, visits: Visits
) -> None:
    for done in (visits.second, visits.third):
        assert pages_of(done, space) == {"": Outcome.OK, "p/1": outcome, "p/2": Outcome.OK}
        assert done.manifests[space].visibility is visibility
        [closed] = [p for p in done.manifests[space].pages if p.outcome is outcome]
        assert len(closed.attempts) == 2


def test_a_replaced_file_is_seen(visits: Visits) -> None:
    for done, body in (
        (visits.first, TEXT),
        (visits.second, LATER_TEXT),
        (visits.third, LATER_TEXT),
    ):
        [file] = done.manifests["replaced"].resources
        assert file.openness is Openness.OPEN
        with SnapshotReader(done.wacz("replaced")) as reader:
            assert reader.body(file.url) == body
    assert [done.manifests["replaced"].resources[0].unchanged_since is not None for done in (visits.second, visits.third)] == [False, True]  # fmt: skip


def test_a_new_page_is_found(visits: Visits) -> None:
    assert set(pages_of(visits.second, "grown")) == {"", "p/1", "p/2", "p/9"}
    assert unchanged(visits.second.manifests["grown"]) == {"p/1", "p/2"}


def test_a_server_that_says_not_modified_to_everything_is_not_believed(visits: Visits) -> None:
    heads = [h for path in ("1", "2") for h in visits.ground.asked(2, f"/s/liar/p/{path}")]
    conditional = [head for head in heads if "if-none-match" in head]
    assert len(conditional) == 1, "it was tried"
    assert '"always"' not in conditional[0]


@pytest.mark.parametrize("space", ["lost", "broken"])
def test_without_a_sound_earlier_snapshot_a_visit_is_a_full_one(space: str, visits: Visits) -> None:
    manifest = visits.second.manifests[space]
    assert unchanged(manifest) == set()
    assert (manifest.earlier, manifest.full_visit_at) == ((), None)
    assert len(manifest.pages) == 3


def test_everything_is_read_again_when_the_last_full_visit_is_too_long_ago(visits: Visits) -> None:
    fresh = LIMITS.model_copy(update={"full_visit_days": 0})
    done = visits.ground.visit(visits.third, ("calm",), limits=fresh)
    assert unchanged(done.manifests["calm"]) == set()
    assert done.manifests["calm"].earlier == ()
    assert done.manifests["calm"].content_digest == visits.first.manifests["calm"].content_digest


# The snapshot


def records(done: Crawled, space: str) -> list[dict[str, str]]:
    """The heads of the records in a snapshot's WARC file."""
    with zipfile.ZipFile(done.wacz(space)) as wacz:
        warc = wacz.read("archive/data.warc.gz")
    return [
        dict(record.rec_headers.headers)
        for record in ArchiveIterator(io.BytesIO(warc), check_digests="raise")
    ]


def test_revisit_records_say_what_they_refer_to(visits: Visits) -> None:
    url = visits.ground.site.url
    originals = {
        (head["WARC-Target-URI"], head["WARC-Payload-Digest"]): head["WARC-Date"]
        for head in records(visits.first, "etag")
        if head["WARC-Type"] == "response"
    }
    for done in (visits.second, visits.third):
        found = [h for h in records(done, "etag") if h["WARC-Type"] == "revisit"]
        profiles = {h["WARC-Target-URI"]: h["WARC-Profile"].rpartition("/")[2] for h in found}
        assert profiles[f"{url}s/etag/p/1"] == "server-not-modified"
        assert profiles[f"{url}f/etag.txt"] == "server-not-modified"
        assert profiles[f"{url}s/etag/"] == "identical-payload-digest"
        for head in found:
            key = (head["WARC-Refers-To-Target-URI"], head["WARC-Payload-Digest"])
            assert head["WARC-Refers-To-Date"] == originals[key]


def test_what_stayed_the_same_is_read_through_the_earlier_snapshot(visits: Visits) -> None:
    store = SnapshotStore(visits.third.order.store)
    for done in (visits.second, visits.third):
        with store.reader(done.receipts["etag"].wacz) as reader:
            [file] = reader.manifest.resources
            assert reader.body(file.url) == TEXT
            assert [each.snapshot_id for each in reader.manifest.earlier] == [
                visits.first.receipts["etag"].snapshot_id
            ]


@pytest.mark.parametrize("space", ["calm", "etag", "counter", "edited", "closed"])
def test_later_snapshots_hold_with_those_they_refer_to(space: str, visits: Visits) -> None:
    key = load_signer(visits.first.order.key).public_key
    for done in (visits.second, visits.third):
        assert list(flaws(done.wacz(space), public_key=key)) == []


def test_a_lost_or_changed_earlier_snapshot_is_named(visits: Visits, tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    for done in (visits.first, visits.third):
        copy = tmp_path / "copy.wacz"
        copy.write_bytes(done.wacz("etag").read_bytes())
        store.put(copy)
    first, third = (
        tmp_path / "store" / done.receipts["etag"].wacz for done in (visits.first, visits.third)
    )
    assert list(flaws(third)) == []
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    [flaw] = flaws(third)
    assert "is not the file referred to" in str(flaw)
    first.unlink()
    [flaw] = flaws(third)
    assert visits.first.receipts["etag"].snapshot_id in str(flaw)
    assert visits.first.receipts["etag"].wacz in str(flaw)
    with SnapshotReader(third) as reader, pytest.raises(StoreError, match="earlier snapshot"):
        reader.body(reader.manifest.resources[0].url)


def test_stock_tools_accept_a_later_snapshot(visits: Visits, tmp_path: Path) -> None:
    warc = tmp_path / "data.warc.gz"
    with zipfile.ZipFile(visits.third.wacz("etag")) as wacz:
        warc.write_bytes(wacz.read("archive/data.warc.gz"))
    for command in (
        ("warcio", "check", str(warc)),
        ("wacz", "validate", "-f", str(visits.third.wacz("etag"))),
    ):
        tool = Path(sys.executable).with_name(command[0])
        said = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr


# What changes by itself, where the profile names nothing


def clocked(text: str) -> Answer:
    """A page with a counter in its text and a token in a hidden field, as a site makes it anew."""
    token = "<input type=hidden name=csrf value=a{number:08d}f>"
    shown = page("<p class=seen>总访问量 {number} 次</p>", f"<p>{text}</p>", token)
    return counting(lambda number: answer(shown.format(number=number)))


@pytest.fixture(scope="module")
def learned(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visits]:
    site = Site(Paths({}))
    folder = tmp_path_factory.mktemp("learned")
    profile = folder / "bare.yaml"
    bare = PROFILE.format(canary="/healthz").splitlines()
    profile.write_text("\n".join(line for line in bare if "volatile" not in line), encoding="utf-8")
    answers = {
        "/healthz": answer("好"),
        "/s/clock/": clocked("首页的文字 <a href=p/1>一</a> <a href=p/2>二</a>"),
        "/s/clock/p/1": clocked("第一课的笔记,写给三年级的同学。"),
        "/s/clock/p/2": clocked("第二课的笔记,写给四年级的同学。"),
    }
    with listening(site):
        ground = Ground(site, folder, browser_executable.path)
        site.answer = Paths(answers)
        first = ground.visit(spaces=("clock",), profile=str(profile))
        second = ground.visit(first, ("clock",), profile=str(profile))
        changed = {"/s/clock/p/2": clocked("第二课的笔记,写给五年级的同学。")}
        site.answer = Paths(answers | changed)
        third = ground.visit(second, ("clock",), profile=str(profile))
        yield Visits(ground, first, second, third)


def test_a_counter_that_no_profile_names_is_learned_by_two_looks(learned: Visits) -> None:
    first, second = (done.manifests["clock"] for done in (learned.first, learned.second))
    assert first.content_digest == second.content_digest
    assert unchanged(second) == {"p/1", "p/2"}
    assert {part.first.partition(" ")[0] for part in first.volatile if "次" in part.first} == {
        "总访问量"
    }
    assert not any("笔记" in part.first for part in first.volatile)
    assert second.volatile == first.volatile


def test_a_changed_sentence_beside_a_learned_counter_is_seen(learned: Visits) -> None:
    third = learned.third.manifests["clock"]
    assert unchanged(third) == {"p/1"}
    assert third.content_digest != learned.first.manifests["clock"].content_digest
    assert "五年级" in text_of(learned.third, "clock", "p/2")
