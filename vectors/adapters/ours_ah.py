"""AH of the first adapter, from reference_impl.ipsec."""

from __future__ import annotations

from collections.abc import Callable

from reference_impl.crypto.integ import INTEGS
from reference_impl.ipsec.ah import AhIntegrity, AhTransform, GmacIntegrity, MacIntegrity, ReplayMd5Integrity
from reference_impl.ipsec.discards import Discarded
from reference_impl.ipsec.mutable import covered
from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.ours_esp import number, octets

_INTEGS = {algorithm.name: algorithm for algorithm in INTEGS.values()}


def _integrity(name: str, key: bytes) -> AhIntegrity:
    if name == "AES-GMAC":
        return GmacIntegrity(key)
    if name == "HMAC-MD5-REPLAY":
        return ReplayMd5Integrity(key)
    if name not in _INTEGS:
        raise Unsupported(name)
    return MacIntegrity(_INTEGS[name], key)


def _transform(inputs: dict[str, Input], spi: int) -> AhTransform:
    name = str(inputs["algorithm"])
    return AhTransform(
        spi,
        _integrity(name, octets(inputs, "key")),
        esn=bool(inputs.get("esn", False)),
        sends_high=name == "HMAC-MD5-REPLAY",
    )


def mutable(inputs: dict[str, Input]) -> dict[str, Input]:
    """ip-mutable."""
    counted = covered(octets(inputs, "packet"))
    return {"header": counted.octets[: counted.offset]}


def seal(inputs: dict[str, Input]) -> dict[str, Input]:
    """ah-seal."""
    packet = _transform(inputs, int.from_bytes(octets(inputs, "spi"))).seal(
        number(inputs, "seq_high") << 32 | number(inputs, "seq"),
        octets(inputs, "header"),
        number(inputs, "next_header"),
        octets(inputs, "payload"),
        iv=octets(inputs, "iv") if "iv" in inputs else None,
        padding=octets(inputs, "icv_padding") if "icv_padding" in inputs else None,
    )
    return {"packet": packet}


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    """ah-open. Of the sequence number the ICV needs no more than the half that is not sent."""
    opened = _transform(inputs, 0).open(octets(inputs, "packet"), number(inputs, "seq_high") << 32)
    return {"payload": opened.payload, "next_header": opened.next_header}


def _refusing(
    function: Callable[[dict[str, Input]], dict[str, Input]],
) -> Callable[[dict[str, Input]], dict[str, Input]]:
    def answer(inputs: dict[str, Input]) -> dict[str, Input]:
        try:
            return function(inputs)
        except Discarded as discarded:
            raise Refused(str(discarded)) from discarded

    return answer


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "ip-mutable": _refusing(mutable),
    "ah-seal": _refusing(seal),
    "ah-open": _refusing(open_),
}
