"""From the datagrams of two foreign IKEv1 peers to a transcript: every value is computed from g^xy once more.

Neither end logs its private Diffie-Hellman value, so g^xy comes from their logs and is the given value. All others
are derived here from it, from the messages and from the credentials, and then looked for in the logs.
"""

from __future__ import annotations

import struct

from reference_impl.crypto import ikev1_kdf
from vectors import isakmp
from vectors.isakmp import Header, Payload
from vectors.recording import ikev1_numbers as numbers
from vectors.recording import ikev1_phase1, ikev1_phase2
from vectors.recording.document import Document
from vectors.recording.ikev1_state import ZERO_COOKIE, Chain, Known, ObserverError, Sa, Seen, State

_LABELS = {numbers.QUICK: "QM", numbers.INFORMATIONAL: "INFO", numbers.TRANSACTION: "TX"}
_PHASE1 = bytes(4)


class Observer:
    """Feed it every message in order with :meth:`see`; the transcript's parts are then in `document`."""

    def __init__(self, known: Known) -> None:
        self.state = State(known)

    @property
    def document(self) -> Document:
        """Values, messages and cases so far."""
        return self.state.document

    def see(self, seen: Seen) -> None:
        """Enter a message. Raises ObserverError, isakmp.IsakmpError."""
        head = isakmp.header(seen.data)
        sa = self._sa(head, seen)
        side = "i" if seen.source[0] == sa.initiator else "r"
        number = len(self.document.messages) + 1
        self.document.messages.append(
            {
                "number": number,
                "from": "initiator" if side == "i" else "responder",
                "time": round(seen.time, 3),
                "exchange": numbers.EXCHANGES[head.exchange],
                "summary": "",
                "source": "{}:{}".format(*seen.source),
                "destination": "{}:{}".format(*seen.destination),
                **({"marker": True} if seen.marker else {}),
                "bytes": seen.data.hex(),
            }
        )
        body = self._decrypt(sa, head, number, seen.data) if head.encrypted else seen.data[isakmp.HEADER_SIZE :]
        payloads, padding = isakmp.split(head.first, body)
        if any(padding):
            raise ObserverError(f"message {number}: padding of other octets than zero")
        context = ikev1_phase1.Context(self.state, sa, side, number, payloads, seen, head)
        if head.exchange in (numbers.MAIN, numbers.AGGRESSIVE):
            ikev1_phase1.observe(context)
        elif head.encrypted:
            ikev1_phase2.observe(context, body[: len(body) - len(padding)])
        self._enter(sa, number, head, payloads, len(padding))

    def _sa(self, head: Header, seen: Seen) -> Sa:
        sas = self.state.sas
        sa = sas.get(head.cky_i)
        if sa is None:
            label = f"-{len(sas) + 1}" if sas else ""
            sa = sas[head.cky_i] = Sa(label, head.cky_i, seen.source[0])
            self.document.value(f"CKY-I{label}", "The initiator's cookie (RFC 2408, section 2.5.3)", head.cky_i)
        if head.cky_r != ZERO_COOKIE and sa.cky_r == ZERO_COOKIE:
            sa.cky_r = head.cky_r
            self.document.value(f"CKY-R{sa.label}", "The responder's cookie", head.cky_r)
        return sa

    def _enter(self, sa: Sa, number: int, head: Header, payloads: list[Payload], padding: int) -> None:
        """Payload list and summary, and the cases of framing."""
        document, place = self.document, f"@message-{number}"
        message = document.messages[number - 1]
        names = [ikev1_phase2.notation(payload) for payload in payloads]
        message["summary"] = f"{message['exchange']}: {' '.join(names)}"
        message["payloads"] = [
            {"type": payload.type, "name": name, "body": document.expression(payload.body)}
            for payload, name in zip(payloads, names, strict=True)
        ]
        part = "plaintext" if head.encrypted else "bytes"
        octets = f"{place}.{part}" + ("" if head.encrypted else "[28:]")
        rest = f"{place}.{part}[-{padding}:]" if padding else ""
        document.case(
            f"m{number}-payloads",
            "ikev1-payloads",
            {"first": head.first, "octets": octets},
            {"payloads": f"{place}.payloads", "padding": rest},
        )
        if not head.encrypted:
            cookies = {"cky_i": sa.at("CKY-I"), "cky_r": "00" * 8 if head.cky_r == ZERO_COOKIE else sa.at("CKY-R")}
            fixed = {"exchange": head.exchange, "flags": head.flags, "message_id": head.message_id.hex()}
            inputs = {**cookies, **fixed, "payloads": f"{place}.payloads", **({"padding": rest} if padding else {})}
            document.case(f"m{number}-message", "ikev1-message", inputs, {"message": f"{place}.bytes"})

    def _decrypt(self, sa: Sa, head: Header, number: int, data: bytes) -> bytes:
        document, place = self.document, f"@message-{number}"
        if sa.raw is None:
            raise ObserverError(f"message {number} is encrypted before there is a key")
        chain, body = self._chain(sa, head), data[isakmp.HEADER_SIZE :]
        plaintext = sa.raw.decrypt(chain.iv, body)
        document.messages[number - 1] |= {"iv": chain.iv.hex(), "plaintext": plaintext.hex()}
        for outputs in chain.following:
            outputs["next_iv"] = f"{place}.iv"
        if not chain.following:
            self.state.known.confirm(f"IV of message {number}", chain.iv)
            document.case(f"m{number}-iv", chain.operation, chain.inputs, {"iv": f"{place}.iv"})
        fields = struct.pack(">BBBB", head.first, isakmp.VERSION, head.exchange, head.flags).hex()
        identifier = "00000000" if head.message_id == _PHASE1 else f"@{sa.labels[head.message_id]}-M-ID"
        header = f"{sa.at('CKY-I')} + {sa.at('CKY-R')} + {fields} + {identifier} + {head.length:08x}"
        keyed = {"cipher": sa.cipher, "key": sa.at("Ka"), "iv": f"{place}.iv"}
        last = f"{place}.bytes[-{sa.block_size}:]"
        sealed: dict[str, str | int] = {"message": f"{place}.bytes", "next_iv": last}
        opened: dict[str, str | int] = {"plaintext": f"{place}.plaintext", "next_iv": last}
        document.case(
            f"m{number}-seal", "ikev1-seal", {**keyed, "header": header, "plaintext": f"{place}.plaintext"}, sealed
        )
        document.case(f"m{number}-open", "ikev1-open", {**keyed, "message": f"{place}.bytes"}, opened)
        chain.iv, chain.following = body[-sa.block_size :], [sealed, opened]
        if head.message_id == _PHASE1:
            sa.last_phase1 = (last, chain.iv)
        return plaintext

    def _chain(self, sa: Sa, head: Header) -> Chain:
        if head.message_id in sa.chains:
            return sa.chains[head.message_id]
        kind, counts = _LABELS[head.exchange], self.state.counts
        counts[kind] = counts.get(kind, 0) + 1
        label = sa.labels[head.message_id] = f"{kind}{counts[kind]}"
        says = f"The message ID of a {numbers.EXCHANGES[head.exchange]} exchange"
        identifier = self.document.value(f"{label}-M-ID", says, head.message_id)
        expression, block = sa.last_phase1
        chain = sa.chains[head.message_id] = Chain(
            ikev1_kdf.phase2_iv(sa.algorithm, block, head.message_id),
            "ikev1-phase2-iv",
            {"algorithm": sa.algorithm.name, "last_block": expression, "message_id": identifier},
        )
        return chain
