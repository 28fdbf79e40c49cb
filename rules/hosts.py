"""Hosts to which an "open" resource must not lead: net disks and shops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from urllib.parse import urlsplit

import yaml

NET_DISK = "net_disk"
#: The kinds of hosts in words.
KIND_LABELS: Mapping[str, str] = {NET_DISK: "网盘", "shop": "网店"}


@dataclass(frozen=True, slots=True)
class OffsiteHost:
    """A host to which a resource must not lead: its kind, and its name for officers."""

    kind: str
    name: str

    @property
    def label(self) -> str:
        """Kind and name in words."""
        return f"{KIND_LABELS.get(self.kind, self.kind)}({self.name})"


@lru_cache
def offsite_hosts() -> Mapping[str, OffsiteHost]:
    """Every known host."""
    text = (resources.files(__package__) / "hosts.yaml").read_text(encoding="utf-8")
    return {
        host: OffsiteHost(kind, name)
        for kind, hosts in yaml.safe_load(text).items()
        for host, name in hosts.items()
    }


def offsite_host(url: str) -> OffsiteHost | None:
    """The known host that an address is on, or None."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        # Brackets that hold no IPv6 address: no host at all.
        return None
    known = offsite_hosts()
    labels = host.split(".")
    for start in range(len(labels) - 1):
        found = known.get(".".join(labels[start:]))
        if found is not None:
            return found
    return None


def offsite_kind(url: str) -> str | None:
    """The kind of off-site host an address is on (``net_disk`` or ``shop``), or None."""
    found = offsite_host(url)
    return found.kind if found else None
