"""Every named misbehaviour changes the message, and only when it is asked for."""

from __future__ import annotations

import os
from typing import Any

import pytest

from conformance.tester import misbehaviour as bad
from conformance.tester.draft import Draft, apply_edits
from conformance.tester.misbehaviour.__main__ import PAGE, page
from conformance.tester.misbehaviour.vocabulary import VOCABULARY, named
from conformance.tester.proposals import esp_sa_payload, ike_sa_payload
from conformance.tester.sealing import encode
from reference_impl.crypto.cipher import cipher
from reference_impl.crypto.protection import Protection
from reference_impl.wire.header import Flags
from reference_impl.wire.message import Message
from reference_impl.wire.notify import DeletePayload, NotifyPayload
from reference_impl.wire.registries import (
    AuthMethod,
    CertEncoding,
    Encr,
    ExchangeType,
    Group,
    IdType,
    NotifyType,
    ProtocolId,
    TransformType,
)
from reference_impl.wire.simple import AuthPayload, CertPayload, IdiPayload, KePayload, NoncePayload, VendorPayload
from reference_impl.wire.ts import TrafficSelector, TsiPayload, TsrPayload

PARAMETERS: dict[str, tuple[Any, ...]] = {
    "set-flags": (0x28,),
    "message-id": (99,),
    "header-length": (7,),
    "first-payload": (40,),
    "flip-bit": (30,),
    "omit-notify": (NotifyType.COOKIE,),
    "add": (VendorPayload(b"x"),),
    "add-first": (VendorPayload(b"x"),),
    "move-first": ("Ni",),
    "move-last": ("KE",),
    "payload-length": ("KE", 9),
    "next-payload": ("KE", 33),
    "omit-transform": (TransformType.PRF,),
    "key-bits": (77,),
    "proposal-number": (0,),
    "proposal-protocol": (2,),
    "proposal-spi": (b"12345",),
    "ke-value": (b"x" * 32,),
    "nonce-size": (10,),
    "id-after-auth": (b"other",),
    "cert-encoding": (1,),
    "sk-inner-next": (40,),
    "sk-length": (4,),
    "same-iv": (b"\7" * 8,),
    "rekey-spi": (b"\7" * 4,),
    "delete-protocol": (2,),
}


def message(*, protected: bool) -> Draft:
    selector = TrafficSelector.from_network("10.1.0.0/24")
    payloads = [
        NotifyPayload(NotifyType.COOKIE, b"cookie"),
        NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, b"\1\2\3\4"),
        ike_sa_payload("aes128-sha256-ecp256"),
        KePayload(Group.CURVE25519, os.urandom(32)),
        NoncePayload(os.urandom(32)),
        IdiPayload(IdType.ID_FQDN, b"tester"),
        CertPayload(CertEncoding.X509_SIGNATURE, b"certificate"),
        AuthPayload(AuthMethod.SHARED_KEY_MIC, os.urandom(32)),
        TsiPayload((selector,)),
        TsrPayload((selector,)),
        DeletePayload(ProtocolId.ESP, 4, (b"\1\2\3\4",)),
    ]
    key = Protection(cipher(Encr.AES_GCM_16, 128), None, bytes(20), b"") if protected else None
    draft = Draft(b"i" * 8, b"r" * 8, ExchangeType.IKE_AUTH, Flags.INITIATOR, 1, payloads, protection=key)
    draft.iv = b"\0" * 8 if protected else None
    return draft


def wire(draft: Draft) -> tuple[bytes, bool | None]:
    return encode(draft), draft.marker


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_changes_the_message(name: str) -> None:
    item = VOCABULARY[name]
    default = ("KE",) if item.parameters[:1] == ("which",) and item.layer != "SA" else ()
    parameters = PARAMETERS.get(name, default)
    protected = item.layer == "SK"
    draft = message(protected=protected)
    before = wire(draft)
    edit = item.make(*parameters)
    apply_edits(draft, edit)
    after = wire(draft)
    assert before != after
    assert draft.notes == [edit.name]
    assert Message.parse(after[0].ljust(28, b"\0"), strict=False).payloads is not None


def test_there_are_enough_and_each_is_documented() -> None:
    assert len(VOCABULARY) >= 60
    assert all(item.doc.endswith(".") for item in VOCABULARY.values())
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m conformance.tester.misbehaviour"


def test_names_and_composition() -> None:
    draft = message(protected=False)
    apply_edits(draft, ["omit:KE", bad.nonce_size(16), lambda payloads: payloads[:-1]])
    kinds = [type(item).__name__ for item in draft.payloads]
    assert "KePayload" not in kinds
    assert "DeletePayload" not in kinds
    assert draft.notes[:2] == ["omit(KE)", "nonce-size(16)"]
    with pytest.raises(ValueError, match="no misbehaviour is called"):
        named("be-nice")


def test_missing_payload_is_an_error_of_the_test() -> None:
    draft = Draft(b"i" * 8, bytes(8), ExchangeType.IKE_SA_INIT, Flags.INITIATOR, 0)
    with pytest.raises(ValueError, match="no payload of type 34"):
        apply_edits(draft, bad.ke_zero())


def test_esp_offer() -> None:
    proposal = esp_sa_payload(["aes128gcm16", "aes128-sha256-esn"], b"abcd").proposals[1]
    assert proposal.number == 2
    assert proposal.spi == b"abcd"
