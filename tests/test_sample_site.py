"""The sample platform answers as its truth says: pages, refusals, files, behaviours."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import av
import httpx
import pypdfium2
import pytest
from PIL import Image

from models.vocabulary import Openness, Part, Visibility
from sample.catalog import load_catalog
from sample.planted import placed_texts
from sample.records import Behaviour, Space
from sample.truth import TRUTH
from tests.sample_site import PRIVATE, serving

SPACES = load_catalog()
TRUTHS: Mapping[str, Any] = {
    one["space"]: one for one in json.loads(TRUTH.read_text(encoding="utf-8"))["spaces"]
}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with serving() as base, httpx.Client(base_url=base) as started:
        yield started


def with_behaviour(behaviour: Behaviour) -> Space:
    return next(space for space in SPACES if space.behaviour is behaviour)


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/static/app.js", "/static/style.css"])
def test_the_platforms_own_pages_answer(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/space/s999", "/space/s001/diary", "/space/s001/article/99", "/space/s001/diary/1", "/space/s001/album",
     "/files/s001/none.pdf", "/files/s999/a.pdf", "/media/s004/none.png"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def seen_visibility(client: httpx.Client, path: str) -> str:
    """What a browser would come to see: status and redirect first, else what the API lets the page show."""
    answer = client.get(path)
    if answer.is_redirect:
        return "login" if answer.headers["location"].startswith("/login?next=") else "elsewhere"
    if answer.headers.get("cf-mitigated") == "challenge":
        return "blocked"
    if answer.status_code == 503:
        return "unreachable"
    if "app.js" not in answer.text:
        return {403: "restricted", 404: "missing"}[answer.status_code]
    column = "" if path.count("/") > 2 else "/home"
    return str(client.get(f"/api{path}{column}").json()["state"])


def test_every_closed_page_of_the_truth_is_closed_as_it_says(client: httpx.Client) -> None:
    checked = 0
    for space in SPACES:
        if space.behaviour is None:
            for page in TRUTHS[space.id]["pages"]:
                assert seen_visibility(client, page["path"]) == page["visibility"], page
                checked += 1
    assert checked >= 15


def test_every_open_page_shows_what_is_planted_on_it(client: httpx.Client) -> None:
    shown: dict[str, str] = {}
    for place in (place for space in SPACES for place in placed_texts(space)):
        if place.part not in (Part.PAGE, Part.LINK) or not place.text.planted:
            continue
        if place.path not in shown:
            shown[place.path] = everything_on(client, place.path)
        for planted in place.text.planted:
            assert planted in shown[place.path], (place.path, planted)
    assert len(shown) > 40


def everything_on(client: httpx.Client, page: str) -> str:
    path = page if page.count("/") > 2 else f"{page}/home"
    data = client.get(f"/api{path}").json()
    parts = [json.dumps(data, ensure_ascii=False)]
    while data.get("next"):
        data = client.get(f"/api{path}?after={data['next']}").json()
        parts.append(json.dumps(data, ensure_ascii=False))
    return "".join(parts).replace('\\"', '"')


def test_a_real_and_a_soft_missing_space(client: httpx.Client) -> None:
    statuses = {
        client.get(space.path).status_code
        for space in SPACES
        if space.visibility is Visibility.MISSING
    }
    assert statuses == {404, 200}


def test_an_item_that_claims_to_be_public_leads_to_the_login(client: httpx.Client) -> None:
    listed = client.get("/api/space/s013/articles").json()["items"]
    assert listed[1]["label"] == Visibility.PUBLIC.label
    assert seen_visibility(client, "/space/s013/article/2") == "login"


STATUSES: Mapping[Openness, set[int]] = {
    Openness.LOGIN: {302, 401, 200},
    Openness.FORBIDDEN: {403},
    Openness.PAID: {402},
    Openness.MISSING: {404},
    Openness.BLOCKED: {403},
    Openness.UNREACHABLE: {503},
}


def test_every_file_is_handed_out_or_refused_as_the_truth_says(client: httpx.Client) -> None:
    for space in SPACES:
        for one in TRUTHS[space.id]["resources"]:
            if "path" not in one:
                continue
            answer = client.get(one["path"])
            assert answer.status_code in STATUSES.get(one["openness"], {200}), one
            blocked = answer.headers.get("cf-mitigated") == "challenge"
            assert blocked is (one["openness"] == Openness.BLOCKED), one
            if one["openness"] == Openness.OPEN:
                assert is_what_it_says(one["path"], answer.content), one


def is_what_it_says(path: str, content: bytes) -> bool:
    match path.rpartition(".")[2]:
        case "docx" | "pptx" | "xlsx" | "zip":
            return zipfile.ZipFile(io.BytesIO(content)).testzip() is None
        case "pdf":
            return len(pypdfium2.PdfDocument(content)) > 0
        case "png" | "jpg":
            return Image.open(io.BytesIO(content)).size[0] > 100
        case "mp3" | "mp4":
            with av.open(io.BytesIO(content), "r") as media:
                return len(list(media.decode(media.streams[0]))) > 5
        case kind:
            return kind == "txt" and "听写" in content.decode("gb18030")


def test_faulty_files_are_faulty(client: httpx.Client) -> None:
    fetched = {
        (one.openness, one.name.rpartition(".")[2]): client.get(
            f"/files/{space.id}/{quote(one.name)}"
        ).content
        for space in SPACES
        for one in space.resources
        if one.name and one.openness is not Openness.OPEN
    }
    assert fetched[Openness.EMPTY, "docx"] == b""
    assert fetched[Openness.DISGUISED, "pdf"].startswith(b"<html>")
    for kind in ("docx", "zip"):
        content = fetched[Openness.CORRUPT, kind]
        assert content.startswith(b"PK")
        assert not zipfile.is_zipfile(io.BytesIO(content))
    with pytest.raises(pypdfium2.PdfiumError, match=r"(?i)password"):
        pypdfium2.PdfDocument(fetched[Openness.PASSWORD, "pdf"])
    assert json.loads(fetched[Openness.LOGIN, "mp4"])["code"] == "CS/REQUIRE_SESSION"
    assert "5 积分" in json.loads(fetched[Openness.PAID, "pdf"])["message"]


def test_a_scan_has_no_text_layer(client: httpx.Client) -> None:
    with pypdfium2.PdfDocument(client.get("/files/s005/linzexu-scan.pdf").content) as document:
        assert document[0].get_textpage().get_text_range().strip() == ""


def test_pictures_of_the_pages_are_served(client: httpx.Client) -> None:
    for space in SPACES:
        for picture in space.pictures:
            answer = client.get(f"/media/{space.id}/{picture.name}")
            assert answer.headers["content-type"].startswith("image/")


def test_a_flaky_space_recovers_and_each_platform_starts_afresh(client: httpx.Client) -> None:
    path = with_behaviour(Behaviour.FLAKY).path
    assert [client.get(path).status_code for _ in range(4)] == [503, 503, 200, 200]
    with serving() as other:
        assert httpx.get(other + path).status_code == 503


def test_a_space_that_moved_leads_to_its_new_address(client: httpx.Client) -> None:
    space = with_behaviour(Behaviour.REDIRECTING)
    answer = client.get(space.nominated_path)
    assert (answer.status_code, answer.headers["location"]) == (302, space.path)


def test_one_home_leads_off_to_a_private_address(client: httpx.Client) -> None:
    answer = client.get(with_behaviour(Behaviour.PRIVATE_REDIRECT).path)
    assert (answer.status_code, answer.headers["location"]) == (302, PRIVATE)


def test_the_list_is_paged(client: httpx.Client) -> None:
    first = client.get("/api/space/s001/resources").json()
    second = client.get("/api/space/s001/resources?page=2").json()
    assert (first["pages"], first["page"], second["page"]) == (2, 1, 2)
    numbers = [one["number"] for one in (*first["items"], *second["items"])]
    assert numbers == list(range(1, first["total"] + 1))
    assert client.get("/api/space/s001/resources?page=x").json() == first


def test_what_changes_changes_with_every_visit(client: httpx.Client) -> None:
    first, second = (client.get("/api/space/s001").json() for _ in range(2))
    assert first["visits"] < second["visits"]
    assert first["visitors"] != second["visitors"]
    assert first["recommended"] != second["recommended"]
    assert first["columns"] == second["columns"]


def test_the_log_counts_requests(client: httpx.Client) -> None:
    client.get("/space/s001", headers={"user-agent": "probe"})
    log = client.get("/_log").json()
    assert log["peak"] == {client.base_url.netloc.decode(): 1}
    first = log["requests"][0]
    assert (first["path"], first["user_agent"], first["status"]) == ("/space/s001", "probe", 200)
