"""RFC 7296 section 3.13: Traffic Selector payloads."""

from __future__ import annotations

import pytest

from conformance.ikev2.rfc7296.authenticating import pair
from conformance.tester import ErrorNotify, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.expect import observed
from conformance.tester.initial import selectors
from reference_impl.wire.registries import NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.ts import TsiPayload, TsPayload, TsrPayload

FOR_SELECTORS = 2400
"""Octets of both TS payloads that leave a message below 3000."""


@covers("rfc7296/3.13/reserved-ignored", mutants=["rejects-reserved-in-ts"])
def test_reserved_ignored(tester: Tester) -> None:
    """The reserved octets of TSi and TSr are ignored."""
    tester.establish(edit_auth=bad.ts_reserved())


@covers("rfc7296/3.13/reserved-sent-zero", mutants=["echoes-reserved-of-ts"])
def test_reserved_sent_zero(tester: Tester) -> None:
    """The reserved octets of TSi and TSr are sent as zero, also when the request had them set."""
    reply = tester.attempt(edit_auth=bad.ts_reserved()).reply
    pair(tester, reply)
    assert reply is not None
    found = [item for item in reply.payloads if isinstance(item, TsPayload)]
    for item in found:
        tester.check(item.reserved2 == 0, "reserved octets zero", f"{item.reserved2:#08x}")


@covers("rfc7296/3.13/one-or-more-selectors", "rfc7296/2.9/two-ts-payloads", mutants=["takes-empty-ts-for-all"])
def test_no_selectors(tester: Tester) -> None:
    """TS payloads without a selector make no Child SA."""
    reply = tester.attempt(edit_auth=bad.ts_none(), need_child=False).reply
    tester.expects(reply, ErrorNotify())


@covers("rfc7296/3.13/one-or-more-selectors", mutants=["ignores-ts-count"])
@pytest.mark.parametrize("count", [0, 2, 255])
def test_wrong_count(tester: Tester, count: int) -> None:
    """TS payloads whose number of selectors is not true make no Child SA."""
    reply = tester.attempt(edit_auth=bad.ts_count(count), need_child=False).reply
    tester.expects(reply, ErrorNotify())


@covers("rfc7296/3.13.1/selector-length", mutants=["ignores-selector-length"])
@pytest.mark.parametrize("by", [-16, -1, 4, 200], ids=["zero", "less", "more", "beyond"])
def test_wrong_selector_length(tester: Tester, by: int) -> None:
    """A selector whose length does not fit its type makes no Child SA."""
    reply = tester.attempt(edit_auth=bad.ts_wrong_length(by), need_child=False).reply
    tester.expects(reply, ErrorNotify())


@covers(
    "rfc7296/2.9/two-ts-payloads",
    "rfc7296/2.21/bad-request-gets-notify",
    mutants=["takes-missing-payloads-for-default"],
)
@pytest.mark.parametrize("which", ["SA", "TSi", "TSr"])
def test_missing_payload(tester: Tester, which: str) -> None:
    """An IKE_AUTH request with only a part of SA, TSi and TSr makes no Child SA, and is answered."""
    reply = tester.attempt(edit_auth=bad.omit(which), need_child=False).reply
    tester.check(reply is not None, "an answer", "no answer", "rfc7296/2.21/bad-request-gets-notify")
    assert reply is not None
    complete = all(reply.get(kind) is not None for kind in (SaPayload, TsiPayload, TsrPayload))
    tester.check(not complete, "no Child SA", observed(reply))


@covers("rfc7296/2.9/two-ts-payloads", mutants=["drops-many-selectors"])
def test_many_selectors(tester: Tester) -> None:
    """As many selectors as a message that everybody processes can hold are answered, by a part of them or an error.

    Section 2 asks for messages of up to 3000 octets; more need not be received.
    """
    own_ts, _ = selectors(tester, None, None)
    count = FOR_SELECTORS // (2 * (8 + 2 * len(own_ts[0].start)))
    reply = tester.attempt(edit_auth=bad.ts_many(count), need_child=False).reply
    if reply is not None and reply.get(SaPayload) is not None:
        pair(tester, reply)
        return
    tester.expects(reply, {ErrorNotify(), Notify(NotifyType.TS_UNACCEPTABLE)})
