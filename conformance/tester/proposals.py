"""Proposals: from suites as people write them ("aes128-sha256-modp2048") to SA payloads and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from reference_impl.crypto.cipher import CIPHERS
from reference_impl.crypto.suite import EspSuite, IkeSuite, parse_esp, parse_ike
from reference_impl.wire.registries import Encr, Esn, Group, Integ, Prf, ProtocolId, TransformType
from reference_impl.wire.sa import Proposal, SaPayload, Transform, key_length

IkeOffer: TypeAlias = "str | IkeSuite | Proposal | Sequence[str | IkeSuite | Proposal]"
EspOffer: TypeAlias = "str | EspSuite | Proposal | Sequence[str | EspSuite | Proposal]"


def encr(algorithm: Encr, bits: int | None = None) -> Transform:
    """An encryption transform, with a Key Length attribute when `bits` is given."""
    return Transform(TransformType.ENCR, algorithm, (key_length(bits),) if bits is not None else ())


def prf(algorithm: Prf) -> Transform:
    """A PRF transform."""
    return Transform(TransformType.PRF, algorithm)


def integ(algorithm: Integ) -> Transform:
    """An integrity transform."""
    return Transform(TransformType.INTEG, algorithm)


def group(algorithm: Group) -> Transform:
    """A key exchange transform."""
    return Transform(TransformType.KE, algorithm)


def esn(value: Esn = Esn.NO_ESN) -> Transform:
    """An extended sequence numbers transform."""
    return Transform(TransformType.ESN, value)


def ike_transforms(suite: IkeSuite) -> tuple[Transform, ...]:
    """The transforms of an IKE suite; none for integrity with a combined-mode cipher (RFC 7296 §3.3.3)."""
    middle = () if suite.integ == Integ.NONE else (integ(suite.integ),)
    return (encr(suite.encr, suite.key_bits), prf(suite.prf), *middle, group(suite.group))


def esp_transforms(suite: EspSuite) -> tuple[Transform, ...]:
    """The transforms of an ESP suite."""
    middle = () if suite.integ == Integ.NONE else (integ(suite.integ),)
    exchange = () if suite.group is None else (group(suite.group),)
    return (encr(suite.encr, suite.key_bits), *middle, *exchange, esn(Esn.ESN if suite.esn else Esn.NO_ESN))


def ike_proposal(suite: str | IkeSuite, number: int = 1, spi: bytes = b"") -> Proposal:
    """An IKE proposal; `spi` (8 octets) only in a rekey."""
    parsed = parse_ike(suite) if isinstance(suite, str) else suite
    return Proposal(number, ProtocolId.IKE, spi, ike_transforms(parsed))


def esp_proposal(suite: str | EspSuite, spi: bytes, number: int = 1) -> Proposal:
    """An ESP proposal with the sender's inbound SPI (4 octets)."""
    parsed = parse_esp(suite) if isinstance(suite, str) else suite
    return Proposal(number, ProtocolId.ESP, spi, esp_transforms(parsed))


def ike_sa_payload(offer: IkeOffer, spi: bytes = b"") -> SaPayload:
    """The SA payload of an offer: one or several suites or ready proposals, numbered from 1."""
    items = [offer] if isinstance(offer, str | IkeSuite | Proposal) else list(offer)
    return SaPayload(
        tuple(
            item if isinstance(item, Proposal) else ike_proposal(item, number, spi)
            for number, item in enumerate(items, 1)
        )
    )


def esp_sa_payload(offer: EspOffer, spi: bytes) -> SaPayload:
    """The same for ESP."""
    items = [offer] if isinstance(offer, str | EspSuite | Proposal) else list(offer)
    return SaPayload(
        tuple(
            item if isinstance(item, Proposal) else esp_proposal(item, spi, number)
            for number, item in enumerate(items, 1)
        )
    )


def offered_groups(sa: SaPayload) -> list[Group]:
    """Every key exchange method in the offer, in order."""
    return [Group(item.id) for proposal in sa.proposals for item in proposal.of(TransformType.KE)]


