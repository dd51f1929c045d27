"""What follows phase 1 under observation: quick mode, informational and transaction exchanges."""

from __future__ import annotations

import struct

from reference_impl.crypto import ikev1_kdf
from vectors import isakmp
from vectors.isakmp import Payload
from vectors.recording import ikev1_numbers as numbers
from vectors.recording.ikev1_phase1 import Context
from vectors.recording.ikev1_state import ObserverError, Quick

_GENERIC = 4


def notation(payload: Payload) -> str:
    """A payload as the figures of the RFCs write it."""
    name = numbers.PAYLOADS.get(payload.type, str(payload.type))
    if payload.type == numbers.NOTIFY:
        kind = int.from_bytes(payload.body[6:8], "big")
        return f"N({numbers.NOTIFICATIONS.get(kind, kind)})"
    if payload.type == numbers.NONCE:
        return "Ni/Nr"
    if payload.type == numbers.ATTRIBUTES:
        return f"ATTR({numbers.CONFIGURATION.get(payload.body[0], payload.body[0])})"
    return name


def observe(context: Context, chain: bytes) -> None:
    """Check the HASH payload and take what the message brings; `chain`: all payloads, without padding."""
    sa, label = context.sa, context.sa.labels[context.head.message_id]
    if not context.payloads or context.payloads[0].type != numbers.HASH:
        raise ObserverError(f"message {context.number} does not begin with HASH")
    assert sa.keys is not None
    after = len(context.payloads[0].body) + _GENERIC
    payloads = f"@message-{context.number}.plaintext[{after}:{len(chain)}]"
    rest, message_id = chain[after:], context.head.message_id
    inputs: dict[str, str | int] = {"prf": sa.prf, "skeyid_a": sa.at("SKEYID_a"), "message_id": f"@{label}-M-ID"}
    if context.head.exchange != numbers.QUICK:
        digest = ikev1_kdf.hash_1(sa.algorithm, sa.keys.a, message_id, rest)
        _hash(context, f"{label}-HASH-m{context.number}", digest, {**inputs, "number": 1, "payloads": payloads})
        for payload in context.payloads:
            if payload.type == numbers.ATTRIBUTES:
                _configuration(context, payload, label)
        return
    quick = sa.quick.setdefault(message_id, Quick(label, starter=context.side))
    quick.messages += 1
    _quick_payloads(context, quick)
    first, second = quick.starter, {"i": "r", "r": "i"}[quick.starter]
    if quick.messages == 1:
        digest = ikev1_kdf.hash_1(sa.algorithm, sa.keys.a, message_id, rest)
        inputs |= {"number": 1, "payloads": payloads}
    elif quick.messages == 2:
        digest = ikev1_kdf.hash_2(sa.algorithm, sa.keys.a, message_id, quick.nonce[first], rest)
        inputs |= {"number": 2, "ni": f"@{label}-Ni_b", "payloads": payloads}
    else:
        digest = ikev1_kdf.hash_3(sa.algorithm, sa.keys.a, message_id, quick.nonce[first], quick.nonce[second])
        inputs |= {"number": 3, "ni": f"@{label}-Ni_b", "nr": f"@{label}-Nr_b"}
    _hash(context, f"{label}-HASH{quick.messages}", digest, inputs)
    if quick.messages == 2:
        _keymat(context, quick)


def _hash(context: Context, name: str, digest: bytes, inputs: dict[str, str | int]) -> None:
    if context.payloads[0].body != digest:
        raise ObserverError(f"message {context.number}: {name} is another one")
    number = inputs["number"]
    reference = context.state.confirmed(
        name, f"HASH({number}) of message {context.number} (RFC 2409, 5.5, 5.7)", digest
    )
    context.state.document.case(name, "ikev1-hash", inputs, {"hash": reference})


def _quick_payloads(context: Context, quick: Quick) -> None:
    """Nonce, public value and the ESP SA's SPI of one side; i is the end that began this quick mode."""
    document, label = context.state.document, quick.label
    side = "i" if context.side == quick.starter else "r"
    if nonce := context.get(numbers.NONCE):
        quick.nonce[context.side] = nonce
        document.value(f"{label}-N{side}_b", f"The nonce of quick mode's {_role(side)}, without generic header", nonce)
    if public := context.get(numbers.KE):
        quick.public[context.side] = public
        document.value(f"{label}-g_x{side}", f"The public value of quick mode's {_role(side)}", public)
    if body := context.get(numbers.SA):
        proposal = isakmp.split(2, body[8:])[0][0]
        size = proposal.body[2]
        quick.spi[context.side] = (proposal.body[1], proposal.body[4 : 4 + size])
        says = f"The SPI of quick mode's {_role(side)}: of the SA towards it"
        document.value(f"{label}-SPI{side}", says, quick.spi[context.side][1])
        quick.offer = proposal.body[4 + size :]


