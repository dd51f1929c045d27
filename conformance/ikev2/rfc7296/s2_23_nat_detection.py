"""RFC 7296 section 2.23: the NAT detection notifications of IKE_SA_INIT."""

import os

from conformance.tester import InitExchange, Tester, covers, nat_hash
from conformance.tester.draft import on_payloads
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, PayloadType

SOURCE, DESTINATION = NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP


def detected(tester: Tester, **overrides: object) -> tuple[InitExchange, Message]:
    """An accepted IKE_SA_INIT with its answer."""
    init = tester.ike_sa_init(**overrides)
    tester.check(init.accepted, "the request is accepted", observed(init.reply))
    assert init.reply is not None
    return init, init.reply


@covers("rfc7296/2.23/nat-detection-notifies-sent", needs=("natt",), mutants=["one-nat-detection-only"])
def test_both_notifies(tester: Tester) -> None:
    """A responder that does NAT traversal sends both NAT detection notifications in its IKE_SA_INIT response."""
    _, reply = detected(tester)
    for kind in (SOURCE, DESTINATION):
        tester.check(reply.notify(kind) is not None, f"N({kind.name})", observed(reply))


@covers("rfc7296/2.23/nat-destination-hash", needs=("natt",), mutants=["nat-hash-without-port"])
def test_destination_hash(tester: Tester) -> None:
    """NAT_DETECTION_DESTINATION_IP is the SHA-1 of the SPIs, and of the address and port that the response goes to."""
    init, reply = detected(tester)
    expected = nat_hash(init.spi_i, init.spi_r, init.port.address)
    found = [item.data for item in reply.all(NotifyPayload) if item.notify == DESTINATION]
    tester.check(found == [expected], expected.hex(), ", ".join(item.hex() for item in found) or "no notification")


@covers("rfc7296/2.23/nat-source-hash", needs=("natt",), mutants=["nat-hash-of-sha256"])
def test_source_hash(tester: Tester) -> None:
    """NAT_DETECTION_SOURCE_IP has the 20 octets of a SHA-1, also when a device claims to be behind a NAT."""
    _, reply = detected(tester)
    sizes = [len(item.data) for item in reply.all(NotifyPayload) if item.notify == SOURCE]
    tester.check(bool(sizes) and set(sizes) == {20}, "20 octets", f"{sizes} octets")


@covers("rfc7296/2.23/nat-detection-after-nonce", needs=("natt",), mutants=["nat-detection-before-sa"])
def test_place_of_notifies(tester: Tester) -> None:
    """The NAT detection notifications stand after the nonce and before a CERTREQ."""
    _, reply = detected(tester)
    order = [item.type_id for item in reply.payloads]
    places = [at for at, item in enumerate(reply.payloads) if getattr(item, "notify", None) in (SOURCE, DESTINATION)]
    tester.check(min(places, default=0) > order.index(PayloadType.NONCE), "after the nonce", observed(reply))
    requests = [at for at, kind in enumerate(order) if kind == PayloadType.CERTREQ]
    tester.check(max(places) < min(requests, default=len(order)), "before CERTREQ", observed(reply))


@covers("rfc7296/2.23/several-source-payloads", needs=("natt",), mutants=["refuses-second-source-hash"])
def test_several_source_hashes(tester: Tester) -> None:
    """A request with several NAT_DETECTION_SOURCE_IP notifications, one of which fits, is accepted."""

    def add(payloads: list[Payload]) -> list[Payload]:
        others: list[Payload] = [NotifyPayload(SOURCE, os.urandom(20)) for _ in range(2)]
        return [*payloads[:3], *others, *payloads[3:]]

    detected(tester, nat=False, edit=on_payloads(add))


@covers("rfc7296/2.23/nat-mismatch-enables-natt", needs=("natt",), mutants=["rejects-nat-mismatch"])
def test_hash_mismatch(tester: Tester) -> None:
    """A request from behind a NAT (no source hash fits) is accepted by a device that does NAT traversal."""
    detected(tester, nat=True)


@covers(
    "rfc7296/2.23/nat-detection-notifies-sent", needs=("natt",), role="initiator", mutants=["one-nat-detection-only"]
)
def test_initiator_sends_both(tester: Tester) -> None:
    """An initiator that does NAT traversal sends both NAT detection notifications."""
    request = tester.await_initiation().request
    for kind in (SOURCE, DESTINATION):
        tester.check(request.notify(kind) is not None, f"N({kind.name})", observed(request))


@covers("rfc7296/2.23/nat-destination-hash", needs=("natt",), role="initiator", mutants=["nat-hash-without-port"])
def test_initiator_destination_hash(tester: Tester) -> None:
    """The initiator's NAT_DETECTION_DESTINATION_IP fits the address and port that its request went to."""
    peer = tester.await_initiation()
    request = peer.request
    expected = nat_hash(request.spi_i, request.spi_r, peer.received.datagram.port.address)
    found = request.notify(DESTINATION)
    tester.check(found is not None and found.data == expected, expected.hex(), observed(request))
