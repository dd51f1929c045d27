"""RFC 7296 section 3.14: the Encrypted payload."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from conformance.ikev2.rfc7296.exchanged import answers, last_received
from conformance.tester import (
    Deleted,
    Draft,
    Edit,
    Empty,
    ErrorNotify,
    IkeSa,
    NoError,
    NotApplicable,
    Silence,
    Tester,
    covers,
)
from conformance.tester import misbehaviour as bad
from reference_impl.crypto.suite import parse_ike
from reference_impl.wire.header import HEADER_SIZE
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.raw import RawPayload, UnknownPayload
from reference_impl.wire.registries import Encr, ExchangeType, NotifyType, PayloadType, ProtocolId

GENERIC_SIZE = 4
FLAGS_OCTET = 19
GENERIC_FLAGS_OCTET = 29
SAMPLES = 24


def cbc_suite(tester: Tester) -> str:
    """The first suite of the profile with a block cipher in CBC mode."""
    for text in tester.profile.ike:
        if parse_ike(text).encr == Encr.AES_CBC:
            return text
    raise NotApplicable("the profile has no suite with a cipher in CBC mode")


def delete_request(sa: IkeSa, edit: Edit) -> Draft:
    """A request that would delete the Child SA, with this change."""
    return sa.draft(ExchangeType.INFORMATIONAL, [DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))], edit=edit)


def without_icv(draft: Draft) -> None:
    """The checksum cut off; the length fields say so."""

    def true_lengths(data: bytes) -> bytes:
        sizes = len(data).to_bytes(4, "big"), (len(data) - HEADER_SIZE).to_bytes(2, "big")
        return data[:24] + sizes[0] + data[HEADER_SIZE : HEADER_SIZE + 2] + sizes[1] + data[HEADER_SIZE + 4 :]

    bad.no_icv()(draft)
    draft.datagram_edits.append(true_lengths)


WITHOUT_ICV = Edit("no checksum", without_icv)


# -- the checksum -------------------------------------------------------------------------------------------------


@covers(
    "rfc7296/3.14/checksum-covers-message",
    "rfc7296/1.2/later-messages-protected",
    mutants=["ignores-integrity-check", "answers-short-encrypted-payloads"],
)
@pytest.mark.parametrize("what", ["header", "generic-header", "iv", "ciphertext", "icv", "no-icv"])
def test_checksum(tester: Tester, what: str) -> None:
    """A request whose checksum is wrong is not answered and not carried out, whichever octet was changed."""
    edits = {
        "header": bad.flip_bit(FLAGS_OCTET, 0x01),
        "generic-header": bad.flip_bit(GENERIC_FLAGS_OCTET, 0x01),
        "iv": bad.corrupt_iv(),
        "ciphertext": bad.corrupt_ciphertext(),
        "icv": bad.corrupt_icv(),
        "no-icv": WITHOUT_ICV,
    }
    sa = tester.establish()
    sa.expect_silence(delete_request(sa, edits[what]))
    tester.expects(sa.request(payloads=[DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))]), Deleted(ProtocolId.ESP))


@covers("rfc7296/3.14/checksum-covers-message", mutants=["ignores-integrity-check"])
def test_checksum_in_cbc(tester: Tester) -> None:
    """With a separate integrity algorithm as well, a request whose checksum is wrong has no effect."""
    sa = tester.establish(proposals=cbc_suite(tester))
    sa.expect_silence(delete_request(sa, bad.corrupt_icv()))
    sa.expect_silence(delete_request(sa, bad.corrupt_iv()))
    tester.expects(sa.request(payloads=[DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))]), Deleted(ProtocolId.ESP))


@covers("rfc7296/3.14/checksum-covers-message", mutants=["answers-short-encrypted-payloads"])
@pytest.mark.parametrize("octets", [0, 1, 8, 16, 24])
def test_too_short(tester: Tester, octets: int) -> None:
    """An Encrypted payload that is too short for its parts is not answered, and the IKE SA goes on."""
    sa = tester.establish()

    def edit(draft: Draft) -> None:
        draft.content_edits.append(lambda content: content[:octets])
        draft.sk_length = 4 + octets
        draft.length = 32 + octets

    sa.expect_silence(sa.draft(edit=Edit(f"{octets} octets of content", edit)))


# -- padding ------------------------------------------------------------------------------------------------------


@covers("rfc7296/3.14/any-pad-length-accepted", "rfc7296/3.14/padding-any-value", mutants=["wants-minimal-padding"])
@pytest.mark.parametrize("octets", [32, 255])
def test_much_padding(tester: Tester, octets: int) -> None:
    """Any Pad Length that gives the alignment is accepted, also up to 255 octets more than needed."""
    edit = bad.pad_octets(octets)
    sa = tester.establish(proposals=cbc_suite(tester), edit_auth=edit)
    tester.expects(sa.liveness(edit=edit), NoError())


@covers("rfc7296/3.14/padding-any-value", mutants=["wants-zero-padding"])
@pytest.mark.parametrize("pad", [b"\xff" * 15, bytes(range(1, 16))], ids=["ones", "counting"])
def test_padding_contents(tester: Tester, pad: bytes) -> None:
    """The contents of the padding do not matter."""

    def edit(draft: Draft) -> None:
        draft.pad = pad

    sa = tester.establish(proposals=cbc_suite(tester))
    tester.expects(sa.liveness(edit=Edit(f"padding {pad.hex()}", edit)), NoError())


@covers("rfc7296/2.21/bad-request-gets-notify", mutants=["pad-length-not-checked"])
def test_pad_length_too_large(tester: Tester) -> None:
    """A Pad Length larger than the content makes the request unreadable: it is never answered as a good one."""
    sa = tester.establish(proposals=cbc_suite(tester))
    tester.expects(sa.liveness(), NoError())
    sent = sa.send_request(payloads=[NotifyPayload(NotifyType(40960))], edit=bad.pad_length_too_large())
    tester.expects(sa.await_reply(sent), {ErrorNotify(), Silence()})


@covers("rfc7296/3.14/pad-length-minimal", "rfc7296/3.14/padding-aligns", mutants=["pads-too-much"])
def test_padding_sent(tester: Tester) -> None:
    """A device pads its messages no more than the cipher's block needs."""
    sa = tester.establish(proposals=cbc_suite(tester))
    sa.liveness()
    size, block = len(last_received(sa).pad), sa.inbound.block_size
    tester.check(size < block, f"less than {block} octets of padding", f"{size} octets")


