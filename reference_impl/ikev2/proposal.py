"""SA payloads: what is offered, which suite is chosen, and whether an answer fits the offer (RFC 7296 section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reference_impl.crypto import cipher, ke
from reference_impl.crypto.errors import UnsupportedAlgorithm
from reference_impl.crypto.suite import EspSuite, IkeSuite
from reference_impl.wire.quick import quick_init
from reference_impl.wire.registries import AttributeType, Encr, Esn, Group, Integ, Prf, ProtocolId, TransformType
from reference_impl.wire.sa import Proposal, Transform, key_length

from .errors import BadResponse
from .events import Reason

IKE_TYPES = (TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE)
ESP_TYPES = (TransformType.ENCR, TransformType.INTEG, TransformType.KE, TransformType.ESN)
IKE_MANDATORY = (TransformType.ENCR, TransformType.PRF, TransformType.KE)
ESP_MANDATORY = (TransformType.ENCR, TransformType.ESN)
SPI_SIZES = {ProtocolId.IKE: 8, ProtocolId.ESP: 4}
FIXED_KEY = frozenset({Encr.CHACHA20_POLY1305, Encr.NULL, Encr.DES, Encr.TRIPLE_DES, Encr.IDEA})


@quick_init
@dataclass(frozen=True, slots=True)
class IkeChoice:
    """The suite taken from an offer, and the proposal that says so."""

    suite: IkeSuite
    answer: Proposal


@quick_init
@dataclass(frozen=True, slots=True)
class EspChoice:
    """As IkeChoice, with the peer's SPI from the chosen proposal."""

    suite: EspSuite
    answer: Proposal
    peer_spi: bytes


@lru_cache(maxsize=256)
def ike_offer(suites: tuple[IkeSuite, ...], spi: bytes = b"") -> tuple[Proposal, ...]:
    """One proposal per suite, in order of preference; ``spi`` is empty in IKE_SA_INIT and 8 octets when rekeying."""
    return tuple(Proposal(number, ProtocolId.IKE, spi, ike_transforms(suite)) for number, suite in enumerate(suites, 1))


def esp_offer(suites: Sequence[EspSuite], spi: bytes, *, groups: bool) -> tuple[Proposal, ...]:
    """One proposal per suite; without ``groups`` (IKE_AUTH has no key exchange) their groups are left out."""
    transforms = dict.fromkeys(esp_transforms(suite, groups=groups) for suite in suites)
    return tuple(Proposal(number, ProtocolId.ESP, spi, each) for number, each in enumerate(transforms, 1))


def ike_transforms(suite: IkeSuite) -> tuple[Transform, ...]:
    """A combined-mode cipher is offered without an integrity transform (section 2.7)."""
    transforms = [_encr(suite.encr, suite.key_bits), Transform(TransformType.PRF, suite.prf)]
    if suite.integ != Integ.NONE:
        transforms.append(Transform(TransformType.INTEG, suite.integ))
    transforms.append(Transform(TransformType.KE, suite.group))
    return tuple(transforms)


@lru_cache(maxsize=256)
def esp_transforms(suite: EspSuite, *, groups: bool) -> tuple[Transform, ...]:
    """The group transform is omitted rather than sent as NONE (section 1.2)."""
    transforms = [_encr(suite.encr, suite.key_bits)]
    if suite.integ != Integ.NONE:
        transforms.append(Transform(TransformType.INTEG, suite.integ))
    if groups and suite.group is not None:
        transforms.append(Transform(TransformType.KE, suite.group))
    transforms.append(Transform(TransformType.ESN, Esn.ESN if suite.esn else Esn.NO_ESN))
    return tuple(transforms)


def _encr(encr: Encr, key_bits: int | None) -> Transform:
    return Transform(TransformType.ENCR, encr, () if key_bits is None else (key_length(key_bits),))


def choose_ike(
    offered: Iterable[Proposal], policy: Sequence[IkeSuite], ke_group: int | None = None, spi: bytes = b""
) -> IkeChoice | None:
    """The first offered proposal that policy allows; inside it the group of the KE payload is preferred.

    None when nothing is acceptable.
    """
    for proposal in offered:
        if not proposal_is_usable(proposal, ProtocolId.IKE, len(spi)):
            continue
        ordered = sorted(policy, key=lambda suite: suite.group != ke_group)
        for suite in ordered:
            choice = match_ike(proposal, suite, spi)
            if choice is not None:
                return choice
    return None


