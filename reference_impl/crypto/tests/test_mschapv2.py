"""MS-CHAP-V2 against the figures of RFC 1320, RFC 2759 and RFC 3079."""

from __future__ import annotations

import pytest

from reference_impl.crypto import mschapv2

PASSWORD = "clientPass".encode("utf-16-le")
AUTHENTICATOR = bytes.fromhex("5b5d7c7d7b3f2f3e3c2c602132262628")
PEER = bytes.fromhex("21402324255e262a28295f2b3a337c7e")


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4(text: bytes, digest: str) -> None:
    """RFC 1320, section A.5."""
    assert mschapv2.md4(text).hex() == digest


def test_responses() -> None:
    """RFC 2759, section 9.2."""
    made = mschapv2.respond(b"User", PASSWORD, AUTHENTICATOR, PEER)
    assert made.challenge.hex() == "d02e4386bce91226"
    assert made.password_hash.hex() == "44ebba8d5312b8d611474411f56989ae"
    assert made.nt_response.hex() == "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"
    assert made.authenticator == b"S=407A5589115FD0D6209F510FE9C04566932CDA56"


def test_session_keys() -> None:
    """RFC 3079, section 3.5.3: the master key and the authenticator's send key."""
    response = mschapv2.respond(b"User", PASSWORD, AUTHENTICATOR, PEER).nt_response
    keys = mschapv2.session_keys(PASSWORD, response)
    assert keys.password_hash_hash.hex() == "41c00c584bd2d91c4017a2a12fa59f3f"
    assert keys.master_key.hex() == "fdece3717a8c838cb388e527ae3cdd31"
    assert keys.send_key.hex() == "8b7cdc149b993a1ba118cb153f56dccb"
    assert keys.msk == keys.receive_key + keys.send_key + bytes(32)
    assert "fdece3" not in repr(keys)
