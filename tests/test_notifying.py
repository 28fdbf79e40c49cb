"""Notifications: one outbox, a receiver on this machine, and no way into inside networks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from crawler.addresses import parse_allow
from models.database import migrate, open_engine, session
from models.outbox_tables import Notification
from models.review_tables import ReviewCase
from models.tables import Campaign, Region
from models.vocabulary import CaseState, DeliveryState, NotifiedEvent
from service.notifying import (
    BACK_OFF,
    ChannelError,
    ChannelWish,
    Message,
    Outgoing,
    Sent,
    add_channel,
    disable_channel,
    notify,
    remind,
    require_allowed,
    resend,
    send_due,
    shown_address,
)
from tests.factories import NOW, Made, add_campaign, find_space, make_desk

TOLD = Message(NotifiedEvent.CRAWL_FINISHED, "crawl:c1", "抓取完成", "示例活动:3 个空间")


@dataclass
class Receiver:
    """What arrived at a receiver on this machine; ``status`` is what it answers."""

    port: int
    status: int = 200
    location: str = ""
    bodies: list[dict[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/geheim-pfad"

    @property
    def outgoing(self) -> Outgoing:
        return Outgoing(allow=parse_allow(f"127.0.0.1/32:{self.port}"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            kept.bodies.append(json.loads(self.rfile.read(length)))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    yield make_desk(engine)
    engine.dispose()


def channel(current: Session, receiver: Receiver, **wish: Any) -> str:
    values: dict[str, Any] = {"name": "值班", "address": receiver.address, **wish}
    added = add_channel(
        current,
        ChannelWish(**values),
        receiver.outgoing,
        at=NOW,
        actor="test",
    )
    current.flush()
    return added.id


def test_a_message_arrives_once(made: Made, receiver: Receiver) -> None:
    with session(made.desk.engine) as current:
        channel(current, receiver)
        assert notify(current, TOLD, NOW) == 1
        assert notify(current, TOLD, NOW) == 0
        assert send_due(current, receiver.outgoing, NOW) == Sent(delivered=1)
        assert send_due(current, receiver.outgoing, NOW) == Sent()
    assert [(each["title"], each["message"]) for each in receiver.bodies] == [
        ("抓取完成", "示例活动:3 个空间")
    ]


def test_a_failure_is_tried_again_later_and_given_up_at_last(
    made: Made, receiver: Receiver
) -> None:
    receiver.status = 500
    with session(made.desk.engine) as current:
        channel(current, receiver)
        notify(current, TOLD, NOW)
        at = NOW
        for wait in BACK_OFF:
            assert send_due(current, receiver.outgoing, at) == Sent(retrying=1)
            assert send_due(current, receiver.outgoing, at + wait / 2) == Sent()
            at += wait
        assert send_due(current, receiver.outgoing, at) == Sent(dead=1)
        row = current.exec(select(Notification)).one()
        assert (row.state, row.attempts, row.last_error) == (DeliveryState.DEAD, 6, "对方没有接受")
        receiver.status = 200
        assert resend(current, row.id, at=at, actor="test")
        assert not resend(current, row.id, at=at, actor="test")
        assert send_due(current, receiver.outgoing, at) == Sent(delivered=1)
    assert len(receiver.bodies) == len(BACK_OFF) + 2


@pytest.mark.parametrize(
    "address",
    [
        "json://127.0.0.1:{port}/x",
        "json://localhost:{port}/x",
        "jsons://[::1]/x",
        "json://169.254.169.254/latest",
        "mailto://a:b@mail.example?smtp=10.0.0.5",
        "json://192.168.1.1/x",
    ],
)
def test_a_channel_does_not_reach_inside(address: str, receiver: Receiver) -> None:
    with pytest.raises(ChannelError):
        require_allowed(address.format(port=receiver.port), Outgoing())


@pytest.mark.parametrize("address", ["syslog://", "file:///etc/passwd", "slack://a/b/c", "x", ""])
def test_only_named_services_are_sent_to(address: str) -> None:
    with pytest.raises(ChannelError, match="只能使用"):
        require_allowed(address, Outgoing())


def test_a_name_that_moves_inside_later_is_not_gone_to(made: Made, receiver: Receiver) -> None:
    where = ["93.184.216.34"]
    outgoing = Outgoing(resolve=lambda _host, _port: where)
    wish = ChannelWish("群", "jsons://hook.example/x")
    with session(made.desk.engine) as current:
        add_channel(current, wish, outgoing, at=NOW, actor="test")
        where[0] = "10.1.2.3"
        notify(current, TOLD, NOW)
        assert send_due(current, outgoing, NOW) == Sent(retrying=1)
        assert "不允许访问" in current.exec(select(Notification)).one().last_error


def test_a_redirect_is_not_followed(made: Made, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"
    with session(made.desk.engine) as current:
        channel(current, receiver)
        notify(current, TOLD, NOW)
        assert send_due(current, receiver.outgoing, NOW) == Sent(retrying=1)
    assert len(receiver.bodies) == 1


def test_a_stopped_channel_gets_nothing_more(made: Made, receiver: Receiver) -> None:
    with session(made.desk.engine) as current:
        key = channel(current, receiver)
        notify(current, TOLD, NOW)
        assert disable_channel(current, key, at=NOW, actor="test")
        current.flush()
        assert send_due(current, receiver.outgoing, NOW) == Sent()
        assert current.exec(select(Notification.state)).one() is DeliveryState.CANCELLED
    assert receiver.bodies == []


def test_secrets_of_an_address_are_not_shown() -> None:
    assert "abcdefghijkl" not in shown_address("wecombot://abcdefghijkl")
    assert "geheim" not in shown_address("mailtos://u:geheim@qq.com?to=a@b.cn")
    assert shown_address("gopher://x") == "(无法识别)"


def test_a_county_is_reminded_once_a_day_of_its_own(made: Made, receiver: Receiver) -> None:
    add_campaign(made, spaces=4)
    with session(made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        for code, days, state in (
            ("s001", 2, CaseState.QUEUED),
            ("s002", -1, CaseState.QUEUED),
            ("s003", 2, CaseState.QUEUED),
            ("s004", -1, CaseState.DECIDED),
        ):
            current.add(
                ReviewCase(
                    space_id=find_space(current, code).id or 0,
                    campaign_id=campaign.id or 0,
                    state=state,
                    entered_at=NOW,
                    changed_at=NOW,
                    due_at=NOW + timedelta(days=days),
                )
            )
        region = current.exec(select(Region.id).where(Region.name == "甲县")).one()
        channel(current, receiver, region_id=region)
        assert remind(current, NOW) == 2
        assert remind(current, NOW + timedelta(minutes=1)) == 0
        send_due(current, receiver.outgoing, NOW)
        assert remind(current, NOW + timedelta(days=1)) == 2
    assert sorted(each["title"] for each in receiver.bodies) == [
        "甲县:1 件临近截止",
        "甲县:1 件已逾期",
    ]
