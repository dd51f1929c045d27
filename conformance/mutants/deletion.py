"""Mutants of INFORMATIONAL exchanges: deletes, notifications, configuration, liveness (RFC 7296 §1.4, §2.4, §3.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.mutants.registry import Patch, mutant


def on_informational(patch: Patch, answer: Callable[..., Any]) -> None:
    """INFORMATIONAL requests are answered by `answer(original, engine, sa, message)`."""
    from reference_impl.ikev2 import informational

    patch.wrap(informational, "answer", answer)


# -- deletes of Child SAs -------------------------------------------------------------------------------------------


def on_closed_children(patch: Patch, change: Callable[[list[bytes], bytes], list[bytes]]) -> None:
    """`change(answered, spi)` alters the SPIs with which the Delete of `spi` is answered."""
    from reference_impl.ikev2 import deletion

    def close_by_peer(original: Any, engine: Any, sa: Any, spi: bytes) -> list[bytes]:
        return change(original(engine, sa, spi), spi)

    patch.wrap(deletion, "close_by_peer", close_by_peer)


@mutant("delete-answered-with-peers-spi", breaks="rfc7296/1.4.1/response-deletes-paired")
def delete_answered_with_peers_spi(patch: Patch) -> None:
    """Answers a Delete with the SPI that it named."""
    on_closed_children(patch, lambda answered, spi: [spi] if answered else [])


@mutant("delete-answered-with-both-spis", breaks="rfc7296/1.4.1/one-side-per-message")
def delete_answered_with_both_spis(patch: Patch) -> None:
    """Answers a Delete with both SPIs of the pair."""
    on_closed_children(patch, lambda answered, spi: [*answered, spi] if answered else [])


@mutant("unknown-delete-echoed", breaks="rfc7296/2.25.1/close-of-missing-child")
def unknown_delete_echoed(patch: Patch) -> None:
    """Answers the Delete of an unknown SPI with the same SPI."""
    on_closed_children(patch, lambda answered, spi: answered or [spi])


@mutant("delete-closes-parallel-children", breaks="rfc7296/2.8/parallel-sas-allowed")
def delete_closes_parallel_children(patch: Patch) -> None:
    """Closes with a Child SA all others of the IKE SA that have the same selectors."""
    from reference_impl.ikev2 import children, deletion
    from reference_impl.ikev2.events import Reason

    def close_by_peer(original: Any, engine: Any, sa: Any, spi: bytes) -> Any:
        gone = sa.find_child_by_peer_spi(spi)
        answered = original(engine, sa, spi)
        for child in list(sa.children.values()):
            if gone is not None and (child.local_ts, child.remote_ts) == (gone.local_ts, gone.remote_ts):
                children.remove(engine, child, Reason.DELETED_BY_PEER)
        return answered

    patch.wrap(deletion, "close_by_peer", close_by_peer)


@mutant("delete-answered-empty", breaks="rfc7296/1.4.1/response-deletes-paired")
def delete_answered_empty(patch: Patch) -> None:
    """Never has a Delete payload in a response."""
    from reference_impl.ikev2 import deletion

    patch(deletion, "delete_answer", lambda spis: ())


@mutant("unknown-delete-closes-ike", breaks="rfc7296/2.25.1/close-of-missing-child")
def unknown_delete_closes_ike(patch: Patch) -> None:
    """Takes the Delete of an unknown SPI for a fatal error."""
    from reference_impl.ikev2 import deletion
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason

    def close_by_peer(original: Any, engine: Any, sa: Any, spi: bytes) -> Any:
        if sa.find_child_by_peer_spi(spi) is None:
            raise invalid_syntax(Reason.CHILD_NOT_FOUND, spi.hex())
        return original(engine, sa, spi)

    patch.wrap(deletion, "close_by_peer", close_by_peer)


def on_child_deletes(patch: Patch, pick: Callable[[list[Any]], list[bytes]]) -> None:
    """Of the Delete payloads of a request only the SPIs that `pick` names are deleted."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload

    def answer_child_deletes(engine: Any, sa: Any, message: Any) -> list[bytes]:
        answered: list[bytes] = []
        for spi in pick(list(message.all(DeletePayload))):
            answered += deletion.close_by_peer(engine, sa, spi)
        return answered

    patch(deletion, "answer_child_deletes", answer_child_deletes)


def esp_spis(payloads: list[Any]) -> list[bytes]:
    """The SPIs of the Delete payloads for ESP."""
    from reference_impl.wire.registries import ProtocolId

    return [spi for item in payloads if item.protocol == ProtocolId.ESP for spi in item.spis]