class NotOneSuite(ValueError):
    """A chosen proposal that is not one transform of each type, or has an algorithm that was never registered."""


def chosen_ike(proposal: Proposal) -> IkeSuite:
    """The suite of an accepted IKE proposal. Raises NotOneSuite."""
    cipher = _one(proposal, TransformType.ENCR)
    integrity = _at_most_one(proposal, TransformType.INTEG)
    exchange = _at_most_one(proposal, TransformType.KE)
    return IkeSuite(
        Encr(cipher.id),
        _bits(cipher),
        Integ(integrity.id) if integrity else Integ.NONE,
        Prf(_one(proposal, TransformType.PRF).id),
        Group(exchange.id) if exchange else Group.NONE,
    )


def chosen_esp(proposal: Proposal) -> EspSuite:
    """The suite of an accepted ESP proposal. Raises NotOneSuite."""
    cipher = _one(proposal, TransformType.ENCR)
    integrity = _at_most_one(proposal, TransformType.INTEG)
    exchange = _at_most_one(proposal, TransformType.KE)
    extended = _at_most_one(proposal, TransformType.ESN)
    return EspSuite(
        Encr(cipher.id),
        _bits(cipher),
        Integ(integrity.id) if integrity else Integ.NONE,
        extended is not None and extended.id == Esn.ESN,
        Group(exchange.id) if exchange and exchange.id != Group.NONE else None,
    )


def select_ike(sa: SaPayload, accepted: Iterable[IkeSuite]) -> tuple[Proposal, IkeSuite] | None:
    """As a responder: the first offered proposal that holds one of the accepted suites, cut down to it."""
    suites = list(accepted)
    for proposal in sa.proposals:
        for suite in suites:
            if proposal.protocol == ProtocolId.IKE and _offers(proposal, ike_transforms(suite)):
                return Proposal(proposal.number, proposal.protocol, proposal.spi, ike_transforms(suite)), suite
    return None


def select_esp(
    sa: SaPayload, accepted: Iterable[EspSuite], *, with_group: Group | None = None
) -> tuple[Proposal, EspSuite] | None:
    """The same for ESP. `with_group`: the group of the request's KE payload, taken when it is offered."""
    for proposal in sa.proposals:
        for suite in accepted:
            esns = [item.id for item in proposal.of(TransformType.ESN)]
            groups = [item.id for item in proposal.of(TransformType.KE)]
            chosen = EspSuite(
                suite.encr,
                suite.key_bits,
                suite.integ,
                suite.esn if (Esn.ESN if suite.esn else Esn.NO_ESN) in esns else Esn.ESN in esns,
                with_group if with_group in groups else None,
            )
            if proposal.protocol == ProtocolId.ESP and _offers(proposal, esp_transforms(chosen)):
                return Proposal(proposal.number, proposal.protocol, proposal.spi, esp_transforms(chosen)), chosen
    return None


def _offers(proposal: Proposal, wanted: Sequence[Transform]) -> bool:
    return all(_same(item, proposal.transforms) for item in wanted)


def _same(item: Transform, among: Iterable[Transform]) -> bool:
    return any((item.type, item.id, item.key_length) == (o.type, o.id, o.key_length) for o in among)


def _one(proposal: Proposal, kind: TransformType) -> Transform:
    found = proposal.of(kind)
    if len(found) != 1:
        raise NotOneSuite(f"{len(found)} transforms of type {kind.name} in the accepted proposal")
    return found[0]


def _at_most_one(proposal: Proposal, kind: TransformType) -> Transform | None:
    found = proposal.of(kind)
    if len(found) > 1:
        raise NotOneSuite(f"{len(found)} transforms of type {kind.name} in the accepted proposal")
    return found[0] if found else None


def _bits(transform: Transform) -> int | None:
    bits = transform.key_length
    # A fixed-length cipher with a Key Length attribute that says its one length is the same cipher.
    return None if (Encr(transform.id), None) in CIPHERS else bits
