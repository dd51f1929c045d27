"""Mutants of the message layer: the Encrypted payload (RFC 7296 §3.14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.mutants.registry import Patch, mutant

FIRST_GENERIC_FLAGS = 29
FIRST_IV = 32


# -- received -------------------------------------------------------------------------------------------------------


def refuse_datagrams(patch: Patch, wrong: Callable[[Any, bytes], bool]) -> None:
    """Protected messages for which `wrong(sa, data)` are dropped."""
    from reference_impl.ikev2 import protected

    def decrypt(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> Any:
        return None if wrong(sa, data) else original(engine, sa, header, data, path)

    patch.wrap(protected, "decrypt", decrypt)


@mutant("rejects-critical-sk", breaks="rfc7296/3.2/critical-known-ignored")
def rejects_critical_sk(patch: Patch) -> None:
    """Drops messages whose Encrypted payload is marked critical."""
    refuse_datagrams(patch, lambda sa, data: bool(data[FIRST_GENERIC_FLAGS] & 0x80))


@mutant("rejects-reserved-bits-of-sk", breaks="rfc7296/3.2/reserved-ignored")
def rejects_reserved_bits_of_sk(patch: Patch) -> None:
    """Drops messages with reserved bits set in the Encrypted payload's generic header."""
    refuse_datagrams(patch, lambda sa, data: bool(data[FIRST_GENERIC_FLAGS] & 0x7F))


@mutant("wants-encrypted-payload-alone", breaks="rfc7296/3.1/sk-contents-parsed")
def wants_encrypted_payload_alone(patch: Patch) -> None:
    """Drops messages with a payload before the Encrypted one."""
    refuse_datagrams(patch, lambda sa, data: data[16] not in (46, 53))


@mutant("rejects-repeated-iv", breaks="rfc7296/3.14/iv-any-accepted")
def rejects_repeated_iv(patch: Patch) -> None:
    """Drops messages whose initialization vector came before on the same IKE SA."""
    seen: set[tuple[int, bytes]] = set()

    def wrong(sa: Any, data: bytes) -> bool:
        key = (sa.ike_id, data[FIRST_IV : FIRST_IV + sa.rx.iv_size])
        again = key in seen
        seen.add(key)
        return again

    refuse_datagrams(patch, wrong)


def refuse_padding(patch: Patch, wrong: Callable[[bytes, int], bool]) -> None:
    """Messages for whose padding `wrong(padding, block size)` count as forged."""
    from reference_impl.crypto.errors import IntegrityError
    from reference_impl.ikev2 import protect

    def open_raw(original: Any, data: bytes, protection: Any, **options: Any) -> Any:
        opened = original(data, protection, **options)
        if wrong(opened.padding, protection.block_size):
            raise IntegrityError("padding")
        return opened

    patch.wrap(protect, "open_raw", open_raw)


@mutant("wants-minimal-padding", breaks="rfc7296/3.14/any-pad-length-accepted")
def wants_minimal_padding(patch: Patch) -> None:
    """Drops messages with more padding than needed."""
    refuse_padding(patch, lambda padding, block: len(padding) >= block)


@mutant("wants-zero-padding", breaks="rfc7296/3.14/padding-any-value")
def wants_zero_padding(patch: Patch) -> None:
    """Drops messages whose padding is not zero."""
    refuse_padding(patch, lambda padding, block: any(padding))


@mutant("pad-length-not-checked", breaks="rfc7296/2.21/bad-request-gets-notify")
def pad_length_not_checked(patch: Patch) -> None:
    """Takes the content for empty when Pad Length is larger than it."""
    from dataclasses import replace

    from reference_impl.ikev2 import protect
    from reference_impl.wire.message import Message

    def open_raw(original: Any, data: bytes, protection: Any, **options: Any) -> Any:
        try:
            return original(data, protection, **options)
        except protect.InnerError:
            outer = Message.parse(data)
            return protect.Opened(replace(outer, payloads=outer.payloads[:-1]), 0, b"", b"", b"", FIRST_IV)

    patch.wrap(protect, "open_raw", open_raw)


