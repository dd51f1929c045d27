"""AUTH data: RFC 4754's vectors, RFC 7427's AlgorithmIdentifiers, and what must not verify."""

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.crypto import auth, der, signatures
from reference_impl.crypto.errors import InvalidSignature, UnsupportedAlgorithm
from reference_impl.crypto.prf import prf
from reference_impl.crypto.tests.vectors import load
from reference_impl.wire.registries import AuthMethod, HashAlgorithm, Prf

SIGNATURE = AuthMethod.DIGITAL_SIGNATURE
SHA2 = (HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512)
OFFERED = (*SHA2, HashAlgorithm.IDENTITY)
OCTETS = b"signed octets"

KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "bp256": ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
}

# RFC 7427, appendix A; Ed25519 and Ed448 are 1.3.101.112 and 1.3.101.113 without parameters (RFC 8420, section 2;
# RFC 8410).
IDENTIFIERS = {
    "rsa-sha1": "300d06092a864886f70d0101050500",
    "rsa-sha256": "300d06092a864886f70d01010b0500",
    "rsa-sha384": "300d06092a864886f70d01010c0500",
    "rsa-sha512": "300d06092a864886f70d01010d0500",
    "ecdsa-sha1": "300906072a8648ce3d0401",
    "ecdsa-sha256": "300a06082a8648ce3d040302",
    "ecdsa-sha384": "300a06082a8648ce3d040303",
    "ecdsa-sha512": "300a06082a8648ce3d040304",
    "rsa-pss-sha1": "300d06092a864886f70d01010a3000",
    "ed25519": "300506032b6570",
    "ed448": "300506032b6571",
}
PSS_DEFAULTS_SPELT_OUT = (
    "303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108"
    "300906052b0e03021a0500a203020114a303020101"
)
PSS_SHA256 = (
    "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
    "300d06096086480165030402010500a203020120a303020101"
)


@pytest.mark.parametrize("case", load("ecdsa"), ids=lambda case: case["source"])
def test_rfc4754_vector(case: dict[str, Any]) -> None:
    method = AuthMethod(case["method"])
    curve = {9: ec.SECP256R1(), 10: ec.SECP384R1(), 11: ec.SECP521R1()}[case["method"]]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\4" + bytes.fromhex(case["public"]))
    payload = bytes.fromhex(case["payload"])
    # The RFC's example writes the method into the second of two octets; RFC 7296, section 3.8 has it in the first.
    assert method in payload[4:6]
    auth.verify(method, key, bytes.fromhex(case["message"]), payload[8:])
    assert payload[8:].hex() == case["r"] + case["s"]
    with pytest.raises(InvalidSignature):
        auth.verify(method, key, b"abd", payload[8:])


def test_identifiers_are_those_of_rfc7427() -> None:
    for name, expected in IDENTIFIERS.items():
        assert signatures.SCHEMES[name].identifier.hex() == expected


@pytest.mark.parametrize(
    ("identifier", "name"), [(PSS_DEFAULTS_SPELT_OUT, "rsa-pss-sha1"), (PSS_SHA256, "rsa-pss-sha256")]
)
def test_pss_with_defaults_spelt_out(identifier: str, name: str) -> None:
    """RFC 7427, appendices A.4.2 and A.4.3 write DEFAULT values that DER leaves out; both forms are understood."""
    scheme = signatures.parse_identifier(bytes.fromhex(identifier))
    assert scheme.name == name
    assert scheme.identifier.hex() == identifier
    signature = signatures.SCHEMES[name].sign(KEYS["rsa"], OCTETS)
    scheme.verify(KEYS["rsa"].public_key(), signature, OCTETS)


@pytest.mark.parametrize("salt", [0, 20, 128])
def test_pss_salt_lengths(salt: int) -> None:
    scheme = signatures.rsa_pss(HashAlgorithm.SHA2_256, salt=salt)
    data = auth.sign(SIGNATURE, KEYS["rsa"], OCTETS, scheme=scheme)
    assert auth.verify(SIGNATURE, KEYS["rsa"].public_key(), OCTETS, data, SHA2).name == "rsa-pss-sha256"
    other = signatures.rsa_pss(HashAlgorithm.SHA2_256, salt=32)
    with pytest.raises(InvalidSignature):
        other.verify(KEYS["rsa"].public_key(), data[1 + data[0] :], OCTETS)


