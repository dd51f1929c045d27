"""The operations of EAP methods (RFC 3748, RFC 2759, RFC 3079, RFC 5216)."""

from __future__ import annotations

from vectors.operations.kinds import Kind, Operation

_O, _N, _A = Kind.OCTETS, Kind.NUMBER, Kind.NAME

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
    Operation(
        "eap-md5",
        "The value of an MD5-Challenge response (RFC 3748, section 5.4; RFC 1994, section 4.1).",
        {"identifier": _N, "secret": _O, "challenge": _O},
        {"response": _O},
        algorithms=frozenset({"eap-md5"}),
    ),
    Operation(
        "eap-tls-msk",
        "The MSK of EAP-TLS (RFC 5216, section 2.3) or EAP-TTLS (RFC 5281, section 8) over TLS 1.2 with RSA key "
        "exchange: the server's private key in PKCS #8 opens the client's key exchange; label names the method's use.",
        {"prf": _A, "private_key": _O, "encrypted": _O, "client_random": _O, "server_random": _O, "label": _O},
        {"premaster_secret": _O, "master_secret": _O, "msk": _O},
        algorithms=frozenset({"HMAC-SHA2-256", "HMAC-SHA2-384"}),
    ),
)
