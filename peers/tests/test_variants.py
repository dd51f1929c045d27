"""Names of peers with variants."""

from __future__ import annotations

import pytest

import peers


def test_a_name_with_variants() -> None:
    assert peers.variant("strongswan-6.0") == ("strongswan-6.0", peers.Options())
    assert peers.variant("libreswan-5.2+pool+cookies") == ("libreswan-5.2", peers.Options(cookies=True, pool=True))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fastswan-1", "no peer is called"),
        ("strongswan-6.0+fast", r"no variant .* Variants: cookies"),
        ("reference+cookies", "reference has no"),
    ],
)
def test_wrong_names(name: str, words: str) -> None:
    with pytest.raises(peers.LabError, match=words):
        peers.variant(name)
