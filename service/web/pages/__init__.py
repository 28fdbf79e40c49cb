"""The pages, one module an area; each has a ``router`` whose routes all declare their permission."""

from __future__ import annotations

from fastapi import APIRouter

from service.web.pages import (
    account,
    admin,
    campaigns,
    cases,
    channels,
    dash,
    feed,
    login,
    quality,
    trail,
)

#: What the application includes. A new area adds its module here.
ROUTERS: tuple[APIRouter, ...] = (
    login.router,
    account.router,
    campaigns.router,
    cases.router,
    feed.router,
    admin.router,
    dash.router,
    quality.router,
    trail.router,
    channels.router,
)
