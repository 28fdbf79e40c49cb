"""Campaigns: one call for nominations each, with the platform its spaces are on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlmodel import Session, select

from models.audit_log import record
from models.database import take_writer_lock
from models.tables import Campaign
from rules.profile import PROFILE_SUFFIX, load_profile
from service.errors import CampaignError

DEFAULT_PROFILE = "generic"
DEFAULT_POLICY = "default"


def campaign_for(  # noqa: PLR0913  (a campaign is its code, profile and policy; an event is who and when)
    session: Session,
    code: str,
    profile: str | None,
    policy: str | None,
    at: datetime,
    *,
    actor: str = "system",
) -> Campaign:
    """The campaign with this code, made if there is none yet.

    ``profile`` and ``policy`` may be None: what the campaign has, or the default for a new one.

    Raises:
        CampaignError: the campaign exists with another profile or policy, or the code is empty.
        ProfileError: there is no such profile.
    """
    profile = _whole_path(profile)
    # Two first imports at once would both make it.
    take_writer_lock(session)
    found = _by_code(session, code)
    if found is None:
        new = Campaign(
            code=code,
            profile=profile or DEFAULT_PROFILE,
            policy=policy or DEFAULT_POLICY,
            created_at=at,
        )
        return _added(session, new, actor)
    for what, wanted, has in (
        ("profile", profile, found.profile),
        ("policy", policy, found.policy),
    ):
        if wanted is not None and wanted != has:
            raise CampaignError(
                f"campaign {code} has the {what} {has}, not {wanted}",
                f"leave out --{what}, or use another campaign code",
            )
    return found


def find_campaign(session: Session, code: str) -> Campaign:
    """The campaign with this code.

    Raises:
        CampaignError: there is none; the message names those there are.
    """
    found = _by_code(session, code)
    if found is None:
        known = ", ".join(session.exec(select(Campaign.code).order_by(Campaign.code)))
        raise CampaignError(
            f"there is no campaign {code}" + (f"; known: {known}" if known else ""),
            f"import its nominations first: spaceaudit nominations import FILE --campaign {code}",
        )
    return found


def _by_code(session: Session, code: str) -> Campaign | None:
    return session.exec(select(Campaign).where(Campaign.code == code)).first()


def _whole_path(profile: str | None) -> str | None:
    """A profile file by its whole path, so that a later command finds it from any directory."""
    if profile is not None and profile.endswith(PROFILE_SUFFIX):
        return str(Path(profile).absolute())
    return profile


def _added(session: Session, campaign: Campaign, actor: str) -> Campaign:
    if not campaign.code.strip():
        raise CampaignError("the campaign code is empty", "give one, such as --campaign 2022")
    load_profile(campaign.profile)  # a campaign is not made on a profile that cannot be read
    session.add(campaign)
    record(
        session,
        actor=actor,
        action="campaign.created",
        at=campaign.created_at,
        row=campaign,
        details={"profile": campaign.profile, "policy": campaign.policy},
    )
    return campaign
