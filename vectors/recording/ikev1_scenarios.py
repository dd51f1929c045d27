"""The IKEv1 exchanges that are recorded between foreign peers."""

from __future__ import annotations

from dataclasses import dataclass

PSK = b"ikeproof transcripts"
PASSWORD = b"open sesame"
USER = "alice"
NEW, OLD, LIBRESWAN = "strongswan-6.0", "strongswan-5.9", "libreswan-5.2"
_IKE = "RFC 2409"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One transcript. `auth`: psk, rsa, ecdsa256 …, xauth-psk, xauth-rsa, hybrid. `esp` empty: phase 1 alone.

    `steps` are done after the SA is up: dpd, rekey-child, reauth, delete-child, delete (always the last).
    """

    name: str
    family: str
    proves: str
    document: str
    ike: str
    esp: str = ""
    auth: str = "psk"
    aggressive: bool = False
    initiator: str = NEW
    responder: str = OLD
    config: str = ""
    steps: tuple[str, ...] = ("delete",)
    nat: bool = False
    fails: bool = False
    responder_ike: str = ""
    responder_esp: str = ""
    mode: str = "tunnel"

    @property
    def libipsec(self) -> bool:
        """Whether strongSwan gets its user-space data plane, which has tunnel mode in UDP only.

        Without one it cannot install ESP SAs, which it notices when quick mode is over.
        """
        return bool(self.esp) and self.mode == "tunnel" and not self.esp.startswith("ah-")


def _main() -> list[Scenario]:
    """Main mode with a pre-shared key: every cipher, hash and group at least once."""
    suites = (
        "3des-md5-modp1024", "3des-sha1-modp1536", "aes128-md5-modp768", "aes128-sha1-modp2048",
        "aes192-sha384-modp3072", "aes256-sha512-modp4096", "aes256-sha256-modp6144", "aes128-sha256-modp8192",
        "aes128-sha256-ecp256", "aes256-sha384-ecp384", "aes256-sha512-ecp521", "aes128-sha256-curve25519",
        "aes256-sha512-curve448", "aes192-sha256-modp1024s160", "aes192-sha1-modp2048s224", "aes256-md5-modp2048s256",
        "camellia128-sha1-ecp224bp", "camellia192-sha256-ecp256bp", "camellia256-sha384-ecp384bp",
        "aes192-sha512-ecp512bp",
    )  # fmt: skip
    return [
        Scenario(
            f"ikev1-main-psk-{suite}",
            "main mode psk",
            f"Main mode with a pre-shared key and {suite}, and the deletion of the ISAKMP SA.",
            f"{_IKE}, section 5.4; RFC 2408, section 3.15",
            suite,
            initiator=(NEW, OLD)[number % 2],
            responder=(OLD, NEW)[number % 2],
        )
        for number, suite in enumerate(suites)
    ]


def _signatures() -> list[Scenario]:
    kinds = (
        ("rsa", "aes128-sha1-modp2048"), ("rsa", "aes256-sha256-ecp256"), ("rsa", "3des-md5-modp1024"),
        ("ecdsa256", "aes128-sha256-ecp256"), ("ecdsa256", "aes128-sha1-modp2048"),
        ("ecdsa384", "aes256-sha384-ecp384"), ("ecdsa521", "aes256-sha512-ecp521"),
    )  # fmt: skip
    return [
        Scenario(
            f"ikev1-main-{kind}-{suite}",
            "main mode signatures",
            f"Main mode with {kind.upper()} signatures and {suite}.",
            f"{_IKE}, section 5.1" + ("; RFC 4754" if kind.startswith("ecdsa") else ""),
            suite,
            auth=kind,
            initiator=(NEW, OLD)[number % 2],
            responder=(OLD, NEW)[number % 2],
        )
        for number, (kind, suite) in enumerate(kinds)
    ]


def _aggressive() -> list[Scenario]:
    kinds = (
        ("psk", "aes128-sha1-modp1024"), ("psk", "aes256-sha256-modp2048"), ("psk", "3des-md5-modp1536"),
        ("rsa", "aes128-sha256-ecp256"), ("ecdsa256", "aes128-sha256-ecp256"),
    )  # fmt: skip
    return [
        Scenario(
            f"ikev1-aggressive-{kind}-{suite}",
            "aggressive mode",
            f"Aggressive mode with {kind.upper()} and {suite}.",
            f"{_IKE}, section {'5.4' if kind == 'psk' else '5.1'}",
            suite,
            auth=kind,
            aggressive=True,
            initiator=(NEW, OLD)[number % 2],
            responder=(OLD, NEW)[number % 2],
        )
        for number, (kind, suite) in enumerate(kinds)
    ]


def _quick() -> list[Scenario]:
    suites = (
        ("aes128-sha1-modp1024", "aes128-sha1"), ("aes128-sha1-modp2048", "aes128-sha1-modp2048"),
        ("aes256-sha256-modp2048", "aes256-sha256-ecp256"), ("3des-md5-modp1024", "3des-md5-modp1024"),
        ("aes256-sha512-ecp521", "aes256-sha512-ecp521"), ("aes128-sha256-curve25519", "aes128gcm16-curve25519"),
        ("aes256-sha384-ecp384", "aes256gcm16"), ("aes192-sha384-modp3072", "aes192-sha384-modp1536"),
        ("aes128-sha256-ecp256", "aes256ctr-sha256"), ("aes128-sha1-modp2048", "aes128ccm16-modp2048"),
        ("camellia256-sha256-modp2048", "camellia256-sha256"), ("aes128-sha1-modp1536", "null-sha1"),
        ("aes256-sha256-modp2048", "aes128-aesxcbc"),
    )  # fmt: skip
    return [
        Scenario(
            f"ikev1-quick-{esp}",
            "quick mode",
            f"Quick mode for ESP with {esp}, {'with' if _pfs(esp) else 'without'} PFS; deletion of both SAs.",
            f"{_IKE}, section 5.5; RFC 2407; RFC 3947",
            ike,
            esp,
            initiator=(NEW, OLD)[number % 2],
            responder=(OLD, NEW)[number % 2],
            steps=("delete-child", "delete"),
        )
        for number, (ike, esp) in enumerate(suites)
    ]


def _pfs(esp: str) -> bool:
    return any(word.startswith(("modp", "ecp", "curve")) for word in esp.split("-"))


def _extended() -> list[Scenario]:
    """XAUTH and mode config."""
    xauth = "draft-beaulieu-ike-xauth-02"
    config = "draft-dukes-ike-mode-cfg-02"
    suite = "aes128-sha256-modp2048"
    return [
        Scenario(
            "ikev1-xauth-psk", "xauth", "XAUTH with user name and password after main mode with a pre-shared key.",
            f"{xauth}; {_IKE}, section 5.4", suite, auth="xauth-psk",
        ),
        Scenario(
            "ikev1-xauth-psk-aggressive", "xauth", "XAUTH after aggressive mode with a pre-shared key.",
            f"{xauth}; {_IKE}, section 5.4", "aes256-sha1-modp1024", auth="xauth-psk", aggressive=True,
            initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-xauth-rsa", "xauth", "XAUTH after main mode with RSA signatures.",
            f"{xauth}; {_IKE}, section 5.1", suite, auth="xauth-rsa",
        ),
        Scenario(
            "ikev1-hybrid-rsa", "xauth", "Hybrid authentication: only the responder signs, XAUTH proves the initiator.",
            f"draft-ietf-ipsec-isakmp-hybrid-auth-05; {xauth}", suite, auth="hybrid", initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-xauth-wrong-password", "xauth", "XAUTH with a wrong password: STATUS says so, the SA ends.",
            xauth, suite, auth="xauth-psk", config="wrong-password", fails=True,
        ),
        Scenario(
            "ikev1-config-pull", "mode config", "The initiator requests an address before quick mode (REQUEST, REPLY).",
            f"{config}, section 5.1", suite, "aes128-sha256", config="pull",
        ),
        Scenario(
            "ikev1-config-push", "mode config", "The responder sets the initiator's address (SET, ACK).",
            f"{config}, section 5.1", suite, "aes128-sha256", config="push", initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-xauth-config-pull", "mode config", "XAUTH, then an address by mode config, then quick mode.",
            f"{config}; {xauth}", "aes256-sha256-ecp256", "aes256-sha256", auth="xauth-psk", config="pull",
        ),
    ]  # fmt: skip


def _lifecycle() -> list[Scenario]:
    """What happens to SAs later, and around a NAT."""
    suite = "aes128-sha256-modp2048"
    return [
        Scenario(
            "ikev1-dpd", "informational", "Dead peer detection: R-U-THERE and its acknowledgement.",
            "RFC 3706", suite, steps=("dpd", "delete"),
        ),
        Scenario(
            "ikev1-dpd-3des", "informational", "Dead peer detection with 3DES and SHA-1, blocks of eight octets.",
            "RFC 3706", "3des-sha1-modp1024", steps=("dpd", "delete"), initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-no-proposal-chosen", "informational", "No common proposal: a notification in the clear.",
            "RFC 2408, section 3.14.1", "aes128-sha1-modp1024", responder_ike="aes256-sha256-modp2048", fails=True,
        ),
        Scenario(
            "ikev1-quick-no-proposal-chosen", "informational", "No common ESP proposal: a protected notification.",
            f"{_IKE}, sections 5.5 and 5.7", suite, "aes128-sha256", responder_esp="aes256-sha512", fails=True,
        ),
        Scenario(
            "ikev1-quick-invalid-id", "informational", "Networks that the responder does not have: a protected "
            "notification.", f"{_IKE}, sections 5.5 and 5.7", suite, "aes128-sha256", config="other-networks",
            fails=True, initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-initial-contact", "informational", "INITIAL-CONTACT beside ID and HASH in main mode.",
            "RFC 2407, section 4.6.3.3", suite, config="initial-contact",
        ),
        Scenario(
            "ikev1-rekey-quick", "rekey", "Quick mode again for a new pair of ESP SAs, without PFS.",
            f"{_IKE}, section 5.5", suite, "aes128-sha256", steps=("rekey-child", "delete"),
        ),
        Scenario(
            "ikev1-rekey-quick-pfs", "rekey", "Quick mode again for a new pair of ESP SAs, with PFS.",
            f"{_IKE}, section 5.5", "aes256-sha384-ecp384", "aes256-sha384-ecp384", steps=("rekey-child", "delete"),
            initiator=OLD, responder=NEW,
        ),
        Scenario(
            "ikev1-rekey-responder", "rekey", "The responder of phase 1 begins the next quick mode.",
            f"{_IKE}, section 5.5", suite, "aes256-sha256-modp2048", steps=("rekey-child-responder", "delete"),
        ),
        Scenario(
            "ikev1-reauthentication", "rekey", "A new main mode replaces the ISAKMP SA, the old one is deleted.",
            f"{_IKE}, sections 5.4 and 5.7", suite, steps=("reauth", "delete"),
        ),
        Scenario(
            "ikev1-natt", "nat traversal", "A NAT between the ends: NAT-D hashes differ, both go on at port 4500.",
            "RFC 3947, sections 3.2 and 4; RFC 3948", suite, "aes128-sha256", nat=True,
        ),
        Scenario(
            "ikev1-natt-aggressive", "nat traversal", "A NAT between the ends in aggressive mode.",
            "RFC 3947, sections 3.2 and 4", suite, "aes128-sha256", nat=True, aggressive=True, initiator=OLD,
            responder=NEW,
        ),
    ]  # fmt: skip


def _libreswan() -> list[Scenario]:
    """libreswan at one end; it has no phase 1 without quick mode."""
    quick = "RFC 2409, sections {} and 5.5"
    return [
        Scenario(
            "ikev1-libreswan-main-psk-initiator", "libreswan", "Main mode and quick mode, begun by libreswan.",
            quick.format("5.4"), "aes128-sha1-modp2048", "aes128-sha1", initiator=LIBRESWAN, responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-main-psk-responder", "libreswan",
            "Main mode, and quick mode with PFS, answered by libreswan.",
            quick.format("5.4"), "aes256-sha256-modp3072", "aes256-sha256-modp3072", initiator=NEW, responder=LIBRESWAN,
        ),
        Scenario(
            "ikev1-libreswan-main-psk-ecp", "libreswan", "Main mode with a curve and SHA-512, begun by libreswan.",
            quick.format("5.4"), "aes256-sha512-ecp521", "aes256-sha512", initiator=LIBRESWAN, responder=OLD,
        ),
        Scenario(
            "ikev1-libreswan-main-3des-md5", "libreswan", "Main mode with 3DES and MD5, quick mode with PFS.",
            quick.format("5.4"), "3des-md5-modp1536", "3des-md5-modp1536", initiator=LIBRESWAN, responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-main-rsa-initiator", "libreswan", "Main mode with RSA signatures, begun by libreswan.",
            quick.format("5.1"), "aes128-sha256-modp2048", "aes128-sha256", auth="rsa", initiator=LIBRESWAN,
            responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-main-rsa-responder", "libreswan", "Main mode with RSA signatures, answered by libreswan.",
            quick.format("5.1"), "aes256-sha384-ecp384", "aes256-sha256", auth="rsa", initiator=OLD,
            responder=LIBRESWAN,
        ),
        Scenario(
            "ikev1-libreswan-aggressive-psk-initiator", "libreswan", "Aggressive mode, begun by libreswan.",
            quick.format("5.4"), "aes128-sha1-modp2048", "aes128-sha1", aggressive=True, initiator=LIBRESWAN,
            responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-aggressive-psk-responder", "libreswan", "Aggressive mode, answered by libreswan.",
            quick.format("5.4"), "aes256-sha256-modp2048", "aes256-sha256", aggressive=True, initiator=NEW,
            responder=LIBRESWAN,
        ),
        Scenario(
            "ikev1-libreswan-transport", "libreswan", "Quick mode for transport mode without UDP encapsulation.",
            quick.format("5.4"), "aes128-sha256-modp2048", "aes128-sha256", mode="transport", initiator=LIBRESWAN,
            responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-transport-pfs", "libreswan", "Quick mode with PFS for transport mode.",
            quick.format("5.4"), "aes256-sha1-modp2048", "aes256-sha1-modp2048", mode="transport",
            initiator=LIBRESWAN, responder=OLD,
        ),
        Scenario(
            "ikev1-libreswan-ah", "libreswan", "Quick mode for AH in transport mode: protocol 2 in KEYMAT.",
            quick.format("5.4"), "aes128-sha256-modp2048", "ah-sha256", mode="transport", initiator=LIBRESWAN,
            responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-ah-pfs", "libreswan", "Quick mode for AH in tunnel mode, with PFS.",
            quick.format("5.4"), "aes128-sha1-modp2048", "ah-sha1-modp2048", initiator=LIBRESWAN, responder=OLD,
        ),
        Scenario(
            "ikev1-libreswan-dpd", "libreswan", "libreswan asks R-U-THERE, strongSwan acknowledges.",
            "RFC 3706", "aes128-sha256-modp2048", "aes128-sha256", steps=("dpd", "delete"), initiator=LIBRESWAN,
            responder=NEW,
        ),
        Scenario(
            "ikev1-libreswan-xauth", "libreswan", "libreswan proves its user to strongSwan with XAUTH.",
            "draft-beaulieu-ike-xauth-02; RFC 2409, section 5.4", "aes128-sha256-modp2048", "aes128-sha256",
            auth="xauth-psk", initiator=LIBRESWAN, responder=OLD,
        ),
    ]  # fmt: skip


SCENARIOS = {
    each.name: each
    for each in (*_main(), *_signatures(), *_aggressive(), *_quick(), *_extended(), *_lifecycle(), *_libreswan())
}
