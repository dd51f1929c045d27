"""RFC 7296 section 3.3: the SA payload as a whole."""

from dataclasses import replace

import pytest

from conformance.ikev2.offers import expect_accepted, expect_refused, offer_of, variable
from conformance.tester import Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.draft import Edit, on_payloads
from conformance.tester.expect import observed
from conformance.tester.proposals import encr, ike_proposal
from reference_impl.wire.base import Payload
from reference_impl.wire.raw import RawPayload
from reference_impl.wire.registries import AttributeType, Encr, PayloadType, TransformType
from reference_impl.wire.sa import Attribute, SaPayload, key_length


def transform_length(by: int) -> Edit:
    """The length of the first transform of the first proposal too large (or, negative, too small)."""

    def change(payloads: list[Payload]) -> list[Payload]:
        return [_longer(item, by) if isinstance(item, SaPayload) else item for item in payloads]

    return on_payloads(change, f"transform length {by:+}")


def _longer(item: SaPayload, by: int) -> Payload:
    body = bytearray(item.body())
    start = 8 + body[6]
    length = int.from_bytes(body[start + 2 : start + 4], "big") + by
    body[start + 2 : start + 4] = length.to_bytes(2, "big")
    return RawPayload(PayloadType.SA, bytes(body))


INCONSISTENT = {
    "proposal-too-long": bad.proposal_length(4),
    "proposal-too-short": bad.proposal_length(-4),
    "proposal-of-7-octets": bad.proposal_length(-33),
    "transform-too-long": transform_length(4),
    "transform-too-short": transform_length(-4),
    "transform-beyond-proposal": transform_length(1000),
    "too-many-transforms-said": bad.transform_count(9),
    "too-few-transforms-said": bad.transform_count(2),
    "no-transforms-said": bad.transform_count(0),
    "payload-cut": bad.truncated_payload("SA", 4),
    "payload-extended": bad.extended_payload("SA", 4),
}


@pytest.mark.parametrize("fault", sorted(INCONSISTENT))
@covers("rfc7296/3.3/sa-lengths-checked", mutants=["lenient-about-sa-lengths"])
def test_inconsistent_lengths(tester: Tester, fault: str) -> None:
    """An SA payload whose length disagrees with the lengths and counts inside is not accepted."""
    expect_refused(tester, proposals=variable(tester), edit=INCONSISTENT[fault])


@pytest.mark.parametrize("edit", ["no-proposals", "no-transforms"])
@covers("rfc7296/3.3.6/selects-complete-set", mutants=["lenient-about-sa-lengths"])
def test_empty_offer(tester: Tester, edit: str) -> None:
    """An SA payload without proposals, or a proposal without transforms, makes no IKE SA."""
    expect_refused(tester, edit=edit)


@covers(
    "rfc7296/3.3.6/attributes-returned-unmodified",
    "rfc7296/3.3/no-repeated-attribute",
    mutants=["takes-last-key-length"],
)
def test_key_length_twice(tester: Tester) -> None:
    """A transform with two Key Length attributes is not accepted: an answer may neither repeat both nor drop one."""
    suite = variable(tester)
    bits = suite.key_bits or 128
    twice = (key_length(256 if bits == 128 else 128), key_length(bits))

    def change(payloads: list[Payload]) -> list[Payload]:
        return [bad_attributes(item, twice) if isinstance(item, SaPayload) else item for item in payloads]

    expect_refused(tester, proposals=suite, edit=on_payloads(change, "two Key Lengths"))


def bad_attributes(offer: SaPayload, attributes: tuple[Attribute, ...]) -> SaPayload:
    """The offer with these attributes on every encryption transform."""
    return SaPayload(
        tuple(
            replace(
                proposal,
                transforms=tuple(
                    replace(item, attributes=attributes) if item.type == TransformType.ENCR else item
                    for item in proposal.transforms
                ),
            )
            for proposal in offer.proposals
        )
    )


@covers("rfc7296/3.3/same-type-is-or", mutants=["answers-all-transforms"])
def test_several_key_lengths(tester: Tester) -> None:
    """Of one cipher offered with several key lengths, one is chosen, with the Key Length that was offered."""
    suite = variable(tester)
    base = ike_proposal(suite)
    lengths = [encr(suite.encr, bits) for bits in (suite.key_bits, 192, 256, 128) if bits]
    transforms = tuple(dict.fromkeys(lengths)) + tuple(t for t in base.transforms if t.type != TransformType.ENCR)
    expect_accepted(tester, proposals=replace(base, transforms=transforms))


@covers("rfc7296/3.3/proposal-numbers-consecutive", "rfc7296/3.3/first-proposal-number-one", role="initiator",
        mutants=["proposals-from-zero"])  # fmt: skip
def test_initiator_proposal_numbers(tester: Tester) -> None:
    """An initiator numbers its proposals 1, 2, 3 and so on."""
    numbers = [item.number for item in offer_of(tester.await_initiation().request).proposals]
    due = list(range(1, len(numbers) + 1))
    tester.check(numbers == due, f"proposal numbers {due}", f"{numbers}")


@covers("rfc7296/3.3/no-repeated-attribute", role="initiator", mutants=["repeats-key-length"])
def test_initiator_attributes(tester: Tester) -> None:
    """An initiator sends no transform with several attributes of the same type."""
    request = tester.await_initiation().request
    for proposal in offer_of(request).proposals:
        for item in proposal.transforms:
            kinds = [attribute.type for attribute in item.attributes]
            tester.check(len(kinds) == len(set(kinds)), "each attribute type once", observed(request))


@covers("rfc7296/3.3.5/key-length-type-14", "rfc7296/3.3.5/key-length-always-included", role="initiator",
        mutants=["initiator-omits-key-length"])  # fmt: skip
def test_initiator_key_length(tester: Tester) -> None:
    """An initiator offers AES always with a Key Length attribute of 128, 192 or 256 in the short form."""
    for proposal in offer_of(tester.await_initiation().request).proposals:
        for item in proposal.of(TransformType.ENCR):
            if Encr(item.id) not in AES:
                continue
            good = [each for each in item.attributes if each.type == AttributeType.KEY_LENGTH and each.tv]
            tester.check(len(good) == 1, "a Key Length attribute in TV format", f"{len(good)} on {Encr(item.id).name}")
            tester.check(item.key_length in (128, 192, 256), "a Key Length of AES", f"{item.key_length}")


AES = (
    Encr.AES_CBC,
    Encr.AES_CTR,
    Encr.AES_CCM_8,
    Encr.AES_CCM_12,
    Encr.AES_CCM_16,
    Encr.AES_GCM_8,
    Encr.AES_GCM_12,
    Encr.AES_GCM_16,
)