# -- the initialization vector ------------------------------------------------------------------------------------


def samples(sa: IkeSa) -> list[bytes]:
    """The initialization vectors of many responses; of each, also the last block of its ciphertext is looked at."""
    found = []
    for _ in range(SAMPLES):
        sa.liveness()
        found.append(last_received(sa).iv)
    return found


@covers("rfc7296/3.14/iv-unpredictable", "rfc7296/3.14/iv-length", mutants=["reuses-iv"])
def test_iv_never_repeated(tester: Tester) -> None:
    """Every message has an initialization vector of its own."""
    sa = tester.establish()
    found = samples(sa)
    tester.check(len(set(found)) == len(found), f"{len(found)} different IVs", f"{len(set(found))} different ones")


@covers("rfc7296/3.14/iv-unpredictable", mutants=["reuses-iv", "counts-iv-in-cbc"])
def test_iv_unpredictable_in_cbc(tester: Tester) -> None:
    """In CBC mode an initialization vector does not follow from the one before: neither the same, nor a counter."""
    sa = tester.establish(proposals=cbc_suite(tester))
    found = [int.from_bytes(iv, "big") for iv in samples(sa)]
    steps = [(after - before) % 2**128 for before, after in pairwise(found)]
    tester.check(len(set(steps)) == len(steps), "IVs that are not a fixed step apart", f"steps {set(steps)}")
    tester.check(min(steps) > 2**64, "IVs that do not count up", f"a step of {min(steps)}")


