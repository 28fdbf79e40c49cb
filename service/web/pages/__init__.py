"""The pages, one module an area; each has a ``router`` whose routes all declare their permission."""

from __future__ import annotations

from fastapi import APIRouter

from service.web.pages import account, admin, campaigns, cases, feed, login, webhooks

#: What the application includes. A new area adds its module here.
ROUTERS: tuple[APIRouter, ...] = (
    login.router,
    account.router,
    campaigns.router,
    cases.router,
    feed.router,
    admin.router,
    webhooks.router,
)
