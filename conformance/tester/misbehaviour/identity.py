"""Misbehaviours of: identities, AUTH and certificates."""

from __future__ import annotations

from dataclasses import replace

from conformance.tester.draft import Draft
from conformance.tester.misbehaviour.vocabulary import each, entry
from reference_impl.wire.registries import (
    AuthMethod,
)
from reference_impl.wire.simple import AuthPayload, CertPayload, IdPayload


@entry("AUTH")
def corrupt_auth(draft: Draft) -> None:
    """One bit of the authentication data flipped."""
    each(draft, AuthPayload, lambda item: replace(item, data=item.data[:-1] + bytes([item.data[-1] ^ 1])))


@entry("AUTH")
def auth_method(draft: Draft, method: int = AuthMethod.RSA_DIGITAL_SIGNATURE) -> None:
    """Another authentication method over the same data."""
    each(draft, AuthPayload, lambda item: replace(item, method=AuthMethod(method)))


@entry("AUTH")
def auth_empty(draft: Draft) -> None:
    """No authentication data."""
    each(draft, AuthPayload, lambda item: replace(item, data=b""))


@entry("AUTH")
def auth_truncated(draft: Draft, octets: int = 1) -> None:
    """Authentication data with octets missing."""
    each(draft, AuthPayload, lambda item: replace(item, data=item.data[:-octets]))


@entry("AUTH")
def auth_reserved(draft: Draft, value: int = 0xFFFFFF) -> None:
    """The reserved field of the AUTH payload."""
    each(draft, AuthPayload, lambda item: replace(item, reserved2=value))


@entry("AUTH")
def id_after_auth(draft: Draft, data: bytes) -> None:
    """Another identity than the one that AUTH covers."""
    each(draft, "IDi", lambda item: replace(item, data=data))


@entry("AUTH")
def id_reserved(draft: Draft, value: int = 0xFFFFFF) -> None:
    """The reserved field of the ID payload set after AUTH was computed; `idi=` sets it before."""
    each(draft, "IDi", lambda item: replace(item, reserved2=value) if isinstance(item, IdPayload) else item)


@entry("AUTH")
def cert_encoding(draft: Draft, value: int) -> None:
    """Another encoding in the CERT payload."""
    each(draft, CertPayload, lambda item: replace(item, encoding=value))


@entry("AUTH")
def corrupt_cert(draft: Draft) -> None:
    """One bit of the certificate flipped."""
    each(draft, CertPayload, lambda item: replace(item, data=item.data[:-1] + bytes([item.data[-1] ^ 1])))
