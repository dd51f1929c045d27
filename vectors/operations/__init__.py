"""The operations that a vector can ask of an implementation, with the names and kinds of their inputs and outputs.

This table is the adapter protocol's vocabulary (see vectors/README.md): an adapter answers an operation or says
`unsupported`.
"""

from __future__ import annotations

from vectors.operations.certificate import CERTIFICATES
from vectors.operations.eap import EAP
from vectors.operations.ikev1 import IKEV1
from vectors.operations.ikev2 import IKEV2
from vectors.operations.kinds import AEADS, CIPHERS, ESP_CIPHERS, GROUPS, MACS, PRFS, Kind, Operation
from vectors.operations.packet import PACKET

__all__ = ["OPERATIONS", "Kind", "Operation", "algorithm_of"]

_O, _N, _A, _F = Kind.OCTETS, Kind.NUMBER, Kind.NAME, Kind.FLAG

_ESP_SA = {"cipher": _A, "integ": _A, "key": _O, "integ_key": _O, "esn": _F, "seq_high": _N}
_ESP_OPTIONAL = frozenset({"integ", "integ_key", "esn", "seq_high"})

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            "encrypt",
            "Encrypt whole blocks, no padding added.",
            {"algorithm": _A, "key": _O, "iv": _O, "plaintext": _O},
            {"ciphertext": _O},
            algorithms=CIPHERS,
        ),
        Operation(
            "aead-seal",
            "Encrypt and authenticate; the nonce is salt and IV together.",
            {"algorithm": _A, "key": _O, "nonce": _O, "aad": _O, "plaintext": _O},
            {"ciphertext": _O, "tag": _O},
            algorithms=AEADS,
        ),
        Operation(
            "aead-open",
            "Check the tag and decrypt, or refuse.",
            {"algorithm": _A, "key": _O, "nonce": _O, "aad": _O, "ciphertext": _O, "tag": _O},
            {"plaintext": _O},
            algorithms=AEADS,
        ),
        Operation(
            "mac",
            "Compute a message authentication code or an ICV.",
            {"algorithm": _A, "key": _O, "message": _O},
            {"mac": _O},
            algorithms=MACS,
        ),
        Operation(
            "group",
            "State a MODP group's prime and generator.",
            {"group": _A},
            {"prime": _O, "generator": _N},
            algorithms=GROUPS,
        ),
        Operation(
            "public",
            "Compute the public value that goes into the KE payload from a private value.",
            {"group": _A, "private": _O},
            {"public": _O},
            algorithms=GROUPS,
        ),
        Operation(
            "shared",
            "Compute the shared secret g^ir from a private value and the peer's KE data, or refuse it.",
            {"group": _A, "private": _O, "peer": _O},
            {"shared": _O},
            algorithms=GROUPS,
        ),
        Operation(
            "kem-decapsulate",
            "Recover an ML-KEM shared secret from the decapsulation key (seed d and z) and a ciphertext.",
            {"group": _A, "seed": _O, "ciphertext": _O},
            {"public": _O, "shared": _O},
            algorithms=GROUPS,
        ),
        Operation(
            "kem-encapsulate",
            "Encapsulate to an ML-KEM key with 32 octets of randomness (FIPS 203, algorithm 17), or refuse the key.",
            {"group": _A, "public": _O, "message": _O},
            {"ciphertext": _O, "shared": _O},
            algorithms=GROUPS,
        ),
        Operation(
            "prf-plus",
            "prf+ of RFC 7296, section 2.13.",
            {"prf": _A, "key": _O, "seed": _O, "size": _N},
            {"keystream": _O},
            algorithms=PRFS,
        ),
        Operation(
            "ikev2-kdf",
            "SKEYSEED, the IKE SA's and a Child SA's keying material, and the rekeyed SKEYSEED.",
            {
                "prf": _A,
                "ni": _O,
                "nr": _O,
                "spi_i": _O,
                "spi_r": _O,
                "shared": _O,
                "shared_new": _O,
                "dkm_size": _N,
                "child_size": _N,
            },
            {"skeyseed": _O, "dkm": _O, "child": _O, "child_dh": _O, "skeyseed_rekey": _O},
            algorithms=PRFS,
        ),
        Operation(
            "esp-open",
            "Check and decrypt a whole ESP packet, from the SPI to the ICV, or refuse it.",
            {**_ESP_SA, "packet": _O},
            {"payload": _O, "next_header": _N},
            optional=_ESP_OPTIONAL,
            algorithms=ESP_CIPHERS,
        ),
        Operation(
            "esp-seal",
            "Build a whole ESP packet with the given sequence number, IV and padding.",
            {**_ESP_SA, "spi": _O, "seq": _N, "iv": _O, "payload": _O, "padding": _O, "next_header": _N},
            {"packet": _O},
            optional=_ESP_OPTIONAL,
            algorithms=ESP_CIPHERS,
        ),
        Operation(
            "ike-sk-open",
            "Check and decrypt the SK payload of a whole IKEv2 message, or refuse it.",
            {"cipher": _A, "integ": _A, "key": _O, "integ_key": _O, "message": _O},
            {"plaintext": _O},
            optional=frozenset({"integ", "integ_key"}),
            algorithms=ESP_CIPHERS,
        ),
        *IKEV2,
        *PACKET,
        *IKEV1,
        *EAP,
        *CERTIFICATES,
    )
}


def algorithm_of(operation: Operation, inputs: dict[str, object]) -> str:
    """The name in the operation's main keyword input (algorithm, group, prf or cipher)."""
    for name in ("algorithm", "group", "prf", "cipher"):
        if name in operation.inputs:
            return str(inputs.get(name))
    return operation.name
