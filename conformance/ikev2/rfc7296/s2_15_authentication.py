"""RFC 7296 section 2.15: authentication of the IKE SA. Signatures of RFC 7427 are in conformance/ikev2/rfc7427."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from conformance.ikev2.rfc7296.authenticating import (
    SYNTAX,
    answers_on,
    edit_auth_data,
    expect_gone,
    expect_refused,
    half_open,
    require,
    signed,
)
from conformance.tester import Edit, IkeSa, InitExchange, Notify, Tester, covers
from conformance.tester import misbehaviour as bad
from conformance.tester.authentication import tester_credential
from conformance.tester.expect import observed
from reference_impl.wire.base import Payload
from reference_impl.wire.registries import AuthMethod, NotifyType
from reference_impl.wire.simple import AuthPayload, IdiPayload

METHODS = ("rsa", "ecdsa", "ed25519")


def flip(octets: bytes) -> bytes:
    """The octets with one bit changed, in the middle."""
    middle = len(octets) // 2
    return octets[:middle] + bytes([octets[middle] ^ 0x10]) + octets[middle + 1 :]


# -- the device's proof ---------------------------------------------------------------------------------------------


@covers(
    "rfc7296/2.15/psk-auth-formula",
    "rfc7296/2.15/responder-signed-octets",
    "rfc7296/2.15/key-pad-17-characters",
    "rfc7296/2.15/nonce-and-id-mac-appended",
    "rfc7296/2.15/psk-no-null-terminator",
    mutants=["wrong-psk-pad", "signs-own-nonce"],
    needs=("psk",),
)
def test_psk(tester: Tester) -> None:
    """Both ends prove the shared key as prf(prf(key, pad), octets)."""
    tester.establish(auth="psk").liveness()


@covers("rfc7296/2.15/responder-signed-octets", mutants=["signs-own-nonce"], needs=("certificates",))
@pytest.mark.parametrize("method", METHODS)
def test_signature(tester: Tester, method: str) -> None:
    """Both ends sign the octets of their own IKE_SA_INIT message, the other's nonce and the MAC of their identity."""
    require(tester, method)
    tester.establish(auth=method).liveness()


@covers("rfc7296/2.15/marker-not-signed", mutants=["signs-non-esp-marker"], needs=("natt",))
def test_marker_not_signed(tester: Tester) -> None:
    """When IKE_SA_INIT goes to port 4500, its four zero octets are not part of what is proved."""
    tester.establish(natt=True)


@covers("rfc7296/2.15/unknown-payloads-signed", mutants=["verifies-known-payloads-only"])
@pytest.mark.parametrize("edit", [bad.unknown_payload(), bad.unknown_payload_first()], ids=["last", "first"])
def test_unknown_payload_signed(tester: Tester, edit: Edit) -> None:
    """An unknown payload in IKE_SA_INIT is part of what is proved."""
    tester.establish(edit_init=edit)


@covers("rfc7296/2.15/id-mac-covers-reserved", "rfc7296/3.5/reserved-ignored", mutants=["macs-id-without-reserved"])
def test_reserved_of_id_signed(tester: Tester) -> None:
    """The reserved octets of the ID payload are part of what is proved, whatever they are."""
    who = tester.identity
    tester.establish(idi=IdiPayload(who.id_type, who.data, reserved2=0xA5C396))


@covers("rfc7296/2.15/id-mac-covers-reserved", mutants=["macs-id-without-reserved"])
def test_reserved_of_id_changed(tester: Tester) -> None:
    """AUTH made for other reserved octets of the ID payload than were sent is refused."""
    expect_refused(tester, tester.attempt(edit_auth=bad.id_reserved()), SYNTAX)


# -- proofs that must be refused ----------------------------------------------------------------------------------

Octets = Callable[[Tester, InitExchange], bytes]

