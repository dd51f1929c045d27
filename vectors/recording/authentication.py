"""What IKE_AUTH adds to a transcript: signed octets, AUTH data, certificates; and the preimages of NAT hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509

from reference_impl.crypto import auth
from reference_impl.crypto.prf import PrfAlgorithm
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.registries import AuthMethod
from reference_impl.wire.simple import AuthPayload, CertPayload, CertReqPayload, IdiPayload, IdrPayload
from vectors.recording.document import Document, prf_name

if TYPE_CHECKING:
    from vectors.recording.observer import IkeSa, Observer

DETERMINISTIC = ("rsa-sha", "ed25519", "ed448")
ENDS = {"i": "initiator", "r": "responder"}


@dataclass
class SignedOctets:
    """The numbers of the two IKE_SA_INIT messages that AUTH covers, by end."""

    messages: dict[str, int] = field(default_factory=dict)


def nat_preimage(hashed: bytes, message: Message, endpoint: str) -> tuple[str, int] | None:
    """The address and port behind a NAT_DETECTION hash: those of the datagram, or the ones of a claimed NAT."""
    address, _, port = endpoint.rpartition(":")
    for candidate in ((address, int(port)), ("0.0.0.0", 0), (address, 0), ("127.0.0.1", 0), (address, 500)):
        data = message.spi_i + message.spi_r + ip_address(candidate[0]).packed + candidate[1].to_bytes(2, "big")
        if hashlib.sha1(data, usedforsecurity=False).digest() == hashed:
            return candidate
    return None


def authority(document: Document, number: int, request: CertReqPayload, ends: dict[str, dict[str, str]]) -> None:
    """The hash in a CERTREQ payload, as the hash of the CA's key."""
    anchor = next((each["trust_anchor"] for each in ends.values() if "trust_anchor" in each), None)
    if anchor is None or not request.authorities:
        return
    name = "CA_hash"
    hashed = request.authorities[0]
    if len(request.authorities) != 1 or document.names.get(name, hashed) != hashed:
        raise ValueError(f"message {number} asks for other authorities")
    fresh = name not in document.names
    document.value(name, "SHA-1 of the CA's SubjectPublicKeyInfo (RFC 7296, section 3.7)", hashed)
    if fresh:
        document.case(name, "ikev2-ca-hash", {"certificate": anchor}, {"hash": f"@{name}"})


def credentials(document: Document, letter: str, given: dict[str, str]) -> None:
    """The case of a certificate and its private key by themselves."""
    if "certificate" in given:
        inputs = {"certificate": given["certificate"], "authority": given["trust_anchor"]}
        inputs["private_key"] = given["private_key"]
        document.case(f"certificate_{letter}", "certificate", inputs, {"verified": True})


def observe(observer: Observer, number: int, sa: IkeSa, side: str, payloads: tuple[Payload, ...]) -> None:
    """The proof of one end."""
    document = observer.document
    identity = next(
        (each for each in payloads if isinstance(each, (IdiPayload, IdrPayload)) and _own(each, side)), None
    )
    proof = next((each for each in payloads if isinstance(each, AuthPayload)), None)
    for request in payloads:
        if isinstance(request, CertReqPayload):
            authority(document, number, request, observer.credentials)
    if identity is None or proof is None:
        return
    prf, sk_p = sa.suite.prf_algorithm(), sa.keys.sk_pi if side == "i" else sa.keys.sk_pr
    other = {"i": "r", "r": "i"}[side]
    place = observer.signed.messages[side]
    message = bytes.fromhex(document.messages[place - 1]["bytes"])
    nonce = document.names[f"N{other}"]
    octets = auth.signed_octets(message, nonce, prf, sk_p, identity.body())
    maced = f"MACedIDFor{side.upper()}"
    document.value(f"ID{side}'", f"The {ENDS[side]}'s ID payload without its generic header", identity.body())
    document.value(maced, f"prf(SK_p{side}, ID{side}') (RFC 7296, section 2.15)", prf(sk_p, identity.body()))
    signed = f"@message-{place}.bytes + @N{other} + @{maced}"
    inputs = {"prf": prf_name(prf), "sk_p": f"@SK_p{side}", "message": f"@message-{place}.bytes"}
    inputs |= {"nonce": f"@N{other}", "id": f"@ID{side}'"}
    document.case(f"signed-octets-{side}", "ikev2-signed-octets", inputs, {"maced_id": f"@{maced}", "octets": signed})
    document.value(f"AUTH_{side}", f"The {ENDS[side]}'s AUTH data, method {proof.method.name}", proof.data)
    given = observer.credentials[ENDS[side]]
    if proof.method == AuthMethod.SHARED_KEY_MIC:
        inputs = {"prf": prf_name(prf), "psk": given["psk"], "octets": signed}
        document.case(f"AUTH_{side}", "ikev2-psk-auth", inputs, {"auth": f"@AUTH_{side}"})
        _other_key(observer, side, prf, octets, inputs)
        return
    _signature(observer, side, proof, octets, signed, given, payloads)


def _other_key(
    observer: Observer,
    side: str,
    prf: PrfAlgorithm,
    octets: bytes,
    inputs: dict[str, str],
) -> None:
    """What an end that has another pre-shared key computes in its place."""
    psk = observer.credentials[ENDS[{"i": "r", "r": "i"}[side]]].get("psk", inputs["psk"])
    if psk == inputs["psk"]:
        return
    name = f"AUTH_{side}-expected"
    data = auth.psk_auth(prf, observer.document.names[psk[1:]], octets)
    observer.document.value(name, "What the other end expects there, with its own pre-shared key", data)
    observer.document.case(name, "ikev2-psk-auth", {**inputs, "psk": psk}, {"auth": f"@{name}"})


def _own(payload: Payload, side: str) -> bool:
    return isinstance(payload, IdiPayload if side == "i" else IdrPayload)


def _signature(
    observer: Observer,
    side: str,
    proof: AuthPayload,
    octets: bytes,
    signed: str,
    given: dict[str, str],
    payloads: tuple[Payload, ...],
) -> None:
    document = observer.document
    certificate = document.names[given["certificate"][1:]]
    sent = [each.data for each in payloads if isinstance(each, CertPayload)]
    if sent and sent[0] != certificate:
        raise ValueError(f"the {ENDS[side]} sends another certificate")
    key = x509.load_der_x509_certificate(certificate).public_key()
    scheme = auth.verify(proof.method, key, octets, proof.data).name
    inputs = {"method": int(proof.method), "certificate": given["certificate"], "octets": signed}
    expected = {"scheme": scheme}
    document.case(f"AUTH_{side}-verify", "ikev2-verify", {**inputs, "auth": f"@AUTH_{side}"}, expected)
    ours = ENDS[side] == observer.role
    if not ours and not (scheme.startswith(DETERMINISTIC)):
        return
    making = {
        "method": int(proof.method),
        "scheme": scheme,
        "private_key": given["private_key"],
        "octets": signed,
    }
    if scheme.startswith("rsa-pss"):
        salt = observer.draws.salt(int(scheme.removeprefix("rsa-pss-sha")) // 8)
        making["salt"] = document.value(f"salt_{side}", "Salt of RSASSA-PSS", salt)
    document.case(f"AUTH_{side}-sign", "ikev2-sign", making, {"auth": f"@AUTH_{side}"})
