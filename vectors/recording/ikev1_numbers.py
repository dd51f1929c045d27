"""Numbers of IKEv1 and ISAKMP, as far as the recorded exchanges use them."""

from __future__ import annotations

from dataclasses import dataclass

SA, KE, ID, CERT, CERTREQ, HASH, SIG, NONCE, NOTIFY, DELETE, VENDOR, ATTRIBUTES, NAT_D, NAT_OA = (
    1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21,
)  # fmt: skip
PAYLOADS = {
    SA: "SA", KE: "KE", ID: "ID", CERT: "CERT", CERTREQ: "CR", HASH: "HASH", SIG: "SIG", NONCE: "N", NOTIFY: "N",
    DELETE: "D", VENDOR: "VID", ATTRIBUTES: "ATTR", NAT_D: "NAT-D", NAT_OA: "NAT-OA",
}  # fmt: skip
MAIN, AGGRESSIVE, INFORMATIONAL, TRANSACTION, QUICK = 2, 4, 5, 6, 32
EXCHANGES = {
    MAIN: "Main Mode",
    AGGRESSIVE: "Aggressive Mode",
    INFORMATIONAL: "Informational",
    TRANSACTION: "Transaction",
    QUICK: "Quick Mode",
}
NOTIFICATIONS = {
    14: "NO-PROPOSAL-CHOSEN",
    18: "INVALID-ID-INFORMATION",
    24: "AUTHENTICATION-FAILED",
    24576: "RESPONDER-LIFETIME",
    24578: "INITIAL-CONTACT",
    36136: "R-U-THERE",
    36137: "R-U-THERE-ACK",
}
CONFIGURATION = {1: "REQUEST", 2: "REPLY", 3: "SET", 4: "ACK"}

# phase 1 attributes (RFC 2409, appendix A)
A_CIPHER, A_HASH, A_METHOD, A_GROUP, A_KEY_LENGTH = 1, 2, 3, 4, 14
CIPHERS = {5: ("3DES-CBC", 24, 8), 7: ("AES-CBC", 0, 16), 8: ("CAMELLIA-CBC", 0, 16)}
GROUPS = {
    1: "MODP-768", 2: "MODP-1024", 5: "MODP-1536", 14: "MODP-2048", 15: "MODP-3072", 16: "MODP-4096",
    17: "MODP-6144", 18: "MODP-8192", 19: "ECP-256", 20: "ECP-384", 21: "ECP-521", 22: "MODP-1024-160",
    23: "MODP-2048-224", 24: "MODP-2048-256", 27: "BRAINPOOL-P224R1", 28: "BRAINPOOL-P256R1",
    29: "BRAINPOOL-P384R1", 30: "BRAINPOOL-P512R1", 31: "CURVE25519", 32: "CURVE448",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """An authentication method: what keys SKEYID, and what each end proves itself with ("" is the hash alone)."""

    name: str
    psk: bool
    initiator: str = ""
    responder: str = ""


METHODS = {
    1: Method("pre-shared key", True),
    3: Method("RSA signatures", False, "RSA", "RSA"),
    9: Method("ECDSA-256", False, "ECDSA-256", "ECDSA-256"),
    10: Method("ECDSA-384", False, "ECDSA-384", "ECDSA-384"),
    11: Method("ECDSA-521", False, "ECDSA-521", "ECDSA-521"),
    64221: Method("HybridInitRSA", False, "", "RSA"),
    65001: Method("XAUTHInitPreShared", True),
    65005: Method("XAUTHInitRSA", False, "RSA", "RSA"),
}

# phase 2 attributes (RFC 2407, section 4.5) and transforms: octets of KEYMAT
AH = 2
P2_AUTH, P2_KEY_LENGTH, P2_GROUP = 5, 6, 3
ESP_CIPHERS = {3: ("3DES-CBC", 24, 0), 11: ("NULL", 0, 0), 12: ("AES-CBC", 0, 0), 13: ("AES-CTR", 0, 4)}
ESP_CIPHERS |= dict.fromkeys((18, 19, 20), ("AES-GCM", 0, 4))
ESP_CIPHERS |= dict.fromkeys((14, 15, 16), ("AES-CCM", 0, 3))
ESP_CIPHERS |= {22: ("CAMELLIA-CBC", 0, 0), 23: ("AES-GMAC", 0, 4)}
ESP_INTEGS = {1: ("HMAC-MD5", 16), 2: ("HMAC-SHA1", 20), 5: ("HMAC-SHA2-256", 32), 6: ("HMAC-SHA2-384", 48)}
ESP_INTEGS |= {7: ("HMAC-SHA2-512", 64), 9: ("AES-XCBC", 16)}

# attributes of XAUTH (draft-beaulieu-ike-xauth-02, section 6.2)
XAUTH = {16520: "XAUTH_TYPE", 16521: "XAUTH_USER_NAME", 16522: "XAUTH_USER_PASSWORD", 16527: "XAUTH_STATUS"}
