"""What the platform's API says: plain data made from the catalogue's records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from models.vocabulary import Visibility
from sample.catalog import PAGE_SIZE, PLATFORM, list_pages
from sample.filespecs import Audio, Picture, Video
from sample.records import Article, Gate, Message, Resource, Space

COLUMN_NAMES = {"articles": "文章", "resources": "资源", "album": "相册", "board": "留言板"}

#: Entries that one step of the endless board brings.
BOARD_STEP = 8
#: Characters of a text shown in a list.
EXCERPT = 44

VISITORS = (
    "晨光",
    "小石榴",
    "刺桐花开",
    "清源山人",
    "洛阳桥边",
    "海丝风",
    "木棉",
    "蓝天老师",
    "闽南雨",
)
TIPS = ("每日一练", "同课异构", "教研札记", "空间之星", "优课展播")


def portal(spaces: Sequence[Space], visits: int) -> dict[str, Any]:
    """The platform's own home page."""
    return {
        "state": Visibility.PUBLIC,
        "platform": PLATFORM,
        "visits": 120_000 + visits,
        "spaces": [
            {
                "name": space.name,
                "school": space.school,
                "stage": space.stage,
                "subject": space.subject,
                "path": space.nominated_path,
            }
            for space in spaces
        ],
    }


def banner(space: Space, others: Sequence[Space], visits: int) -> dict[str, Any]:
    """What stands around every page of a space; the counters change with each visit."""
    pick = [others[(visits * 7 + step * 5) % len(others)] for step in range(3)]
    return {
        "state": Visibility.PUBLIC,
        "id": space.id,
        "name": space.name,
        "teacher": space.teacher,
        "school": space.school,
        "stage": space.stage,
        "subject": space.subject,
        "motto": space.motto,
        "label": space.label or Visibility.PUBLIC.label,
        "columns": [{"key": key, "name": COLUMN_NAMES[key]} for key in space.shown_columns],
        "visits": 3_000 + visits,
        "today": 1 + visits,
        "visitors": [VISITORS[(visits + step) % len(VISITORS)] for step in range(4)],
        "tip": TIPS[visits % len(TIPS)],
        "recommended": [{"name": one.name, "path": one.nominated_path} for one in pick],
        "counts": {
            "articles": len(space.articles),
            "resources": len(space.resources),
            "pictures": len(space.album),
        },
    }


def home(space: Space) -> dict[str, Any]:
    """The home page's own content; closed columns are not told from."""
    open_columns = {
        key for key, gate in space.shown_columns.items() if gate.visibility is Visibility.PUBLIC
    }
    return {
        "state": Visibility.PUBLIC,
        "about": space.about.text,
        "articles": articles(space)["items"][:3] if "articles" in open_columns else [],
        "resources": _resource_rows(space, 0, 4) if "resources" in open_columns else [],
    }


def articles(space: Space) -> dict[str, Any]:
    """The list of articles; those not for everybody are listed by their titles."""
    return {
        "state": Visibility.PUBLIC,
        "items": [
            {
                "number": number,
                "title": article.title.text,
                "date": article.date,
                "excerpt": _excerpt(article),
                "label": article.gate.shown_label,
            }
            for number, article in enumerate(space.articles, start=1)
        ],
    }


def _excerpt(article: Article) -> str:
    if article.gate.visibility is not Visibility.PUBLIC:
        return ""
    first = article.text.text.split("\n", 1)[0]
    return first[:EXCERPT] + ("…" if len(article.text.text) > EXCERPT else "")


def article(space: Space, number: int) -> dict[str, Any]:
    """One article."""
    one = space.articles[number - 1]
    return {
        "state": Visibility.PUBLIC,
        "title": one.title.text,
        "date": one.date,
        "source": one.source,
        "label": one.gate.shown_label,
        "paragraphs": [line for line in one.text.text.split("\n") if line.strip()],
        "pictures": [_shown(space, picture) for picture in one.pictures],
        "links": [link.model_dump(mode="json") | {"text": link.text.text} for link in one.links],
    }


def resources(space: Space, page: int) -> dict[str, Any]:
    """One page of the list of resources."""
    pages = list_pages(space)
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE_SIZE
    rows = _resource_rows(space, start, start + PAGE_SIZE)
    total = len(space.resources)
    return {"state": Visibility.PUBLIC, "page": page, "pages": pages, "total": total, "items": rows}


def _resource_rows(space: Space, start: int, end: int) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "title": one.title.text,
            "date": one.date,
            "type": one.name.rpartition(".")[2].upper() or "链接",
            "points": one.points,
            "label": one.gate.shown_label,
        }
        for number, one in list(enumerate(space.resources, start=1))[start:end]
    ]


def resource(space: Space, number: int) -> dict[str, Any]:
    """One resource with its way to the file."""
    one = space.resources[number - 1]
    return {
        "state": Visibility.PUBLIC,
        "title": one.title.text,
        "date": one.date,
        "description": [line for line in one.description.text.split("\n") if line.strip()],
        "name": one.name,
        "href": one.href or file_path(space, one),
        "offsite": bool(one.href),
        "points": one.points,
        "label": one.gate.shown_label,
        "player": _player(one),
    }


def _player(one: Resource) -> str | None:
    return one.file.kind if isinstance(one.file, Audio | Video) else None


def file_path(space: Space, one: Resource) -> str:
    """The path of a resource's file."""
    return f"/files/{space.id}/{quote(one.name)}"


def picture_path(space: Space, picture: Picture) -> str:
    """The path of a picture shown on a page."""
    return f"/media/{space.id}/{quote(picture.name)}"


def _shown(space: Space, picture: Picture) -> dict[str, str]:
    return {"src": picture_path(space, picture)}


def album(space: Space) -> dict[str, Any]:
    """The album."""
    return {
        "state": Visibility.PUBLIC,
        "items": [
            _shown(space, photo.picture) | {"caption": photo.caption.text} for photo in space.album
        ],
    }


def board(space: Space, after: int) -> dict[str, Any]:
    """The message board, all of it or the next step of an endless one."""
    end = after + BOARD_STEP if space.endless_board else len(space.board)
    return {
        "state": Visibility.PUBLIC,
        "items": [_message(message) for message in space.board[after:end]],
        "next": end if end < len(space.board) else None,
    }


def _message(message: Message) -> dict[str, str]:
    return {"who": message.who, "date": message.date, "text": message.text.text}


def page_gate(space: Space, column: str | None = None, number: int | None = None) -> Gate:
    """Who may see a page: the space's, the column's and the item's gates, the outer first."""
    gates = [space.gate]
    if column is not None:
        missing = Gate(visibility=Visibility.MISSING)
        gates.append(space.shown_columns.get(column, missing))
        if number is not None:
            items = space.articles if column == "articles" else space.resources
            gates.append(items[number - 1].gate if 0 < number <= len(items) else missing)
    return next((gate for gate in gates if gate.visibility is not Visibility.PUBLIC), gates[-1])
