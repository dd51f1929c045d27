"""From the datagrams of two foreign IKEv2 peers that authenticate with EAP to a transcript (RFC 7296, section 2.16).

g^ir comes from the logs of both ends and is the given value. What carries EAP is read here; IKE_SA_INIT, the SK
payloads and the Child SA are the IKEv2 observer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reference_impl.crypto import mschapv2
from reference_impl.crypto.auth import psk_auth
from reference_impl.wire.base import Payload
from reference_impl.wire.simple import AuthPayload, EapPayload, IdiPayload, IdrPayload, KePayload
from vectors.adapters.ours_eap import tls_msk as master_session_key
from vectors.recording import authentication, eap_tls
from vectors.recording.document import prf_name
from vectors.recording.draws import Draws
from vectors.recording.ikev1_state import ObserverError
from vectors.recording.observer import IkeSa, Observer, Seen

REQUEST, RESPONSE, SUCCESS, FAILURE = 1, 2, 3, 4
CODES = {REQUEST: "Request", RESPONSE: "Response", SUCCESS: "Success", FAILURE: "Failure"}
IDENTITY, NOTIFICATION, NAK, MD5, GTC, TLS, TTLS, MSCHAPV2 = 1, 2, 3, 4, 6, 13, 21, 26
METHODS = {
    IDENTITY: "Identity",
    NOTIFICATION: "Notification",
    NAK: "Nak",
    MD5: "MD5-Challenge",
    GTC: "GTC",
    TLS: "TLS",
    TTLS: "TTLS",
    MSCHAPV2: "MSCHAPv2",
}
_CHALLENGE, _RESPONSE, _SUCCESS, _FAILURE = 1, 2, 3, 4
_OTHER = {"i": "r", "r": "i"}


@dataclass(frozen=True, slots=True)
class Captured:
    """What no message shows: g^ir, the user's password; `confirm` looks a value up in both logs."""

    shared: Callable[[], list[bytes]]
    confirm: Callable[[str, bytes], None]
    password: bytes
    accepted: bool = True