def choose_esp(
    offered: Iterable[Proposal],
    policy: Sequence[EspSuite],
    spi: bytes,
    *,
    groups: bool,
    ke_group: int | None = None,
) -> EspChoice | None:
    """As choose_ike. Without ``groups`` the policy's groups are not asked for (IKE_AUTH)."""
    for proposal in offered:
        if not proposal_is_usable(proposal, ProtocolId.ESP, len(spi)):
            continue
        ordered = sorted(policy, key=lambda suite: suite.group != ke_group) if groups else policy
        for suite in ordered:
            choice = match_esp(proposal, suite, spi, groups=groups)
            if choice is not None:
                return choice
    return None


def proposal_is_usable(proposal: Proposal, protocol: ProtocolId, spi_size: int) -> bool:
    """The protocol fits, the SPI has its size, every mandatory transform type is there and no unknown one (3.3.6)."""
    if proposal.protocol != protocol or len(proposal.spi) != spi_size:
        return False
    known, mandatory = (IKE_TYPES, IKE_MANDATORY) if protocol == ProtocolId.IKE else (ESP_TYPES, ESP_MANDATORY)
    present = {transform.type for transform in proposal.transforms}
    return present.issubset(known) and present.issuperset(mandatory)


def transform_is_understood(transform: Transform) -> bool:
    """Only encryption takes an attribute, and only Key Length in its short form (sections 3.3.5 and 3.3.6)."""
    if not transform.attributes:
        return transform.type != TransformType.ENCR or not key_length_is_required(transform.id)
    if transform.type != TransformType.ENCR or transform.id in FIXED_KEY:
        return False
    return len(transform.attributes) == 1 and all(
        attribute.tv and attribute.type == AttributeType.KEY_LENGTH for attribute in transform.attributes
    )


def key_length_is_required(encr: int) -> bool:
    """All ciphers of variable key length that are supported here demand the attribute."""
    return encr not in FIXED_KEY


def key_length_is_enough(offered: int | None, wanted: int | None) -> bool:
    """A longer key than configured is accepted (section 3.3.5)."""
    return offered == wanted or (offered is not None and wanted is not None and offered > wanted)


def as_sent(transforms: Iterable[Transform]) -> tuple[Transform, ...]:
    """Chosen transforms for an answer: the offer's reserved octets are not echoed (section 3.3.2)."""
    return tuple([Transform(each.type, each.id, each.attributes) for each in transforms])


def match_ike(proposal: Proposal, suite: IkeSuite, spi: bytes) -> IkeChoice | None:
    """The answer that takes ``suite`` from ``proposal``, or None."""
    encr = find_encr(proposal, suite.encr, suite.key_bits)
    prf = find(proposal, TransformType.PRF, suite.prf)
    integ = find_integ(proposal, suite.integ)
    group = find(proposal, TransformType.KE, suite.group)
    if encr is None or prf is None or integ is None or group is None:
        return None
    chosen = IkeSuite(suite.encr, encr.key_length, suite.integ, suite.prf, suite.group)
    return IkeChoice(chosen, Proposal(proposal.number, ProtocolId.IKE, spi, as_sent((encr, prf, *integ, group))))


def match_esp(proposal: Proposal, suite: EspSuite, spi: bytes, *, groups: bool) -> EspChoice | None:
    """The answer that takes ``suite`` from ``proposal``, or None."""
    wanted = suite.group if groups else None
    encr = find_encr(proposal, suite.encr, suite.key_bits)
    integ = find_integ(proposal, suite.integ)
    group = find_group(proposal, wanted)
    esn = find(proposal, TransformType.ESN, Esn.ESN if suite.esn else Esn.NO_ESN)
    if encr is None or integ is None or group is None or esn is None:
        return None
    chosen = EspSuite(suite.encr, encr.key_length, suite.integ, suite.esn, wanted)
    answer = Proposal(proposal.number, ProtocolId.ESP, spi, as_sent((encr, *integ, *group, esn)))
    return EspChoice(chosen, answer, proposal.spi)


def find(proposal: Proposal, kind: TransformType, identifier: int) -> Transform | None:
    """The first understood transform of this type and ID."""
    for transform in proposal.transforms:
        if transform.type == kind and transform.id == identifier and transform_is_understood(transform):
            return transform
    return None