@mutant("deletes-first-spi-only", breaks="rfc7296/1.4.1/delete-closes-designated")
def deletes_first_spi_only(patch: Patch) -> None:
    """Deletes only the first SPI of a Delete payload."""
    on_child_deletes(patch, lambda payloads: esp_spis(payloads)[:1])


@mutant("reads-first-delete-only", breaks="rfc7296/3.11/several-delete-payloads")
def reads_first_delete_only(patch: Patch) -> None:
    """Looks at the first Delete payload of a message only."""
    on_child_deletes(patch, lambda payloads: esp_spis(payloads[:1]))


@mutant("obeys-first-delete-only", breaks="rfc7296/1.4.1/delete-closes-designated")
def obeys_first_delete_only(patch: Patch) -> None:
    """Does not close the IKE SA when the message deletes a Child SA first."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload
    from reference_impl.wire.registries import ProtocolId

    def deletes_ike(message: Any) -> bool:
        first = message.get(DeletePayload)
        return first is not None and bool(first.protocol == ProtocolId.IKE)

    patch(deletion, "deletes_ike", deletes_ike)


@mutant("delete-ignores-protocol", breaks="rfc7296/3.11/spis-of-one-protocol")
def delete_ignores_protocol(patch: Patch) -> None:
    """Deletes ESP SAs by their SPI whatever the Protocol ID says."""
    on_child_deletes(patch, lambda payloads: [spi for item in payloads for spi in item.spis])


@mutant("unknown-spi-ends-delete", breaks="rfc7296/1.4.1/delete-closes-designated")
def unknown_spi_ends_delete(patch: Patch) -> None:
    """Stops at the first SPI of a Delete payload that it does not know."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload

    def answer_child_deletes(engine: Any, sa: Any, message: Any) -> list[bytes]:
        answered: list[bytes] = []
        for spi in esp_spis(list(message.all(DeletePayload))):
            if sa.find_child_by_peer_spi(spi) is None:
                break
            answered += deletion.close_by_peer(engine, sa, spi)
        return answered

    patch(deletion, "answer_child_deletes", answer_child_deletes)


@mutant("no-answer-to-odd-deletes", breaks="rfc7296/1.4/informational-answered")
def no_answer_to_odd_deletes(patch: Patch) -> None:
    """Does not answer requests with Delete payloads of an unexpected form."""
    from reference_impl.ikev2 import protected
    from reference_impl.wire.notify import DeletePayload
    from reference_impl.wire.registries import ProtocolId

    class OddError(Exception):
        """Ends in the engine's last line of defence, which answers nothing."""

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        for item in message.all(DeletePayload):
            if item.protocol != ProtocolId.IKE and not (item.spi_size == 4 and item.spis):
                raise OddError
        return original(engine, sa, message)

    def refuse(original: Any, engine: Any, sa: Any, header: Any, refusal: Any, path: Any) -> None:
        if not refusal.fatal:
            original(engine, sa, header, refusal, path)

    on_informational(patch, answer)
    patch.wrap(protected, "refuse", refuse)


# -- deletes of the IKE SA ------------------------------------------------------------------------------------------


@mutant("ike-delete-answered-with-delete", breaks="rfc7296/1.4.1/ike-delete-response-empty")
def ike_delete_answered_with_delete(patch: Patch) -> None:
    """Answers the Delete of the IKE SA with a Delete payload."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload
    from reference_impl.wire.registries import ProtocolId

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        payloads, afterwards = original(engine, sa, message)
        return [DeletePayload(ProtocolId.IKE)] if deletion.deletes_ike(message) else payloads, afterwards

    on_informational(patch, answer)


@mutant("ike-delete-keeps-ike", breaks="rfc7296/1.4.1/delete-closes-designated")
def ike_delete_keeps_ike(patch: Patch) -> None:
    """Answers the Delete of the IKE SA and keeps the SA."""
    from reference_impl.ikev2 import deletion

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        return ([], None) if deletion.deletes_ike(message) else original(engine, sa, message)

    on_informational(patch, answer)


@mutant("closed-ike-answers-anew", breaks="rfc7296/2.1/retransmitted-request-repeats-response")
def closed_ike_answers_anew(patch: Patch) -> None:
    """Makes a new response when the Delete of the IKE SA comes again."""
    from reference_impl.ikev2 import messages, protected
    from reference_impl.ikev2.states import IkeState
    from reference_impl.wire.registries import ExchangeType

    def repeat_response(original: Any, engine: Any, sa: Any, message_id: int, opened: Any, path: Any) -> None:
        if sa.state is not IkeState.CLOSED:
            original(engine, sa, message_id, opened, path)
            return
        sealed = messages.seal(engine, sa, ExchangeType.INFORMATIONAL, message_id, [], response=True)
        engine.transmit(sealed, path.local, path.remote)

    patch.wrap(protected, "repeat_response", repeat_response)


@mutant("ike-delete-keeps-children", breaks="rfc7296/1.4.1/ike-delete-closes-children")
def ike_delete_keeps_children(patch: Patch) -> None:
    """Leaves the Child SAs of a closed IKE SA in place."""
    from reference_impl.ikev2 import children
    from reference_impl.ikev2.events import Reason

    def remove(original: Any, engine: Any, child: Any, reason: Any) -> None:
        if reason is not Reason.PARENT_GONE:
            original(engine, child, reason)

    patch.wrap(children, "remove", remove)


# -- the device's own deletes ---------------------------------------------------------------------------------------


def own_deletes(patch: Patch, spis: Callable[[Any], tuple[bytes, ...]]) -> None:
    """The device's Delete of a Child SA lists what `spis(child)` says."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload
    from reference_impl.wire.registries import ProtocolId

    def request(original: Any, self: Any, engine: Any, sa: Any) -> Any:
        if original(self, engine, sa) is None:
            return None
        listed = tuple(spi for child in self.children for spi in spis(child))
        return (DeletePayload(ProtocolId.ESP, 4, listed),)

    patch.wrap(deletion.DeleteChild, "request", request)


