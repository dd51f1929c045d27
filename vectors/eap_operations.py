"""The operations of EAP methods (RFC 3748, RFC 2759, RFC 3079, RFC 5216), for vectors/operations.py."""

from __future__ import annotations

from vectors.kinds import Kind, Operation

_O = Kind.OCTETS

EAP = (
    Operation(
        "mschapv2",
        "The peer's response and the authenticator's (RFC 2759); the password in UTF-16, little-endian.",
        {"user_name": _O, "password": _O, "authenticator_challenge": _O, "peer_challenge": _O},
        {"challenge": _O, "password_hash": _O, "nt_response": _O, "authenticator_response": _O},
        algorithms=frozenset({"mschapv2"}),
    ),
    Operation(
        "mschapv2-msk",
        "The master session key after MS-CHAP-V2 (RFC 3079, section 3); keys named as the authenticator uses them.",
        {"password": _O, "nt_response": _O},
        {"password_hash_hash": _O, "master_key": _O, "receive_key": _O, "send_key": _O, "msk": _O},
        algorithms=frozenset({"mschapv2-msk"}),
    ),
)
