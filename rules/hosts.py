"""Hosts to which an "open" resource must not lead: net disks and shops."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from urllib.parse import urlsplit

import yaml


@lru_cache
def offsite_hosts() -> Mapping[str, str]:
    """Host → its kind (``net_disk`` or ``shop``)."""
    text = (resources.files(__package__) / "hosts.yaml").read_text(encoding="utf-8")
    return {host: kind for kind, hosts in yaml.safe_load(text).items() for host in hosts}


def offsite_kind(url: str) -> str | None:
    """The kind of off-site host an address is on, or None."""
    host = (urlsplit(url).hostname or "").lower()
    known = offsite_hosts()
    labels = host.split(".")
    for start in range(len(labels) - 1):
        kind = known.get(".".join(labels[start:]))
        if kind is not None:
            return kind
    return None