@mutant("deletes-with-peers-spi", breaks="rfc7296/1.4.1/delete-lists-inbound-spis")
def deletes_with_peers_spi(patch: Patch) -> None:
    """Lists in its Deletes the SPI that it sends with."""
    own_deletes(patch, lambda child: (child.spi_out,))


@mutant("deletes-both-sides", breaks="rfc7296/1.4.1/one-side-per-message")
def deletes_both_sides(patch: Patch) -> None:
    """Lists both SPIs of a pair in its Deletes."""
    own_deletes(patch, lambda child: (child.spi_in, child.spi_out))


@mutant("own-delete-keeps-receiving", breaks="rfc7296/1.4.1/both-sas-closed")
def own_delete_keeps_receiving(patch: Patch) -> None:
    """Goes on receiving on a Child SA after its own Delete was answered."""
    from reference_impl.ikev2 import deletion

    patch(deletion.DeleteChild, "response", lambda self, engine, sa, message: None)


@mutant("ike-delete-with-spi", breaks="rfc7296/3.11/ike-delete-layout")
def ike_delete_with_spi(patch: Patch) -> None:
    """Lists its SPI in the Delete of the IKE SA."""
    from reference_impl.ikev2 import deletion
    from reference_impl.wire.notify import DeletePayload
    from reference_impl.wire.registries import ProtocolId

    patch(
        deletion.DeleteIke,
        "request",
        lambda self, engine, sa: (DeletePayload(ProtocolId.IKE, 8, (sa.own_spi,)),),
    )


@mutant("ike-closed-silently", breaks="rfc7296/2.4/closing-ike-sends-delete")
def ike_closed_silently(patch: Patch) -> None:
    """Closes IKE SAs without a Delete."""
    from reference_impl.ikev2 import closing

    def delete(engine: Any, sa: Any, reason: Any, detail: str = "") -> None:
        closing.close(engine, sa, reason, detail, linger=False)

    patch(closing, "delete", delete)


# -- notifications and configuration --------------------------------------------------------------------------------


@mutant("unknown-error-closes-ike", breaks="rfc7296/3.10.1/unknown-types-in-request-ignored")
def unknown_error_closes_ike(patch: Patch) -> None:
    """Closes the IKE SA when a request has an error notification."""
    from reference_impl.ikev2 import closing, messages
    from reference_impl.ikev2.events import Reason

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if messages.first_error(message) is None:
            return original(engine, sa, message)
        return [], lambda: closing.close(engine, sa, Reason.ERROR_NOTIFY)

    on_informational(patch, answer)


@mutant("invalid-spi-report-deletes-child", breaks="rfc7296/2.21.4/report-changes-nothing")
def invalid_spi_report_deletes_child(patch: Patch) -> None:
    """Removes the Child SAs when the peer reports INVALID_SPI or INVALID_SELECTORS."""
    from reference_impl.ikev2 import children
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.registries import NotifyType

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if any(message.notify(kind) for kind in (NotifyType.INVALID_SPI, NotifyType.INVALID_SELECTORS)):
            for child in list(sa.children.values()):
                children.remove(engine, child, Reason.ERROR_NOTIFY)
        return original(engine, sa, message)

    on_informational(patch, answer)


