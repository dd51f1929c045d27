"""The operations of AH and IPComp (RFC 4302, RFC 3173)."""

from __future__ import annotations

from vectors.operations.kinds import Kind, Operation

_O, _N, _A, _F = Kind.OCTETS, Kind.NUMBER, Kind.NAME, Kind.FLAG

AH_INTEGS = frozenset(
    {
        "HMAC-MD5-96", "HMAC-SHA1-96", "HMAC-SHA2-256-128", "HMAC-SHA2-384-192", "HMAC-SHA2-512-256", "AES-XCBC-96",
        "AES-CMAC-96", "AES-GMAC", "HMAC-MD5-REPLAY",
    }
)  # fmt: skip
_AH_SA = {"algorithm": _A, "key": _O, "esn": _F, "seq_high": _N}
_AH_OPTIONAL = frozenset({"esn", "seq_high", "iv", "icv_padding"})

PACKET = (
    Operation(
        "ip-mutable",
        "State the headers before AH as the ICV covers them: mutable fields zero, predictable ones as at the receiver.",
        {"packet": _O},
        {"header": _O},
        algorithms=frozenset({"ip-mutable"}),
    ),
    Operation(
        "ah-seal",
        "Put AH between an IP header (with the extension headers that stay before it) and a payload.",
        {
            **_AH_SA, "spi": _O, "seq": _N, "header": _O, "next_header": _N, "payload": _O, "iv": _O,
            "icv_padding": _O,
        },
        {"packet": _O},
        optional=_AH_OPTIONAL,
        algorithms=AH_INTEGS,
    ),
    Operation(
        "ah-open",
        "Check the AH of a whole IP packet, or refuse it.",
        {**_AH_SA, "packet": _O},
        {"payload": _O, "next_header": _N},
        optional=_AH_OPTIONAL,
        algorithms=AH_INTEGS,
    ),
    Operation(
        "ipcomp-open",
        "Read the IPComp header and decompress what follows it, at most 65535 octets, or refuse it.",
        {"algorithm": _A, "packet": _O},
        {"next_header": _N, "cpi": _N, "payload": _O},
        algorithms=frozenset({"DEFLATE", "LZS"}),
    ),
)  # fmt: skip
