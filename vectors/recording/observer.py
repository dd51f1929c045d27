"""From datagrams and our own end's private values to a transcript: every value is computed here once more.

The observer follows the exchange from outside, with the private key exchange values of our end, so that the engine's
own idea of the keys is not what the transcript says, but what it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from reference_impl.crypto import kdf, ke
from reference_impl.crypto.kdf import IkeKeys
from reference_impl.crypto.protection import Protection
from reference_impl.crypto.suite import IkeSuite
from reference_impl.ikev2 import proposal, protect
from reference_impl.wire.base import Payload
from reference_impl.wire.encrypted import SkfPayload
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import NotifyPayload
from reference_impl.wire.payload import parse_chain
from reference_impl.wire.registries import ExchangeType, Group, NotifyType, ProtocolId
from reference_impl.wire.sa import SaPayload
from reference_impl.wire.simple import CertReqPayload, KePayload, NoncePayload
from vectors.recording import authentication
from vectors.recording.document import Document, family, group_name, notation, prf_name, suite_inputs
from vectors.recording.draws import Draws

IKE_PARTS = ("d", "ai", "ar", "ei", "er", "pi", "pr")
CHILD_PARTS = ("ei", "ai", "er", "ar")
KEY_NAMES = {"e": "Encryption", "a": "Integrity"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One IKE message on the wire, without the non-ESP marker."""

    sender: str
    time: float
    data: bytes
    marker: bool
    source: str
    destination: str


@dataclass
class IkeSa:
    """An IKE SA as the observer knows it; `label` tells its values from those of the others."""

    label: str
    suite: IkeSuite
    keys: IkeKeys

    def protection(self, side: str) -> Protection:
        """The keys of what the end `i` or `r` of this SA sends."""
        keys = (self.keys.sk_ei, self.keys.sk_ai) if side == "i" else (self.keys.sk_er, self.keys.sk_ar)
        return Protection(self.suite.cipher_algorithm(), self.suite.integ_algorithm(), *keys)

    def inputs(self, side: str) -> dict[str, str]:
        """The same as inputs of an operation."""
        cipher, integ = self.suite.cipher_algorithm(), self.suite.integ_algorithm()
        inputs = {"cipher": family(cipher), "key": f"@SK_e{side}{self.label}"}
        if integ is not None:
            inputs |= {"integ": integ.name, "integ_key": f"@SK_a{side}{self.label}"}
        return inputs


@dataclass
class Exchange:
    """What a request brought, for its response."""

    label: str
    payloads: tuple[Payload, ...] = ()
    nonce: str = ""
    public: KePayload | None = None


