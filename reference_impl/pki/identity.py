"""Does an IKE identity belong to a certificate? (RFC 4945, section 3.1)"""

import ipaddress

from cryptography import x509

from reference_impl.pki.errors import CertificateError, Reason
from reference_impl.pki.load import subject_text
from reference_impl.wire.registries import IdType


def check_identity(certificate: x509.Certificate, id_type: IdType, data: bytes) -> None:
    """Raise CertificateError(IDENTITY_MISMATCH) unless the certificate holds exactly the identity of the ID payload.

    FQDN and mail address match a subjectAltName without regard to case, an address its octets, a DN the whole
    subject bit by bit. There are no wildcards and no look into the subject's common name (sections 3.1.2 and 3.1.9).
    """
    if not matches_identity(certificate, id_type, data):
        raise CertificateError(
            Reason.IDENTITY_MISMATCH, subject_text(certificate), f"does not hold the identity {describe(id_type, data)}"
        )


def matches_identity(certificate: x509.Certificate, id_type: IdType, data: bytes) -> bool:
    """Whether the certificate holds the identity; False for ID types that certificates cannot hold."""
    if id_type == IdType.ID_DER_ASN1_DN:
        # An empty subject identifies nobody (section 3.1.5).
        return bool(list(certificate.subject)) and certificate.subject.public_bytes() == data
    if id_type == IdType.ID_FQDN:
        return _folded(data) in {name.lower() for name in _alternative(certificate).get_values_for_type(x509.DNSName)}
    if id_type == IdType.ID_RFC822_ADDR:
        return _folded(data) in {
            name.lower() for name in _alternative(certificate).get_values_for_type(x509.RFC822Name)
        }
    if id_type in (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR):
        size = 4 if id_type == IdType.ID_IPV4_ADDR else 16
        addresses = _alternative(certificate).get_values_for_type(x509.IPAddress)
        return len(data) == size and any(getattr(address, "packed", None) == data for address in addresses)
    return False


def identities(certificate: x509.Certificate) -> tuple[tuple[IdType, bytes], ...]:
    """The identities that the certificate holds, as ID type and data, subjectAltName before subject."""
    found: list[tuple[IdType, bytes]] = []
    found += [(IdType.ID_FQDN, name.encode()) for name in _alternative(certificate).get_values_for_type(x509.DNSName)]
    found += [
        (IdType.ID_RFC822_ADDR, name.encode())
        for name in _alternative(certificate).get_values_for_type(x509.RFC822Name)
    ]
    for address in _alternative(certificate).get_values_for_type(x509.IPAddress):
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address):
            kind = IdType.ID_IPV4_ADDR if address.version == 4 else IdType.ID_IPV6_ADDR
            found.append((kind, address.packed))
    if list(certificate.subject):
        found.append((IdType.ID_DER_ASN1_DN, certificate.subject.public_bytes()))
    return tuple(found)


def describe(id_type: IdType, data: bytes) -> str:
    """The identity as text for messages; octets that are not printable ASCII are escaped."""
    if id_type in (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR) and len(data) in (4, 16):
        return f"{ipaddress.ip_address(data)}"
    if id_type in (IdType.ID_FQDN, IdType.ID_RFC822_ADDR):
        return ascii(data.decode("ascii", "backslashreplace"))
    return f"{id_type.name} {data.hex()}"


def _alternative(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def _folded(data: bytes) -> str | None:
    try:
        return data.decode("ascii").lower()
    except UnicodeDecodeError:
        return None
