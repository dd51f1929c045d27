"""Parsing an IKE_SA_INIT of 512 octets: our strict parser against scapy's dissector."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.harness import Result, ratio
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import (
    Encr,
    ExchangeType,
    Group,
    Integ,
    NotifyType,
    Prf,
    ProtocolId,
    TransformType,
)
from reference_impl.wire.sa import Proposal, SaPayload, Transform, key_length
from reference_impl.wire.simple import KePayload, NoncePayload, VendorPayload

TARGET = 20.0


REGISTERED = (
    Transform(TransformType.ENCR, Encr.AES_CBC, (key_length(256),)),
    Transform(TransformType.ENCR, Encr.AES_CBC, (key_length(128),)),
    Transform(TransformType.ENCR, Encr.AES_CTR, (key_length(256),)),
    Transform(TransformType.INTEG, Integ.HMAC_SHA2_256_128),
    Transform(TransformType.INTEG, Integ.HMAC_SHA2_512_256),
    Transform(TransformType.PRF, Prf.HMAC_SHA2_256),
    Transform(TransformType.PRF, Prf.HMAC_SHA2_512),
    Transform(TransformType.KE, Group.MODP_2048),
    Transform(TransformType.KE, Group.ECP_256),
    Transform(TransformType.KE, Group.CURVE25519),
)
# The same with private-use numbers and odd key lengths: nothing of it is in the parser's table of known transforms.
UNREGISTERED = tuple(
    replace(each, id=1024 + number, attributes=each.attributes and (key_length(100 + number),))
    for number, each in enumerate(REGISTERED)
)


def ike_sa_init(transforms: tuple[Transform, ...]) -> bytes:
    """An IKE_SA_INIT request of 512 octets: 8 payloads, 10 transforms."""
    payloads = (
        SaPayload((Proposal(1, ProtocolId.IKE, b"", transforms),)),
        KePayload(Group.MODP_2048, bytes(range(1, 193)) + bytes(42)),
        NoncePayload(bytes(range(32))),
        NotifyPayload(NotifyType.NAT_DETECTION_SOURCE_IP, bytes(range(20))),
        NotifyPayload(NotifyType.NAT_DETECTION_DESTINATION_IP, bytes(range(20))),
        NotifyPayload(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED),
        NotifyPayload(NotifyType.SIGNATURE_HASH_ALGORITHMS, bytes.fromhex("00020003000400050001")),
        VendorPayload(bytes(range(16))),
    )
    message = Message(bytes(range(1, 9)), bytes(8), ExchangeType.IKE_SA_INIT, Flags.INITIATOR, 0, payloads)
    return message.to_bytes()


def run() -> list[Result]:
    """Speed-up of the parser over scapy in this run; at least 20 for known transforms and for unknown ones."""
    from scapy.contrib.ikev2 import IKEv2

    results = []
    for label, transforms in (("", REGISTERED), (", unknown transforms", UNREGISTERED)):
        data = ike_sa_init(transforms)
        speed_up, scapys, ours = ratio(partial(IKEv2, data), partial(Message.parse, data))
        detail = f"{1 / ours:,.0f}/s against {1 / scapys:,.0f}/s, {len(data)} octets"
        name = f"IKE_SA_INIT parse{label}, speed-up over scapy"
        results.append(Result(name, speed_up, TARGET, at_least=True, detail=detail))
    return results


if __name__ == "__main__":
    for result in run():
        print(result)
