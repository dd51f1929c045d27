"""Name constraints (RFC 5280, section 4.2.1.10) over directory names, DNS names, mail addresses and IP addresses."""

import ipaddress

from cryptography import x509

from reference_impl.pki.errors import CertificateError, Reason
from reference_impl.pki.load import subject_text


def check_name_constraints(certificate: x509.Certificate, constraints: x509.NameConstraints) -> None:
    """Raise CertificateError unless every name of the certificate is permitted and none is excluded."""
    for name in _names(certificate):
        for subtree in constraints.excluded_subtrees or ():
            if type(subtree) is type(name) and _within(name, subtree, certificate):
                raise CertificateError(
                    Reason.NAME_CONSTRAINTS, subject_text(certificate), f"{_text(name)} is excluded by its issuer"
                )
        permitted = [subtree for subtree in constraints.permitted_subtrees or () if type(subtree) is type(name)]
        if permitted and not any(_within(name, subtree, certificate) for subtree in permitted):
            raise CertificateError(
                Reason.NAME_CONSTRAINTS, subject_text(certificate), f"{_text(name)} is not permitted by its issuer"
            )


def _names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    if list(certificate.subject):
        names.append(x509.DirectoryName(certificate.subject))
    try:
        names += certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        # RFC 5280: the mail address in the subject counts only where there is no subjectAltName.
        for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS):
            names.append(x509.RFC822Name(str(attribute.value)))
    return names


def _within(name: x509.GeneralName, subtree: x509.GeneralName, certificate: x509.Certificate) -> bool:
    match name, subtree:
        case x509.DNSName(), x509.DNSName():
            return _dns_within(name.value, subtree.value)
        case x509.RFC822Name(), x509.RFC822Name():
            return _mail_within(name.value, subtree.value)
        case x509.IPAddress(), x509.IPAddress():
            return _address_within(name.value, subtree.value)
        case x509.DirectoryName(), x509.DirectoryName():
            base = list(subtree.value.rdns)
            return list(name.value.rdns)[: len(base)] == base
        case _:
            kind = type(name).__name__
            raise CertificateError(
                Reason.NAME_CONSTRAINTS, subject_text(certificate), f"constraint on {kind} is not supported"
            )


def _dns_within(name: str, base: str) -> bool:
    name, base = name.lower().rstrip("."), base.lower().rstrip(".")
    if base.startswith("."):
        return name.endswith(base)
    return not base or name == base or name.endswith("." + base)


def _mail_within(name: str, base: str) -> bool:
    local, _, host = name.rpartition("@")
    host = host.lower()
    if "@" in base:
        base_local, _, base_host = base.rpartition("@")
        return local == base_local and host == base_host.lower()
    if base.startswith("."):
        return host.endswith(base.lower())
    return host == base.lower()


def _address_within(name: object, base: object) -> bool:
    if isinstance(name, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return isinstance(base, ipaddress.IPv4Network | ipaddress.IPv6Network) and name in base
    return False


def _text(name: x509.GeneralName) -> str:
    value = name.value
    return value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
