"""A neutral connection as libreswan's ipsec.conf section and secret."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from peers.errors import NotSupported
from peers.scenario import ANY, Connection, Endpoint, Identity, Suite, parse_suite

_CIPHERS = {
    "aescbc": "aes{bits}",
    "aesctr": "aes_ctr{bits}",
    "aesgcm": "aes_gcm{short}{bits}",
    "aesccm": "aes_ccm{short}{bits}",
    "aesgmac": "null_auth_aes_gmac{bits}",
    "chacha20poly1305": "chacha20_poly1305",
}
_HASHES = {
    "sha1": "sha1",
    "sha256": "sha2_256",
    "sha384": "sha2_384",
    "sha512": "sha2_512",
    "aesxcbc": "aes_xcbc",
    "aescmac": "aes_cmac",
}
_GROUPS = {
    "modp1536": "dh5",
    "modp2048": "dh14",
    "modp3072": "dh15",
    "modp4096": "dh16",
    "modp6144": "dh17",
    "modp8192": "dh18",
    "ecp256": "dh19",
    "ecp384": "dh20",
    "ecp521": "dh21",
    "x25519": "dh31",
}


def _cipher(suite: Suite) -> str:
    short = {8: "_a_", 12: "_b_", 16: "", None: ""}[suite.icv]
    return _CIPHERS[suite.encr].format(bits=suite.key_bits, short=short)


def _group(name: str) -> str:
    if name not in _GROUPS:
        raise NotSupported(f"libreswan has no group {name}", "Leave the suite out for this peer")
    return _GROUPS[name]


def ike(suites: Iterable[str]) -> str:
    """The ``ike=`` list."""
    words = []
    for suite in map(parse_suite, suites):
        groups = "+".join(_group(name) for name in suite.groups)
        if suite.aead or suite.integ == suite.prf or not suite.prf:
            # one hash names both the PRF and the integrity algorithm
            words.append(f"{_cipher(suite)}-{_HASHES[suite.prf or suite.integ]}-{groups}")
        else:
            words.append(f"{_cipher(suite)}-{_HASHES[suite.integ]}-{_HASHES[suite.prf]}-{groups}")
    return ",".join(words)


def esp(suites: Iterable[str]) -> tuple[str, bool]:
    """The ``esp=`` list and whether any suite has a key exchange (``pfs=``).

    Extended sequence numbers are not part of it: libreswan takes both kinds.
    """
    parsed = [parse_suite(text) for text in suites]
    pfs = any(suite.groups for suite in parsed)
    words = []
    for suite in parsed:
        word = _cipher(suite) + ("" if suite.aead else f"-{_HASHES[suite.integ]}")
        if pfs:
            word += ";" + ("+".join(_group(name) for name in suite.groups) or "none")
        words.append(word)
    return ",".join(dict.fromkeys(words)), pfs


def identity(value: Identity) -> str:
    """An identity in libreswan's spelling."""
    if value.kind == ANY:
        return "%any"
    prefix = {"fqdn": "@", "key": "@#", "email": "", "ipv4": "", "ipv6": "", "dn": ""}[value.kind]
    return prefix + value.value


def _end(side: str, end: Endpoint, certificate: str) -> list[str]:
    lines = [f"{side}={'%any' if end.address == ANY else end.address}", f"{side}id={identity(end.identity)}"]
    if certificate:
        lines += [f"{side}cert={certificate}", f"{side}sendcert=always"]
    # no rightca=%same: with it libreswan 5.2 looks for the issuer of RSA keys only, and refuses ECDSA peers;
    # the NSS database holds no CA but the run's own
    if end.port != 500:
        lines.append(f"{side}ikeport={end.port}")
    return lines


def certificate_name(connection: Connection) -> str:
    """The name of the connection's own certificate in the NSS database (one per certificate), or an empty text."""
    certificate = connection.local.credentials.certificate
    return f"cert-{hashlib.sha256(certificate.encode()).hexdigest()[:12]}" if certificate else ""


def connection(value: Connection) -> str:
    """The ``conn`` section. ``left`` is the peer itself."""
    if value.local.auth == "ed25519":
        raise NotSupported("libreswan 5.2 has no Ed25519 authentication", "Use RSA, ECDSA or a pre-shared key")
    child, pfs = esp(value.esp)
    authby = {"psk": "secret", "rsa": "rsasig", "ecdsa": "ecdsa"}[value.local.auth]
    lines = [
        *_end("left", value.local, certificate_name(value)),
        *_end("right", value.remote, ""),
        "keyexchange=ikev2",
        f"authby={authby}",
        f"type={value.mode}",
        f"ike={ike(value.ike)}",
        f"esp={child}",
        f"pfs={'yes' if pfs else 'no'}",
        f"narrowing={'yes' if value.narrowing else 'no'}",
        f"encapsulation={'yes' if value.encap else 'auto'}",
        f"fragmentation={'yes' if value.fragmentation else 'no'}",
        f"ikelifetime={max(value.lifetimes.ike_rekey, 2) * 2}s",
        f"salifetime={max(value.lifetimes.child_rekey, 2) * 2}s",
        f"rekeymargin={value.lifetimes.child_rekey}s",
        "rekeyfuzz=0%",
        "rekey=no" if value.remote.address == ANY else "rekey=yes",
        "mobike=no",
        "retransmit-interval=1000",
        # its shell scripts set up routes that the machine already has, and take half a second
        "leftupdown=%disabled",
        "auto=add",
    ]
    if value.lifetimes.child_bytes:
        lines.append(f"ipsec-max-bytes={value.lifetimes.child_bytes}")
    if value.lifetimes.child_packets:
        lines.append(f"ipsec-max-packets={value.lifetimes.child_packets}")
    if value.dpd:
        lines += [f"dpddelay={value.dpd}s", f"dpdtimeout={value.dpd * 5}s"]
    if value.mode == "tunnel":
        for side, end in (("left", value.local), ("right", value.remote)):
            # an address pool is the network of the other end
            if end.networks and not (value.pool and side == "right"):
                lines.append(f"{side}subnet{'s' if len(end.networks) > 1 else ''}={_subnets(end.networks)}")
    if value.pool:
        lines += ["leftmodecfgserver=yes", "rightmodecfgclient=yes", f"rightaddresspool={value.pool}"]
    return f"conn {value.name}\n" + "".join(f"    {line}\n" for line in lines)


def _subnets(networks: tuple[str, ...]) -> str:
    return networks[0] if len(networks) == 1 else "{" + ",".join(networks) + "}"


def secret(value: Connection) -> str:
    """The line of ipsec.secrets for a pre-shared key, or an empty text."""
    if value.local.auth != "psk":
        return ""
    shared = (value.local.credentials.psk or value.remote.credentials.psk).hex()
    return f"{identity(value.local.identity)} {identity(value.remote.identity)} : PSK 0x{shared}\n"
