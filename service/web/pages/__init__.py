"""The pages, one module an area; each has a ``router`` whose routes all declare their permission."""

from __future__ import annotations

from fastapi import APIRouter

from service.web.pages import (
    account,
    admin,
    appeals,
    campaigns,
    cases,
    channels,
    dash,
    evidence,
    feed,
    login,
    mend,
    notices,
    quality,
    queue,
    sign_offs,
    trail,
    webhooks,
)

#: What the application includes. A new area adds its module here.
ROUTERS: tuple[APIRouter, ...] = (
    login.router,
    account.router,
    campaigns.router,
    cases.router,
    queue.router,
    evidence.router,
    feed.router,
    admin.router,
    notices.router,
    mend.router,
    appeals.router,
    sign_offs.router,
    dash.router,
    quality.router,
    trail.router,
    channels.router,
    webhooks.router,
)
