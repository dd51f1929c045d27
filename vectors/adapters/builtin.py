"""The adapters that come with ikeproof, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from vectors.adapters import Adapter
from vectors.adapters.kyber import KyberAdapter
from vectors.adapters.openssl import OpensslAdapter
from vectors.adapters.ours import OurAdapter
from vectors.adapters.scapy import ScapyAdapter

BUILTIN: dict[str, Callable[[], Adapter]] = {
    "ikeproof": OurAdapter,
    "openssl": OpensslAdapter,
    "scapy": ScapyAdapter,
    "kyber-py": KyberAdapter,
}
# other projects' own programs, in containers of the lab
FOREIGN = ("libreswan", "strongswan", "strongswan-openssl", "strongswan-gcrypt")


def start(name: str) -> Adapter:
    """A new adapter of this name. Raises KeyError, and Unavailable where there is no lab for a foreign one."""
    if name not in FOREIGN:
        return BUILTIN[name]()
    # only here: Docker's library is not loaded where nobody asks for these
    from vectors.adapters.foreign.libreswan import LibreswanAdapter
    from vectors.adapters.foreign.strongswan import StrongswanAdapter

    return LibreswanAdapter() if name == "libreswan" else StrongswanAdapter(name)


@cache
def adapter(name: str) -> Adapter:
    """The one adapter of this name that is kept for the whole process. Raises like `start`."""
    return start(name)