@mutant("answers-short-encrypted-payloads", breaks="rfc7296/3.14/checksum-covers-message")
def answers_short_encrypted_payloads(patch: Patch) -> None:
    """Takes an Encrypted payload that has no room for a checksum for an empty one."""
    from dataclasses import replace

    from reference_impl.crypto.errors import IntegrityError
    from reference_impl.ikev2 import protect
    from reference_impl.wire.message import Message

    def open_raw(original: Any, data: bytes, protection: Any, **options: Any) -> Any:
        try:
            return original(data, protection, **options)
        except IntegrityError:
            outer = Message.parse(data)
            if outer.encrypted is None or len(outer.encrypted.content) > protection.overhead:
                raise
            return protect.Opened(replace(outer, payloads=outer.payloads[:-1]), 0, b"", b"", b"", FIRST_IV)

    patch.wrap(protect, "open_raw", open_raw)


@mutant("ignores-integrity-check", breaks="rfc7296/3.14/checksum-covers-message")
def ignores_integrity_check(patch: Patch) -> None:
    """Decrypts messages without a look at the checksum."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    from reference_impl.crypto import kdf
    from reference_impl.crypto.protection import AeadProtection, EncryptThenMacProtection

    del kdf
    keys: dict[int, bytes] = {}

    def init(original: Any, self: Any, cipher: Any, integ: Any, enc_key: bytes, integ_key: bytes) -> None:
        original(self, cipher, integ, enc_key, integ_key)
        keys[id(self)] = enc_key

    def open_aead(self: Any, iv: bytes, ciphertext_icv: bytes, aad: bytes) -> bytes:
        key = keys[id(self)]
        counter = key[-4:] + iv + b"\0\0\0\x02"
        decryptor = Cipher(algorithms.AES(key[:-4]), modes.CTR(counter)).decryptor()
        return decryptor.update(ciphertext_icv[: -self.icv_size])

    def open_mac(self: Any, iv: bytes, ciphertext_icv: bytes, aad: bytes) -> bytes:
        plain: bytes = self._raw.decrypt(iv, ciphertext_icv[: -self.icv_size])
        return plain

    patch.wrap(AeadProtection, "__init__", init)
    patch(AeadProtection, "open", open_aead)
    patch(EncryptThenMacProtection, "open", open_mac)


@mutant("accepts-own-keys", breaks="rfc7296/1.2/later-messages-protected")
def accepts_own_keys(patch: Patch) -> None:
    """Accepts messages under the keys of its own direction, too."""
    from reference_impl.crypto.errors import IntegrityError
    from reference_impl.ikev2 import protect, protected
    from reference_impl.wire.errors import WireError

    def decrypt(original: Any, engine: Any, sa: Any, header: Any, data: bytes, path: Any) -> Any:
        try:
            return protect.open_raw(data, sa.tx)
        except (IntegrityError, WireError):
            return original(engine, sa, header, data, path)

    patch.wrap(protected, "decrypt", decrypt)


# -- sent -----------------------------------------------------------------------------------------------------------


@mutant("answers-in-clear", breaks="rfc7296/1.2/all-later-have-sk")
def answers_in_clear(patch: Patch) -> None:
    """Sends the responses of INFORMATIONAL exchanges unprotected."""
    from reference_impl.ikev2 import messages
    from reference_impl.wire.message import Message
    from reference_impl.wire.registries import ExchangeType

    def seal(original: Any, engine: Any, sa: Any, exchange: Any, number: int, payloads: Any, *, response: bool) -> Any:
        if exchange != ExchangeType.INFORMATIONAL or not response:
            return original(engine, sa, exchange, number, payloads, response=response)
        flags = messages.flags(sa, response=True)
        return (Message(sa.spi_i, sa.spi_r, exchange, flags, number, tuple(payloads)).to_bytes(),)

    patch.wrap(messages, "seal", seal)


@mutant("opens-nested-encrypted-payloads", breaks="rfc7296/3.1/sk-not-nested")
def opens_nested_encrypted_payloads(patch: Patch) -> None:
    """Decrypts an Encrypted payload inside of another one, and carries out what it holds."""
    from reference_impl.ikev2 import protect
    from reference_impl.wire.registries import PayloadType

    def open_raw(original: Any, data: bytes, protection: Any, **options: Any) -> Any:
        opened = original(data, protection, **options)
        if opened.inner_first != PayloadType.SK:
            return opened
        size = 28 + len(opened.inner)
        header = data[:16] + bytes([PayloadType.SK]) + data[17:24] + size.to_bytes(4, "big")
        return original(header + opened.inner, protection, **options)

    patch.wrap(protect, "open_raw", open_raw)


@mutant("nests-encrypted-payload", breaks="rfc7296/3.1/sk-not-nested")
def nests_encrypted_payload(patch: Patch) -> None:
    """Encrypts INFORMATIONAL messages twice."""
    from reference_impl.ikev2 import protect
    from reference_impl.wire.registries import ExchangeType, PayloadType

    def seal(original: Any, message: Any, protection: Any, iv: bytes, **options: Any) -> bytes:
        once: bytes = original(message, protection, iv, **options)
        if message.exchange != ExchangeType.INFORMATIONAL:
            return once
        outer = protect._with_payloads(message, ())
        return protect.seal_raw(outer, PayloadType.SK, once[28:], protection, iv[:-1] + bytes([iv[-1] ^ 1]))

    patch.wrap(protect, "seal", seal)


@mutant("payload-after-sk", breaks="rfc7296/3.14/sk-last-payload")
def payload_after_sk(patch: Patch) -> None:
    """Appends a Vendor ID in the clear after the Encrypted payload."""
    from dataclasses import replace

    from reference_impl.ikev2 import messages
    from reference_impl.wire.header import Header

    extra = b"\0\0\0\x08last"

    def to_bytes(original: Any, self: Any) -> bytes:
        longer = replace(self, length=self.length + len(extra)) if self.next_payload == 46 else self
        octets: bytes = original(longer)
        return octets

    patch.wrap(Header, "to_bytes", to_bytes)
    patch.wrap(messages, "seal", lambda original, *args, **kw: tuple(data + extra for data in original(*args, **kw)))


@mutant("pads-too-much", breaks="rfc7296/3.14/pad-length-minimal")
def pads_too_much(patch: Patch) -> None:
    """Pads every message by a block more than needed."""
    from reference_impl.ikev2 import protect

    def seal_raw(
        original: Any, outer: Any, first: int, inner: bytes, protection: Any, iv: bytes, **options: Any
    ) -> Any:
        block = protection.block_size
        options["pad"] = -(len(inner) + 1) % block + block
        return original(outer, first, inner, protection, iv, **options)

    patch.wrap(protect, "seal_raw", seal_raw)


@mutant("reuses-iv", breaks="rfc7296/3.14/iv-unpredictable")
def reuses_iv(patch: Patch) -> None:
    """Uses one initialization vector for all messages."""
    from reference_impl.ikev2 import messages

    patch(messages, "next_iv", lambda engine, sa: b"\x5a" * sa.tx.iv_size)


@mutant("counts-iv-in-cbc", breaks="rfc7296/3.14/iv-unpredictable")
def counts_iv_in_cbc(patch: Patch) -> None:
    """Counts initialization vectors up, in CBC mode as well."""
    from reference_impl.ikev2 import messages

    def next_iv(engine: Any, sa: Any) -> bytes:
        sa.iv_counter += 1
        return int(sa.iv_counter).to_bytes(sa.tx.iv_size, "big")

    patch(messages, "next_iv", next_iv)


@mutant("chains-iv", breaks="rfc7296/3.14/iv-not-last-block")
def chains_iv(patch: Patch) -> None:
    """Takes the last ciphertext block of the previous message for the initialization vector."""
    from reference_impl.ikev2 import messages

    last: dict[int, bytes] = {}

    def next_iv(original: Any, engine: Any, sa: Any) -> bytes:
        return last.get(sa.ike_id) or original(engine, sa)

    def seal(original: Any, engine: Any, sa: Any, *arguments: Any, **options: Any) -> Any:
        sealed = original(engine, sa, *arguments, **options)
        end = len(sealed[-1]) - sa.tx.icv_size
        last[sa.ike_id] = sealed[-1][end - sa.tx.iv_size : end]
        return sealed

    patch.wrap(messages, "next_iv", next_iv)
    patch.wrap(messages, "seal", seal)
