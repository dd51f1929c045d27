"""IKE_AUTH with the tester as initiator, alone and after IKE_SA_INIT (RFC 7296 §1.2)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.profile import Credential
from conformance.tester import authentication
from conformance.tester.child import ChildSa
from conformance.tester.draft import Editing
from conformance.tester.expect import error_of, observed
from conformance.tester.identity import Identity, parse_identity
from conformance.tester.ike_sa_init import InitExchange, Refused, ike_sa_init
from conformance.tester.proposals import EspOffer, NotOneSuite, chosen_esp, esp_sa_payload
from conformance.tester.sa import IkeSa
from reference_impl.crypto.auth import signed_octets
from reference_impl.crypto.errors import CryptoError
from reference_impl.wire.base import Payload
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import CfgAttribute, CfgType, ExchangeType, NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import AuthPayload, IdiPayload, IdrPayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

if TYPE_CHECKING:
    from conformance.tester.tester import Tester


EVERYTHING = ("0.0.0.0/0",)


@dataclass(slots=True, eq=False)
class AuthExchange:
    """What IKE_AUTH came to.

    reply: decrypted answer or None. sa: the IKE SA when the device accepted it. child: its first Child SA.
    problem: why one of them is missing, or what is wrong with the answer; empty when all is well.
    """

    init: InitExchange
    reply: Message | None = None
    sa: IkeSa | None = None
    child: ChildSa | None = None
    problem: str = ""

    @property
    def error(self) -> NotifyType | None:
        """The error notification of the answer."""
        return error_of(self.reply) if self.reply else None


def ike_auth(
    tester: Tester,
    init: InitExchange,
    *,
    auth: str = "psk",
    credential: Credential | None = None,
    identity: Identity | None = None,
    idi: IdiPayload | None = None,
    idr: IdrPayload | None = None,
    child: EspOffer | None = None,
    mode: str = "tunnel",
    tsi: Sequence[TrafficSelector | str] | None = None,
    tsr: Sequence[TrafficSelector | str] | None = None,
    extra: Sequence[Payload] = (),
    change_octets: Callable[[bytes], bytes] | None = None,
    edit: Editing = None,
    fragment: int | None = None,
    need_child: bool = True,
    silent: bool = False,
    timeout: float | None = None,
    note: str = "",
) -> AuthExchange:
    """IKE_AUTH after `init`.

    auth: psk, rsa, ecdsa or ed25519; credential: instead of the profile's. identity or idi: who the tester says it is
    (AUTH covers it). idr: which identity it asks for. child: ESP suites, default the profile's first. mode: tunnel or
    transport. tsi, tsr: networks or selectors, default the test's inner address and dut.traffic.local. extra:
    payloads at the end (Configuration, INITIAL_CONTACT …). change_octets: alters the octets that AUTH proves.
    edit: changes the payloads after AUTH was computed. fragment: send it as SKF with so many octets each.
    need_child: a refused Child SA is a problem; of a device that claims config_required an address is asked.
    silent: silence may be the answer, a fence tells.
    """
    result = AuthExchange(init)
    try:
        sa = init.open_sa()
    except Refused as error:
        seen = f" ({observed(init.reply)})" if init.reply and observed(init.reply) not in str(error) else ""
        result.problem = f"IKE_SA_INIT: {error}{seen}"
        return result
    keys, suite = init.keys(), init.suite
    who = identity or _own_identity(tester, auth)
    own_id = idi or IdiPayload(who.id_type, who.data)
    proof = credential or authentication.tester_credential(tester.profile, auth)
    octets = signed_octets(init.request, init.nonce_r, suite.prf_algorithm(), keys.sk_pi, own_id.body())
    if change_octets is not None:
        octets = change_octets(octets)
    # RFC 7427 §3: the method needs the announcement of both ends.
    announced = init.draft.message().notify(NotifyType.SIGNATURE_HASH_ALGORITHMS) is not None
    hashes = authentication.announced_hashes(init.reply) if init.reply and announced else []
    spi = sa.fresh_spi()
    payloads: list[Payload] = [own_id]
    if proof.method != "psk":
        payloads += authentication.certificates(proof)
        anchors = [item.ca for item in tester.profile.dut_auth.values() if item.ca]
        payloads += [authentication.certificate_request(anchors[0])] if anchors else []
    wanted = idr or _asked_identity(tester, proof.method)
    payloads += [wanted] if wanted else []
    payloads.append(authentication.Signer(suite.prf_algorithm(), proof, hashes).auth(octets))
    offer = child if child is not None else tester.profile.child[0]
    sa_payload = esp_sa_payload(offer, spi)
    if need_child and tester.claims("config_required"):
        payloads.append(ConfigPayload(CfgType.REQUEST, (ConfigAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS),)))
        tsi = EVERYTHING if tsi is None else tsi
    own_ts, far_ts = selectors(tester, tsi, tsr, mode)
    payloads += [sa_payload, TsiPayload(own_ts), TsrPayload(far_ts)]
    if mode == "transport":
        payloads.append(NotifyPayload(NotifyType.USE_TRANSPORT_MODE))
    payloads += extra
    if silent:
        result.reply = sa.exchange_or_silence(ExchangeType.IKE_AUTH, payloads, edit=edit, fragment=fragment, note=note)
    else:
        sent = sa.send_request(ExchangeType.IKE_AUTH, payloads, edit=edit, fragment=fragment, note=note)
        result.reply = sa.await_reply(sent, timeout)
    _conclude(result, sa, spi, need_child)
    return result


def _conclude(result: AuthExchange, sa: IkeSa, spi: bytes, need_child: bool) -> None:
    tester, init, reply = sa.tester, result.init, result.reply
    if reply is None:
        result.problem = "no answer to IKE_AUTH"
        return
    idr = reply.get(IdrPayload)
    if reply.get(AuthPayload) is None or idr is None:
        result.problem = f"IKE_AUTH refused: {observed(reply)}"
        return
    suite, keys = init.suite, init.keys()
    received = init.received
    octets = signed_octets(
        received.octets if received else b"", init.nonce_i, suite.prf_algorithm(), keys.sk_pr, idr.body()
    )
    try:
        authentication.verify_device(reply, idr, octets, suite.prf_algorithm(), tester.profile)
    except authentication.AuthenticationProblem as error:
        result.problem = f"the device's proof of identity: {error}"
        return
    result.sa = sa
    sa.established = True
    sa.auth_reply = reply
    try:
        result.child = first_child(sa, reply, spi, init)
    except Refused as error:
        if need_child:
            result.problem = f"no Child SA: {error} ({observed(reply)})"


def first_child(sa: IkeSa, reply: Message, spi: bytes, init: InitExchange) -> ChildSa:
    """The Child SA that an IKE_AUTH answer accepts. Raises Refused."""
    accepted, tsi, tsr = reply.get(SaPayload), reply.get(TsiPayload), reply.get(TsrPayload)
    if accepted is None or tsi is None or tsr is None or len(accepted.proposals) != 1:
        raise Refused("SA, TSi and TSr with one proposal are due")
    try:
        suite = chosen_esp(accepted.proposals[0])
        transport = reply.notify(NotifyType.USE_TRANSPORT_MODE) is not None
        return sa.add_child(
            suite,
            spi,
            accepted.proposals[0].spi,
            init.nonce_i,
            init.nonce_r,
            initiator=True,
            tsi=tsi.selectors,
            tsr=tsr.selectors,
            mode="transport" if transport else "tunnel",
        )
    except (NotOneSuite, CryptoError) as error:
        raise Refused(str(error)) from None


def selectors(
    tester: Tester,
    tsi: Sequence[TrafficSelector | str] | None,
    tsr: Sequence[TrafficSelector | str] | None,
    mode: str = "tunnel",
) -> tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]:
    """Traffic selectors from networks; default: the test's inner address and dut.traffic.local."""
    traffic = tester.profile.traffic
    if mode == "transport":
        own, far = tester.port.address[0], tester.profile.address
    else:
        own = tester.inner_address
        far = traffic.local if traffic else tester.profile.address
    return (
        tuple(_selector(item) for item in (tsi if tsi is not None else [own])),
        tuple(_selector(item) for item in (tsr if tsr is not None else [far])),
    )


