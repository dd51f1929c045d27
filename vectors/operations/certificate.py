"""The operation on certificates and their keys, so that no octet of a transcript's credentials stands unchecked."""

from __future__ import annotations

from vectors.operations.kinds import Kind, Operation

CERTIFICATES = (
    Operation(
        "certificate",
        "Check a certificate's signature with its self-signed authority, and, where a private key in PKCS #8 is given, "
        "that it is the certificate's; or refuse them.",
        {"certificate": Kind.OCTETS, "authority": Kind.OCTETS, "private_key": Kind.OCTETS},
        {"verified": Kind.FLAG},
        optional=frozenset({"private_key"}),
        algorithms=frozenset({"certificate"}),
    ),
)