def find_encr(proposal: Proposal, encr: Encr, key_bits: int | None) -> Transform | None:
    """The configured key length if it is offered, else a longer one that is supported."""
    longer: Transform | None = None
    for transform in proposal.transforms:
        if transform.type != TransformType.ENCR or transform.id != encr or not transform_is_understood(transform):
            continue
        if transform.key_length == key_bits:
            return transform
        if key_length_is_enough(transform.key_length, key_bits) and longer is None and _is_supported(transform):
            longer = transform
    return longer


def _is_supported(transform: Transform) -> bool:
    try:
        cipher.cipher(Encr(transform.id), transform.key_length)
    except UnsupportedAlgorithm:
        return False
    return True


def find_integ(proposal: Proposal, integ: Integ) -> tuple[Transform, ...] | None:
    """For a combined-mode cipher no integrity transform, or NONE where it is offered; None when it does not fit."""
    offered = proposal.of(TransformType.INTEG)
    if integ == Integ.NONE and not offered:
        return ()
    found = find(proposal, TransformType.INTEG, integ)
    return None if found is None else (found,)


def find_group(proposal: Proposal, group: Group | None) -> tuple[Transform, ...] | None:
    """The wanted group; without one, no group transform, or NONE where it is offered."""
    offered = proposal.of(TransformType.KE)
    if group is None and not offered:
        return ()
    found = find(proposal, TransformType.KE, Group.NONE if group is None else group)
    return None if found is None else (found,)


def accepted(answer: Sequence[Proposal], offered: Sequence[Proposal], spi_size: int) -> Proposal:
    """The one proposal of an answer, checked against the offer (section 3.3.6). Raises BadResponse."""
    if len(answer) != 1:
        raise BadResponse(Reason.PROPOSAL_MISMATCH, f"{len(answer)} proposals in the answer")
    chosen = answer[0]
    for proposal in offered:
        if proposal.number == chosen.number and proposal.protocol == chosen.protocol:
            if len(chosen.spi) != spi_size:
                raise BadResponse(Reason.PROPOSAL_MISMATCH, f"SPI of {len(chosen.spi)} octets")
            if answer_fits(chosen, proposal):
                return chosen
    raise BadResponse(Reason.PROPOSAL_MISMATCH, "the answer is not among the offered proposals")


def answer_fits(chosen: Proposal, proposal: Proposal) -> bool:
    """Exactly one transform of each offered type, each unchanged from the offer."""
    if chosen.transforms == proposal.transforms:
        return len({each.type for each in chosen.transforms}) == len(chosen.transforms)
    offered = {(each.type, each.id, each.attributes) for each in proposal.transforms}
    types = [each.type for each in chosen.transforms]
    # A responder may say INTEG NONE or KE NONE where nothing was offered: it means the same as leaving it out.
    explicit = [
        each
        for each in chosen.transforms
        if not (each.id == 0 and each.type in (TransformType.INTEG, TransformType.KE) and not proposal.of(each.type))
    ]
    return (
        len(types) == len(set(types))
        and {each.type for each in explicit} == {each.type for each in proposal.transforms}
        and all((each.type, each.id, each.attributes) in offered for each in explicit)
    )


def ike_suite(chosen: Proposal) -> IkeSuite:
    """The suite that a checked proposal stands for."""
    encr, prf = chosen.of(TransformType.ENCR)[0], chosen.of(TransformType.PRF)[0]
    integ, group = chosen.of(TransformType.INTEG), chosen.of(TransformType.KE)[0]
    return IkeSuite(
        Encr(encr.id), encr.key_length, Integ(integ[0].id) if integ else Integ.NONE, Prf(prf.id), Group(group.id)
    )


def esp_suite(chosen: Proposal) -> EspSuite:
    """The suite that a checked proposal stands for."""
    encr = chosen.of(TransformType.ENCR)[0]
    integ, group = chosen.of(TransformType.INTEG), chosen.of(TransformType.KE)
    return EspSuite(
        Encr(encr.id),
        encr.key_length,
        Integ(integ[0].id) if integ else Integ.NONE,
        any(each.id == Esn.ESN for each in chosen.of(TransformType.ESN)),
        Group(group[0].id) if group and group[0].id != Group.NONE else None,
    )


def groups_of(proposals: Iterable[Proposal]) -> tuple[int, ...]:
    """All groups of an offer, in order, without NONE."""
    return tuple(dict.fromkeys(each.id for proposal in proposals for each in proposal.of(TransformType.KE) if each.id))


def group_is_supported(group: int) -> bool:
    """Whether a KE payload can be made for it."""
    return group in ke.METHODS
