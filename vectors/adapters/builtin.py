"""The adapters that come with ikeproof, by name."""

from __future__ import annotations

from functools import cache

from vectors.adapters import Adapter
from vectors.adapters.openssl import OpensslAdapter
from vectors.adapters.ours import OurAdapter
from vectors.adapters.scapy import ScapyAdapter

BUILTIN: dict[str, type[OurAdapter] | type[OpensslAdapter] | type[ScapyAdapter]] = {
    "ikeproof": OurAdapter,
    "openssl": OpensslAdapter,
    "scapy": ScapyAdapter,
}


@cache
def adapter(name: str) -> Adapter:
    """The built-in adapter of this name. Raises KeyError."""
    return BUILTIN[name]()
