"""Transcripts of every cipher, integrity algorithm and PRF, in IKE and in ESP's keying material alike."""

from __future__ import annotations

from collections.abc import Iterator

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import FIVE, LIBRESWAN, SIX, both

AES = (128, 192, 256)
GROUP = "x25519"
_PRFS = {128: "prfsha256", 192: "prfsha384", 256: "prfsha512"}


def _aead() -> Iterator[Recipe]:
    for mode, document in (("gcm", "RFC 5282; RFC 4106"), ("ccm", "RFC 5282; RFC 4309")):
        for octets in (8, 12, 16):
            for bits in AES:
                cipher = f"aes{bits}{mode}{octets}"
                title = f"AES-{mode.upper()} with a key of {bits} bits and an ICV of {octets} octets"
                yield from _suite(cipher, "aead", title, document, f"{cipher}-{_PRFS[bits]}-{GROUP}", cipher)
    for octets in (8, 12, 16):
        for bits in AES:
            cipher = f"camellia{bits}ccm{octets}"
            title = f"Camellia-CCM with a key of {bits} bits and an ICV of {octets} octets"
            document = "RFC 5529; RFC 5282"
            yield from _suite(cipher, "aead", title, document, f"{cipher}-prfsha256-{GROUP}", cipher)
    cipher = "chacha20poly1305"
    for peer in (SIX, LIBRESWAN):
        yield from _suite(
            cipher, "aead", "ChaCha20-Poly1305", "RFC 7634", f"{cipher}-prfsha256-{GROUP}", cipher, peer
        )  # fmt: skip
    for bits in (128, 256):
        cipher = f"aes{bits}gcm16"
        title, ike = f"AES-GCM with a key of {bits} bits", f"{cipher}-prfsha256-ecp256"
        yield from _suite(cipher, "aead", title, "RFC 5282; RFC 4106", ike, cipher, LIBRESWAN)


def _separate() -> Iterator[Recipe]:
    names = {"sha1": "HMAC-SHA1-96", "sha256": "HMAC-SHA2-256-128", "sha384": "HMAC-SHA2-384-192"}
    names |= {"sha512": "HMAC-SHA2-512-256", "aesxcbc": "AES-XCBC-96", "aescmac": "AES-CMAC-96"}
    documents = {"sha1": "RFC 2404", "aesxcbc": "RFC 3566; RFC 4434", "aescmac": "RFC 4494; RFC 4615"}
    for bits in AES:
        size = f"with a key of {bits} bits"
        for integ in ("sha1", "sha256", "sha384", "sha512"):
            document = f"RFC 3602; {documents.get(integ, 'RFC 4868')}"
            yield from _pair(f"aes{bits}", integ, f"AES-CBC {size} and {names[integ]}", document)
        yield from _pair(f"aes{bits}ctr", "sha256", f"AES-CTR {size}", "RFC 5930; RFC 3686")
        yield from _pair(f"camellia{bits}", "sha256", f"Camellia-CBC {size}", "RFC 5529; RFC 4312")
        yield from _pair(f"camellia{bits}ctr", "sha256", f"Camellia-CTR {size}", "RFC 5529; RFC 5528")
    for integ in ("aesxcbc", "aescmac"):
        for peer in (SIX, FIVE):
            yield from _pair("aes128", integ, f"AES-CBC and {names[integ]}", f"RFC 3602; {documents[integ]}", peer)
    yield from _pair("3des", "sha1", "3DES-CBC and HMAC-SHA1-96", "RFC 2451; RFC 2404")
    yield from _pair("aes128", "md5", "AES-CBC, HMAC-MD5-96 and PRF_HMAC_MD5", "RFC 3602; RFC 2403; RFC 2104")
    for bits, integ in ((128, "sha1"), (128, "sha256"), (256, "sha512")):
        title, document = f"AES-CBC with a key of {bits} bits and {names[integ]}", "RFC 3602"
        yield from _pair(f"aes{bits}", integ, title, document, LIBRESWAN, "modp2048")


def _esp_only() -> Iterator[Recipe]:
    ike = (f"aes128-sha256-{GROUP}",)
    for bits in AES:
        yield from both(
            f"esp-aes{bits}gmac", "esp alone", f"ESP with AES-GMAC and a key of {bits} bits", "RFC 4543",
            peer=LIBRESWAN, ike=ike, esp=(f"aes{bits}gmac",),
        )  # fmt: skip
    for integ in ("sha1", "sha256"):
        yield from both(
            f"esp-null-{integ}", "esp alone", f"ESP with integrity only, {integ}", "RFC 2410; RFC 4868",
            ike=ike, esp=(f"null-{integ}",),
        )  # fmt: skip


def _prfs() -> Iterator[Recipe]:
    names = {"prfsha1": "HMAC-SHA1", "prfsha256": "HMAC-SHA2-256", "prfsha384": "HMAC-SHA2-384"}
    names |= {"prfsha512": "HMAC-SHA2-512", "prfaesxcbc": "AES128-XCBC", "prfaescmac": "AES128-CMAC"}
    for prf, name in names.items():
        yield from both(
            prf, "prfs", f"PRF_{name.replace('-', '_')} in every derivation, and a rekeyed IKE SA",
            "RFC 7296, sections 2.13 to 2.18; RFC 4434; RFC 4615; RFC 4868", ike=(f"aes128gcm16-{prf}-{GROUP}",),
            steps=("initiate", ("ours", "rekey-ike"), ("peer", "delete-ike")),
        )  # fmt: skip


def _suite(
    name: str, family: str, title: str, document: str, ike: str, esp: str, peer: str = SIX
) -> tuple[Recipe, Recipe]:
    return both(name, family, f"{title}, in IKE and ESP", document, peer=peer, ike=(ike,), esp=(esp,))


def _pair(
    cipher: str, integ: str, title: str, document: str, peer: str = SIX, group: str = GROUP
) -> tuple[Recipe, Recipe]:
    suite = f"{cipher}-{integ}"
    return _suite(suite, "cipher and integrity", title, document, f"{suite}-{group}", suite, peer)


RECIPES = (*_aead(), *_separate(), *_esp_only(), *_prfs())
