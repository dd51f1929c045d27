"""Mutants of IKE_SA_INIT as responder: SPIs, cookies, nonces, key exchange, NAT detection."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from conformance.mutants._init import change_response, drop_requests, each
from conformance.mutants.registry import Patch, mutant
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.registries import Group, NotifyType
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import KePayload, NoncePayload

SPI_SIZE = 8


# -- payloads ----------------------------------------------------------------------------------------------------


@mutant("init-response-without-nonce", breaks="rfc7296/1.2/init-response-payloads")
def init_response_without_nonce(patch: Patch) -> None:
    """Leaves the nonce out of its IKE_SA_INIT response."""
    change_response(patch, lambda payloads: tuple(item for item in payloads if not isinstance(item, NoncePayload)))


@mutant("demands-nat-detection", breaks="rfc7296/1.2/init-response-payloads")
def demands_nat_detection(patch: Patch) -> None:
    """Drops IKE_SA_INIT requests without NAT detection."""
    drop_requests(patch, lambda engine, message: message.notify(NotifyType.NAT_DETECTION_SOURCE_IP) is None)


@mutant("fills-in-missing-payloads", breaks="rfc7296/1.2/init-request-payloads")
def fills_in_missing_payloads(patch: Patch) -> None:
    """Replaces a missing SA, KE or nonce payload by one of its own."""
    from reference_impl.crypto import ke
    from reference_impl.ikev2 import proposal, sa_init

    def respond(original: Any, engine: Any, header: Any, message: Message, *rest: Any) -> None:
        suite = engine.config.connections[0].ike[0]
        usual = (
            SaPayload(proposal.ike_offer((suite,))),
            KePayload(suite.group, ke.key_exchange(suite.group).public),
            NoncePayload(bytes(32)),
        )
        missing = tuple(item for item in usual if message.get(type(item)) is None)
        original(engine, header, replace(message, payloads=message.payloads + missing), *rest)

    patch.wrap(sa_init, "respond", respond)


# -- half-open IKE SAs -------------------------------------------------------------------------------------------


@mutant("answers-init-anew", breaks="rfc7296/2.1/half-open-retransmission-same-response")
def answers_init_anew(patch: Patch) -> None:
    """Takes a retransmitted IKE_SA_INIT request for a new one."""
    from reference_impl.ikev2.engine import Engine

    def add(original: Any, self: Any, sa: Any) -> None:
        original(self, sa)
        del self.init_requests[sa.init_key]

    patch.wrap(Engine, "add_half_open", add)


@mutant("init-found-by-spi", breaks="rfc7296/2.1/init-lookup-by-content")
def init_found_by_spi(patch: Patch) -> None:
    """Takes every IKE_SA_INIT request with a known initiator SPI for a retransmission."""
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "hashlib", SimpleNamespace(sha256=lambda data: hashlib.sha256(data[:SPI_SIZE])))


@mutant("sends-init-response-twice", breaks="rfc7296/2.1/response-only-on-request")
def sends_init_response_twice(patch: Patch) -> None:
    """Sends its IKE_SA_INIT response twice, to be on the safe side."""
    from reference_impl.ikev2 import sa_init

    def create(original: Any, engine: Any, message: Any, data: Any, key: bytes, path: Any, *rest: Any) -> None:
        original(engine, message, data, key, path, *rest)
        engine.transmit((engine.init_requests[key].init_response,), path.local, path.remote)

    patch.wrap(sa_init, "create", create)


@mutant("responder-spi-constant", breaks="rfc7296/2.6/spi-unique")
def responder_spi_constant(patch: Patch) -> None:
    """Uses one SPI for all its IKE SAs."""
    from reference_impl.ikev2.tables import Tables

    patch(Tables, "new_ike_spi", lambda self: b"constant")


@mutant("spi-in-init-errors", breaks="rfc7296/2.6/failed-init-responder-spi-zero")
def spi_in_init_errors(patch: Patch) -> None:
    """Puts a responder SPI into responses that make no IKE SA."""
    from reference_impl.ikev2 import messages

    def clear_notify(original: Any, *arguments: Any) -> bytes:
        data: bytes = original(*arguments)
        return data[:SPI_SIZE] + os.urandom(SPI_SIZE) + data[2 * SPI_SIZE :]

    patch.wrap(messages, "clear_notify", clear_notify)


# -- cookies -----------------------------------------------------------------------------------------------------


@mutant("never-demands-cookies", breaks="rfc7296/2.6/cookie-under-load")
def never_demands_cookies(patch: Patch) -> None:
    """Demands no cookies, however many IKE SAs are half open."""
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "cookie_is_required", lambda engine: False)


@mutant("never-accepts-cookies", breaks="rfc7296/2.6/cookie-message-ids")
def never_accepts_cookies(patch: Patch) -> None:
    """Demands cookies and then knows none of them."""
    from reference_impl.ikev2.cookie import CookieJar

    patch(CookieJar, "accepts", lambda self, *arguments: False)


@mutant("accepts-any-cookie", breaks="rfc7296/2.6/wrong-cookie-as-none")
def accepts_any_cookie(patch: Patch) -> None:
    """Demands cookies and takes any."""
    from reference_impl.ikev2.cookie import CookieJar

    patch(CookieJar, "accepts", lambda self, *arguments: True)


@mutant("drops-wrong-cookie", breaks="rfc7296/2.6/wrong-cookie-as-none")
def drops_wrong_cookie(patch: Patch) -> None:
    """Drops requests with a wrong cookie."""
    from reference_impl.ikev2 import sa_init

    def settled(original: Any, engine: Any, header: Any, message: Message, nonce: bytes, path: Any) -> bool:
        given = message.notify(NotifyType.COOKIE)
        if given is not None and sa_init.cookie_is_required(engine):
            good: bool = engine.cookies.accepts(engine.now, given.data, nonce, path.remote, header.spi_i)
            return good
        return bool(original(engine, header, message, nonce, path))

    patch.wrap(sa_init, "cookie_is_settled", settled)


@mutant("refuses-unexpected-cookie", breaks="rfc7296/2.6/wrong-cookie-as-none")
def refuses_unexpected_cookie(patch: Patch) -> None:
    """Drops requests with a cookie that it did not demand."""
    from reference_impl.ikev2 import sa_init

    def unwanted(engine: Any, message: Message) -> bool:
        return message.notify(NotifyType.COOKIE) is not None and not sa_init.cookie_is_required(engine)

    drop_requests(patch, unwanted)


@mutant("cookie-of-65-octets", breaks="rfc7296/2.6/cookie-size")
def cookie_of_65_octets(patch: Patch) -> None:
    """Makes cookies that are too long."""
    from reference_impl.ikev2.cookie import CookieJar

    original = CookieJar._compute
    patch(CookieJar, "_compute", staticmethod(lambda *arguments: original(*arguments).ljust(65, b"\0")))


@mutant("cookie-state-is-kept", breaks="rfc7296/2.6/cookie-commits-no-state")
def cookie_state_is_kept(patch: Patch) -> None:
    """Remembers the last cookie of each initiator SPI, instead of making cookies that it can recognize."""
    from reference_impl.ikev2.cookie import CookieJar

    made: dict[bytes, bytes] = {}

    def make(self: Any, now: float, nonce: bytes, remote: Any, spi_i: bytes) -> bytes:
        made[spi_i] = os.urandom(16)
        return made[spi_i]

    patch(CookieJar, "make", make)
    patch(CookieJar, "accepts", lambda self, now, cookie, nonce, remote, spi_i: made.get(spi_i) == cookie)


@mutant("cookie-covers-ke", breaks="rfc7296/2.6.1/cookie-in-all-retries")
def cookie_covers_ke(patch: Patch) -> None:
    """Includes the KE payload in the calculation of cookies."""
    from reference_impl.ikev2 import sa_init

    def settled(original: Any, engine: Any, header: Any, message: Message, nonce: bytes, path: Any) -> bool:
        value = message.get(KePayload)
        return bool(original(engine, header, message, nonce + (value.body() if value else b""), path))

    patch.wrap(sa_init, "cookie_is_settled", settled)


@mutant("cookie-once-per-spi", breaks="rfc7296/2.6.1/without-shorter-exchange-works")
def cookie_once_per_spi(patch: Patch) -> None:
    """Answers only the first request without a cookie of each initiator SPI."""
    from reference_impl.ikev2 import sa_init

    seen: set[bytes] = set()

    def settled(original: Any, engine: Any, header: Any, message: Message, *rest: Any) -> bool:
        bare = message.notify(NotifyType.COOKIE) is None
        if bare and header.spi_i in seen:
            return False
        seen.add(header.spi_i)
        return bool(original(engine, header, message, *rest))

    patch.wrap(sa_init, "cookie_is_settled", settled)


# -- nonces ------------------------------------------------------------------------------------------------------


def _random_numbers(patch: Patch, nonce: Any) -> None:
    from reference_impl.ikev2 import sa_init
    from reference_impl.ikev2.tables import Tables

    def made(original: Any, self: Any, config: Any, rng: Any) -> None:
        original(self, config, lambda size: nonce() if size == sa_init.NONCE_SIZE else rng(size))

    patch.wrap(Tables, "__init__", made)


@mutant("nonce-constant", breaks="rfc7296/2.10/nonce-random")
def nonce_constant(patch: Patch) -> None:
    """Uses the same nonce every time."""
    _random_numbers(patch, lambda: bytes(range(32)))


@mutant("nonce-counts", breaks="rfc7296/2.10/nonce-random")
def nonce_counts(patch: Patch) -> None:
    """Counts its nonces instead of choosing them at random."""
    numbers = iter(range(1, 1 << 30))
    _random_numbers(patch, lambda: next(numbers).to_bytes(32, "big"))


@mutant("nonce-of-16-octets", breaks="rfc7296/2.10/nonce-half-prf-key")
def nonce_of_16_octets(patch: Patch) -> None:
    """Sends nonces of 16 octets, whatever the PRF is."""
    from reference_impl.ikev2 import sa_init

    patch(sa_init, "NONCE_SIZE", 16)


@mutant("nonce-of-32-octets-only", breaks="rfc7296/3.9/nonce-size")
def nonce_of_32_octets_only(patch: Patch) -> None:
    """Drops requests whose nonce has not 32 octets."""

    def unwanted(engine: Any, message: Message) -> bool:
        nonce = message.get(NoncePayload)
        return nonce is not None and len(nonce.data) != 32

    drop_requests(patch, unwanted)


@mutant("accepts-any-nonce-size", breaks="rfc7296/3.9/nonce-size")
def accepts_any_nonce_size(patch: Patch) -> None:
    """Takes nonces of any size."""
    from reference_impl.ikev2 import sa_init, sa_init_request

    class AnySize(bytes):
        """Octets that say they are 256."""

        def __len__(self) -> int:
            return 256

    def accept(original: Any, engine: Any, sa: Any, task: Any, message: Message, *rest: Any) -> None:
        change = each(NoncePayload, lambda item: replace(item, data=AnySize(item.data)))
        original(engine, sa, task, replace(message, payloads=change(message.payloads)), *rest)

    patch(NoncePayload, "MIN_SIZE", 0)
    patch(NoncePayload, "MAX_SIZE", 1 << 16)
    patch(sa_init, "nonce_is_long_enough", lambda choice, nonce: True)
    patch.wrap(sa_init_request, "accept", accept)


# -- key exchange ------------------------------------------------------------------------------------------------


@mutant("no-proposal-for-wrong-group", breaks="rfc7296/3.4/other-group-invalid-ke")
def no_proposal_for_wrong_group(patch: Patch) -> None:
    """Answers a KE payload of another group by NO_PROPOSAL_CHOSEN."""
    _invalid_ke(patch, lambda data: (NotifyType.NO_PROPOSAL_CHOSEN, b""))


@mutant("init-group-little-endian", breaks="rfc7296/1.2/invalid-ke-names-group")
def init_group_little_endian(patch: Patch) -> None:
    """Names the group in INVALID_KE_PAYLOAD in little endian order."""
    _invalid_ke(patch, lambda data: (NotifyType.INVALID_KE_PAYLOAD, data[::-1]))


def _invalid_ke(patch: Patch, change: Any) -> None:
    from reference_impl.ikev2.engine import Engine

    def reply(original: Any, self: Any, request: Any, notify: NotifyType, path: Any, data: bytes = b"") -> None:
        if notify == NotifyType.INVALID_KE_PAYLOAD:
            notify, data = change(data)
        original(self, request, notify, path, data)

    patch.wrap(Engine, "reply_in_clear", reply)


@mutant("remembers-refused-group", breaks="rfc7296/1.2/invalid-ke-names-group")
def remembers_refused_group(patch: Patch) -> None:
    """Drops the retry of an initiator SPI that it has sent INVALID_KE_PAYLOAD."""
    from reference_impl.ikev2.engine import Engine

    refused: set[bytes] = set()

    def reply(original: Any, self: Any, request: Any, notify: NotifyType, *rest: Any) -> None:
        if notify == NotifyType.INVALID_KE_PAYLOAD:
            refused.add(request.spi_i)
        original(self, request, notify, *rest)

    patch.wrap(Engine, "reply_in_clear", reply)
    drop_requests(patch, lambda engine, message: message.spi_i in refused)


@mutant("remembers-spi-of-bad-value", breaks="rfc6989/2.5/init-goes-on-waiting")
def remembers_spi_of_bad_value(patch: Patch) -> None:
    """Drops further requests of an initiator SPI that has sent a bad public value."""
    from reference_impl.ikev2.engine import Engine
    from reference_impl.ikev2.events import Reason

    bad: set[bytes] = set()
    last = [b""]

    def unwanted(engine: Any, message: Message) -> bool:
        last[0] = message.spi_i
        return message.spi_i in bad

    def reject(original: Any, self: Any, reason: Any, *rest: Any) -> None:
        if reason == Reason.KE_VALUE:
            bad.add(last[0])
        original(self, reason, *rest)

    drop_requests(patch, unwanted)
    patch.wrap(Engine, "reject", reject)


@mutant("ke-value-one-octet-longer", breaks="rfc7296/3.4/modp-value-padded")
def ke_value_one_octet_longer(patch: Patch) -> None:
    """Sends public values with one more octet of zero in front, as integers are often encoded."""
    change_response(patch, each(KePayload, lambda item: replace(item, data=b"\0" + item.data)))


@mutant("answers-ke-of-default-group", breaks="rfc7296/3.4/group-in-proposal")
def answers_ke_of_default_group(patch: Patch) -> None:
    """Writes its usual group into the KE payload, whatever the group is."""
    change_response(patch, each(KePayload, lambda item: replace(item, group=Group.ECP_256)))


@mutant("refuses-padded-ke", breaks="rfc7296/3.4/modp-value-padded")
def refuses_padded_ke(patch: Patch) -> None:
    """Refuses MODP public values that begin with zero octets."""
    from reference_impl.crypto.errors import InvalidPublicValue
    from reference_impl.crypto.modp import ModpExchange

    def shared(original: Any, self: Any, peer: bytes) -> bytes:
        if peer[:1] == b"\0":
            raise InvalidPublicValue("the value begins with zero")
        return bytes(original(self, peer))

    patch.wrap(ModpExchange, "shared", shared)


@mutant("checks-ke-reserved", breaks="rfc7296/2.5/reserved-ignored-on-receipt")
def checks_ke_reserved(patch: Patch) -> None:
    """Drops requests whose KE payload has a reserved field other than zero."""

    def unwanted(engine: Any, message: Message) -> bool:
        value = message.get(KePayload)
        return value is not None and value.reserved2 != 0

    drop_requests(patch, unwanted)


@mutant("accepts-any-modp-value", breaks="rfc6989/2.1/modp-range")
def accepts_any_modp_value(patch: Patch) -> None:
    """Calculates with any MODP public value."""
    from reference_impl.crypto.modp import ModpExchange

    patch(ModpExchange, "shared", lambda self, peer: self._encode(int.from_bytes(peer, "big")))


@mutant("accepts-any-curve-point", breaks="rfc6989/2.3/point-on-curve")
def accepts_any_curve_point(patch: Patch) -> None:
    """Calculates with public values that are no points of the curve."""
    from reference_impl.crypto.brainpool224 import Brainpool224Exchange
    from reference_impl.crypto.curves import EcpExchange
    from reference_impl.crypto.errors import InvalidPublicValue

    def shared(original: Any, self: Any, peer: bytes) -> bytes:
        try:
            return bytes(original(self, peer))
        except InvalidPublicValue:
            return bytes(len(self.public) // 2)

    for kind in (EcpExchange, Brainpool224Exchange):
        patch.wrap(kind, "shared", shared)


@mutant("refuses-top-bit", breaks="rfc8031/3.2/top-bit-masked")
def refuses_top_bit(patch: Patch) -> None:
    """Refuses X25519 public values with the most significant bit set."""
    _xdh(patch, lambda peer: len(peer) == 32 and peer[-1] & 0x80 != 0)


@mutant("refuses-non-canonical", breaks="rfc8031/3.2/non-canonical-accepted")
def refuses_non_canonical(patch: Patch) -> None:
    """Refuses Curve25519 and Curve448 public values that are not reduced."""
    primes = {32: 2**255 - 19, 56: 2**448 - 2**224 - 1}
    bits = {32: 255, 56: 448}
    _xdh(patch, lambda peer: int.from_bytes(peer, "little") % (1 << bits[len(peer)]) >= primes[len(peer)])


def _xdh(patch: Patch, wrong: Any) -> None:
    from reference_impl.crypto.curves import X448Exchange, X25519Exchange
    from reference_impl.crypto.errors import InvalidPublicValue

    def shared(original: Any, self: Any, peer: bytes) -> bytes:
        if wrong(peer):
            raise InvalidPublicValue("refused")
        return bytes(original(self, peer))

    for kind in (X25519Exchange, X448Exchange):
        patch.wrap(kind, "shared", shared)


# -- NAT detection -----------------------------------------------------------------------------------------------


@mutant("one-nat-detection-only", breaks="rfc7296/2.23/nat-detection-notifies-sent")
def one_nat_detection_only(patch: Patch) -> None:
    """Sends NAT_DETECTION_SOURCE_IP without NAT_DETECTION_DESTINATION_IP."""
    from reference_impl.ikev2 import sa_init

    patch.wrap(sa_init, "detection_payloads", lambda original, *arguments: original(*arguments)[:1])


@mutant("nat-hash-without-port", breaks="rfc7296/2.23/nat-destination-hash")
def nat_hash_without_port(patch: Patch) -> None:
    """Leaves the port out of its NAT detection hashes."""
    from reference_impl.ikev2 import nat

    def detection(original: Any, spi_i: bytes, spi_r: bytes, endpoint: Any) -> Any:
        return original(spi_i, spi_r, replace(endpoint, port=0))

    patch.wrap(nat, "detection_hash", detection)


@mutant("nat-hash-of-sha256", breaks="rfc7296/2.23/nat-source-hash")
def nat_hash_of_sha256(patch: Patch) -> None:
    """Makes its NAT detection hashes with SHA-256."""
    from reference_impl.ikev2 import nat

    patch.wrap(nat, "detection_hash", lambda original, *parts: hashlib.sha256(original(*parts)).digest())


@mutant("nat-detection-before-sa", breaks="rfc7296/2.23/nat-detection-after-nonce")
def nat_detection_before_sa(patch: Patch) -> None:
    """Sends its notifications before the other payloads."""
    change_response(
        patch, lambda payloads: tuple(sorted(payloads, key=lambda item: not isinstance(item, NotifyPayload)))
    )


@mutant("refuses-second-source-hash", breaks="rfc7296/2.23/several-source-payloads")
def refuses_second_source_hash(patch: Patch) -> None:
    """Drops requests with several NAT_DETECTION_SOURCE_IP notifications."""

    def unwanted(engine: Any, message: Message) -> bool:
        kinds = [item.notify for item in message.all(NotifyPayload)]
        return kinds.count(NotifyType.NAT_DETECTION_SOURCE_IP) > 1

    drop_requests(patch, unwanted)


@mutant("rejects-nat-mismatch", breaks="rfc7296/2.23/nat-mismatch-enables-natt")
def rejects_nat_mismatch(patch: Patch) -> None:
    """Drops requests of initiators that are behind a NAT."""
    from reference_impl.ikev2 import nat, sa_init

    def respond(original: Any, engine: Any, header: Any, message: Message, data: Any, key: Any, path: Any) -> None:
        source = message.notify(NotifyType.NAT_DETECTION_SOURCE_IP)
        if source is None or not nat.source_is_translated([source.data], message.spi_i, message.spi_r, path.remote):
            original(engine, header, message, data, key, path)

    patch.wrap(sa_init, "respond", respond)