def _selector(item: TrafficSelector | str) -> TrafficSelector:
    return TrafficSelector.from_network(item) if isinstance(item, str) else item


def _own_identity(tester: Tester, method: str) -> Identity:
    credential = tester.profile.tester_auth.get(method)
    if method != "psk" and credential is not None and credential.identity:
        return parse_identity(credential.identity.replace("%d", str(tester.number)))
    return tester.identity


def _asked_identity(tester: Tester, method: str) -> IdrPayload | None:
    """With signatures, the identity that the device has for them: it may have another one for each method."""
    theirs = tester.profile.dut_auth.get(method)
    if method == "psk" or theirs is None or not theirs.identity:
        return None
    asked = parse_identity(theirs.identity)
    return IdrPayload(asked.id_type, asked.data)


def attempt(tester: Tester, *, edit_init: Editing = None, edit_auth: Editing = None, **overrides: Any) -> AuthExchange:
    """IKE_SA_INIT and IKE_AUTH with the keywords of both; `extra` is IKE_AUTH's, `extra_init` the other's."""
    extra_init = overrides.pop("extra_init", ())
    unknown = set(overrides) - _INIT_KEYS - _AUTH_KEYS
    if unknown:
        raise TypeError(f"no such keyword: {', '.join(sorted(unknown))}")
    second = {key: value for key, value in overrides.items() if key in _AUTH_KEYS}
    first = {key: value for key, value in overrides.items() if key in _INIT_KEYS and key not in ("extra", "note")}
    first["extra"] = extra_init
    init = ike_sa_init(tester, edit=edit_init, **first)
    return ike_auth(tester, init, edit=edit_auth, **second)


_INIT_KEYS = frozenset(inspect.signature(ike_sa_init).parameters) - {"tester", "edit"}
_AUTH_KEYS = frozenset(inspect.signature(ike_auth).parameters) - {"tester", "init", "edit"}
