"""RFC 7296 section 1.4: INFORMATIONAL exchanges."""

import pytest

from conformance.tester import NoError, Reply, Tester, covers
from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import CfgAttribute, CfgType, ExchangeType, NotifyType, ProtocolId

INFORMATIONAL = ExchangeType.INFORMATIONAL


CONTENTS: dict[str, tuple[list[Payload], str]] = {
    "unknown-status": ([NotifyPayload(NotifyType(40999), b"data")], "3.10.1/unknown-status-ignored"),
    "unknown-error": ([NotifyPayload(NotifyType(8999), b"data")], "3.10.1/unknown-types-in-request-ignored"),
    "several-unknown": (
        [NotifyPayload(NotifyType(number)) for number in (8998, 40998, 8999, 40999)],
        "3.10.1/unknown-types-in-request-ignored",
    ),
    "with-protocol-id": ([NotifyPayload(NotifyType(40999), b"", ProtocolId.IKE)], "3.10/no-spi-protocol-ignored"),
    "status-elsewhere": ([NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)], "3.10.1/status-in-any-message"),
    "initial-contact": ([NotifyPayload(NotifyType.INITIAL_CONTACT)], "2.4/initial-contact-elsewhere-ignored"),
}


@covers(
    "rfc7296/3.10.1/unknown-types-in-request-ignored",
    "rfc7296/3.10.1/unknown-status-ignored",
    "rfc7296/3.10/no-spi-protocol-ignored",
    "rfc7296/3.10.1/status-in-any-message",
    "rfc7296/2.4/initial-contact-elsewhere-ignored",
    mutants=["unknown-error-closes-ike", "unknown-notify-refused", "misplaced-status-refused"],
)
@pytest.mark.parametrize("content", CONTENTS)
def test_notifications(tester: Tester, content: str) -> None:
    """A request with notifications that mean nothing to the device is answered without error, and nothing changes."""
    payloads, requirement = CONTENTS[content]
    sa = tester.establish()
    tester.expects(sa.request(INFORMATIONAL, payloads), NoError(), f"rfc7296/{requirement}")
    sa.liveness(requirement=f"rfc7296/{requirement}")
    if tester.claims("data_plane"):
        sa.child.expect_ping(requirement=f"rfc7296/{requirement}")


@covers(
    "rfc7296/2.21.4/report-changes-nothing",
    "rfc7296/1.4/informational-answered",
    needs=("data_plane",),
    mutants=["invalid-spi-report-deletes-child"],
)
@pytest.mark.parametrize("kind", [NotifyType.INVALID_SPI, NotifyType.INVALID_SELECTORS], ids=["spi", "selectors"])
def test_reports_change_nothing(tester: Tester, kind: NotifyType) -> None:
    """A report about an ESP packet is answered, and leaves the Child SA that it names as it was."""
    sa = tester.establish()
    spi = sa.child.spi_in
    report = (
        NotifyPayload(kind, spi) if kind == NotifyType.INVALID_SPI else NotifyPayload(kind, b"", ProtocolId.ESP, spi)
    )
    tester.expects(sa.request(INFORMATIONAL, [report]), NoError(), "rfc7296/1.4/informational-answered")
    sa.child.expect_ping()


@covers(
    "rfc7296/2.20/declined-version-empty",
    "rfc7296/2.20/may-ask-version",
    "rfc7296/3.15.1/version-not-terminated",
    "rfc7296/1.4/informational-answered",
    mutants=["version-null-terminated", "configuration-outside-auth-refused", "version-as-cfg-ack"],
)
def test_version_request(tester: Tester) -> None:
    """A request for the version gets CFG_REPLY with printable text without null, or an empty one, or no CP at all."""
    sa = tester.establish()
    asked = ConfigPayload(CfgType.REQUEST, (ConfigAttribute(CfgAttribute.APPLICATION_VERSION),))
    reply = sa.request(INFORMATIONAL, [asked], requirement="rfc7296/1.4/informational-answered")
    tester.expects(reply, NoError())
    answer = reply.get(ConfigPayload)
    if answer is None:
        return
    tester.check(answer.cfg_type == CfgType.REPLY, "CFG_REPLY", f"CFG type {int(answer.cfg_type)}")
    for text in answer.of(CfgAttribute.APPLICATION_VERSION):
        printable = all(32 <= octet < 127 for octet in text)
        tester.check(printable, "printable ASCII without null", repr(text), "rfc7296/3.15.1/version-not-terminated")


@covers(
    "rfc7296/3.15.1/unknown-attributes-ignored",
    "rfc7296/3.15/zero-attributes-allowed",
    mutants=["configuration-outside-auth-refused"],
)
@pytest.mark.parametrize("attributes", ["unknown", "none"])
def test_configuration_requests(tester: Tester, attributes: str) -> None:
    """Unknown attributes in a configuration request are ignored, and one without attributes is valid."""
    sa = tester.establish()
    found = (ConfigAttribute(CfgAttribute(16400), b"data"),) if attributes == "unknown" else ()
    requirement = f"rfc7296/3.15{'.1/unknown-attributes-ignored' if found else '/zero-attributes-allowed'}"
    reply = sa.request(INFORMATIONAL, [ConfigPayload(CfgType.REQUEST, found)], requirement=requirement)
    tester.expects(reply, NoError(), requirement)
    sa.liveness()


@covers(
    "rfc7296/3.15.1/nothing-accepted-empty-ack",
    "rfc7296/3.15.1/ack-lists-accepted-empty",
    "rfc7296/3.15.1/set-may-be-ignored",
    mutants=["cfg-ack-returns-values"],
)
def test_configuration_set(tester: Tester) -> None:
    """CFG_SET is answered by CFG_ACK that lists what was accepted, without values, or without a CP payload."""
    sa = tester.establish()
    wanted = ConfigAttribute(CfgAttribute.INTERNAL_IP4_DNS, bytes([192, 0, 2, 53]))
    reply = sa.request(INFORMATIONAL, [ConfigPayload(CfgType.SET, (wanted,))])
    tester.expects(reply, Reply("no CFG payload, or CFG_ACK without values", _acknowledges))


def _acknowledges(reply: Message) -> bool:
    answer = reply.get(ConfigPayload)
    if answer is None:
        return NoError().matches(reply)
    return answer.cfg_type == CfgType.ACK and not any(item.value for item in answer.attributes)