@dataclass
class Observer:
    """Feed it the messages in order. `role` is our end; `credentials` has the names of each end's credentials."""

    role: str
    draws: Draws
    credentials: dict[str, dict[str, str]]
    document: Document = field(default_factory=Document)
    secrets: list[str] = field(default_factory=list)
    _sas: dict[bytes, IkeSa] = field(default_factory=dict)
    _init: list[tuple[int, Message]] = field(default_factory=list)
    _exchanges: dict[tuple[bytes, str, int], Exchange] = field(default_factory=dict)
    _fragments: dict[tuple[bytes, str, int], list[tuple[int, protect.Opened]]] = field(default_factory=dict)
    _count: int = 1
    signed: authentication.SignedOctets = field(default_factory=authentication.SignedOctets)

    def see(self, seen: Seen) -> None:
        """One message."""
        number = len(self.document.messages) + 1
        message = Message.parse(seen.data)
        entry = {
            "number": number,
            "from": seen.sender,
            "time": seen.time,
            "exchange": message.exchange.name,
            "summary": "",
            "source": seen.source,
            "destination": seen.destination,
            "bytes": seen.data.hex(),
        }
        if seen.marker:
            entry["marker"] = True
        self.document.messages.append(entry)
        encrypted = message.encrypted
        if encrypted is None:
            self._clear(number, message, seen)
        else:
            self._protected(number, message, seen)

    # -- messages in the clear ----------------------------------------------------------------------------------

    def _clear(self, number: int, message: Message, seen: Seen) -> None:
        entry = self.document.messages[number - 1]
        if message.exchange == ExchangeType.IKE_SA_INIT:
            self._sa_init(number, message, seen)
        payloads = [
            {
                "type": int(each.TYPE),
                "name": notation(each, each.TYPE),
                "body": self.document.expression(each.body()),
            }
            for each in message.payloads
        ]
        entry["payloads"] = payloads
        entry["summary"] = self._summary(message, message.payloads)
        self.document.case(
            f"m{number}-message",
            "ikev2-message",
            {
                "spi_i": self.document.expression(message.spi_i),
                "spi_r": self.document.expression(message.spi_r),
                "exchange": int(message.exchange),
                "flags": int(message.flags),
                "message_id": message.message_id,
                "payloads": f"@message-{number}.payloads",
            },
            {"message": f"@message-{number}.bytes"},
        )

    def _summary(self, message: Message, payloads: Iterable[Payload]) -> str:
        kind = "response" if message.is_response else "request"
        names = " ".join(notation(each, each.TYPE) for each in payloads)
        return f"{message.exchange.name} {kind} {message.message_id}: {names or 'empty'}"

    def _sa_init(self, number: int, message: Message, seen: Seen) -> None:
        document = self.document
        if not message.is_response:
            document.value("SPIi", "The initiator's SPI", message.spi_i)
            ke_, nonce = message.get(KePayload), message.get(NoncePayload)
            assert ke_ is not None
            assert nonce is not None
            document.value("Ni", "The initiator's nonce", nonce.data)
            self._public(ke_, "i", "" if not self._another_group(ke_) else f"-{group_name(ke_.group).lower()}")
            if self._init:
                self._retry(number, message)
        elif message.get(SaPayload) is not None:
            self._accepted(number, message)
        self._nat_hashes(number, message, seen)
        for request in message.all(CertReqPayload):
            authentication.authority(document, number, request, self.credentials)
        self._init.append((number, message))

    def _another_group(self, ke_: KePayload) -> bool:
        """Whether there was a request with another KE payload before."""
        first = next((each.get(KePayload) for _, each in self._init if not each.is_response), None)
        return first is not None and first.group != ke_.group

    def _public(self, ke_: KePayload, side: str, label: str) -> None:
        """Our end's private value with the public one, or the other end's public one."""
        document, name = self.document, group_name(ke_.group)
        document.value(f"KE{side}{label}", f"Public value of {name} in the KE payload", ke_.data)
        private = self.draws.private_of(ke_.group, ke_.data)
        if private is None:
            return
        document.value(f"private_{side}{label}", f"Private value of {name}", private)
        self.draws.name(document, ke_.group, private, f"{side}{label}")
        if not any(case["id"] == f"public_{side}{label}" for case in document.cases):
            inputs = {"group": name, "private": f"@private_{side}{label}"}
            document.case(f"public_{side}{label}", "public", inputs, {"public": f"@KE{side}{label}"})

    def _retry(self, number: int, message: Message) -> None:
        (asked, response), (before, _) = self._init[-1], self._init[-2]
        inputs = {"request": f"@message-{before}.bytes", "response": f"@message-{asked}.bytes"}
        if _unchanging(message) != _unchanging(self._init[-2][1]):
            # RFC 7296, section 1.2, asks for the same suites, not for their order: this end puts another one first
            return
        wanted = response.notify(NotifyType.INVALID_KE_PAYLOAD)
        ke_ = message.get(KePayload)
        if wanted is not None and ke_ is not None:
            inputs["public"] = self.document.expression(ke_.data)
        self.document.case(f"m{number}-retry", "ikev2-retry", inputs, {"retry": f"@message-{number}.bytes"})

    def _shared(self, ours: KePayload, theirs: KePayload, side: str, label: str) -> bytes:
        """g^ir, with its case; `side` is ours."""
        other = {"i": "r", "r": "i"}[side]
        private = self.draws.private_of(ours.group, ours.data)
        assert private is not None
        shared = ke.key_exchange(Group(ours.group), private=private).shared(theirs.data)
        name = f"g_ir{label}"
        self.document.value(name, "g^ir (RFC 7296, section 2.14)", shared)
        self.secrets.append(name)
        self.document.case(
            name,
            "shared",
            {
                "group": group_name(ours.group),
                "private": self.document.expression(private),
                "peer": self.document.expression(theirs.data, [f"KE{other}{label}"]),
            },
            {"shared": f"@{name}"},
        )
        return shared

    def _accepted(self, number: int, message: Message) -> None:
        document = self.document
        requested = next(each for _, each in reversed(self._init) if not each.is_response)
        request_number = next(place for place, each in reversed(self._init) if not each.is_response)
        sa, ker, nonce_r = message.get(SaPayload), message.get(KePayload), message.get(NoncePayload)
        kei, nonce_i = requested.get(KePayload), requested.get(NoncePayload)
        assert sa is not None and ker is not None and nonce_r is not None and kei is not None and nonce_i is not None  # noqa: PT018
        document.value("SPIr", "The responder's SPI", message.spi_r)
        document.value("Nr", "The responder's nonce", nonce_r.data)
        self._public(ker, "r", "")
        ours, theirs, side = (kei, ker, "i") if self.role == "initiator" else (ker, kei, "r")
        shared = self._shared(ours, theirs, side, "")
        suite = proposal.ike_suite(sa.proposals[0])
        seed = kdf.skeyseed(suite.prf_algorithm(), nonce_i.data, nonce_r.data, shared)
        spis = (message.spi_i, message.spi_r)
        self._new_sa("", suite, seed, (nonce_i.data, nonce_r.data), spis)
        self._keys_case("", suite, "ikev2-keys", {"shared": "@g_ir"})
        self.signed = authentication.SignedOctets({"i": request_number, "r": number})

    def _new_sa(
        self, label: str, suite: IkeSuite, seed: bytes, nonces: tuple[bytes, bytes], spis: tuple[bytes, bytes]
    ) -> None:
        cipher, integ = suite.cipher_algorithm(), suite.integ_algorithm()
        keys = kdf.ike_keys(suite.prf_algorithm(), seed, *nonces, *spis, cipher, integ)
        says = "RFC 7296, section 2.14" if not label else "RFC 7296, section 2.18"
        self.document.value(f"SKEYSEED{label}", f"SKEYSEED ({says})", seed)
        self.secrets.append(f"SKEYSEED{label}")
        for part in IKE_PARTS:
            octets = getattr(keys, f"sk_{part}")
            if octets:
                self.document.value(f"SK_{part}{label}", f"SK_{part} ({says})", octets)
                self.secrets.append(f"SK_{part}{label}")
        self._sas[spis[0] + spis[1]] = IkeSa(label, suite, keys)

    def _keys_case(self, label: str, suite: IkeSuite, operation: str, inputs: dict[str, str]) -> None:
        expected = {"skeyseed": f"@SKEYSEED{label}"}
        expected |= {
            f"sk_{part}": f"@SK_{part}{label}" for part in IKE_PARTS if f"SK_{part}{label}" in self.document.names
        }
        fixed = {"prf": prf_name(suite.prf_algorithm()), "ni": f"@Ni{label}", "nr": f"@Nr{label}"}
        fixed |= {"spi_i": f"@SPIi{label}", "spi_r": f"@SPIr{label}"}
        suites = suite_inputs(suite.cipher_algorithm(), suite.integ_algorithm())
        self.document.case(f"keys{label}", operation, {**fixed, **suites, **inputs}, expected)

    def _nat_hashes(self, number: int, message: Message, seen: Seen) -> None:
        kinds = {
            NotifyType.NAT_DETECTION_SOURCE_IP: ("source", seen.source),
            NotifyType.NAT_DETECTION_DESTINATION_IP: ("destination", seen.destination),
        }
        for payload in message.payloads:
            if not isinstance(payload, NotifyPayload) or payload.notify not in kinds:
                continue
            kind, endpoint = kinds[payload.notify]
            side = "r" if message.is_response else "i"
            known = authentication.nat_preimage(payload.data, message, endpoint)
            says = f"NAT detection hash of the {kind} in message {number}"
            if known is None:
                self.document.value(f"NAT_{kind}_{side}-{number}", f"{says}; it fits no address", payload.data)
                continue
            address, port = known
            name = f"NAT_{kind}_{side}-{number}"
            self.document.value(name, f"{says}: SPIs, {address}, port {port} (RFC 7296, section 2.23)", payload.data)
            inputs = {
                "spi_i": "@SPIi",
                "spi_r": self.document.expression(message.spi_r),
                "address": ip_address(address).packed.hex(),
                "port": port,
            }
            self.document.case(name, "ikev2-nat-hash", inputs, {"hash": f"@{name}"})

    # -- protected messages -------------------------------------------------------------------------------------

    def _protected(self, number: int, message: Message, seen: Seen) -> None:
        document, encrypted = self.document, message.encrypted
        assert encrypted is not None
        sa = self._sas[message.spi_i + message.spi_r]
        side = "i" if message.flags & Flags.INITIATOR else "r"
        opened = protect.open_raw(seen.data, sa.protection(side))
        start = len(seen.data) - len(encrypted.content)
        protection = sa.protection(side)
        icv = seen.data[len(seen.data) - protection.icv_size :]
        plaintext = opened.inner + opened.padding + bytes([len(opened.padding)])
        document.messages[number - 1] |= {"iv": opened.iv.hex(), "plaintext": plaintext.hex(), "icv": icv.hex()}
        keyed, place = sa.inputs(side), f"@message-{number}"
        document.case(
            f"m{number}-seal",
            "ike-sk-seal",
            {**keyed, "head": f"{place}.bytes[:{start}]", "iv": f"{place}.iv", "plaintext": f"{place}.plaintext"},
            {"message": f"{place}.bytes", "icv": f"{place}.icv"},
        )
        inner = f"{place}.plaintext[:{len(opened.inner)}]"
        if isinstance(encrypted, SkfPayload):
            parts = {"number": opened.fragment, "total": opened.total, "first": opened.inner_first, "plaintext": inner}
            document.case(f"m{number}-open", "ike-skf-open", {**keyed, "message": f"{place}.bytes"}, parts)
            self._fragment(number, message, seen, opened)
            return
        document.case(f"m{number}-open", "ike-sk-open", {**keyed, "message": f"{place}.bytes"}, {"plaintext": inner})
        self._inner(number, message, seen, opened.inner_first, opened.inner, [(number, len(opened.inner))])

    def _fragment(self, number: int, message: Message, seen: Seen, opened: protect.Opened) -> None:
        key = (message.spi_i, f"{seen.sender} {message.is_response}", message.message_id)
        parts = self._fragments.setdefault(key, [])
        parts.append((number, opened))
        self.document.messages[number - 1]["summary"] = (
            f"{message.exchange.name} {'response' if message.is_response else 'request'} {message.message_id}: "
            f"fragment {opened.fragment} of {opened.total}"
        )
        if len(parts) < opened.total:
            return
        parts.sort(key=lambda part: part[1].fragment)
        content = b"".join(each.inner for _, each in parts)
        places = [(place, len(each.inner)) for place, each in parts]
        self._inner(number, message, seen, parts[0][1].inner_first, content, places)

    def _inner(
        self, number: int, message: Message, seen: Seen, first: int, content: bytes, places: list[tuple[int, int]]
    ) -> None:
        document, entry = self.document, self.document.messages[number - 1]
        payloads = parse_chain(first, content, strict=True, inside_sk=True)
        self._understand(number, message, seen, payloads)
        position, listed = 0, []
        for each in payloads:
            size = len(each.body())
            text = document.expression(each.body())
            if len(places) == 1:
                text = f"@message-{number}.plaintext[{position + 4}:{position + 4 + size}]"
            listed.append({"type": int(each.TYPE), "name": notation(each, each.TYPE), "body": text})
            position += 4 + size
        entry["payloads"] = listed
        entry["summary"] = self._summary(message, payloads) + (" (whole)" if len(places) > 1 else "")
        octets = " + ".join(f"@message-{place}.plaintext[:{size}]" for place, size in places)
        if listed:
            inputs = {"payloads": f"@message-{number}.payloads"}
            document.case(f"m{number}-payloads", "ikev2-chain", inputs, {"first": first, "octets": octets})

    def _understand(self, number: int, message: Message, seen: Seen, payloads: tuple[Payload, ...]) -> None:
        sa = self._sas[message.spi_i + message.spi_r]
        if message.exchange == ExchangeType.IKE_AUTH:
            side = "r" if message.is_response else "i"
            authentication.observe(self, number, sa, side, payloads)
            own = next((each for each in payloads if isinstance(each, SaPayload)), None)
            if own is not None:
                self._esp_spi(own, side, "")
                if message.is_response:
                    self._child(sa, own, "", "")
        elif message.exchange == ExchangeType.CREATE_CHILD_SA:
            self._create_child(message, sa, payloads, "response" if message.is_response else "request")

    def _create_child(self, message: Message, sa: IkeSa, payloads: tuple[Payload, ...], kind: str) -> None:
        whole = Message(message.spi_i, message.spi_r, message.exchange, message.flags, message.message_id, payloads)
        offer, nonce, public = whole.get(SaPayload), whole.get(NoncePayload), whole.get(KePayload)
        initiator = bool(message.flags & Flags.INITIATOR) != message.is_response
        key = (message.spi_i + message.spi_r, str(initiator), message.message_id)
        if kind == "request":
            self._count += 1
            self._exchanges[key] = Exchange(f"-{self._count}", payloads, public=public)
        exchange = self._exchanges[key]
        if offer is None or nonce is None:
            return
        side, label = ("i", exchange.label) if kind == "request" else ("r", exchange.label)
        self.document.value(f"N{side}{label}", f"The nonce of the CREATE_CHILD_SA {kind}", nonce.data)
        if public is not None:
            self._public(public, side, label)
        is_ike = offer.proposals[0].protocol == ProtocolId.IKE
        if is_ike:
            self.document.value(f"SPI{side}{label}", "SPI of the new IKE SA", offer.proposals[0].spi)
        else:
            self._esp_spi(offer, side, label)
        if kind == "request":
            return
        shared, shared_name = b"", ""
        if public is not None and exchange.public is not None:
            ours = exchange.public if self.draws.private_of(exchange.public.group, exchange.public.data) else public
            theirs, own = (public, "i") if ours is exchange.public else (exchange.public, "r")
            shared, shared_name = self._shared(ours, theirs, own, label), f"@g_ir{label}"
        if is_ike:
            self._rekeyed(sa, offer, label, shared)
        else:
            self._child(sa, offer, label, shared_name)

    def _rekeyed(self, old: IkeSa, offer: SaPayload, label: str, shared: bytes) -> None:
        names, suite = self.document.names, proposal.ike_suite(offer.proposals[0])
        nonces, spis = (names[f"Ni{label}"], names[f"Nr{label}"]), (names[f"SPIi{label}"], names[f"SPIr{label}"])
        prf = old.suite.prf_algorithm()
        self._new_sa(label, suite, kdf.rekey_skeyseed(prf, old.keys.sk_d, shared, *nonces), nonces, spis)
        inputs = {"shared": f"@g_ir{label}", "old_prf": prf_name(prf), "sk_d": f"@SK_d{old.label}"}
        self._keys_case(label, suite, "ikev2-rekey-keys", inputs)

    def _esp_spi(self, offer: SaPayload, side: str, label: str) -> None:
        sent = {"i": "request", "r": "response"}[side]
        says = f"SPI of the Child SA to the sender of the {sent}"
        self.document.value(f"SPI_esp_{side}{label}", says, offer.proposals[0].spi)

    def _child(self, sa: IkeSa, answer: SaPayload, label: str, shared: str) -> None:
        document, suite = self.document, proposal.esp_suite(answer.proposals[0])
        cipher, integ, prf = suite.cipher_algorithm(), suite.integ_algorithm(), sa.suite.prf_algorithm()
        secret = document.names[shared[1:]] if shared else b""
        nonces = document.names[f"Ni{label}"], document.names[f"Nr{label}"]
        keys = kdf.child_keys(prf, sa.keys.sk_d, *nonces, cipher, integ, secret)
        expected = {}
        for part, (name, octets) in zip(
            CHILD_PARTS,
            (("encr_i", keys.encr_i), ("integ_i", keys.integ_i), ("encr_r", keys.encr_r), ("integ_r", keys.integ_r)),
            strict=True,
        ):
            if octets:
                what = f"{KEY_NAMES[part[0]]} key of ESP from the {authentication.ENDS[part[1]]}"
                document.value(f"KEYMAT_{part}{label}", f"{what} of the exchange (RFC 7296, section 2.17)", octets)
                self.secrets.append(f"KEYMAT_{part}{label}")
                expected[name] = f"@KEYMAT_{part}{label}"
        inputs = {"prf": prf_name(prf), **suite_inputs(cipher, integ), "sk_d": f"@SK_d{sa.label}"}
        inputs |= {"ni": f"@Ni{label}", "nr": f"@Nr{label}"} | ({"shared": shared} if shared else {})
        document.case(f"child-keys{label}", "ikev2-child-keys", inputs, expected)


def _unchanging(message: Message) -> list[Payload]:
    """What a retry repeats."""
    return [
        each
        for each in message.payloads
        if not isinstance(each, KePayload)
        and not (isinstance(each, NotifyPayload) and each.notify == NotifyType.COOKIE)
    ]
