"""RFC 7296 sections 3.10.1 and 3.12: notifications and Vendor IDs in IKE_SA_INIT that nobody knows."""

import pytest

from conformance.ikev2.offers import expect_accepted
from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import NotifyType, ProtocolId
from reference_impl.wire.simple import VendorPayload


@pytest.mark.parametrize("number", [16383 + 16000, 40960, 65535])
@covers("rfc7296/3.10.1/unknown-status-ignored", mutants=["refuses-unknown-status"])
def test_unknown_status(tester: Tester, number: int) -> None:
    """A status notification of unknown type in IKE_SA_INIT is ignored."""
    expect_accepted(tester, edit=bad.unknown_status_notify(number))


@pytest.mark.parametrize("number", [100, 8192, 16383])
@covers("rfc7296/3.10.1/unknown-types-in-request-ignored", mutants=["obeys-unknown-error-in-request"])
def test_unknown_error(tester: Tester, number: int) -> None:
    """An error notification of unknown type in an IKE_SA_INIT request is ignored."""
    expect_accepted(tester, edit=bad.unknown_error_notify(number))


@covers("rfc7296/3.10/no-spi-protocol-ignored", mutants=["checks-notify-protocol"])
def test_notify_protocol(tester: Tester) -> None:
    """The Protocol ID of a notification without an SPI is ignored."""
    strange = NotifyPayload(NotifyType(40960), b"", ProtocolId(77))
    expect_accepted(tester, extra=[strange])


@covers("rfc7296/3.12/unknown-vendor-ignored", "rfc7296/3.12/several-vendor-ids", mutants=["one-vendor-id-only"])
def test_vendor_ids(tester: Tester) -> None:
    """Several Vendor IDs that nobody knows, short, long and empty ones, are ignored."""
    ids = [VendorPayload(data) for data in (b"", b"\0", b"ikeproof", bytes(range(200)))]
    expect_accepted(tester, extra=ids)


@covers("rfc7296/3.12/vendor-not-critical", mutants=["vendor-id-critical"])
def test_vendor_not_critical(tester: Tester) -> None:
    """Vendor IDs of the responder have no critical bit."""
    init = expect_accepted(tester)
    critical = [item for item in (init.reply.all(VendorPayload) if init.reply else ()) if item.critical]
    tester.check(not critical, "Vendor IDs without the critical bit", f"{len(critical)} with it")
