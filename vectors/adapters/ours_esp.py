"""ESP packets and SK payloads of the first adapter, from reference_impl.ipsec and reference_impl.ikev2."""

from __future__ import annotations

from collections.abc import Callable

from reference_impl.crypto.cipher import CIPHERS, CipherAlgorithm
from reference_impl.crypto.errors import IntegrityError
from reference_impl.crypto.integ import INTEGS
from reference_impl.crypto.protection import Protection
from reference_impl.ikev2 import protect
from reference_impl.ipsec.esp import (
    HEADER_SIZE,
    CombinedTransform,
    EspTransform,
    ImplicitIvTransform,
    SeparateTransform,
)
from reference_impl.wire.errors import WireError
from reference_impl.wire.esp import PADDING
from vectors.adapters import Input, Refused, Unsupported

_INTEGS = {algorithm.name: algorithm for algorithm in INTEGS.values()}


def octets(inputs: dict[str, Input], name: str) -> bytes:
    """An octet string among the inputs; empty when it is absent."""
    value = inputs.get(name, b"")
    assert isinstance(value, bytes)
    return value


def number(inputs: dict[str, Input], name: str) -> int:
    """A number among the inputs; 0 when it is absent."""
    value = inputs.get(name, 0)
    assert isinstance(value, int)
    return value


def find_cipher(name: str, key_size: int) -> CipherAlgorithm:
    """The cipher of this family name whose keying material has so many octets. Raises Unsupported."""
    for algorithm in CIPHERS.values():
        family = algorithm.name if algorithm.key_bits is None else algorithm.name.removesuffix(f"-{algorithm.key_bits}")
        if family == name and algorithm.key_size == key_size:
            return algorithm
    raise Unsupported(f"{name} with {key_size} octets of key")


def make_protection(inputs: dict[str, Input], algorithm: CipherAlgorithm) -> Protection:
    """The keys of an operation, ready for use. Raises Unsupported."""
    integ = None
    if "integ" in inputs:
        integ = _INTEGS.get(str(inputs["integ"]))
        if integ is None:
            raise Unsupported(str(inputs["integ"]))
    if algorithm.aead != (integ is None):
        raise Unsupported(f"{algorithm.name} with integrity {integ and integ.name}")
    return Protection(algorithm, integ, octets(inputs, "key"), octets(inputs, "integ_key"))


class _WithoutIcv:
    """Confidentiality only, as the whole packets of RFC 3602 have it: the reference offers it nowhere else."""

    def __init__(self, spi: int, algorithm: CipherAlgorithm, key: bytes) -> None:
        assert algorithm.make_raw is not None
        self._spi = spi
        self._raw = algorithm.make_raw(key)
        self.iv_size, self.icv_size = algorithm.iv_size, 0
        self.alignment = max(4, algorithm.block_size)
        self.minimum = HEADER_SIZE + self.iv_size + self.alignment

    def seal(self, sequence: int, plaintext: bytes, iv: bytes) -> bytes:
        header = self._spi.to_bytes(4, "big") + (sequence & 0xFFFFFFFF).to_bytes(4, "big")
        return header + iv + self._raw.encrypt(iv, plaintext)

    def open(self, packet: bytes, sequence: int) -> bytes:
        start = HEADER_SIZE + self.iv_size
        if (len(packet) - start) % self.alignment:
            raise IntegrityError("the ciphertext is not whole blocks")
        return self._raw.decrypt(packet[HEADER_SIZE:start], packet[start:])


def _transform(inputs: dict[str, Input], spi: int) -> EspTransform | _WithoutIcv:
    key, esn = octets(inputs, "key"), bool(inputs.get("esn", False))
    algorithm = find_cipher(str(inputs["cipher"]), len(key))
    if not algorithm.aead and "integ" not in inputs:
        return _WithoutIcv(spi, algorithm, key)
    protection = make_protection(inputs, algorithm)
    if algorithm.implicit_iv:
        return ImplicitIvTransform(spi, esn, protection, key)
    if algorithm.aead:
        return CombinedTransform(spi, esn, protection, key)
    return SeparateTransform(spi, esn, protection, key, octets(inputs, "integ_key"))


def _sequence(inputs: dict[str, Input], low: int) -> int:
    return number(inputs, "seq_high") << 32 | low


def seal(inputs: dict[str, Input]) -> dict[str, Input]:
    """esp-seal. The trailer is the one that the vector names, the packet the reference's."""
    transform = _transform(inputs, int.from_bytes(octets(inputs, "spi"), "big"))
    padding = octets(inputs, "padding")
    plaintext = octets(inputs, "payload") + padding + bytes((len(padding), number(inputs, "next_header")))
    return {"packet": transform.seal(_sequence(inputs, number(inputs, "seq")), plaintext, octets(inputs, "iv"))}


def open_(inputs: dict[str, Input]) -> dict[str, Input]:
    """esp-open, with the check of the padding that RFC 4303, section 2.4, asks for."""
    packet = octets(inputs, "packet")
    transform = _transform(inputs, int.from_bytes(packet[:4], "big"))
    if len(packet) < transform.minimum:
        raise Refused(f"{len(packet)} octets; the shortest packet has {transform.minimum}")
    plaintext = transform.open(packet, _sequence(inputs, int.from_bytes(packet[4:8], "big")))
    pad_length = plaintext[-2]
    end = len(plaintext) - 2 - pad_length
    if end < 0 or plaintext[end:-2] != PADDING[:pad_length]:
        raise Refused("the padding is not 1, 2, 3 …")
    return {"payload": plaintext[:end], "next_header": plaintext[-1]}


def sk_open(inputs: dict[str, Input]) -> dict[str, Input]:
    """ike-sk-open: the content of the SK payload without padding and Pad Length."""
    protection = make_protection(inputs, find_cipher(str(inputs["cipher"]), len(octets(inputs, "key"))))
    try:
        return {"plaintext": protect.open_raw(octets(inputs, "message"), protection).inner}
    except WireError as error:
        raise Refused(str(error)) from error


OPERATIONS: dict[str, Callable[[dict[str, Input]], dict[str, Input]]] = {
    "esp-seal": seal,
    "esp-open": open_,
    "ike-sk-open": sk_open,
}