OCTETS: dict[str, Octets] = {
    "own-nonce": lambda tester, init: signed(tester, init, nonce=init.nonce_i),
    "no-nonce": lambda tester, init: signed(tester, init, nonce=b""),
    "other-nonce": lambda tester, init: signed(tester, init, nonce=flip(init.nonce_r)),
    "response": lambda tester, init: signed(tester, init, message=init.received.octets if init.received else b""),
    "other-message": lambda tester, init: signed(tester, init, message=flip(init.request)),
    "no-message": lambda tester, init: signed(tester, init, message=b""),
    "with-marker": lambda tester, init: signed(tester, init, message=bytes(4) + init.request),
    "responder-key": lambda tester, init: signed(tester, init, sk_p=init.keys().sk_pr),
    "other-identity": lambda tester, init: signed(
        tester, init, body=IdiPayload(tester.identity.id_type, b"other.example").body()
    ),
    "identity-without-type": lambda tester, init: signed(tester, init, body=tester.identity.data),
}


@covers(
    "rfc7296/1.2/verifies-auth", "rfc7296/2.15/initiator-signed-octets", mutants=["accepts-any-psk"], needs=("psk",)
)
@pytest.mark.parametrize("octets", OCTETS)
def test_octets(tester: Tester, octets: str) -> None:
    """AUTH with the right key, but over other octets than the initiator's, is refused."""
    init, _ = half_open(tester)
    attempt = tester.ike_auth(init, change_octets=lambda _: OCTETS[octets](tester, init))
    expect_refused(tester, attempt)


@covers("rfc7296/1.2/verifies-auth", "rfc7296/2.15/psk-auth-formula", mutants=["accepts-any-psk"], needs=("psk",))
def test_corrupt_auth(tester: Tester) -> None:
    """An AUTH payload that does not verify is answered with AUTHENTICATION_FAILED."""
    expect_refused(tester, tester.attempt(edit_auth=bad.corrupt_auth()))


@covers(
    "rfc7296/1.2/verifies-auth",
    "rfc7296/1.2/id-corresponds-to-psk",
    mutants=["accepts-any-psk"],
    needs=("psk",),
)
@pytest.mark.parametrize("kind", ["other", "longer", "with-terminator", "empty"])
def test_wrong_psk(tester: Tester, kind: str) -> None:
    """AUTH made with another shared key is refused."""
    own = tester_credential(tester.profile, "psk")
    keys = {"other": flip(own.psk), "longer": own.psk + b"x", "with-terminator": own.psk + b"\0x", "empty": b""}
    expect_refused(tester, tester.attempt(credential=replace(own, psk=keys[kind])))


@covers("rfc7296/2.15/psk-auth-formula", mutants=["accepts-unpadded-psk"], needs=("psk",))
def test_psk_without_pad(tester: Tester) -> None:
    """AUTH made without the key pad, prf(key, octets), is refused."""
    init, _ = half_open(tester)
    octets = signed(tester, init)
    plain = init.suite.prf_algorithm()(tester_credential(tester.profile, "psk").psk, octets)
    expect_refused(tester, tester.ike_auth(init, edit=edit_auth_data(lambda _: plain, "no key pad")))


@covers("rfc7296/1.2/verifies-auth", mutants=["compares-auth-prefix", "ignores-auth-tail"], needs=("psk",))
@pytest.mark.parametrize(
    "change",
    [lambda data: data[:-1], lambda data: data[:1], lambda data: b"", lambda data: data + b"\0", lambda data: data * 2],
    ids=["one-octet-less", "one-octet", "empty", "one-octet-more", "twice"],
)
def test_auth_length(tester: Tester, change: Callable[[bytes], bytes]) -> None:
    """AUTH data that is the right one cut short or with octets added is refused."""
    expect_refused(tester, tester.attempt(edit_auth=edit_auth_data(change, "AUTH data of another length")), SYNTAX)


@covers("rfc7296/1.2/verifies-auth", "rfc7296/3.8/shared-key-method", mutants=["ignores-auth-method"], needs=("psk",))
@pytest.mark.parametrize("method", [0, 1, 3, 9, 14, 100, 255])
def test_auth_method(tester: Tester, method: int) -> None:
    """Right shared-key data under another authentication method, known or not, is refused."""
    expect_refused(tester, tester.attempt(edit_auth=bad.auth_method(method)), SYNTAX)


@covers("rfc7296/1.2/verifies-auth", mutants=["accepts-any-signature"], needs=("certificates",))
@pytest.mark.parametrize("method", METHODS)
def test_corrupt_signature(tester: Tester, method: str) -> None:
    """A signature that does not verify is refused."""
    require(tester, method)
    expect_refused(tester, tester.attempt(auth=method, edit_auth=bad.corrupt_auth()))


