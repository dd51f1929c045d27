"""IPComp of the first adapter, from reference_impl.ipsec."""

from __future__ import annotations

from collections.abc import Callable

from reference_impl.ipsec.discards import Discarded
from reference_impl.ipsec.ipcomp import Algorithm, open_payload
from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.ours_esp import octets


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    """ipcomp-open."""
    name = str(inputs["algorithm"])
    if name not in Algorithm.__members__:
        raise Unsupported(name)
    try:
        header, payload = open_payload(Algorithm[name], octets(inputs, "packet"))
    except Discarded as discarded:
        raise Refused(str(discarded)) from discarded
    return {"next_header": header.next_header, "cpi": header.cpi, "payload": payload}


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {"ipcomp-open": open_}