def _role(side: str) -> str:
    return "initiator" if side == "i" else "responder"


def _sizes(protocol: int, transform: bytes) -> tuple[str, int, int]:
    """(words, octets of cipher key, octets of integrity key) of an ESP or AH transform."""
    values = {kind: int.from_bytes(value, "big") for kind, value in isakmp.attributes(transform[4:])}
    if protocol == numbers.AH:
        name, size = numbers.ESP_INTEGS[values[numbers.P2_AUTH]]
        return f"AH with {name}", 0, size
    name, fixed, salt = numbers.ESP_CIPHERS[transform[1]]
    size = (fixed or values.get(numbers.P2_KEY_LENGTH, 0) // 8) + salt
    integ, integ_size = numbers.ESP_INTEGS.get(values.get(numbers.P2_AUTH, 0), ("", 0))
    return f"{name} and {integ}" if integ else name, size, integ_size


def _keymat(context: Context, quick: Quick) -> None:
    """KEYMAT of both directions (RFC 2409, section 5.5), cut into keys (RFC 4301, section 4.5.2: cipher first)."""
    sa, document, label = context.sa, context.state.document, quick.label
    assert sa.keys is not None
    first, second = quick.starter, {"i": "r", "r": "i"}[quick.starter]
    transforms, _ = isakmp.split(3, quick.offer)
    words, cipher_size, integ_size = _sizes(quick.spi[first][0], transforms[0].body)
    nonces = quick.nonce[first], quick.nonce[second]
    fixed: dict[str, str | int] = {"prf": sa.prf, "skeyid_d": sa.at("SKEYID_d")}
    if quick.public:
        tail = struct.pack(">B", quick.spi[first][0]) + quick.spi[first][1] + b"".join(nonces)
        candidates = context.state.known.shared_quick(tail)
        if not candidates:
            raise ObserverError(f"{label}: the logs have no g(qm)^xy")
        quick.shared = candidates[0]
        says = "g(qm)^xy, given: both ends log it, and neither its private value"
        fixed["shared"] = document.value(f"{label}-g_xy", says, quick.shared)
    size = cipher_size + integ_size
    for side, end in (("i", first), ("r", second)):
        protocol, spi = quick.spi[end]
        made = ikev1_kdf.keymat(sa.algorithm, sa.keys.d, protocol, spi, *nonces, size, quick.shared)
        for part in (made[:cipher_size], made[cipher_size:]):
            if part:
                context.state.known.confirm(f"{label} key", part)
        says = f"KEYMAT of the SA towards quick mode's {_role(side)}, {words}: {cipher_size} and {integ_size} octets"
        reference = document.value(f"{label}-KEYMAT-{side}", f"{says} (RFC 2409, section 5.5)", made)
        nonce_inputs: dict[str, str | int] = {"ni": f"@{label}-Ni_b", "nr": f"@{label}-Nr_b"}
        inputs = {**fixed, **nonce_inputs, "protocol": protocol, "spi": f"@{label}-SPI{side}", "size": size}
        document.case(f"{label}-KEYMAT-{side}", "ikev1-keymat", inputs, {"keymat": reference})


def _configuration(context: Context, payload: Payload, label: str) -> None:
    """The attributes of mode config and XAUTH."""
    document, found = context.state.document, isakmp.attributes(payload.body[4:])
    start = payload.start + 4
    place = f"@message-{context.number}.plaintext[{start}:{payload.start + len(payload.body)}]"
    for kind, value in found:
        if numbers.XAUTH.get(kind) in ("XAUTH_USER_NAME", "XAUTH_USER_PASSWORD") and value:
            says = f"Attribute {kind} (draft-beaulieu-ike-xauth-02, section 6.2)"
            document.value(f"{label}-{numbers.XAUTH[kind]}", says, value)
    split = b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in found)
    name = f"{label}-attributes-m{context.number}"
    if found:
        document.case(name, "ikev1-attributes", {"octets": place}, {"attributes": split.hex()})
