"""RFC 7383 section 2.3: both ends announce IKE fragmentation in IKE_SA_INIT."""

from __future__ import annotations

from conformance.tester import Inconclusive, Tester, covers
from conformance.tester.expect import observed
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, ProtocolId

SUPPORTED = NotifyType.IKEV2_FRAGMENTATION_SUPPORTED


def announced(tester: Tester, message: Message | None) -> NotifyPayload:
    """The notification; fails when there is none."""
    found = message.notify(SUPPORTED) if message is not None else None
    if found is None:
        tester.fail("N(IKEV2_FRAGMENTATION_SUPPORTED)", observed(message))
    return found


def check_layout(tester: Tester, found: NotifyPayload) -> None:
    """Protocol ID 0, no SPI, no data."""
    tester.check(found.protocol == ProtocolId.NONE, "Protocol ID 0", f"{int(found.protocol)}")
    tester.check(not found.spi, "SPI Size 0", f"{len(found.spi)}", "rfc7383/2.3/notify-spi-size-zero")
    tester.check(not found.data, "no data", found.data.hex(), "rfc7383/2.3/notify-no-data")


@covers(
    "rfc7383/2.3/responder-announces",
    "rfc7383/2.3/notify-type-16430",
    needs=("fragmentation",),
    mutants=["never-announces-fragmentation"],
)
def test_announced(tester: Tester) -> None:
    """A responder that supports fragmentation announces it when the initiator did."""
    announced(tester, tester.ike_sa_init(fragmentation=True).reply)


@covers("rfc7383/2.3/responder-announces", needs=("fragmentation",), mutants=["always-announces-fragmentation"])
def test_not_announced_unasked(tester: Tester) -> None:
    """A responder does not announce fragmentation to an initiator that did not."""
    init = tester.ike_sa_init(fragmentation=False)
    if not init.accepted or init.reply is None:
        raise Inconclusive(f"IKE_SA_INIT was not accepted: {observed(init.reply)}")
    tester.check(init.reply.notify(SUPPORTED) is None, "no such notification", observed(init.reply))


@covers(
    "rfc7383/2.3/notify-protocol-zero",
    "rfc7383/2.3/notify-spi-size-zero",
    "rfc7383/2.3/notify-no-data",
    needs=("fragmentation",),
    mutants=["fragmentation-notify-of-ike", "fragmentation-notify-with-data"],
)
def test_notification(tester: Tester) -> None:
    """The responder's notification has the Protocol ID 0, no SPI and no data."""
    found = tester.ike_sa_init(fragmentation=True).reply
    if found is None or found.notify(SUPPORTED) is None:
        raise Inconclusive("the device does not announce fragmentation")
    check_layout(tester, announced(tester, found))


@covers(
    "rfc7383/2.3/initiator-announces",
    "rfc7383/2.3/notify-protocol-zero",
    "rfc7383/2.3/notify-no-data",
    needs=("fragmentation", "initiator"),
    role="initiator",
    mutants=["never-announces-fragmentation", "fragmentation-notify-of-ike"],
)
def test_initiator_announces(tester: Tester) -> None:
    """An initiator that supports fragmentation announces it in its IKE_SA_INIT request, in the same form."""
    found = announced(tester, tester.await_initiation().request)
    check_layout(tester, found)
