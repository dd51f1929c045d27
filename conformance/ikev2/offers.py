"""What tests of IKE_SA_INIT share: suites of the profile, offers made of them, and the judging of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from conformance.tester import (
    Draft,
    DutInitiator,
    ErrorNotify,
    Inconclusive,
    InitExchange,
    NotApplicable,
    Notify,
    Outcome,
    Received,
    Silence,
    Tester,
)
from conformance.tester.expect import accepts_sa, observed
from conformance.tester.proposals import ike_proposal, ike_transforms
from conformance.tester.tester import refused_offer
from reference_impl.crypto.suite import IkeSuite, parse_ike
from reference_impl.wire.base import Payload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import ExchangeType, Group, Integ, NotifyType, ProtocolId
from reference_impl.wire.sa import Proposal, SaPayload, Transform
from reference_impl.wire.simple import KePayload

REFUSED: frozenset[Outcome] = frozenset({ErrorNotify(), Silence(), Notify(NotifyType.COOKIE)})
"""The request is not accepted: an error notification, no answer, or one more cookie."""

MODP = (Group.MODP_2048, Group.MODP_3072, Group.MODP_4096, Group.MODP_6144, Group.MODP_8192, Group.MODP_1536)
NIST_CURVES = (Group.ECP_256, Group.ECP_384, Group.ECP_521)
BRAINPOOL = (Group.BRAINPOOL_P256R1, Group.BRAINPOOL_P384R1, Group.BRAINPOOL_P512R1)
LOAD_LIMIT = 100


# -- suites of the profile ---------------------------------------------------------------------------------------


def suites(tester: Tester) -> list[IkeSuite]:
    """The IKE suites that the profile says the device accepts."""
    return [parse_ike(text) for text in tester.profile.ike]


def suite_where(tester: Tester, words: str, wanted: Callable[[IkeSuite], bool]) -> IkeSuite:
    """The first of them that is `wanted`. Raises NotApplicable("… no IKE suite with …")."""
    for suite in suites(tester):
        if wanted(suite):
            return suite
    raise NotApplicable(f"the profile has no IKE suite {words}")


def first_suite(tester: Tester) -> IkeSuite:
    """The suite that most tests use."""
    return suites(tester)[0]


def combined(tester: Tester) -> IkeSuite:
    """A suite with a combined-mode cipher."""
    return suite_where(tester, "with a combined-mode cipher", lambda item: item.integ == Integ.NONE)


def classic(tester: Tester) -> IkeSuite:
    """A suite with separate encryption and integrity algorithms."""
    return suite_where(tester, "with an integrity algorithm", lambda item: item.integ != Integ.NONE)


def variable(tester: Tester) -> IkeSuite:
    """A suite whose cipher has a Key Length attribute."""
    return suite_where(tester, "with a cipher of variable key length", lambda item: item.key_bits is not None)


def with_group(tester: Tester, *groups: Group) -> IkeSuite:
    """A suite with one of these groups."""
    names = " or ".join(group.name for group in groups)
    return suite_where(tester, f"with group {names}", lambda item: item.group in groups)


def other_group(tester: Tester, suite: IkeSuite) -> IkeSuite:
    """A suite with another group than this one's."""
    return suite_where(tester, "with another group", lambda item: item.group != suite.group)


# -- offers ------------------------------------------------------------------------------------------------------


def unacceptable(number: int = 1) -> Proposal:
    """A well-formed IKE proposal that no device accepts."""
    return replace(refused_offer(), number=number)


def merged(number: int, *members: IkeSuite) -> Proposal:
    """One proposal with all transforms of these suites, each once."""
    transforms: dict[Transform, None] = {}
    for suite in members:
        transforms |= dict.fromkeys(ike_transforms(suite))
    ordered = sorted(transforms, key=lambda item: item.type)
    return Proposal(number, ProtocolId.IKE, b"", tuple(ordered))


def changed(suite: IkeSuite, change: Callable[[Transform], Iterable[Transform]], number: int = 1) -> Proposal:
    """The proposal of a suite, each transform replaced by what `change` makes of it."""
    proposal = ike_proposal(suite, number)
    return replace(proposal, transforms=tuple(new for old in proposal.transforms for new in change(old)))


# -- answers -----------------------------------------------------------------------------------------------------


def try_offer(tester: Tester, **overrides: Any) -> tuple[Draft, Message | None]:
    """An IKE_SA_INIT request that may stay without answer: the request and the answer, None when a fence shows silence.

    Keywords: those of `tester.ike_sa_init`. A cookie that the device demands is returned; other errors are answers.
    """
    mark = tester.mark()
    init = tester.ike_sa_init(timeout=0.0, cookies=False, retry_ke=False, **overrides)
    reply = init.reply
    if reply is None:
        tester.fence()
        tester.drain(tester.profile.timing.fence_grace)
        answers = [item for item in tester.since(mark) if item.is_response and item.octets[:8] == init.spi_i]
        reply = answers[0].message if answers else None
    cookie = cookie_of(reply)
    if cookie is not None:
        init.draft.payloads.insert(0, NotifyPayload(NotifyType.COOKIE, cookie))
        reply = tester.answer_or_silence(init.draft)
    return init.draft, reply


def try_init(tester: Tester, **overrides: Any) -> Message | None:
    """The answer of `try_offer`."""
    return try_offer(tester, **overrides)[1]


def expect_refused(tester: Tester, requirement: str | None = None, **overrides: Any) -> None:
    """Fail when the device accepts this IKE_SA_INIT request."""
    tester.expects(try_init(tester, **overrides), set(REFUSED), requirement)


