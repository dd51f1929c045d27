"""Transcripts of every cipher, integrity algorithm and PRF, in IKE and in ESP's keying material alike."""

from __future__ import annotations

from collections.abc import Iterator

from vectors.recording.recipe import Recipe
from vectors.recording.recipes.common import FIVE, LIBRESWAN, SIX, alternate, recipe

AES = (128, 192, 256)
GROUP = "x25519"


def _aead() -> Iterator[Recipe]:
    number = 0
    for mode, document in (("gcm", "RFC 5282; RFC 4106"), ("ccm", "RFC 5282; RFC 4309")):
        for octets in (8, 12, 16):
            for bits in AES:
                cipher, prf = f"aes{bits}{mode}{octets}", {128: "prfsha256", 192: "prfsha384", 256: "prfsha512"}[bits]
                title = f"AES-{mode.upper()} with a key of {bits} bits and an ICV of {octets} octets"
                yield _suite(cipher, "aead", title, document, f"{cipher}-{prf}-{GROUP}", cipher, number)
                number += 1
    for octets in (8, 12, 16):
        for bits in AES:
            cipher = f"camellia{bits}ccm{octets}"
            title = f"Camellia-CCM with a key of {bits} bits and an ICV of {octets} octets"
            yield _suite(cipher, "aead", title, "RFC 5529; RFC 5282", f"{cipher}-prfsha256-{GROUP}", cipher, number)
            number += 1
    cipher = "chacha20poly1305"
    for peer in (SIX, LIBRESWAN):
        title = "ChaCha20-Poly1305 in IKE and ESP"
        yield _suite(cipher, "aead", title, "RFC 7634", f"{cipher}-prfsha256-{GROUP}", cipher, number, peer)
        number += 1
    for bits in (128, 256):
        cipher = f"aes{bits}gcm16"
        title = f"AES-GCM with a key of {bits} bits"
        ike = f"{cipher}-prfsha256-ecp256"
        yield _suite(cipher, "aead", title, "RFC 5282; RFC 4106", ike, cipher, number, LIBRESWAN)
        number += 1


def _separate() -> Iterator[Recipe]:
    number = 0
    names = {"sha1": "HMAC-SHA1-96", "sha256": "HMAC-SHA2-256-128", "sha384": "HMAC-SHA2-384-192"}
    names |= {"sha512": "HMAC-SHA2-512-256", "aesxcbc": "AES-XCBC-96", "aescmac": "AES-CMAC-96"}
    for bits in AES:
        for integ in ("sha1", "sha256", "sha384", "sha512"):
            yield _pair(
                f"aes{bits}", integ, f"AES-CBC with a key of {bits} bits and {names[integ]}", "RFC 3602", number
            )
            number += 1
        yield _pair(f"aes{bits}ctr", "sha256", f"AES-CTR with a key of {bits} bits", "RFC 5930; RFC 3686", number)
        yield _pair(f"camellia{bits}", "sha256", f"Camellia-CBC with a key of {bits} bits", "RFC 5529", number + 1)
        title = f"Camellia-CTR with a key of {bits} bits"
        yield _pair(f"camellia{bits}ctr", "sha256", title, "RFC 5529; RFC 5528", number + 2)
        number += 3
    for integ in ("aesxcbc", "aescmac"):
        for peer in (SIX, FIVE):
            yield _pair("aes128", integ, f"AES-CBC and {names[integ]}", "RFC 3566; RFC 4494; RFC 4615", number, peer)
            number += 1
    yield _pair("3des", "sha1", "3DES-CBC and HMAC-SHA1-96", "RFC 2451; RFC 2404", number)
    yield _pair("aes128", "md5", "AES-CBC and HMAC-MD5-96, PRF_HMAC_MD5", "RFC 2403; RFC 2404", number + 1)
    for bits, integ in ((128, "sha1"), (128, "sha256"), (256, "sha512")):
        number += 1
        title = f"AES-CBC with a key of {bits} bits and {names[integ]}"
        yield _pair(f"aes{bits}", integ, title, "RFC 3602", number, LIBRESWAN, "modp2048")


def _prfs() -> Iterator[Recipe]:
    names = {"prfsha1": "HMAC-SHA1", "prfsha256": "HMAC-SHA2-256", "prfsha384": "HMAC-SHA2-384"}
    names |= {"prfsha512": "HMAC-SHA2-512", "prfaesxcbc": "AES128-XCBC", "prfaescmac": "AES128-CMAC"}
    for number, (prf, name) in enumerate(names.items()):
        ours = alternate(number)
        yield recipe(
            prf, "prfs", ours, f"PRF_{name.replace('-', '_')} in every derivation, and a rekeyed IKE SA",
            "RFC 7296, sections 2.13 to 2.18; RFC 4434; RFC 4615; RFC 4868", ike=(f"aes128gcm16-{prf}-{GROUP}",),
            steps=("initiate", ("ours", "rekey-ike"), ("peer", "delete-ike")),
        )  # fmt: skip


def _suite(
    name: str, family: str, title: str, document: str, ike: str, esp: str, number: int, peer: str = SIX
) -> Recipe:
    proves = f"{title}, in IKE and ESP"
    return recipe(name, family, alternate(number), proves, document, peer=peer, ike=(ike,), esp=(esp,))


def _pair(
    cipher: str, integ: str, title: str, document: str, number: int, peer: str = SIX, group: str = GROUP
) -> Recipe:
    suite, name = f"{cipher}-{integ}", f"{cipher}-{integ}"
    return _suite(name, "cipher and integrity", title, document, f"{suite}-{group}", suite, number, peer)


RECIPES = (*_aead(), *_separate(), *_prfs())
