"""Phase 1 under observation: main and aggressive mode (RFC 2409, sections 5 to 5.4; RFC 3947, section 3.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from reference_impl.crypto import ikev1_kdf
from reference_impl.crypto.cipher import CIPHERS
from reference_impl.crypto.ikev1_kdf import HASHES
from vectors import isakmp
from vectors.isakmp import Header, Payload
from vectors.recording import ikev1_numbers as numbers
from vectors.recording.ikev1_state import Chain, ObserverError, Sa, Seen, State

_END = {"i": "initiator", "r": "responder"}
_OTHER = {"i": "r", "r": "i"}
# the hash that a signature method is tied to takes the place of the negotiated one (RFC 2409, section 5.1; RFC 4754)
_TIED = {"ECDSA-256": HASHES[4], "ECDSA-384": HASHES[5], "ECDSA-521": HASHES[6]}


@dataclass(frozen=True, slots=True)
class Context:
    """One message in its place: who sent it (`side` i or r of the ISAKMP SA), its payloads in clear."""

    state: State
    sa: Sa
    side: str
    number: int
    payloads: list[Payload]
    seen: Seen
    head: Header

    def all(self, kind: int) -> list[bytes]:
        """The bodies of the payloads of a type."""
        return [payload.body for payload in self.payloads if payload.type == kind]

    def get(self, kind: int) -> bytes | None:
        """The first of them."""
        return next(iter(self.all(kind)), None)

    def value(self, name: str, says: str, octets: bytes) -> str:
        """Enter a value of this SA; the reference to it."""
        return self.state.document.value(f"{name}{self.sa.label}", says, octets)

    def case(self, name: str, operation: str, inputs: dict[str, str | int], expected: dict[str, str | int]) -> None:
        """Enter a case of this SA."""
        self.state.document.case(f"{name}{self.sa.label}", operation, inputs, dict(expected))


def observe(context: Context) -> None:
    """Take what a message of phase 1 brings, in the order in which it is needed."""
    sa, side, end = context.sa, context.side, _END[context.side]
    if offer := context.get(numbers.SA):
        _security_association(context, offer)
    if public := context.get(numbers.KE):
        sa.public[side] = public
        context.value(f"g_x{side}", f"The {end}'s public value in {sa.group}", public)
    if nonce := context.get(numbers.NONCE):
        sa.nonce[side] = nonce
        context.value(f"N{side}_b", f"The {end}'s nonce, without generic header", nonce)
    if identity := context.get(numbers.ID):
        sa.identity[side] = identity
        context.value(f"IDi{side}_b", f"The {end}'s ID payload without generic header (section 5)", identity)
    if sa.keys is None and len(sa.public) == 2 and len(sa.nonce) == 2:
        _keys(context)
    for body in context.all(numbers.NAT_D):
        _nat_d(context, body)
    certificates = [body[1:] for body in context.all(numbers.CERT) if body[0] == 4]
    if certificates:
        context.value(f"certificate_{side}", f"The {end}'s certificate, DER", certificates[0])
    if (digest := context.get(numbers.HASH)) is not None:
        _authenticate(context, digest)
    if signature := context.get(numbers.SIG):
        _authenticate(context, None)
        _signature(context, signature)


def _security_association(context: Context, body: bytes) -> None:
    """Keep SAi_b; of the answer take the one transform."""
    sa = context.sa
    if context.side == "i":
        sa.offered = body
        context.value("SAi_b", "The initiator's SA payload without generic header (section 5)", body)
        if context.head.exchange == numbers.MAIN:
            return
    (proposal,), _ = isakmp.split(2, body[8:])
    transforms, _ = isakmp.split(3, proposal.body[4 + proposal.body[2] :])
    if context.side == "i":
        if len(transforms) == 1:
            _suite(sa, dict(isakmp.attributes(transforms[0].body[4:])))
        return
    chosen = transforms[0].body[4:]
    found = isakmp.attributes(chosen)
    _suite(sa, dict(found))
    start = 28 + context.seen.data[28:].find(chosen)
    split = b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in found)
    place = f"@message-{context.number}.bytes[{start}:{start + len(chosen)}]"
    context.case("transform", "ikev1-attributes", {"octets": place}, {"attributes": split.hex()})


def _suite(sa: Sa, attributes: dict[int, bytes]) -> None:
    values = {kind: int.from_bytes(value, "big") for kind, value in attributes.items()}
    sa.algorithm = HASHES[values[numbers.A_HASH]]
    sa.cipher, fixed, sa.block_size = numbers.CIPHERS[values[numbers.A_CIPHER]]
    sa.key_size = fixed or values[numbers.A_KEY_LENGTH] // 8
    sa.method = numbers.METHODS[values[numbers.A_METHOD]]
    sa.group = numbers.GROUPS[values[numbers.A_GROUP]]


def _keys(context: Context) -> None:
    """SKEYID and what follows, from that g^xy of the logs which fits."""
    sa, state, known = context.sa, context.state, context.state.known
    ni, nr = sa.nonce["i"], sa.nonce["r"]
    for shared in known.shared():
        if sa.method.psk:
            skeyid = ikev1_kdf.skeyid_psk(sa.algorithm, known.psk, ni, nr)
        else:
            skeyid = ikev1_kdf.skeyid_signature(sa.algorithm, ni, nr, shared)
        keys = ikev1_kdf.skeyids(sa.algorithm, skeyid, shared, sa.cky_i, sa.cky_r)
        try:
            known.confirm("SKEYID_e", keys.e)
        except ObserverError:
            continue
        break
    else:
        raise ObserverError(f"message {context.number}: no g^xy of the logs gives the logged SKEYID_e")
    sa.keys = keys
    inputs: dict[str, str | int] = {"prf": sa.prf, "ni": sa.at("Ni_b"), "nr": sa.at("Nr_b")}
    inputs |= {"cky_i": sa.at("CKY-I"), "cky_r": sa.at("CKY-R")}
    if sa.method.psk:
        inputs["psk"] = state.document.value("psk", "The pre-shared key", known.psk)
    inputs["shared"] = context.value("g_xy", "g^xy, given: both ends log it, and neither its private value", shared)
    says = "SKEYID (RFC 2409, section 5)"
    outputs: dict[str, str | int] = {}
    for name, octets in (("SKEYID", keys.skeyid), ("SKEYID_d", keys.d), ("SKEYID_a", keys.a), ("SKEYID_e", keys.e)):
        outputs[name.lower()] = state.confirmed(f"{name}{sa.label}", says.replace("SKEYID", name), octets)
    context.case("skeyid", f"ikev1-{'psk' if sa.method.psk else 'sig'}-kdf", inputs, outputs)
    key = ikev1_kdf.encryption_key(sa.algorithm, keys.e, sa.key_size)
    reference = state.confirmed(f"Ka{sa.label}", f"The key of {sa.cipher} (appendix B)", key)
    sizes: dict[str, str | int] = {"prf": sa.prf, "skeyid_e": sa.at("SKEYID_e"), "size": sa.key_size}
    context.case("key", "ikev1-encryption-key", sizes, {"key": reference})
    family = next(
        each
        for each in CIPHERS.values()
        if each.name.startswith(sa.cipher) and each.key_size == sa.key_size and each.make_raw
    )
    assert family.make_raw is not None
    sa.raw = family.make_raw(key)
    iv = ikev1_kdf.phase1_iv(sa.algorithm, sa.public["i"], sa.public["r"], sa.block_size)
    publics: dict[str, str | int] = {"public_i": sa.at("g_xi"), "public_r": sa.at("g_xr")}
    fixed: dict[str, str | int] = {"algorithm": sa.algorithm.name, "size": sa.block_size}
    sa.chains[bytes(4)] = Chain(iv, "ikev1-phase1-iv", {**fixed, **publics})
    # aggressive mode may end without an encrypted message: then phase 2 goes on from this IV
    iv_reference = context.value("IV", "The IV of phase 1's first encrypted message (appendix B)", iv)
    context.case("iv", "ikev1-phase1-iv", {**fixed, **publics}, {"iv": iv_reference})
    sa.last_phase1 = (iv_reference, iv)


def _nat_d(context: Context, body: bytes) -> None:
    sa, seen = context.sa, context.seen
    count = context.state.counts
    count["NAT-D"] = count.get("NAT-D", 0) + 1
    name = f"NAT-D{count['NAT-D']}"
    for end, (address, port) in (("destination", seen.destination), ("source", seen.source)):
        packed = ip_address(address).packed
        if ikev1_kdf.nat_d(sa.algorithm, sa.cky_i, sa.cky_r, packed, port) != body:
            continue
        says = f"NAT-D of message {context.number}: the {end}, {address} port {port} (RFC 3947, section 3.2)"
        reference = context.state.document.value(name, says, body)
        inputs: dict[str, str | int] = {
            "algorithm": sa.algorithm.name,
            "cky_i": sa.at("CKY-I"),
            "cky_r": sa.at("CKY-R"),
        }
        context.state.document.case(
            name, "ikev1-nat-d", {**inputs, "address": packed.hex(), "port": port}, {"hash": reference}
        )
        return
    says = f"NAT-D of message {context.number} that fits neither end: made up, or of an address before a NAT"
    context.state.document.value(name, says, body)


def _authenticate(context: Context, received: bytes | None) -> None:
    """HASH_I or HASH_R, in the message or below its signature."""
    sa, side, other = context.sa, context.side, _OTHER[context.side]
    assert sa.keys is not None
    cookie = {"i": sa.cky_i, "r": sa.cky_r}
    own, peer = ((sa.public[end], cookie[end]) for end in (side, other))
    algorithm = _TIED.get(sa.method.initiator, sa.algorithm)
    digest = ikev1_kdf.phase1_hash(algorithm, sa.keys.skeyid, own, peer, sa.offered, sa.identity[side])
    if received is not None and received != digest:
        raise ObserverError(f"message {context.number}: HASH_{side.upper()} is another one")
    name = f"HASH_{side.upper()}"
    reference = context.state.confirmed(f"{name}{sa.label}", f"{name} (RFC 2409, section 5)", digest)
    inputs: dict[str, str | int] = {"prf": f"HMAC-{algorithm.name}", "skeyid": sa.at("SKEYID")}
    inputs |= {"own_public": sa.at(f"g_x{side}"), "peer_public": sa.at(f"g_x{other}")}
    inputs |= {"own_cookie": sa.at(f"CKY-{side.upper()}"), "peer_cookie": sa.at(f"CKY-{other.upper()}")}
    inputs |= {"sa": sa.at("SAi_b"), "identity": sa.at(f"IDi{side}_b")}
    context.case(name, "ikev1-phase1-hash", inputs, {"hash": reference})


def _signature(context: Context, signature: bytes) -> None:
    sa, side, end = context.sa, context.side, _END[context.side]
    algorithm = sa.method.initiator if side == "i" else sa.method.responder
    name, digest = f"SIG_{side.upper()}", sa.at(f"HASH_{side.upper()}")
    reference = context.value(name, f"{algorithm} signature over {digest[1:]} (RFC 2409, section 5.1)", signature)
    inputs: dict[str, str | int] = {"algorithm": algorithm, "certificate": sa.at(f"certificate_{side}"), "hash": digest}
    context.case(f"{name}-verify", "ikev1-verify", {**inputs, "signature": reference}, {"verified": True})
    if algorithm == "RSA":
        key = context.state.known.private_keys[side]
        private = context.state.document.value(f"private_key_{side}", f"The {end}'s private key, PKCS #8", key)
        context.case(
            f"{name}-sign",
            "ikev1-sign",
            {"algorithm": algorithm, "private_key": private, "hash": digest},
            {"signature": reference},
        )
