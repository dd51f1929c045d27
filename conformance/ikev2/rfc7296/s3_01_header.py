"""RFC 7296 section 3.1: the IKE header, in both directions."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.exchanged import answers, init_or_silence, last_header, last_received
from conformance.tester import ErrorNotify, NoError, Silence, Tester, covers
from conformance.tester import misbehaviour as bad
from reference_impl.wire.header import Flags
from reference_impl.wire.registries import PayloadType

X_BITS = 0xC7


@covers("rfc7296/3.1/response-flag-set-in-responses", mutants=["response-flag-clear"])
def test_response_flag(tester: Tester) -> None:
    """Every response has the Response flag set."""
    for answer in answers(tester)[1]:
        tester.check(bool(answer.header.flags & Flags.RESPONSE), f"R set in {answer.name}", repr(answer.header.flags))


@covers("rfc7296/3.1/initiator-flag-clear", mutants=["initiator-flag-always-set"])
def test_initiator_flag(tester: Tester) -> None:
    """The original responder clears the Initiator flag in all its messages."""
    for answer in answers(tester)[1]:
        tester.check(not answer.header.flags & Flags.INITIATOR, f"I clear in {answer.name}", repr(answer.header.flags))


@covers("rfc7296/3.1/version-flag-cleared", mutants=["version-flag-set"])
def test_version_flag_cleared(tester: Tester) -> None:
    """Every message is sent with the Version flag clear."""
    for answer in answers(tester)[1]:
        tester.check(not answer.header.flags & Flags.VERSION, f"V clear in {answer.name}", repr(answer.header.flags))


@covers("rfc7296/3.1/x-flags-cleared", "rfc7296/2.5/reserved-sent-zero", mutants=["echoes-flags"])
def test_undefined_flags_cleared(tester: Tester) -> None:
    """Every message is sent with the undefined flag bits clear, even when the request had them set."""
    sa, found = answers(tester)
    sa.liveness(edit=bad.reserved_flags(X_BITS))
    for name, header in [(item.name, item.header) for item in found] + [("the last response", last_header(sa))]:
        tester.check(not header.flags & X_BITS, f"undefined flags clear in {name}", f"flags {int(header.flags):#04x}")


@covers("rfc7296/3.1/x-flags-ignored", "rfc7296/2.5/reserved-ignored-on-receipt", mutants=["rejects-undefined-flags"])
@pytest.mark.parametrize("bit", [0x01, 0x02, 0x04, 0x40, 0x80], ids="{:#04x}".format)
def test_undefined_flag_ignored(tester: Tester, bit: int) -> None:
    """An undefined flag bit changes nothing, neither in the initial exchanges nor on the IKE SA."""
    edit = bad.reserved_flags(bit)
    sa = tester.establish(edit_init=edit, edit_auth=edit)
    tester.expects(sa.liveness(edit=edit), NoError())


@covers("rfc7296/3.1/version-flag-ignored", mutants=["honours-version-flag"])
def test_version_flag_ignored(tester: Tester) -> None:
    """A request with the Version flag set is handled like any other."""
    sa = tester.establish(edit_init="version-flag", edit_auth="version-flag")
    tester.expects(sa.liveness(edit="version-flag"), NoError())


@covers("rfc7296/3.1/minor-version-ignored", "rfc7296/2.5/higher-minor-ignored", mutants=["rejects-higher-minor"])
@pytest.mark.parametrize("minor", [1, 15])
def test_minor_version_ignored(tester: Tester, minor: int) -> None:
    """A request with a higher minor version is handled like any other."""
    edit = bad.minor_version(minor)
    sa = tester.establish(edit_init=edit, edit_auth=edit)
    tester.expects(sa.liveness(edit=edit), NoError())


@covers(
    "rfc7296/3.1/minor-version-zero",
    "rfc7296/3.1/major-version-two",
    "rfc7296/2.5/version-two-zero",
    mutants=["echoes-minor-version"],
)
def test_version_sent(tester: Tester) -> None:
    """Every message is sent with version 2.0, whatever minor version the request has."""
    sa, found = answers(tester)
    sa.liveness(edit=bad.minor_version(7))
    for name, header in [(item.name, item.header) for item in found] + [("the last response", last_header(sa))]:
        wrong = None if header.major == 2 else "rfc7296/3.1/major-version-two"
        tester.check((header.major, header.minor) == (2, 0), f"2.0 in {name}", f"{header.major}.{header.minor}", wrong)


@covers("rfc7296/3.1/length-covers-message", mutants=["length-without-header"])
def test_length_sent(tester: Tester) -> None:
    """The Length field of every message is that of the whole message."""
    for answer in answers(tester)[1]:
        size, stated = len(answer.received.octets), answer.header.length
        tester.check(stated == size, f"Length {size} in {answer.name}", f"{stated}")


@covers("rfc7296/3.1/exchange-types", mutants=["answers-with-informational-type"])
def test_exchange_type_sent(tester: Tester) -> None:
    """A response has the exchange type of its request."""
    for answer in answers(tester)[1]:
        name = answer.header.exchange.name
        tester.check(answer.header.exchange == answer.exchange, f"{answer.exchange.name} in {answer.name}", name)


@covers("rfc7296/3.1/no-response-to-response", mutants=["ignores-response-flag"])
def test_init_with_response_flag(tester: Tester) -> None:
    """An IKE_SA_INIT message that is marked as a response is not answered."""
    tester.expects(init_or_silence(tester, bad.flip_response_flag()), Silence())


@covers("rfc7296/3.1/no-response-to-response", mutants=["answers-responses"])
def test_unexpected_response(tester: Tester) -> None:
    """A protected message that is marked as a response, to a request that was never sent, is not answered."""
    sa = tester.establish()
    for item in tester.answers_to(lambda: sa.send(sa.draft(response=True, message_id=0))):
        # The device may well end the IKE SA of a peer that sends such things.
        tester.check(not item.is_response, "no answer", item.text())


@covers("rfc7296/3.1/no-response-to-response", mutants=["answers-unknown-spi-responses"])
def test_reflected_response(tester: Tester) -> None:
    """A device's own response that comes back to it is not answered."""
    sa = tester.establish()
    sa.liveness()
    octets = last_received(sa).octets
    sa.expect_silence(lambda: sa.send_raw(octets, note="the device's own response"))


@covers("rfc7296/3.1/length-covers-message", mutants=["accepts-truncated-datagrams"])
@pytest.mark.parametrize("octets", [1, 4])
def test_truncated_datagram(tester: Tester, octets: int) -> None:
    """An IKE_SA_INIT request whose last octets are missing makes no IKE SA."""
    tester.expects(init_or_silence(tester, bad.truncate(octets)), {Silence(), ErrorNotify()})


@covers("rfc7296/3.1/next-payload-first", mutants=["guesses-first-payload"])
@pytest.mark.parametrize("kind", [PayloadType.NONE, PayloadType.NONCE, PayloadType.SK], ids=["none", "nonce", "sk"])
def test_first_payload_wrong(tester: Tester, kind: PayloadType) -> None:
    """An IKE_SA_INIT request whose header announces another payload than SA makes no IKE SA."""
    tester.expects(init_or_silence(tester, bad.first_payload(kind)), {Silence(), ErrorNotify()})