@covers(
    "rfc7296/1.2/verifies-auth",
    "rfc7296/2.15/initiator-signed-octets",
    mutants=["accepts-any-signature"],
    needs=("certificates",),
)
@pytest.mark.parametrize("method", METHODS)
def test_signature_over_other_octets(tester: Tester, method: str) -> None:
    """A valid signature over octets without the responder's nonce is refused."""
    require(tester, method)
    init, _ = half_open(tester)
    length = len(init.request)

    def without_nonce(octets: bytes) -> bytes:
        return octets[:length] + octets[length + len(init.nonce_r) :]

    expect_refused(tester, tester.ike_auth(init, auth=method, change_octets=without_nonce))


@covers("rfc7296/1.2/verifies-auth", mutants=["takes-first-auth", "takes-last-auth"])
@pytest.mark.parametrize("order", ["right-first", "wrong-first"])
def test_two_auth(tester: Tester, order: str) -> None:
    """Of two AUTH payloads one that does not verify makes the device refuse."""

    def twice(payloads: list[Payload]) -> list[Payload]:
        made: list[Payload] = []
        for item in payloads:
            if isinstance(item, AuthPayload):
                pair = [item, replace(item, data=flip(item.data))]
                made += pair if order == "right-first" else pair[::-1]
            else:
                made.append(item)
        return made

    expect_refused(tester, tester.attempt(edit_auth=twice), SYNTAX)


@covers("rfc7296/1.2/verifies-auth", "rfc7296/2.16/no-auth-requests-eap", mutants=["accepts-missing-auth"])
def test_missing_auth(tester: Tester) -> None:
    """Without AUTH payload there is no IKE SA: the device refuses, or begins EAP if it does that."""
    attempt = tester.attempt(edit_auth=bad.omit("AUTH"))
    if tester.claims("eap") and attempt.reply is not None and attempt.error is None:
        sa = attempt.init.open_sa()
        expect_gone(sa)
        return
    expect_refused(tester, attempt, SYNTAX)


@covers("rfc7296/2.21.2/malformed-auth-rejected", "rfc7296/1.2/verifies-auth", mutants=["accepts-missing-idi"])
def test_missing_idi(tester: Tester) -> None:
    """Without IDi payload there is no IKE SA."""
    expect_refused(tester, tester.attempt(edit_auth=bad.omit("IDi")), SYNTAX)


# -- after a failure ------------------------------------------------------------------------------------------------


@covers("rfc7296/1.2/auth-failure-no-ike-sa", mutants=["keeps-sa-after-failed-auth"])
def test_no_sa_after_failure(tester: Tester) -> None:
    """After a failed authentication requests on the IKE SA are not carried out."""
    attempt = tester.attempt(edit_auth=bad.corrupt_auth())
    sa = attempt.init.open_sa()
    found = answers_on(sa)
    tester.check(not found, "there is no IKE SA", found[0].text() if found else "")


@covers("rfc7296/1.2/auth-failure-no-ike-sa", mutants=["second-try-after-failed-auth"])
def test_no_second_try(tester: Tester) -> None:
    """After a failed authentication a second, right IKE_AUTH request on the same IKE SA is not accepted."""
    init, _ = half_open(tester)
    first = tester.ike_auth(init, edit=bad.corrupt_auth())
    expect_refused(tester, first)
    second = tester.ike_auth(init, timeout=0.0)
    found = [item.message for item in tester.answers_to(lambda: None)]
    for reply in [second.reply, *found]:
        tester.check(reply is None or reply.get(AuthPayload) is None, "no acceptance", observed(reply))


@covers("rfc7296/3.10.1/auth-failed-no-data", mutants=["auth-failed-with-reason"])
def test_failure_says_nothing_more(tester: Tester) -> None:
    """AUTHENTICATION_FAILED comes without data."""
    reply = tester.attempt(edit_auth=bad.corrupt_auth()).reply
    tester.expects(reply, Notify(NotifyType.AUTHENTICATION_FAILED), "rfc7296/2.21.2/auth-failure-notified")
    assert reply is not None
    found = reply.notify(NotifyType.AUTHENTICATION_FAILED)
    assert found is not None
    tester.check(not found.data and not found.spi, "no data", f"{len(found.data)} octets of data")


