"""What the web service is told at its start, beside the desk that it stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from crawler.addresses import AllowRule, parse_allow
from service.config import Config
from service.oidc import OidcProvider
from service.replay import ReplaySite
from service.seals import Sealer, load_sealer, random_sealer
from service.sessions import SessionLimits
from service.web.assets import Assets, load_assets, own_assets
from service.web.security import LOOPBACK_NAMES


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of the pages and the API.

    Attributes:
        acting_as: The user that every visitor on the loopback address is signed in as, for the demo.
        replay: Where snapshots are replayed; without one the pages say that they cannot be.
        sealer: Seals form tokens and replay addresses; a random one holds until the process ends.
        limits: How long a session lasts.
        public_url: Under which address officers reach the pages, when not on this machine.
        oidc: The provider by which officers may sign in; without one by password only.
        assets: The files that pages load: our own, and the kit where set-up has installed it.
        egress_allow: Addresses inside that may be gone to, as the operator wrote.
    """

    acting_as: str | None = None
    replay: ReplaySite | None = None
    sealer: Sealer = field(default_factory=random_sealer)
    limits: SessionLimits = field(default_factory=SessionLimits)
    public_url: str = ""
    oidc: OidcProvider | None = None
    assets: Assets = field(default_factory=own_assets)
    egress_allow: tuple[AllowRule, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which a request may reach us."""
        public = urlsplit(self.public_url).hostname
        return LOOPBACK_NAMES | {public} if public else LOOPBACK_NAMES

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https, so that cookies go by nothing else."""
        return urlsplit(self.public_url).scheme == "https"


def settings_from(config: Config) -> WebSettings:
    """The settings of an installation; its secret is made at the first use.

    Raises:
        ConfigError: the secret's file is open to others, or holds none that is random.
    """
    oidc = None
    if config.oidc_issuer:
        oidc = OidcProvider(
            issuer=config.oidc_issuer,
            client_id=config.oidc_client_id,
            client_secret=config.oidc_client_secret,
            label=config.oidc_label,
            claim=config.oidc_claim,
        )
    return WebSettings(
        sealer=load_sealer(config.home),
        limits=SessionLimits(
            idle=timedelta(minutes=config.session_idle_minutes),
            most=timedelta(hours=config.session_hours),
        ),
        public_url=config.public_url,
        oidc=oidc,
        assets=load_assets(config.kit),
        egress_allow=parse_allow(config.egress_allow),
    )