@dataclass(kw_only=True)
class EapObserver(Observer):
    """An observer of a capture: `role` is nobody's, there are no draws of ours."""

    captured: Captured
    role: str = "nobody"
    draws: Draws = field(default_factory=lambda: Draws("nobody"))
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    identity: dict[str, bytes] = field(default_factory=dict)
    msk: bytes = b""
    eap_names: dict[int, str] = field(default_factory=dict)
    _challenge: tuple[bytes, str] = (b"", "")
    _nt_response: bytes = b""
    _answer: mschapv2.Responses = field(default_factory=lambda: mschapv2.Responses(b"", b"", b"", b""))
    _method: int = 0
    tls: eap_tls.Conversation = field(default_factory=eap_tls.Conversation)

    def _shared(self, ours: KePayload, theirs: KePayload, side: str, label: str) -> bytes:
        candidates = self.captured.shared()
        if not candidates:
            raise ObserverError("the logs have no g^ir in common")
        name = f"g_ir{label}"
        self.document.value(name, "g^ir, given: both ends log it, and neither its private value", candidates[0])
        return candidates[0]

    def _understand(self, number: int, message: object, seen: Seen, payloads: tuple[Payload, ...]) -> None:
        super()._understand(number, message, seen, payloads)  # type: ignore[arg-type]
        (sa,) = self._sas.values()
        side = seen.sender[0]
        for each in payloads:
            if isinstance(each, (IdiPayload, IdrPayload)) and isinstance(each, IdiPayload) == (side == "i"):
                self.identity[side] = each.body()
            elif isinstance(each, EapPayload):
                self._eap(number, side, each.data)
        has_identity = any(isinstance(each, (IdiPayload, IdrPayload)) for each in payloads)
        for each in payloads:
            if isinstance(each, AuthPayload) and not has_identity:
                self._eap_auth(sa, side, each.data)

    # -- EAP packets --------------------------------------------------------------------------------------------------

    def _eap(self, number: int, side: str, packet: bytes) -> None:
        code, method = packet[0], packet[4] if len(packet) > 4 else 0
        self.eap_names[number] = f"EAP-{CODES[code]}" + (f"/{METHODS.get(method, method)}" if method else "")
        if int.from_bytes(packet[2:4], "big") != len(packet):
            raise ObserverError(f"message {number}: an EAP packet of another length")
        label, body = f"-{number}", packet[5:]
        if method == IDENTITY and code == RESPONSE:
            self.document.value(f"EAP_identity{label}", "The peer's EAP identity (RFC 3748, section 5.1)", body)
        elif method == MD5:
            self._md5(number, code, packet[1], body)
        elif method == GTC and code == RESPONSE:
            self.document.value(f"EAP_password{label}", "The password, as EAP-GTC sends it (RFC 3748, 5.6)", body)
        elif method == MSCHAPV2:
            self._mschapv2(number, code, body)
        if code in (REQUEST, RESPONSE) and method > NAK:
            self._method = method
        if method in (TLS, TTLS):
            self.tls.add(side, body)
        if code == SUCCESS and self._method in (TLS, TTLS):
            self._tls_keys()

    def _tls_keys(self) -> None:
        """The MSK from the key exchange, which the responder's private key opens."""
        document, (client, server) = self.document, self.tls.randoms()
        inputs = {
            "prf": eap_tls.SUITES[self.tls.suite()],
            "private_key": "@private_key_r",
            "encrypted": document.value(
                "EncryptedPreMasterSecret", "ClientKeyExchange (RFC 5246, section 7.4.7.1)", self.tls.key_exchange()
            ),
            "client_random": document.value("client_random", "ClientHello.random", client),
            "server_random": document.value("server_random", "ServerHello.random", server),
            "label": {TLS: b"client EAP encryption", TTLS: b"ttls keying material"}[self._method].hex(),
        }
        made = master_session_key(
            {**inputs, **{name: self._octets(text) for name, text in inputs.items() if name != "prf"}}
        )
        secrets = {name: octets for name, octets in made.items() if isinstance(octets, bytes)}
        self.msk = secrets["msk"]
        says = {TLS: "RFC 5216, section 2.3", TTLS: "RFC 5281, section 8"}[self._method]
        expected = {
            "premaster_secret": document.value(
                "premaster_secret", "RFC 5246, section 8.1", secrets["premaster_secret"]
            ),
            "master_secret": document.value("master_secret", "RFC 5246, section 8.1", secrets["master_secret"]),
            "msk": document.value("MSK", f"The Master Session Key ({says})", self.msk),
        }
        self.captured.confirm("MSK", self.msk)
        document.case("msk", "eap-tls-msk", dict(inputs), dict(expected))

    def _octets(self, text: str) -> bytes:
        return self.document.names[text[1:]] if text.startswith("@") else bytes.fromhex(text)

    def _md5(self, number: int, code: int, identifier: int, body: bytes) -> None:
        value = body[1 : 1 + body[0]]
        if code == REQUEST:
            name = f"EAP_challenge-{number}"
            self._challenge = value, self.document.value(name, "The challenge (RFC 3748, section 5.4)", value)
            return
        reference = self.document.value(f"EAP_response-{number}", "MD5(identifier | password | challenge)", value)
        secret = self.document.value("password", "The user's password", self.captured.password)
        inputs = {"identifier": identifier, "secret": secret, "challenge": self._challenge[1]}
        if self.captured.accepted:
            self.document.case(f"eap-md5-{number}", "eap-md5", inputs, {"response": reference})

    def _mschapv2(self, number: int, code: int, body: bytes) -> None:
        """One message of MS-CHAP-V2: its opcode comes first, then identifier and length but in short replies."""
        document, opcode = self.document, body[0]
        if opcode == _CHALLENGE:
            value = body[5 : 5 + body[4]]
            says = "AuthenticatorChallenge (RFC 2759, section 3)"
            self._challenge = value, document.value(f"AuthenticatorChallenge-{number}", says, value)
        elif opcode == _RESPONSE and code == RESPONSE:
            self._mschapv2_response(number, body)
        elif opcode == _SUCCESS and code == REQUEST:
            proof = body[4:46]
            if proof != self._answer.authenticator:
                raise ObserverError(f"message {number}: another authenticator response")
            self._mschapv2_keys()

    def _mschapv2_response(self, number: int, body: bytes) -> None:
        document, value, user = self.document, body[5 : 5 + body[4]], body[5 + body[4] :]
        peer_challenge, response = value[:16], value[24:48]
        password = self.captured.password.decode().encode("utf-16-le")
        self._answer = made = mschapv2.respond(user, password, self._challenge[0], peer_challenge)
        names = {
            "user_name": document.value("user_name", "UserName, as the response has it", user),
            "password": document.value("password", "The user's password in UTF-16, little-endian", password),
            "authenticator_challenge": self._challenge[1],
            "peer_challenge": document.value(f"PeerChallenge-{number}", "PeerChallenge (RFC 2759)", peer_challenge),
        }
        says = "(RFC 2759, section 8)"
        if made.nt_response != response:
            raise ObserverError(f"message {number}: another NT-Response")
        self._nt_response = response
        expected = {
            "challenge": document.value("ChallengeHash", f"The 8-octet challenge {says}", made.challenge),
            "password_hash": document.value("NtPasswordHash", f"MD4 of the password {says}", made.password_hash),
            "nt_response": document.value("NT-Response", f"NT-Response {says}", response),
            "authenticator_response": document.value(
                "AuthenticatorResponse", f"The authenticator's proof {says}", made.authenticator
            ),
        }
        document.case(f"mschapv2-{number}", "mschapv2", dict(names), dict(expected))

    def _mschapv2_keys(self) -> None:
        document = self.document
        password = self.captured.password.decode().encode("utf-16-le")
        keys = mschapv2.session_keys(password, self._nt_response)
        says = "(RFC 3079, section 3.4)"
        expected = {
            "password_hash_hash": document.value("PasswordHashHash", "MD4 of NtPasswordHash", keys.password_hash_hash),
            "master_key": document.value("MasterKey", f"GetMasterKey {says}", keys.master_key),
            "receive_key": document.value(
                "MasterReceiveKey", f"What the authenticator receives with {says}", keys.receive_key
            ),
            "send_key": document.value("MasterSendKey", f"What the authenticator sends with {says}", keys.send_key),
            "msk": document.value("MSK", "MasterReceiveKey | MasterSendKey | 32 zeros", keys.msk),
        }
        inputs = {"password": "@password", "nt_response": "@NT-Response"}
        self.captured.confirm("MSK", keys.msk)
        document.case("msk", "mschapv2-msk", inputs, dict(expected))
        self.msk = keys.msk

    # -- AUTH after EAP -----------------------------------------------------------------------------------------------

    def _eap_auth(self, sa: IkeSa, side: str, data: bytes) -> None:
        """AUTH with the MSK, or with SK_p of its sender where the method gives none (RFC 7296, section 2.16)."""
        document, other = self.document, _OTHER[side]
        prf, sk_p = sa.suite.prf_algorithm(), sa.keys.sk_pi if side == "i" else sa.keys.sk_pr
        secret = "@MSK" if self.msk else f"@SK_p{side}"
        body, place = self.identity[side], self.signed.messages[side]
        whole = bytes.fromhex(document.messages[place - 1]["bytes"])
        maced = prf(sk_p, body)
        octets = whole + document.names[f"N{other}"] + maced
        if psk_auth(prf, self.msk or sk_p, octets) != data:
            raise ObserverError(f"AUTH of the {authentication.ENDS[side]} is another one")
        name, says = f"MACedIDFor{side.upper()}", f"prf(SK_p{side}, ID{side}') (RFC 7296, section 2.15)"
        identity = document.value(f"ID{side}'", f"The {authentication.ENDS[side]}'s ID payload without header", body)
        reference = document.value(name, says, maced)
        signed = f"@message-{place}.bytes + @N{other} + {reference}"
        inputs = {"prf": prf_name(prf), "sk_p": f"@SK_p{side}", "message": f"@message-{place}.bytes"}
        inputs |= {"nonce": f"@N{other}", "id": identity}
        document.case(f"eap-octets-{side}", "ikev2-signed-octets", inputs, {"maced_id": reference, "octets": signed})
        label = f"AUTH_{side}-EAP"
        text = (
            f"The {authentication.ENDS[side]}'s AUTH data after EAP, keyed with {secret[1:]} (RFC 7296, section 2.16)"
        )
        self.captured.confirm(label, data)
        auth = document.value(label, text, data)
        document.case(label, "ikev2-psk-auth", {"prf": prf_name(prf), "psk": secret, "octets": signed}, {"auth": auth})

    def packets(self) -> Iterator[tuple[int, str]]:
        """Message numbers with the EAP packet that each carries."""
        yield from self.eap_names.items()
