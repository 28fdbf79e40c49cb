"""Webhooks: signed hints that arrive, fail, are tried again, and never go where they must not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlmodel import col, select
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from crawler.addresses import EgressPolicy, parse_allow
from models.database import migrate, open_engine, session
from models.outbox_tables import WebhookDelivery, WebhookEndpoint
from models.tables import Region
from models.vocabulary import DeliveryState, FeedEvent, Role
from service.web.app import create_app
from service.webhook_sending import BACK_OFF, deliver
from service.webhooks import START_EVENT, add_endpoint, resend
from tests.factories import NOW, Made, add_campaign, make_desk
from tests.serving import client_of
from tests.signing_in import add_account, log_in, post

SOON = 0.3


@dataclass
class Receiver:
    """A program that is told; ``status`` is what it answers, 0 for nothing."""

    port: int = 0
    status: int = 204
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.got.append((body, {k.lower(): v for k, v in self.headers.items()}))
            if told.status == 0:
                told.ended.wait(5)
                return
            self.send_response(told.status)
            self.send_header("Location", f"{told.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    told.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    yield make_desk(engine)
    engine.dispose()


def allowing(receiver: Receiver) -> EgressPolicy:
    return EgressPolicy(allow=parse_allow(f"127.0.0.1:{receiver.port}"))


def add(made: Made, url: str, *events: FeedEvent, county: str = "") -> str:
    with session(made.desk.engine) as current:
        region = current.exec(select(Region.id).where(Region.name == county)).first()
        _, secret = add_endpoint(
            current, url, at=NOW, actor="test", events=events, region_id=region
        )
        return secret


def deliveries(made: Made) -> list[WebhookDelivery]:
    with session(made.desk.engine) as current:
        query = select(WebhookDelivery).where(WebhookDelivery.event != START_EVENT)
        found = list(current.exec(query.order_by(col(WebhookDelivery.serial))))
        current.expunge_all()
        return found


def test_new_verdicts_are_told_once_signed_with_ids_only(made: Made, receiver: Receiver) -> None:
    secret = add(made, receiver.url)
    add_campaign(made, spaces=3)
    counted = deliver(made.desk.engine, NOW, allowing(receiver))
    assert counted == {DeliveryState.DELIVERED: 3}
    assert deliver(made.desk.engine, NOW, allowing(receiver)) == {}
    bodies = [Webhook(secret).verify(body, headers) for body, headers in receiver.got]
    assert [each["data"]["serial"] for each in bodies] == [1, 2, 3]
    assert {*bodies[0]} == {"type", "version", "timestamp", "data"}
    assert {*bodies[0]["data"]} == {"serial", "space", "verdict_id", "state"}
    assert len({headers["webhook-id"] for _, headers in receiver.got}) == 3
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(receiver.got[0][0] + b" ", receiver.got[0][1])


def test_while_a_secret_is_replaced_both_verify(made: Made, receiver: Receiver) -> None:
    old, new = add(made, receiver.url), "whsec_" + "bmV3LXNlY3JldC1vZi0zMi1ieXRlcy1vci1zbw=="
    with session(made.desk.engine) as current:
        current.exec(select(WebhookEndpoint)).one().secrets = [new, old]
    add_campaign(made, spaces=1)
    deliver(made.desk.engine, NOW, allowing(receiver))
    for each in (old, new):
        Webhook(each).verify(*receiver.got[0])


def test_what_was_before_is_not_told(made: Made, receiver: Receiver) -> None:
    add_campaign(made, spaces=3)
    add(made, receiver.url)
    assert deliver(made.desk.engine, NOW, allowing(receiver)) == {}


def test_an_endpoint_is_told_of_its_county_and_its_events_only(
    made: Made, receiver: Receiver
) -> None:
    with session(made.desk.engine) as current:
        current.add(Region(name="外县"))
    secret = add(made, receiver.url, county="外县")
    assert secret
    add(made, f"{receiver.url}/other", FeedEvent.WITHDRAWN)
    add_campaign(made, spaces=3)
    assert deliver(made.desk.engine, NOW, allowing(receiver)) == {}
    with session(made.desk.engine) as current:
        for each in current.exec(select(WebhookEndpoint)):
            each.region_id, each.events = None, [FeedEvent.ISSUED.value]
    assert deliver(made.desk.engine, NOW, allowing(receiver)) == {DeliveryState.DELIVERED: 6}


def test_a_failure_is_tried_again_with_back_off_and_then_a_dead_letter(
    made: Made, receiver: Receiver
) -> None:
    add(made, receiver.url)
    add_campaign(made, spaces=1)
    receiver.status, at = 500, NOW
    for wait in BACK_OFF:
        assert deliver(made.desk.engine, at, allowing(receiver)) == {DeliveryState.RETRYING: 1}
        early = at + wait - timedelta(milliseconds=1)
        assert deliver(made.desk.engine, early, allowing(receiver)) == {}
        at += wait
    assert deliver(made.desk.engine, at, allowing(receiver)) == {DeliveryState.DEAD: 1}
    [dead] = deliveries(made)
    assert (dead.attempts, dead.last_status, dead.next_at) == (len(BACK_OFF) + 1, 500, None)
    assert len({headers["webhook-id"] for _, headers in receiver.got}) == 1
    receiver.status = 200
    with session(made.desk.engine) as current:
        resend(current, dead.id, at)
    assert deliver(made.desk.engine, at, allowing(receiver)) == {DeliveryState.DELIVERED: 1}


def test_a_receiver_that_does_not_answer_is_tried_again(made: Made, receiver: Receiver) -> None:
    add(made, receiver.url)
    add_campaign(made, spaces=1)
    receiver.status = 0
    counted = deliver(made.desk.engine, NOW, allowing(receiver), seconds=SOON)
    assert counted == {DeliveryState.RETRYING: 1}
    assert "没有应答" in deliveries(made)[0].last_error


def test_a_redirect_is_not_followed(made: Made, receiver: Receiver) -> None:
    add(made, receiver.url)
    add_campaign(made, spaces=1)
    receiver.status = 307
    assert deliver(made.desk.engine, NOW, allowing(receiver)) == {DeliveryState.RETRYING: 1}
    assert len(receiver.got) == 1


def test_410_disables_the_endpoint(made: Made, receiver: Receiver) -> None:
    add(made, receiver.url)
    add_campaign(made, spaces=1)
    receiver.status = 410
    deliver(made.desk.engine, NOW, allowing(receiver))
    with session(made.desk.engine) as current:
        assert current.exec(select(WebhookEndpoint)).one().disabled_at == NOW


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"]
)
def test_an_address_that_is_not_public_is_not_reached(
    made: Made, receiver: Receiver, host: str
) -> None:
    add(made, f"http://{host}:{receiver.port}/hook")
    add_campaign(made, spaces=1)
    assert deliver(made.desk.engine, NOW, EgressPolicy()) == {DeliveryState.RETRYING: 1}
    assert receiver.got == []
    assert deliveries(made)[0].last_status is None


def test_the_page_adds_shows_the_secret_once_tests_disables_and_resends(
    made: Made, receiver: Receiver
) -> None:
    add_campaign(made, spaces=1)
    add_account(made, "管理", Role.ADMINISTRATOR)
    with client_of(create_app(made.desk)) as client:
        log_in(client, "管理")
        assert "还没有推送地址" in client.get("/admin/webhooks").text
        answer = post(client, "/admin/webhooks", url="javascript:alert(1)")
        assert answer.status_code == 422
        added = post(client, "/admin/webhooks", url=receiver.url)
        secret = re.search(r"whsec_[\w+/=]+", added.text)
        key = re.search(r"we_\w+", added.text)
        assert secret is not None
        assert key is not None
        assert "whsec_" not in client.get("/admin/webhooks").text
        post(client, f"/admin/webhooks/{key.group()}/test")
        assert deliver(made.desk.engine, NOW + timedelta(minutes=1), allowing(receiver))
        body, headers = receiver.got[0]
        Webhook(secret.group()).verify(body, headers)
        assert json.loads(body)["type"] == "webhook.test"
        [sent] = deliveries(made)
        post(client, f"/admin/webhooks/deliveries/{sent.id}/resend")
        post(client, f"/admin/webhooks/{key.group()}/state", disabled="true")
        assert "已停用" in client.get("/admin/webhooks").text
        assert deliver(made.desk.engine, NOW + timedelta(minutes=2), allowing(receiver)) == {}
