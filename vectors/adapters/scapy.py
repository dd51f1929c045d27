"""The third adapter: scapy, for what it has of AH."""

from __future__ import annotations

from vectors.adapters import Input, Refused, Unsupported

_ANSWERED = frozenset({"ip-mutable", "ah-seal", "ah-open"})


class ScapyAdapter:
    """Replays AH against scapy.layers.ipsec."""

    name = "scapy"

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        if operation not in _ANSWERED:
            raise Unsupported(operation)
        from vectors.adapters import scapy_ah  # only here: to load scapy takes longer than to replay most sets

        try:
            return scapy_ah.OPERATIONS[operation](inputs)
        except scapy_ah.ERRORS as error:
            raise Refused(str(error) or type(error).__name__) from error

    def close(self) -> None:
        pass
