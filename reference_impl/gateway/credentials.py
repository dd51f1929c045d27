"""Secrets, keys and certificates named by the configuration. No error message quotes one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_impl.ikev2.config import AuthConfig, AuthKind
from reference_impl.wire.registries import AuthMethod, HashAlgorithm

from .tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

_SECRET_LIMIT = 1 << 16


def read_secret(table: Table, name: str) -> bytes:
    """`psk = "text"`, or `psk = {value = "text" | hex = "…" | env = "NAME" | file = "path"}`. Raises ConfigError.

    A file's final line end does not count.
    """
    if isinstance(table.raw(name), str):
        return _not_empty(table, name, table.text(name).encode())
    source = table.table(name)
    kinds = [kind for kind in ("value", "hex", "env", "file") if kind in source]
    if len(kinds) != 1:
        raise table.error(name, "give exactly one of value, hex, env and file")
    kind = kinds[0]
    text = source.text(kind)
    source.finish()
    if kind == "value":
        secret = text.encode()
    elif kind == "hex":
        try:
            secret = bytes.fromhex(text)
        except ValueError:
            raise source.error("hex", "expected hexadecimal digits") from None
    elif kind == "env":
        if text not in os.environ:
            raise source.error("env", f"the environment has no variable {text}")
        secret = os.environ[text].encode()
    else:
        secret = _read(source, source.resolve(text))
    return _not_empty(table, name, secret)


def _not_empty(table: Table, name: str, secret: bytes) -> bytes:
    if not secret:
        raise table.error(name, "the secret is empty")
    return secret


def _read(table: Table, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_SECRET_LIMIT + 1)
    except OSError as error:
        raise table.error("file", f"cannot read {path}: {error.strerror}") from None
    if len(data) > _SECRET_LIMIT:
        raise table.error("file", f"{path} is larger than {_SECRET_LIMIT} octets")
    return data.removesuffix(b"\n").removesuffix(b"\r")


def read_local_auth(table: Table) -> AuthConfig:
    """`{method = "psk", psk = …}` or `{method = "pubkey", cert = "chain.pem", key = "key.pem"}`."""
    return _read_auth(table, _own_certificate)


def _read_auth(table: Table, by_key: Callable[[Table, AuthKind], AuthConfig]) -> AuthConfig:
    kind = AuthKind(table.choice("method", [kind.value for kind in AuthKind]))
    psk = kind is AuthKind.PSK
    auth = AuthConfig(kind, psk=read_secret(table, "psk")) if psk else by_key(table, kind)
    table.finish()
    return auth


def _own_certificate(table: Table, kind: AuthKind) -> AuthConfig:
    from reference_impl.pki.errors import LoadError
    from reference_impl.pki.load import load_credentials

    password = read_secret(table, "password") if "password" in table else None
    hashes, rfc7427 = _hashes(table), table.flag("rfc7427", True)
    try:
        certificates, key = load_credentials(table.file_path("cert"), table.file_path("key"), password)
    except LoadError as error:
        raise table.error("", str(error)) from None
    return AuthConfig(kind, private_key=key, certificates=certificates, hash_algorithms=hashes, use_rfc7427=rfc7427)


def read_remote_auth(table: Table) -> AuthConfig:
    """`{method = "psk", psk = …}` or `{method = "pubkey", ca = "ca.pem" or a list, methods = ["RSA_SIGNATURE"]}`."""
    return _read_auth(table, _trusted)


def _trusted(table: Table, kind: AuthKind) -> AuthConfig:
    from reference_impl.pki.errors import LoadError
    from reference_impl.pki.load import load_certificates

    anchors: list[Certificate] = []
    for text in table.texts("ca", single=True):
        try:
            anchors += load_certificates(table.resolve(text))
        except LoadError as error:
            raise table.error("ca", str(error)) from None
    if not anchors:
        raise table.error("ca", "name at least one file with a trust anchor")
    methods = tuple(table.convert("methods", _method, text) for text in table.texts("methods", ()))
    return AuthConfig(
        kind,
        trust_anchors=tuple(anchors),
        hash_algorithms=_hashes(table),
        use_rfc7427=table.flag("rfc7427", True),
        methods=methods,
    )


def _hashes(table: Table) -> tuple[HashAlgorithm, ...]:
    """RFC 7427 hash algorithms by their IANA names, best first."""
    default = [member.name for member in AuthConfig(AuthKind.PSK).hash_algorithms]
    return tuple(table.convert("hash", _hash, text) for text in table.texts("hash", default))


def _method(word: str) -> AuthMethod:
    return AuthMethod[_name(word, list(AuthMethod.__members__))]


def _hash(word: str) -> HashAlgorithm:
    return HashAlgorithm[_name(word, list(HashAlgorithm.__members__))]


def _name(word: str, names: list[str]) -> str:
    name = word.upper().replace("-", "_")
    if name not in names:
        raise ValueError(f"{word!r} is not one of {', '.join(names)}")
    return name
