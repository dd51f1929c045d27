"""The operations of IKEv1 (RFC 2408, RFC 2409, RFC 3947)."""

from __future__ import annotations

from vectors.operations.kinds import Kind, Operation

_O, _N, _A, _F = Kind.OCTETS, Kind.NUMBER, Kind.NAME, Kind.FLAG

HASHES = frozenset({"MD5", "SHA1", "SHA2-256", "SHA2-384", "SHA2-512"})
PRFS = frozenset(f"HMAC-{name}" for name in HASHES)
CIPHERS = frozenset({"AES-CBC", "3DES-CBC", "CAMELLIA-CBC"})
SIGNATURES = frozenset({"RSA", "ECDSA-256", "ECDSA-384", "ECDSA-521"})

IKEV1 = (
    Operation(
        "ikev1-psk-kdf",
        "SKEYID and SKEYID_d, _a, _e with a pre-shared key (RFC 2409, section 5).",
        {"prf": _A, "ni": _O, "nr": _O, "cky_i": _O, "cky_r": _O, "shared": _O, "psk": _O},
        {"skeyid": _O, "skeyid_d": _O, "skeyid_a": _O, "skeyid_e": _O},
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-sig-kdf",
        "SKEYID and SKEYID_d, _a, _e with signatures (RFC 2409, section 5).",
        {"prf": _A, "ni": _O, "nr": _O, "cky_i": _O, "cky_r": _O, "shared": _O},
        {"skeyid": _O, "skeyid_d": _O, "skeyid_a": _O, "skeyid_e": _O},
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-encryption-key",
        "The ISAKMP SA's cipher key of so many octets from SKEYID_e (RFC 2409, appendix B).",
        {"prf": _A, "skeyid_e": _O, "size": _N},
        {"key": _O},
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-phase1-iv",
        "The IV of phase 1's first encrypted message, of so many octets (RFC 2409, appendix B).",
        {"algorithm": _A, "public_i": _O, "public_r": _O, "size": _N},
        {"iv": _O},
        algorithms=HASHES,
    ),
    Operation(
        "ikev1-phase2-iv",
        "The IV of an exchange after phase 1, as long as the last block of phase 1 (RFC 2409, appendix B).",
        {"algorithm": _A, "last_block": _O, "message_id": _O},
        {"iv": _O},
        algorithms=HASHES,
    ),
    Operation(
        "ikev1-phase1-hash",
        "HASH_I or HASH_R, of the end called own; SA and identity without generic header (RFC 2409, section 5).",
        {
            "prf": _A,
            "skeyid": _O,
            "own_public": _O,
            "peer_public": _O,
            "own_cookie": _O,
            "peer_cookie": _O,
            "sa": _O,
            "identity": _O,
        },
        {"hash": _O},
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-hash",
        "HASH(1), (2) or (3) by its number; payloads: all after HASH, without padding. HASH(1) is also that of "
        "informational and transaction exchanges (RFC 2409, sections 5.5 and 5.7; draft-dukes-ike-mode-cfg-02, 3.1.1).",
        {"prf": _A, "skeyid_a": _O, "number": _N, "message_id": _O, "ni": _O, "nr": _O, "payloads": _O},
        {"hash": _O},
        optional=frozenset({"ni", "nr", "payloads"}),
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-keymat",
        "KEYMAT of the SA with this SPI; shared: g(qm)^xy with PFS (RFC 2409, section 5.5).",
        {"prf": _A, "skeyid_d": _O, "shared": _O, "protocol": _N, "spi": _O, "ni": _O, "nr": _O, "size": _N},
        {"keymat": _O},
        optional=frozenset({"shared"}),
        algorithms=PRFS,
    ),
    Operation(
        "ikev1-nat-d",
        "The hash of a NAT-D payload (RFC 3947, section 3.2).",
        {"algorithm": _A, "cky_i": _O, "cky_r": _O, "address": _O, "port": _N},
        {"hash": _O},
        algorithms=HASHES,
    ),
    Operation(
        "ikev1-sign",
        "An RSA signature over HASH_I or HASH_R without the hash's OID (RFC 2409, section 5.1); key in PKCS #8.",
        {"algorithm": _A, "private_key": _O, "hash": _O},
        {"signature": _O},
        algorithms=frozenset({"RSA"}),
    ),
    Operation(
        "ikev1-verify",
        "Check SIG_I or SIG_R against an X.509 certificate's key, or refuse it (RFC 2409, section 5.1; RFC 4754).",
        {"algorithm": _A, "certificate": _O, "hash": _O, "signature": _O},
        {"verified": _F},
        algorithms=SIGNATURES,
    ),
    Operation(
        "ikev1-message",
        "Build a message without encryption. Payloads: for each one octet of type, two of length, the body; padding: "
        "what comes after the last one.",
        {"cky_i": _O, "cky_r": _O, "exchange": _N, "flags": _N, "message_id": _O, "payloads": _O, "padding": _O},
        {"message": _O},
        optional=frozenset({"padding"}),
        algorithms=frozenset({"ikev1-message"}),
    ),
    Operation(
        "ikev1-payloads",
        "Split a chain of payloads, or refuse it; padding: what follows the last one.",
        {"first": _N, "octets": _O},
        {"payloads": _O, "padding": _O},
        algorithms=frozenset({"ikev1-payloads"}),
    ),
    Operation(
        "ikev1-attributes",
        "Split data attributes (RFC 2408, section 3.3), or refuse them: for each two octets of type without the "
        "format bit, two of length, the value.",
        {"octets": _O},
        {"attributes": _O},
        algorithms=frozenset({"ikev1-attributes"}),
    ),
    Operation(
        "ikev1-seal",
        "Encrypt an exchange's next message: header and what comes after it, padded (RFC 2409, appendix B).",
        {"cipher": _A, "key": _O, "iv": _O, "header": _O, "plaintext": _O},
        {"message": _O, "next_iv": _O},
        algorithms=CIPHERS,
    ),
    Operation(
        "ikev1-open",
        "Decrypt a whole message, or refuse it; next_iv: the IV of the exchange's next message.",
        {"cipher": _A, "key": _O, "iv": _O, "message": _O},
        {"plaintext": _O, "next_iv": _O},
        algorithms=CIPHERS,
    ),
)