BROKEN_IDENTIFIERS = [
    ("empty", ""),
    ("not a sequence", "0403010203"),
    ("trailing octet", IDENTIFIERS["ecdsa-sha256"] + "00"),
    ("truncated", IDENTIFIERS["ecdsa-sha256"][:-2]),
    ("ECDSA with NULL parameters", "300c06082a8648ce3d0403020500"),
    ("RSA without parameters", "300b06092a864886f70d01010b"),
    ("Ed25519 with NULL parameters", "300706032b65700500"),
    ("PSS without parameters", "300b06092a864886f70d01010a"),
    ("PSS with NULL parameters", "300d06092a864886f70d01010a0500"),
    ("length not minimal", "30810a06082a8648ce3d040302"),
    ("indefinite length", "308006082a8648ce3d0403020000"),
    ("trailerField 2", PSS_SHA256[:-2] + "02"),
    ("negative salt", PSS_SHA256.replace("a203020120", "a2030201e0")),
    ("fields out of order", "301d06092a864886f70d01010a3010a303020101a20302012ca203020120"),
    ("integer not minimal", "301306092a864886f70d01010a3006a20402020020"),
]


@pytest.mark.parametrize(("what", "identifier"), BROKEN_IDENTIFIERS, ids=lambda value: value[:24])
def test_malformed_identifier(what: str, identifier: str) -> None:
    with pytest.raises(InvalidSignature):
        signatures.parse_identifier(bytes.fromhex(identifier))


@pytest.mark.parametrize("bits", [16, 31, 32, 64, 900])
def test_absurd_salt_length(bits: int) -> None:
    salt = der.tlv(der.INTEGER, ((1 << bits) - 1).to_bytes(bits // 8 + 1, "big"))
    parameters = der.tlv(der.SEQUENCE, der.tlv(0xA2, salt))
    identifier = der.tlv(der.SEQUENCE, der.encode_oid("1.2.840.113549.1.1.10"), parameters)
    with pytest.raises(InvalidSignature, match="saltLength"):
        auth.verify(SIGNATURE, KEYS["rsa"].public_key(), OCTETS, bytes([len(identifier)]) + identifier + bytes(256))


@given(st.sampled_from(sorted(signatures.SCHEMES)), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255))))
def test_only_typed_errors_leave_verification(name: str, changes: list[tuple[int, int]]) -> None:
    identifier = bytearray(signatures.SCHEMES[name].identifier)
    for position, value in changes:
        identifier[position % len(identifier)] = value
    data = bytes([len(identifier)]) + bytes(identifier) + bytes(256)
    with pytest.raises((InvalidSignature, UnsupportedAlgorithm)):
        auth.verify(SIGNATURE, KEYS["rsa"].public_key(), OCTETS, data)


@pytest.mark.parametrize(
    "identifier",
    ["300906072a8648ce380403", "300d06092a864886f70d0101040500"],
    ids=["dsa-with-sha1", "md5WithRSAEncryption"],
)
def test_unknown_identifier(identifier: str) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        signatures.parse_identifier(bytes.fromhex(identifier))


CHOICES = [
    ("rsa", SHA2, True, "rsa-pss-sha256"),
    ("rsa", SHA2[1:], True, "rsa-pss-sha384"),
    ("rsa", SHA2[::-1], False, "rsa-sha512"),
    ("p256", OFFERED, True, "ecdsa-sha256"),
    ("p384", OFFERED, True, "ecdsa-sha384"),
    ("p521", OFFERED, True, "ecdsa-sha512"),
    ("p521", SHA2[:1], True, "ecdsa-sha256"),
    ("bp256", OFFERED, True, "ecdsa-sha256"),
    ("ed25519", OFFERED, True, "ed25519"),
    ("ed448", OFFERED, True, "ed448"),
]


@pytest.mark.parametrize(("name", "hashes", "pss", "scheme"), CHOICES, ids=lambda value: str(value)[:20])
def test_digital_signature(name: str, hashes: tuple[HashAlgorithm, ...], pss: bool, scheme: str) -> None:
    key = KEYS[name]
    data = auth.sign(SIGNATURE, key, OCTETS, hashes, pss=pss)
    assert data[1 : 1 + data[0]] == signatures.SCHEMES[scheme].identifier
    assert auth.verify(SIGNATURE, key.public_key(), OCTETS, data, hashes).name == scheme
    with pytest.raises(InvalidSignature, match="not announced"):
        auth.verify(SIGNATURE, key.public_key(), OCTETS, data, (HashAlgorithm.SHA1,))
    with pytest.raises(InvalidSignature, match="does not verify"):
        auth.verify(SIGNATURE, key.public_key(), OCTETS + b"!", data, hashes)
    with pytest.raises(InvalidSignature):
        auth.verify(SIGNATURE, key.public_key(), OCTETS, data[:-1], hashes)
    for cut in (0, 1, data[0]):
        with pytest.raises(InvalidSignature):
            auth.verify(SIGNATURE, key.public_key(), OCTETS, data[:cut], hashes)