def on_configuration(patch: Patch, change: Callable[[Any, Any], Any]) -> None:
    """`change(reply, message)` alters the configuration payload of INFORMATIONAL responses."""
    from reference_impl.ikev2 import config_payload

    def answer_informational(original: Any, engine: Any, message: Any) -> Any:
        return tuple(change(item, message) for item in original(engine, message))

    patch.wrap(config_payload, "answer_informational", answer_informational)


@mutant("version-null-terminated", breaks="rfc7296/3.15.1/version-not-terminated")
def version_null_terminated(patch: Patch) -> None:
    """Ends its version with a null octet."""

    def change(reply: Any, message: Any) -> Any:
        return replace(reply, attributes=tuple(replace(item, value=item.value + b"\0") for item in reply.attributes))

    on_configuration(patch, change)


@mutant("version-as-cfg-ack", breaks="rfc7296/2.20/may-ask-version")
def version_as_cfg_ack(patch: Patch) -> None:
    """Answers CFG_REQUEST by CFG_ACK."""
    from reference_impl.wire.registries import CfgType

    on_configuration(patch, lambda reply, message: replace(reply, cfg_type=CfgType.ACK))


@mutant("cfg-ack-returns-values", breaks="rfc7296/3.15.1/ack-lists-accepted-empty")
def cfg_ack_returns_values(patch: Patch) -> None:
    """Returns the attributes of CFG_SET with their values in CFG_ACK."""
    from reference_impl.ikev2 import config_payload
    from reference_impl.wire.registries import CfgType

    def change(reply: Any, message: Any) -> Any:
        asked = config_payload.find(message, CfgType.SET)
        return reply if asked is None else replace(reply, attributes=asked.attributes)

    on_configuration(patch, change)


@mutant("configuration-outside-auth-refused", breaks="rfc7296/1.4/informational-answered")
def configuration_outside_auth_refused(patch: Patch) -> None:
    """Refuses configuration payloads in INFORMATIONAL requests."""
    from reference_impl.ikev2.errors import invalid_syntax
    from reference_impl.ikev2.events import Reason
    from reference_impl.wire.config import ConfigPayload

    def answer(original: Any, engine: Any, sa: Any, message: Any) -> Any:
        if message.get(ConfigPayload) is not None:
            raise invalid_syntax(Reason.INVALID_SYNTAX, "configuration payload")
        return original(engine, sa, message)

    on_informational(patch, answer)


# -- the device's own requests --------------------------------------------------------------------------------------


@mutant("liveness-with-payload", breaks="rfc7296/2.4/liveness-is-empty-informational")
def liveness_with_payload(patch: Patch) -> None:
    """Checks liveness by a request with a private notification."""
    from reference_impl.ikev2 import informational
    from reference_impl.wire.notify import NotifyPayload
    from reference_impl.wire.registries import NotifyType

    patch(informational.Liveness, "request", lambda self, engine, sa: (NotifyPayload(NotifyType(40961)),))


@mutant("retransmission-sealed-anew", breaks="rfc7296/2.1/retransmission-bitwise-identical")
def retransmission_sealed_anew(patch: Patch) -> None:
    """Encrypts an INFORMATIONAL request again, with a new IV, each time that it sends it."""
    from reference_impl.ikev2 import exchange, messages
    from reference_impl.wire.registries import ExchangeType

    def on_timer(original: Any, engine: Any, sa: Any, pending: Any) -> None:
        if pending.exchange == ExchangeType.INFORMATIONAL:
            payloads = pending.task.request(engine, sa)
            pending.datagrams = messages.seal(
                engine, sa, ExchangeType.INFORMATIONAL, pending.message_id, payloads, response=False
            )
        original(engine, sa, pending)

    patch.wrap(exchange, "on_timer", on_timer)


@mutant("ignores-own-window", breaks="rfc7296/2.3/one-request-outstanding")
def ignores_own_window(patch: Patch) -> None:
    """Sends its requests without waiting for responses."""
    from reference_impl.ikev2.window import OutboundWindow

    patch(OutboundWindow, "has_room", lambda self: True)


@mutant("deaf-while-waiting", breaks="rfc7296/2.3/accepts-request-while-outstanding")
def deaf_while_waiting(patch: Patch) -> None:
    """Ignores requests while one of its own is unanswered."""
    from reference_impl.ikev2 import protected

    def on_request(original: Any, engine: Any, sa: Any, header: Any, opened: Any, path: Any) -> None:
        if not sa.outbound.pending:
            original(engine, sa, header, opened, path)

    patch.wrap(protected, "on_request", on_request)
