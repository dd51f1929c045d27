"""The operations of IKEv2 transcripts: messages, keys, AUTH payloads, SK and SKF payloads."""

from __future__ import annotations

from vectors.operations.kinds import ESP_CIPHERS, PRFS, Kind, Operation

_O, _N, _A = Kind.OCTETS, Kind.NUMBER, Kind.NAME

_SUITE = {"prf": _A, "cipher": _A, "key_bits": _N, "integ": _A}
_SUITE_OPTIONAL = frozenset({"key_bits", "integ"})
_IKE_KEYS = {"skeyseed": _O, **{f"sk_{key}": _O for key in ("d", "ai", "ar", "ei", "er", "pi", "pr")}}
_SK = {"cipher": _A, "integ": _A, "key": _O, "integ_key": _O}
_SK_OPTIONAL = frozenset({"integ", "integ_key"})
_NONCES = {"ni": _O, "nr": _O}
_SPIS = {"spi_i": _O, "spi_r": _O}


def _plain(name: str, sentence: str, inputs: dict[str, Kind], outputs: dict[str, Kind], *optional: str) -> Operation:
    """An operation without an algorithm to choose."""
    return Operation(name, sentence, inputs, outputs, frozenset(optional), frozenset({name}))


IKEV2 = (
    _plain(
        "ikev2-message",
        "Encode a message in the clear; each of the payloads is given as type, length of the body in two octets, body.",
        {**_SPIS, "exchange": _N, "flags": _N, "message_id": _N, "payloads": _O},
        {"message": _O},
    ),
    _plain(
        "ikev2-chain",
        "Encode payloads, given as in ikev2-message, as the content of an SK payload; first is the first one's type.",
        {"payloads": _O},
        {"first": _N, "octets": _O},
    ),
    _plain(
        "ikev2-retry",
        "The IKE_SA_INIT request again, as COOKIE (RFC 7296, section 2.6) or INVALID_KE_PAYLOAD (section 1.2) asks for "
        "it; public is the new KE data for the latter.",
        {"request": _O, "response": _O, "public": _O},
        {"retry": _O},
        "public",
    ),
    _plain(
        "ikev2-nat-hash",
        "The data of NAT_DETECTION_SOURCE_IP or NAT_DETECTION_DESTINATION_IP (RFC 7296, section 2.23).",
        {**_SPIS, "address": _O, "port": _N},
        {"hash": _O},
    ),
    Operation(
        "ikev2-keys",
        "SKEYSEED and the seven keys of an IKE SA (RFC 7296, section 2.14).",
        {**_SUITE, **_NONCES, **_SPIS, "shared": _O},
        _IKE_KEYS,
        _SUITE_OPTIONAL,
        PRFS,
    ),
    Operation(
        "ikev2-rekey-keys",
        "SKEYSEED and the keys of an IKE SA that a CREATE_CHILD_SA exchange made: SPIs and suite are the new SA's, "
        "old_prf and sk_d the old one's (RFC 7296, section 2.18).",
        {**_SUITE, **_NONCES, **_SPIS, "shared": _O, "old_prf": _A, "sk_d": _O},
        _IKE_KEYS,
        _SUITE_OPTIONAL,
        PRFS,
    ),
    Operation(
        "ikev2-child-keys",
        "The keys of a pair of Child SAs (RFC 7296, section 2.17); shared is g^ir (new) where the exchange had one.",
        {**_SUITE, **_NONCES, "sk_d": _O, "shared": _O},
        {"encr_i": _O, "integ_i": _O, "encr_r": _O, "integ_r": _O},
        _SUITE_OPTIONAL | {"shared"},
        PRFS,
    ),
    Operation(
        "ikev2-signed-octets",
        "What one end signs: its own IKE_SA_INIT message, the other's nonce, prf(SK_p, ID') (RFC 7296, section 2.15).",
        {"prf": _A, "sk_p": _O, "message": _O, "nonce": _O, "id": _O},
        {"maced_id": _O, "octets": _O},
        algorithms=PRFS,
    ),
    Operation(
        "ikev2-psk-auth",
        "AUTH data of method 2, shared key (RFC 7296, section 2.15).",
        {"prf": _A, "psk": _O, "octets": _O},
        {"auth": _O},
        algorithms=PRFS,
    ),
    _plain(
        "ikev2-sign",
        "AUTH data of a signature method. The key is in PKCS #8; scheme names padding and hash; salt is that of PSS; "
        "ECDSA takes its k from RFC 6979.",
        {"method": _N, "scheme": _A, "private_key": _O, "octets": _O, "salt": _O},
        {"auth": _O},
        "salt",
    ),
    _plain(
        "ikev2-verify",
        "Check AUTH data of a signature method with a certificate's key, or refuse it; scheme names padding and hash.",
        {"method": _N, "certificate": _O, "octets": _O, "auth": _O},
        {"scheme": _A},
    ),
    _plain(
        "ikev2-ca-hash",
        "What a CERTREQ payload has for one authority: SHA-1 of its SubjectPublicKeyInfo (RFC 7296, section 3.7).",
        {"certificate": _O},
        {"hash": _O},
    ),
    Operation(
        "ike-sk-seal",
        "Encrypt and authenticate: head is the message up to the IV, plaintext has padding and Pad Length; for SK and "
        "SKF payloads alike (RFC 7296, section 3.14; RFC 5282; RFC 7383).",
        {**_SK, "head": _O, "iv": _O, "plaintext": _O},
        {"message": _O, "icv": _O},
        _SK_OPTIONAL,
        ESP_CIPHERS,
    ),
    Operation(
        "ike-skf-open",
        "Check and decrypt the SKF payload of a whole IKEv2 message, or refuse it (RFC 7383, section 2.5).",
        {**_SK, "message": _O},
        {"number": _N, "total": _N, "first": _N, "plaintext": _O},
        _SK_OPTIONAL,
        ESP_CIPHERS,
    ),
)