def expect_refused_or_proper(tester: Tester, **overrides: Any) -> Proposal | None:
    """Fail unless the device refuses this request (None), or accepts it by a proper choice, which is returned."""
    draft, reply = try_offer(tester, **overrides)
    if reply is None or not accepts_sa(reply):
        tester.expects(reply, set(REFUSED))
        return None
    return judge_choice(tester, draft, reply)


def expect_accepted(tester: Tester, requirement: str | None = None, **overrides: Any) -> InitExchange:
    """Fail unless the device accepts this IKE_SA_INIT request by one proper choice from its proposals."""
    init = tester.ike_sa_init(**overrides)
    tester.check(init.accepted, "the request is accepted", observed(init.reply), requirement)
    if init.reply is not None:
        judge_choice(tester, init.draft, init.reply)
    return init


def judge_choice(tester: Tester, draft: Draft, reply: Message) -> Proposal:
    """The accepted proposal, which must be a choice from one that was offered."""
    answer, offer = offer_of(reply).proposals, draft.message().get(SaPayload)
    tester.check(len(answer) == 1, "one proposal", f"{len(answer)} proposals", "rfc7296/2.7/responder-picks-one")
    chosen = answer[0]
    offered = [item for item in offer.proposals if item.number == chosen.number] if offer else []
    number = f"number {chosen.number}"
    matches = "rfc7296/3.3.1/accepted-number-matches"
    tester.check(bool(offered), "the number of an offered proposal", number, matches)
    source = offered[0]
    tester.check(
        chosen.protocol == source.protocol, source.protocol.name, chosen.protocol.name, "rfc7296/2.7/same-protocol"
    )
    size = f"SPI of {len(chosen.spi)} octets"
    tester.check(not chosen.spi, "no SPI in the accepted proposal", size, "rfc7296/3.3.1/initial-spi-size-zero")
    kinds = [item.type for item in chosen.transforms]
    for kind in {item.type for item in source.transforms}:
        tester.check(
            kinds.count(kind) == 1,
            f"exactly one transform of type {kind.name}",
            f"{kinds.count(kind)} of them",
            "rfc7296/2.7/one-transform-per-type",
        )
    for item in chosen.transforms:
        same = [each for each in source.transforms if (each.type, each.id) == (item.type, item.id)]
        what = f"{item.type.name} transform {item.id}"
        tester.check(bool(same), "transforms that were offered", what, "rfc7296/2.7/single-suite")
        tester.check(
            any(each.attributes == item.attributes for each in same),
            f"the attributes of the offered {what}",
            f"other attributes (Key Length {item.key_length})",
            "rfc7296/3.3.6/attributes-returned-unmodified",
        )
    return chosen


def under_load(tester: Tester) -> InitExchange | None:
    """Make half-open IKE SAs until the device demands a cookie: that exchange; None when it never does."""
    for _ in range(LOAD_LIMIT):
        init = tester.ike_sa_init(cookies=False, retry_ke=False, note="one more half-open IKE SA")
        if cookie_of(init.reply) is not None:
            return init
    return None


def cookie_of(reply: Message | None) -> bytes | None:
    """The cookie that an answer demands."""
    found = reply.notify(NotifyType.COOKIE) if reply is not None and reply.get(SaPayload) is None else None
    return None if found is None else found.data


def demanded_cookie(tester: Tester) -> tuple[InitExchange, bytes]:
    """As `under_load`, with the cookie. Raises Inconclusive when there is none."""
    init = under_load(tester)
    cookie = cookie_of(init.reply) if init is not None else None
    if init is None or cookie is None:
        raise Inconclusive(f"the device demands no cookie with {LOAD_LIMIT} half-open IKE SAs")
    return init, cookie


# -- the device as initiator -------------------------------------------------------------------------------------


def expect_retry(tester: Tester, peer: DutInitiator, kind: NotifyType, data: bytes, requirement: str) -> Message:
    """Answer the device's IKE_SA_INIT request by this notification; its next request, which is due at once."""
    peer.reply([NotifyPayload(kind, data)])
    try:
        return peer.receive_ike_sa_init(tester.profile.timing.retransmit_first + tester.profile.timing.answer)
    except Inconclusive:
        tester.fail("a changed IKE_SA_INIT request", "none", requirement)


def expect_continued(peer: DutInitiator, requirement: str | None = None, **options: Any) -> None:
    """Answer IKE_SA_INIT (keywords of `answer_init`), and fail unless the device goes on to IKE_AUTH."""
    peer.answer_init(**options)
    try:
        peer.receive_auth()
    except Inconclusive:
        peer.tester.fail("the device goes on to IKE_AUTH", "nothing", requirement)


def is_auth_request(item: Received) -> bool:
    """Whether the device has gone on to IKE_AUTH."""
    return item.is_request and item.header is not None and item.header.exchange == ExchangeType.IKE_AUTH


def expect_not_continued(tester: Tester, act: Callable[[], object], requirement: str | None = None) -> None:
    """Fail when the device takes the answer that `act` sends and goes on to IKE_AUTH."""
    found = [item.text() for item in tester.answers_to(act) if is_auth_request(item)]
    tester.check(not found, "the device does not go on to IKE_AUTH", ", ".join(found), requirement)


def offer_of(message: Message) -> SaPayload:
    """The SA payload of a message of the device. Raises Inconclusive."""
    found = message.get(SaPayload)
    if found is None:
        raise Inconclusive(f"no SA payload in {observed(message)}")
    return found


def ke_of(message: Message | None) -> KePayload:
    """The KE payload. Raises Inconclusive."""
    found = message.get(KePayload) if message is not None else None
    if found is None:
        raise Inconclusive(f"no KE payload in {observed(message)}")
    return found


def encoded(payloads: Iterable[Payload]) -> list[tuple[int, bytes]]:
    """Type and content of each payload, for comparing what was sent twice."""
    return [(item.type_id, item.body()) for item in payloads]
