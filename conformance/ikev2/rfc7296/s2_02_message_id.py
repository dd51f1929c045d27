"""RFC 7296 section 2.2: Message IDs."""

from __future__ import annotations

from conformance.ikev2.rfc7296.exchanged import answers
from conformance.tester import NoError, Tester, covers


@covers(
    "rfc7296/2.2/response-echoes-message-id",
    "rfc7296/2.2/first-auth-message-id-one",
    "rfc7296/2.2/init-message-id-zero",
    mutants=["message-ids-one-ahead", "init-message-id-one"],
)
def test_message_ids_of_responses(tester: Tester) -> None:
    """Responses have the Message IDs of their requests: 0 in IKE_SA_INIT, 1 in IKE_AUTH, and so on."""
    sa, found = answers(tester)
    for answer in found:
        observed = str(answer.header.message_id)
        tester.check(answer.header.message_id == answer.message_id, f"{answer.message_id} in {answer.name}", observed)
    for _ in range(3):
        expected = sa.next_id
        tester.expects(sa.liveness(), NoError())
        tester.check(sa.next_id == expected + 1, f"Message ID {expected} in the response", str(sa.next_id - 1))


@covers("rfc7296/2.2/rekey-resets-message-id", needs=("rekey_ike",), mutants=["rekeyed-sa-goes-on-counting"])
def test_rekeyed_sa_starts_at_zero(tester: Tester) -> None:
    """The first request on the IKE SA that a rekey made has Message ID 0, and is answered."""
    sa = tester.establish()
    sa.liveness()
    new = sa.rekey_ike()
    tester.check(new.next_id == 0, "our next Message ID is 0", str(new.next_id))
    tester.expects(new.liveness(), NoError())
    tester.expects(new.liveness(), NoError())
