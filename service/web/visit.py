"""What a page is made from: the request, the desk, a unit of work, and who asks.

Routes take it as ``visit: VisitNeeded``; one that is about a campaign takes ``campaign: CampaignNamed``,
which is answered 404 where the visitor may not see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlmodel import Session
from starlette.exceptions import HTTPException

from models.account_tables import WebSession
from models.tables import Campaign
from models.vocabulary import FlashLevel
from service.attachments import Attachments
from service.desk import Desk
from service.scope import NOTHING, Scope, visible_campaign
from service.sessions import Browser, add_flash
from service.web.access import (
    DeskNeeded,
    LoginNeeded,
    SessionNeeded,
    SettingsNeeded,
    Visitor,
    VisitorFound,
)
from service.web.rendering import render
from service.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, with what it is answered from; ``visitor`` is None on public pages only."""

    request: Request
    desk: Desk
    session: Session
    settings: WebSettings
    visitor: Visitor | None

    @property
    def scope(self) -> Scope:
        """What the visitor may see: every query takes it."""
        return self.visitor.scope if self.visitor else NOTHING

    @property
    def who(self) -> Visitor:
        """The visitor, of a route that needs a permission."""
        if self.visitor is None:
            raise LoginNeeded
        return self.visitor

    @property
    def attachments(self) -> Attachments:
        """The files of snapshots, opened in confined processes."""
        attachments: Attachments = self.request.app.state.attachments
        return attachments

    @property
    def browser(self) -> Browser:
        """From where the request comes, as far as we see it."""
        address = self.request.client.host if self.request.client else ""
        return Browser(address, self.request.headers.get("user-agent", ""))

    def page(
        self, template: str, values: Mapping[str, object] | None = None, status: int = 200
    ) -> HTMLResponse:
        """A page from a template."""
        return render(self.request, template, values or {}, status)

    def flash(self, text: str, level: FlashLevel = FlashLevel.SUCCESS) -> None:
        """Leave a message for the visitor's next page."""
        row = self.session.get(WebSession, self.who.session_id)
        if row is not None:
            add_flash(row, level, text)
            self.session.add(row)

    def done(
        self, address: str, text: str = "", level: FlashLevel = FlashLevel.SUCCESS
    ) -> RedirectResponse:
        """Commit, and lead to a page of ours that may say so. Before the answer, so that it shows."""
        if text:
            self.flash(text, level)
        self.session.commit()
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _visit(
    request: Request,
    desk: DeskNeeded,
    current: SessionNeeded,
    settings: SettingsNeeded,
    visitor: VisitorFound,
) -> Visit:
    return Visit(request, desk, current, settings, visitor)


VisitNeeded = Annotated[Visit, Depends(_visit)]


def _campaign(visit: VisitNeeded, campaign: str) -> Campaign:
    found = visible_campaign(visit.session, visit.scope, campaign)
    if found is None:
        raise not_found(f"没有名为 {campaign} 的活动,或不在您的范围内")
    return found


CampaignNamed = Annotated[Campaign, Depends(_campaign)]


def not_found(message: str) -> HTTPException:
    """The 404 for what is not there, or is not the visitor's to see: the two look the same."""
    return HTTPException(HTTPStatus.NOT_FOUND, message)


def unprocessable(message: str) -> HTTPException:
    """The 422 for a form that does not fit; nothing was saved."""
    return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, message)