@covers("rfc7296/3.14/iv-not-last-block", "rfc7296/3.14/iv-unpredictable", mutants=["chains-iv"])
def test_iv_not_chained(tester: Tester) -> None:
    """In CBC mode an initialization vector is not the last block of the message before."""
    sa = tester.establish(proposals=cbc_suite(tester))
    previous = b""
    for _ in range(4):
        sa.liveness()
        received = last_received(sa)
        tester.check(received.iv != previous, "a fresh IV", "the last ciphertext block of the message before")
        end = len(received.octets) - sa.inbound.icv_size
        previous = received.octets[end - sa.inbound.iv_size : end]


@covers("rfc7296/3.14/iv-any-accepted", mutants=["rejects-repeated-iv"])
def test_any_iv_accepted(tester: Tester) -> None:
    """Any initialization vector is accepted in CBC mode, also zero and one that came before."""
    sa = tester.establish(proposals=cbc_suite(tester))
    for iv in (bytes(16), bytes(16), b"\xff" * 16, os.urandom(16)):
        tester.expects(sa.liveness(edit=bad.same_iv(iv)), NoError())


# -- its place ----------------------------------------------------------------------------------------------------


@covers("rfc7296/3.1/sk-is-last", "rfc7296/3.14/sk-last-payload", mutants=["payload-after-sk"])
def test_encrypted_is_last(tester: Tester) -> None:
    """The Encrypted payload of every response ends the message."""
    sa = tester.establish(judged=True)
    for _ in range(2):
        sa.liveness()
        received = last_received(sa)
        tester.check(not received.malformed, "a message that ends with its Encrypted payload", received.malformed)


@covers(
    "rfc7296/2.5/undefined-payloads-skipped",
    "rfc7296/3.1/sk-contents-parsed",
    mutants=["wants-encrypted-payload-alone"],
)
def test_clear_payload_before(tester: Tester) -> None:
    """An unknown payload in the clear before the Encrypted one is skipped, and what is inside is carried out."""
    sa = tester.establish()
    delete = DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))
    outside = UnknownPayload(PayloadType(200), b"ikeproof")
    reply = sa.request(payloads=[delete], edit=bad.clear_payload_before(outside))
    tester.expects(reply, Deleted(ProtocolId.ESP))


@covers("rfc7296/3.1/sk-not-nested", mutants=["nests-encrypted-payload"])
def test_none_inside(tester: Tester) -> None:
    """No response of the device has an Encrypted payload inside of its Encrypted payload."""
    _, found = answers(tester)
    for item in found[1:]:
        message = item.received.message
        nested = message is not None and item.received.opened and message.encrypted is not None
        tester.check(not nested, f"no Encrypted payload inside of {item.name}", "one")


@covers("rfc7296/3.1/sk-not-nested", mutants=["opens-nested-encrypted-payloads"])
def test_nested_not_carried_out(tester: Tester) -> None:
    """What is in an Encrypted payload inside of another one is not carried out; an error may say so."""
    sa = tester.establish()
    inside = sa.encode(sa.draft(payloads=[DeletePayload(ProtocolId.ESP, 4, (sa.child.spi_in,))]))[HEADER_SIZE:]
    nested = RawPayload(PayloadType.SK, inside[GENERIC_SIZE:], None, inside[0])
    tester.expects(sa.exchange_or_silence(payloads=[nested]), {ErrorNotify(), Silence(), Empty()})


@covers("rfc7296/1.2/later-messages-protected", mutants=["accepts-own-keys"])
def test_own_keys(tester: Tester) -> None:
    """A message under the keys of the device's own direction is not accepted from its peer."""
    sa = tester.establish()
    draft = sa.draft()
    draft.protection = sa.inbound
    sa.expect_silence(draft)