@pytest.mark.parametrize("name", KEYS)
def test_key_of_another_type(name: str) -> None:
    other = "p256" if name in ("rsa", "ed25519", "ed448") else "rsa"
    data = auth.sign(SIGNATURE, KEYS[name], OCTETS, OFFERED)
    with pytest.raises(InvalidSignature, match="another type"):
        auth.verify(SIGNATURE, KEYS[other].public_key(), OCTETS, data)


@pytest.mark.parametrize("name", ["rsa", "p256", "p384", "p521"])
def test_classic_methods(name: str) -> None:
    key = KEYS[name]
    method = auth.classic_method(key)
    data = auth.sign(method, key, OCTETS)
    auth.verify(method, key.public_key(), OCTETS, data)
    if name != "rsa":
        assert len(data) == 2 * ((key.key_size + 7) // 8)
    for wrong in (data[:-1], b"\0" + data, b"", bytes(len(data))):
        with pytest.raises(InvalidSignature):
            auth.verify(method, key.public_key(), OCTETS, wrong)


def test_rsa_method_1_uses_sha1_and_accepts_sha2() -> None:
    """RFC 7296, section 3.8: SHA-1 is the default; the signature itself tells which hash it is."""
    key = KEYS["rsa"]
    method = AuthMethod.RSA_DIGITAL_SIGNATURE
    assert auth.verify(method, key.public_key(), OCTETS, auth.sign(method, key, OCTETS)).name == "rsa-sha1"
    data = auth.sign(method, key, OCTETS, scheme=signatures.RSA_PKCS1[HashAlgorithm.SHA2_512])
    assert auth.verify(method, key.public_key(), OCTETS, data).name == "rsa-sha512"
    pss = auth.sign(method, key, OCTETS, scheme=signatures.RSA_PSS[HashAlgorithm.SHA2_256])
    with pytest.raises(InvalidSignature):
        auth.verify(method, key.public_key(), OCTETS, pss)


def test_ecdsa_method_fixes_the_curve() -> None:
    with pytest.raises(UnsupportedAlgorithm):
        auth.sign(AuthMethod.ECDSA_SHA256_P256, KEYS["p384"], OCTETS)
    data = auth.sign(AuthMethod.ECDSA_SHA256_P256, KEYS["p256"], OCTETS)
    with pytest.raises(InvalidSignature):
        auth.verify(AuthMethod.ECDSA_SHA256_P256, KEYS["bp256"].public_key(), OCTETS, data)


def test_what_does_not_fit_together() -> None:
    with pytest.raises(UnsupportedAlgorithm):
        auth.sign(SIGNATURE, KEYS["ed25519"], OCTETS, SHA2)
    with pytest.raises(UnsupportedAlgorithm):
        auth.sign(SIGNATURE, KEYS["rsa"], OCTETS, (HashAlgorithm.IDENTITY,))
    with pytest.raises(UnsupportedAlgorithm):
        auth.classic_method(KEYS["ed25519"])
    with pytest.raises(UnsupportedAlgorithm):
        auth.classic_method(KEYS["bp256"])
    for method in (AuthMethod.SHARED_KEY_MIC, AuthMethod(200)):
        with pytest.raises(UnsupportedAlgorithm):
            auth.verify(method, KEYS["rsa"].public_key(), OCTETS, b"")
        with pytest.raises(UnsupportedAlgorithm):
            auth.sign(method, KEYS["rsa"], OCTETS)


@pytest.mark.parametrize("transform", [Prf.HMAC_SHA2_256, Prf.AES128_XCBC])
def test_psk(transform: Prf) -> None:
    function = prf(transform)
    octets = auth.signed_octets(b"message", b"nonce", function, b"sk_p", b"id")
    assert octets == b"message" + b"nonce" + function(b"sk_p", b"id")
    data = auth.psk_auth(function, b"secret", octets)
    assert data == function(function(b"secret", b"Key Pad for IKEv2"), octets)
    auth.verify_psk(function, b"secret", octets, data)
    for psk, wrong in ((b"other", data), (b"secret", data[:-1]), (b"secret", b"")):
        with pytest.raises(InvalidSignature):
            auth.verify_psk(function, psk, octets, wrong)


def test_psk_against_hmac() -> None:
    inner = hmac.digest(b"secret", b"Key Pad for IKEv2", "sha256")
    assert auth.psk_auth(prf(Prf.HMAC_SHA2_256), b"secret", b"octets") == hmac.digest(inner, b"octets", "sha256")


def test_der_lengths() -> None:
    for size in (0, 127, 128, 255):
        assert der.read_only(der.tlv(der.OID, bytes(size)), der.OID) == bytes(size)
    assert der.read_only(bytes.fromhex("04820100") + bytes(256), 0x04) == bytes(256)
    assert der.encode_oid("2.16.840.1.101.3.4.2.1").hex() == "0609608648016503040201"
