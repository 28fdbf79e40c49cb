"""What each role may do. What it may see of it (which county, school or space) is ``service.scope``'s."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.vocabulary import Permission, Role

_EVERYBODY = frozenset({Permission.ACCOUNT})

_TEACHER = _EVERYBODY | {
    Permission.SPACES_READ,
    Permission.NOTICES_ANSWER,
    Permission.APPEALS_LODGE,
    Permission.SIGN_OFF,
}
_SCHOOL = _TEACHER | {Permission.CASES_DECIDE, Permission.DASHBOARD_READ, Permission.FEED_READ}
_COUNTY = _SCHOOL | {
    Permission.PERSONAL_DATA_OPEN,
    Permission.NOTICES_SEND,
    Permission.APPEALS_HEAR,
    Permission.SAMPLES_REVIEW,
    Permission.EXPORT,
    Permission.RANKINGS_READ,
}
_CITY = _COUNTY | {
    Permission.CASES_ADJUDICATE,
    Permission.RULES_TRIAL,
    Permission.AUDIT_READ,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.TEACHER: _TEACHER,
        Role.SCHOOL_AUDITOR: _SCHOOL,
        Role.COUNTY_AUDITOR: _COUNTY,
        Role.CITY_STAFF: _CITY,
        Role.RANKING_CLIENT: _EVERYBODY | {Permission.FEED_READ, Permission.RANKINGS_READ},
        Role.ADMINISTRATOR: frozenset(Permission),
    }
)
