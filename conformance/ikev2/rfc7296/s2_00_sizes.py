"""RFC 7296 section 2: sizes of messages."""

from __future__ import annotations

import pytest

from conformance.tester import Draft, Edit, NoError, Tester, covers
from conformance.tester.sealing import encode
from reference_impl.wire.header import HEADER_SIZE
from reference_impl.wire.simple import VendorPayload


def padded_to(size: int) -> Edit:
    """Unknown Vendor IDs that make the message this long, less the octets that whole blocks cost."""

    def edit(draft: Draft) -> None:
        room = size - max(len(encode(draft)), HEADER_SIZE)
        block = draft.protection.block_size if draft.protection else 1
        room -= room % block
        while room >= 8 + block:
            part = min(room, 500)
            draft.payloads.append(VendorPayload(bytes(part - 4)))
            room -= part

    return Edit(f"padded to {size} octets", edit)


@covers("rfc7296/2/accepts-1280-octets", "rfc7296/3.12/several-vendor-ids", mutants=["refuses-more-than-1024-octets"])
def test_1280_octets(tester: Tester) -> None:
    """IKE messages of 1280 octets are processed in every exchange."""
    edit = padded_to(1280)
    sa = tester.establish(edit_init=edit, edit_auth=edit)
    tester.expects(sa.liveness(edit=edit), NoError())


@covers("rfc7296/2/accepts-3000-octets", mutants=["refuses-more-than-2048-octets"])
@pytest.mark.parametrize("where", ["init", "auth", "informational"])
def test_3000_octets(tester: Tester, where: str) -> None:
    """IKE messages of 3000 octets are processed."""
    edit = padded_to(3000)
    sa = tester.establish(edit_init=edit if where == "init" else None, edit_auth=edit if where == "auth" else None)
    tester.expects(sa.liveness(edit=edit if where == "informational" else None), NoError())