@covers("rfc7296/2.21.2/auth-failed-in-response", mutants=["auth-failed-with-identity"])
def test_failure_alone(tester: Tester) -> None:
    """The refusal does not tell the device's identity, certificate or proof to a peer that failed to prove its own."""
    reply = tester.attempt(edit_auth=bad.corrupt_auth()).reply
    tester.expects(reply, Notify(NotifyType.AUTHENTICATION_FAILED), "rfc7296/2.21.2/auth-failure-notified")
    assert reply is not None
    telling = [item for item in reply.payloads if item.type_id in (36, 37, 39)]
    tester.check(not telling, "the notification only", observed(reply))


# -- the device as initiator ----------------------------------------------------------------------------------------


def expect_not_used(tester: Tester, sa: IkeSa) -> None:
    """Fail if the device, as initiator, treats the IKE SA as established: it answers a request of the responder."""
    sa.run(0.05)
    found = [
        item for item in tester.answers_to(lambda: sa.send(sa.draft(), note="is the IKE SA there?")) if item.sa is sa
    ]
    for item in found:
        if item.is_response and item.opened and item.message is not None and not item.message.payloads:
            tester.fail("the device does not use the IKE SA", item.text())


@covers(
    "rfc7296/2.15/initiator-signed-octets",
    "rfc7296/2.15/psk-auth-formula",
    mutants=["initiator-signs-own-nonce"],
    role="initiator",
    needs=("initiator", "psk"),
)
def test_initiator_proof(tester: Tester) -> None:
    """The initiator's AUTH proves its IKE_SA_INIT request, the responder's nonce and the MAC of IDi."""
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    peer.verify_auth()
    peer.answer_auth()


@covers(
    "rfc7296/2.15/latest-message-signed",
    mutants=["signs-first-init-sent"],
    role="initiator",
    needs=("initiator",),
)
def test_initiator_proves_latest_request(tester: Tester) -> None:
    """After COOKIE, the initiator's AUTH proves the request that carried the cookie."""
    peer = tester.await_initiation()
    peer.demand_cookie()
    peer.answer_init()
    peer.receive_auth()
    peer.verify_auth()
    peer.answer_auth()


@covers("rfc7296/1.2/verifies-auth", mutants=["initiator-accepts-any-auth"], role="initiator", needs=("initiator",))
@pytest.mark.parametrize("fault", ["corrupt", "empty", "missing", "method", "other-identity"])
def test_initiator_verifies(tester: Tester, fault: str) -> None:
    """An initiator does not use an IKE SA whose responder has not proved its identity."""
    edits: dict[str, Edit] = {
        "corrupt": bad.corrupt_auth(),
        "empty": bad.auth_empty(),
        "missing": bad.omit("AUTH"),
        "method": bad.auth_method(AuthMethod.RSA_DIGITAL_SIGNATURE),
        "other-identity": other_idr(),
    }
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    sa = peer.answer_auth(edit=edits[fault], verify=False)
    expect_not_used(tester, sa)


def other_idr() -> Edit:
    """IDr of another name than AUTH covers."""

    def apply(draft: object) -> None:
        from conformance.tester import Draft
        from reference_impl.wire.simple import IdrPayload

        assert isinstance(draft, Draft)
        draft.payloads = [
            replace(item, data=b"other." + item.data) if isinstance(item, IdrPayload) else item
            for item in draft.payloads
        ]

    return Edit("another IDr than AUTH covers", apply)


@covers(
    "rfc7296/1.2/auth-failure-no-ike-sa",
    mutants=["initiator-ignores-auth-failed"],
    role="initiator",
    needs=("initiator",),
)
def test_initiator_told_of_failure(tester: Tester) -> None:
    """An initiator that is told AUTHENTICATION_FAILED has no IKE SA."""
    peer = tester.await_initiation()
    peer.answer_init()
    peer.receive_auth()
    peer.refuse_auth()
    assert peer.sa is not None
    expect_not_used(tester, peer.sa)
