"""IKEv2 messages, keys and AUTH payloads of the first adapter, from reference_impl."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from cryptography import x509

from reference_impl.crypto import auth, kdf, signatures
from reference_impl.crypto.cipher import CIPHERS, CipherAlgorithm
from reference_impl.crypto.errors import CryptoError
from reference_impl.crypto.integ import INTEGS, IntegAlgorithm
from reference_impl.crypto.prf import PRFS, PrfAlgorithm
from reference_impl.ikev2 import nat, protect
from reference_impl.ikev2.endpoint import Endpoint
from reference_impl.pki import certreq
from reference_impl.wire.base import Payload
from reference_impl.wire.errors import WireError
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.payload import encode_chain, parse_chain
from reference_impl.wire.registries import AuthMethod, ExchangeType, Group, NotifyType
from reference_impl.wire.simple import KePayload
from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.ours_esp import find_cipher, make_protection, number, octets
from vectors.deterministic_keys import deterministic, load_private_key

_PRFS = {algorithm.name.replace("-PRF-128", ""): algorithm for algorithm in PRFS.values()}
_INTEGS = {algorithm.name: algorithm for algorithm in INTEGS.values()}
_CIPHERS = {
    (each.name if each.key_bits is None else each.name.removesuffix(f"-{each.key_bits}"), each.key_bits or 0): each
    for each in CIPHERS.values()
}


def _prf(inputs: dict[str, Input], name: str = "prf") -> PrfAlgorithm:
    return _PRFS[str(inputs[name])]


def _suite(inputs: dict[str, Input]) -> tuple[CipherAlgorithm, IntegAlgorithm | None]:
    cipher = _CIPHERS.get((str(inputs["cipher"]), number(inputs, "key_bits")))
    integ = _INTEGS.get(str(inputs.get("integ")))
    if cipher is None or (integ is None) != ("integ" not in inputs):
        raise Unsupported(" ".join(str(inputs.get(name)) for name in ("cipher", "key_bits", "integ")))
    return cipher, integ


def _payloads(data: bytes) -> tuple[Payload, ...]:
    """Each one parsed by itself, strictly."""
    payloads: list[Payload] = []
    while data:
        size = int.from_bytes(data[1:3], "big")
        chain = b"\0\0" + (size + 4).to_bytes(2, "big") + data[3 : 3 + size]
        payloads += parse_chain(data[0], chain, strict=True, inside_sk=True)
        data = data[3 + size :]
    return tuple(payloads)


def message(inputs: dict[str, Input]) -> dict[str, Input]:
    return {
        "message": Message(
            octets(inputs, "spi_i"),
            octets(inputs, "spi_r"),
            ExchangeType(number(inputs, "exchange")),
            Flags(number(inputs, "flags")),
            number(inputs, "message_id"),
            _payloads(octets(inputs, "payloads")),
        ).to_bytes()
    }


def chain(inputs: dict[str, Input]) -> dict[str, Input]:
    first, encoded = encode_chain(_payloads(octets(inputs, "payloads")))
    return {"first": first, "octets": encoded}


def retry(inputs: dict[str, Input]) -> dict[str, Input]:
    request, response = Message.parse(octets(inputs, "request")), Message.parse(octets(inputs, "response"))
    if not response.is_response or (response.spi_i, response.message_id) != (request.spi_i, request.message_id):
        raise Refused("the response is not to this request")
    payloads = [
        each
        for each in request.payloads
        if not (isinstance(each, NotifyPayload) and each.notify == NotifyType.COOKIE)
        or response.notify(NotifyType.COOKIE) is None
    ]
    if (cookie := response.notify(NotifyType.COOKIE)) is not None:
        payloads.insert(0, NotifyPayload(NotifyType.COOKIE, cookie.data))
    elif (wanted := response.notify(NotifyType.INVALID_KE_PAYLOAD)) is not None:
        again = KePayload(Group(int.from_bytes(wanted.data, "big")), octets(inputs, "public"))
        payloads = [again if isinstance(each, KePayload) else each for each in payloads]
    else:
        raise Refused("neither COOKIE nor INVALID_KE_PAYLOAD")
    return {
        "retry": Message(
            request.spi_i, request.spi_r, request.exchange, request.flags, request.message_id, tuple(payloads)
        ).to_bytes()
    }


def nat_hash(inputs: dict[str, Input]) -> dict[str, Input]:
    endpoint = Endpoint(str(ip_address(octets(inputs, "address"))), number(inputs, "port"))
    return {"hash": nat.detection_hash(octets(inputs, "spi_i"), octets(inputs, "spi_r"), endpoint)}


def _keys(inputs: dict[str, Input], seed: bytes) -> dict[str, Input]:
    cipher, integ = _suite(inputs)
    nonces, spis = (octets(inputs, "ni"), octets(inputs, "nr")), (octets(inputs, "spi_i"), octets(inputs, "spi_r"))
    keys = kdf.ike_keys(_prf(inputs), seed, *nonces, *spis, cipher, integ)
    return {
        "skeyseed": seed,
        "sk_d": keys.sk_d,
        "sk_ai": keys.sk_ai,
        "sk_ar": keys.sk_ar,
        "sk_ei": keys.sk_ei,
        "sk_er": keys.sk_er,
        "sk_pi": keys.sk_pi,
        "sk_pr": keys.sk_pr,
    }


def keys(inputs: dict[str, Input]) -> dict[str, Input]:
    nonces = octets(inputs, "ni"), octets(inputs, "nr")
    return _keys(inputs, kdf.skeyseed(_prf(inputs), *nonces, octets(inputs, "shared")))


def rekey_keys(inputs: dict[str, Input]) -> dict[str, Input]:
    nonces = octets(inputs, "ni"), octets(inputs, "nr")
    seed = kdf.rekey_skeyseed(_prf(inputs, "old_prf"), octets(inputs, "sk_d"), octets(inputs, "shared"), *nonces)
    return _keys(inputs, seed)


def child_keys(inputs: dict[str, Input]) -> dict[str, Input]:
    cipher, integ = _suite(inputs)
    nonces = octets(inputs, "ni"), octets(inputs, "nr")
    keys = kdf.child_keys(_prf(inputs), octets(inputs, "sk_d"), *nonces, cipher, integ, octets(inputs, "shared"))
    return {"encr_i": keys.encr_i, "integ_i": keys.integ_i, "encr_r": keys.encr_r, "integ_r": keys.integ_r}


def signed_octets(inputs: dict[str, Input]) -> dict[str, Input]:
    prf, key, identity = _prf(inputs), octets(inputs, "sk_p"), octets(inputs, "id")
    signed = auth.signed_octets(octets(inputs, "message"), octets(inputs, "nonce"), prf, key, identity)
    return {"maced_id": prf(key, identity), "octets": signed}


def psk_auth(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"auth": auth.psk_auth(_prf(inputs), octets(inputs, "psk"), octets(inputs, "octets"))}


def sign(inputs: dict[str, Input]) -> dict[str, Input]:
    scheme = signatures.SCHEMES.get(str(inputs["scheme"]))
    if scheme is None:
        raise Unsupported(str(inputs["scheme"]))
    key = deterministic(load_private_key(octets(inputs, "private_key")), lambda size: octets(inputs, "salt"))
    return {"auth": auth.sign(AuthMethod(number(inputs, "method")), key, octets(inputs, "octets"), scheme=scheme)}


def verify(inputs: dict[str, Input]) -> dict[str, Input]:
    key = x509.load_der_x509_certificate(octets(inputs, "certificate")).public_key()
    method = AuthMethod(number(inputs, "method"))
    scheme = auth.verify(method, key, octets(inputs, "octets"), octets(inputs, "auth"))
    return {"scheme": scheme.name}


def ca_hash(inputs: dict[str, Input]) -> dict[str, Input]:
    return {"hash": certreq.spki_hash(x509.load_der_x509_certificate(octets(inputs, "certificate")))}


def sk_seal(inputs: dict[str, Input]) -> dict[str, Input]:
    sealing = make_protection(inputs, find_cipher(str(inputs["cipher"]), len(octets(inputs, "key"))))
    head, iv = octets(inputs, "head"), octets(inputs, "iv")
    sealed = head + iv + sealing.seal(iv, octets(inputs, "plaintext"), head)
    return {"message": sealed, "icv": sealed[len(sealed) - sealing.icv_size :]}


def skf_open(inputs: dict[str, Input]) -> dict[str, Input]:
    opening = make_protection(inputs, find_cipher(str(inputs["cipher"]), len(octets(inputs, "key"))))
    fragment = protect.open_fragment(octets(inputs, "message"), opening)
    first, data = fragment.first_payload, fragment.data
    return {"number": fragment.number, "total": fragment.total, "first": first, "plaintext": data}


def _refusing(
    function: Callable[[dict[str, Input]], dict[str, Input]],
) -> Callable[[dict[str, Input]], dict[str, Input]]:
    def refusing(inputs: dict[str, Input]) -> dict[str, Input]:
        try:
            return function(inputs)
        except (WireError, CryptoError, ValueError) as error:
            raise Refused(str(error) or type(error).__name__) from error

    return refusing


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    name: _refusing(function)
    for name, function in {
        "ikev2-message": message,
        "ikev2-chain": chain,
        "ikev2-retry": retry,
        "ikev2-nat-hash": nat_hash,
        "ikev2-keys": keys,
        "ikev2-rekey-keys": rekey_keys,
        "ikev2-child-keys": child_keys,
        "ikev2-signed-octets": signed_octets,
        "ikev2-psk-auth": psk_auth,
        "ikev2-sign": sign,
        "ikev2-verify": verify,
        "ikev2-ca-hash": ca_hash,
        "ike-sk-seal": sk_seal,
        "ike-skf-open": skf_open,
    }.items()
}
