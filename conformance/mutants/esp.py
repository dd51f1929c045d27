"""Mutants of the ESP data plane."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from conformance.mutants.registry import Patch, mutant


@mutant("allocates-reserved-spi", breaks="rfc4303/2.1/spi-1-to-255-reserved")
def allocates_reserved_spi(patch: Patch) -> None:
    """Takes an inbound ESP SPI from the reserved range."""
    from reference_impl.ikev2 import children

    counter = iter(range(1, 256))
    patch(children, "new_spi", lambda engine: next(counter).to_bytes(4, "big"))


@mutant("one-sa-for-all-spis", breaks="rfc4303/2.1/unicast-lookup-by-spi")
def one_sa_for_all_spis(patch: Patch) -> None:
    """Processes every packet with the newest SA, whatever its SPI."""
    from reference_impl.ipsec.sad import Sad

    patch(Sad, "inbound", lambda self, spi: next(reversed(self._pairs.values()), None))


@mutant("keeps-deleted-inbound-sa", breaks="rfc4303/3.4.2/unknown-sa-discarded")
def keeps_deleted_inbound_sa(patch: Patch) -> None:
    """Goes on receiving on an SA that was deleted."""
    from reference_impl.ipsec.sad import Sad

    patch(Sad, "remove", lambda self, child_id: self.get(child_id))


@mutant("sends-wrong-spi", breaks="rfc4303/2/packet-layout")
def sends_wrong_spi(patch: Patch) -> None:
    """Writes another SPI into its packets than the one that the receiver chose."""
    from reference_impl.ipsec.sa import OutboundSa

    def encapsulate(original: Any, self: Any, packet: bytes) -> bytes:
        sealed: bytes = original(self, packet)
        return bytes([sealed[0] ^ 0x10]) + sealed[1:]

    patch.wrap(OutboundSa, "encapsulate", encapsulate)


# -- sequence numbers sent ------------------------------------------------------------------------------------------


@mutant("first-sequence-zero", breaks="rfc4303/2.2/first-is-one")
def first_sequence_zero(patch: Patch) -> None:
    """Sends the counter before it increments it."""
    from reference_impl.ipsec.sa import OutboundSa

    def next_sequence(self: Any) -> int:
        self.sequence += 1
        return int(self.sequence) - 1

    patch(OutboundSa, "next_sequence", next_sequence)


@mutant("first-sequence-random", breaks="rfc4303/2.2/first-is-one")
def first_sequence_random(patch: Patch) -> None:
    """Starts the counter somewhere."""
    from reference_impl.ipsec.sa import OutboundSa

    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.sequence = 1000 + os.urandom(1)[0]

    patch.wrap(OutboundSa, "__init__", init)


@mutant("sequence-stands-still", breaks="rfc4303/2.2/sender-increments")
def sequence_stands_still(patch: Patch) -> None:
    """Sends every packet with the sequence number 1."""
    from reference_impl.ipsec.sa import OutboundSa

    patch(OutboundSa, "next_sequence", lambda self: 1)


@mutant("sequence-by-two", breaks="rfc4303/2.2/sender-increments")
def sequence_by_two(patch: Patch) -> None:
    """Increments the counter by two."""
    from reference_impl.ipsec.sa import OutboundSa

    def next_sequence(self: Any) -> int:
        self.sequence += 1 if not self.sequence else 2
        return int(self.sequence)

    patch(OutboundSa, "next_sequence", next_sequence)


@mutant("shared-sequence-counter", breaks="rfc4303/3.3.3/counter-starts-at-zero")
def shared_sequence_counter(patch: Patch) -> None:
    """Has one counter for all SAs."""
    from reference_impl.ipsec.sa import OutboundSa

    counter = iter(range(1, 1 << 32))
    patch(OutboundSa, "next_sequence", lambda self: next(counter))


# -- packets sent ---------------------------------------------------------------------------------------------------


@mutant("constant-esp-iv", breaks="rfc4303/2.3/iv-in-payload")
def constant_esp_iv(patch: Patch) -> None:
    """Uses the same IV for every packet."""
    from reference_impl.ipsec.esp import CombinedTransform, SeparateTransform

    def seal(original: Any, self: Any, sequence: int, plaintext: bytes, iv: bytes | None = None) -> Any:
        return original(self, sequence, plaintext, iv or bytes(self.iv_size))

    patch.wrap(CombinedTransform, "seal", seal)
    patch.wrap(SeparateTransform, "seal", seal)


@mutant("pads-with-zeros", breaks="rfc4303/2.4/default-padding-contents")
def pads_with_zeros(patch: Patch) -> None:
    """Fills the padding with zeros."""
    from reference_impl.ipsec import esp

    patch(esp, "trailer", lambda pad_length, next_header: bytes(pad_length) + bytes((pad_length, next_header)))


@mutant("unaligned-trailer", breaks="rfc4303/2.4/trailer-right-aligned")
def unaligned_trailer(patch: Patch) -> None:
    """Pads by one octet too many."""
    from reference_impl.ipsec import esp

    patch.wrap(esp, "trailer", lambda original, pad_length, next_header: original(pad_length + 1, next_header))


@mutant("wrong-next-header", breaks="rfc4303/2.6/next-header-names-payload")
def wrong_next_header(patch: Patch) -> None:
    """Says IPv6 of the IPv4 packet inside."""
    from reference_impl.ipsec import esp
    from reference_impl.ipsec.sa import OutboundSa

    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._ipv4_trailers = esp.trailers(self.alignment, esp.NEXT_IPV6)

    patch.wrap(OutboundSa, "__init__", init)


# -- padding, dummy packets and next header received ----------------------------------------------------------------


def _payload_end(patch: Patch, end: Any) -> None:
    from reference_impl.ipsec.sa import InboundSa

    patch(InboundSa, "_payload_end", end)


@mutant("refuses-long-padding", breaks="rfc4303/2.4/padding-supported")
def refuses_long_padding(patch: Patch) -> None:
    """Takes padding of more than 16 octets for an error."""
    _payload_end(patch, lambda self, plain: -1 if plain[-2] > 16 else len(plain) - 2 - plain[-2])


@mutant("ignores-padding-contents", breaks="rfc4303/2.4/receiver-inspects-padding")
def ignores_padding_contents(patch: Patch) -> None:
    """Removes the padding without a look at it."""
    _payload_end(patch, lambda self, plain: len(plain) - 2 - plain[-2])


@mutant("trusts-pad-length", breaks="rfc4303/2.5/pad-length-range")
def trusts_pad_length(patch: Patch) -> None:
    """Takes a Pad Length beyond the packet for no padding."""
    _payload_end(patch, lambda self, plain: len(plain) - 2 - (plain[-2] if plain[-2] + 2 <= len(plain) else 0))


def _rewrite_next_header(patch: Patch, wanted: Any) -> None:
    from reference_impl.ipsec.sa import InboundSa

    def payload(original: Any, self: Any, plaintext: bytes, outer: Any, packet: bytes) -> Any:
        if wanted(plaintext[-1]):
            plaintext = plaintext[:-1] + bytes([4 if plaintext[0] >> 4 == 4 else 41])
        return original(self, plaintext, outer, packet)

    patch.wrap(InboundSa, "_payload", payload)


@mutant("answers-dummy-packets", breaks="rfc4303/2.6/dummy-discarded")
def answers_dummy_packets(patch: Patch) -> None:
    """Passes the contents of dummy packets on."""
    _rewrite_next_header(patch, lambda value: value == 59)


@mutant("any-next-header-in-tunnel", breaks="rfc4303/5/architecture-requirements")
def any_next_header_in_tunnel(patch: Patch) -> None:
    """Takes whatever comes in tunnel mode for an IP packet."""
    _rewrite_next_header(patch, lambda value: value != 59)


@mutant("dummy-packets-kill-sa", breaks="rfc4303/2.6/dummy-discarded")
def dummy_packets_kill_sa(patch: Patch) -> None:
    """Gives the SA up at the first dummy packet."""
    from reference_impl.ipsec.sa import InboundSa

    def payload(original: Any, self: Any, plaintext: bytes, outer: Any, packet: bytes) -> Any:
        self.expired = self.expired or plaintext[-1] == 59
        return original(self, plaintext, outer, packet)

    patch.wrap(InboundSa, "_payload", payload)


@mutant("dummy-not-counted", breaks="rfc4303/2.6/dummy-discarded")
def dummy_not_counted(patch: Patch) -> None:
    """Forgets the sequence numbers of dummy packets."""
    from reference_impl.ipsec.discards import Discard, Discarded
    from reference_impl.ipsec.sa import InboundSa

    def decapsulate(original: Any, self: Any, packet: bytes, outer: Any = None) -> Any:
        window = self.window
        before = window.top, window._bits
        try:
            return original(self, packet, outer)
        except Discarded as discarded:
            if discarded.reason is Discard.DUMMY:
                window.top, window._bits = before
            raise

    patch.wrap(InboundSa, "decapsulate", decapsulate)


@mutant("refuses-tfc-padding", breaks="rfc4303/2.7/tfc-padding-discarded")
def refuses_tfc_padding(patch: Patch) -> None:
    """Discards a packet with octets after the inner packet's length."""
    from reference_impl.ipsec.discards import Discard
    from reference_impl.ipsec.sa import InboundSa

    def payload(original: Any, self: Any, plaintext: bytes, outer: Any, packet: bytes) -> Any:
        inner = original(self, plaintext, outer, packet)
        if len(inner) != self._payload_end(plaintext):
            raise self._discard(Discard.PADDING, "octets after the inner packet", packet)
        return inner

    patch.wrap(InboundSa, "_payload", payload)


# -- anti-replay ----------------------------------------------------------------------------------------------------


def _acceptable(patch: Patch, rule: Any) -> None:
    from reference_impl.ipsec.replay import ReplayWindow

    patch(ReplayWindow, "acceptable", rule)


@mutant("no-replay-check", breaks="rfc4303/3.4.3/duplicates-rejected")
def no_replay_check(patch: Patch) -> None:
    """Accepts every sequence number but 0."""
    _acceptable(patch, lambda self, sequence: sequence > 0)


@mutant("accepts-sequence-zero", breaks="rfc4303/2.2/first-is-one")
def accepts_sequence_zero(patch: Patch) -> None:
    """Accepts the sequence number 0."""
    from reference_impl.ipsec.replay import ReplayWindow

    patch.wrap(ReplayWindow, "acceptable", lambda original, self, sequence: sequence == 0 or original(self, sequence))


@mutant("accepts-left-of-window", breaks="rfc4303/3.4.3/left-of-window-rejected")
def accepts_left_of_window(patch: Patch) -> None:
    """Accepts packets left of the window, of which it knows nothing."""
    from reference_impl.ipsec.replay import ReplayWindow

    def acceptable(original: Any, self: Any, sequence: int) -> bool:
        return (sequence > 0 and self.top - sequence >= self.size) or bool(original(self, sequence))

    patch.wrap(ReplayWindow, "acceptable", acceptable)


@mutant("strictly-increasing-sequence", breaks="rfc4303/3.4.3/in-window-checked")
def strictly_increasing_sequence(patch: Patch) -> None:
    """Accepts packets in order only."""
    _acceptable(patch, lambda self, sequence: sequence > self.top)


def _narrow(patch: Patch, size: int) -> None:
    from reference_impl.ipsec.replay import ReplayWindow

    def acceptable(original: Any, self: Any, sequence: int) -> bool:
        return self.top - sequence < size and bool(original(self, sequence))

    patch.wrap(ReplayWindow, "acceptable", acceptable)


@mutant("window-of-eight", breaks="rfc4303/3.4.3/window-at-least-32")
def window_of_eight(patch: Patch) -> None:
    """Has a window of 8 packets."""
    _narrow(patch, 8)


@mutant("window-of-32", breaks="rfc4303/3.4.3/window-64-by-default")
def window_of_32(patch: Patch) -> None:
    """Has a window of 32 packets, the least that is allowed."""
    _narrow(patch, 32)


@mutant("forgets-window-when-it-slides", breaks="rfc4303/3.4.3/duplicates-rejected")
def forgets_window_when_it_slides(patch: Patch) -> None:
    """Clears the window whenever it moves."""
    from reference_impl.ipsec.replay import ReplayWindow

    def update(original: Any, self: Any, sequence: int) -> None:
        if sequence > self.top:
            self._bits = 0
        original(self, sequence)

    patch.wrap(ReplayWindow, "update", update)


@mutant("refuses-large-gap", breaks="rfc4303/3.4.3/right-edge-is-highest-validated")
def refuses_large_gap(patch: Patch) -> None:
    """Discards a packet far ahead of the last one."""
    from reference_impl.ipsec.discards import Discard
    from reference_impl.ipsec.sa import InboundSa

    def decapsulate(original: Any, self: Any, packet: bytes, outer: Any = None) -> Any:
        if int.from_bytes(packet[4:8], "big") > self.window.top + 5000:
            raise self._discard(Discard.REPLAY, "too far ahead", packet)
        return original(self, packet, outer)

    patch.wrap(InboundSa, "decapsulate", decapsulate)


@mutant("window-before-icv", breaks="rfc4303/3.4.3/window-moves-after-integrity")
def window_before_icv(patch: Patch) -> None:
    """Moves the window and marks the number before it has checked the ICV."""
    from reference_impl.ipsec.discards import Discard, Discarded
    from reference_impl.ipsec.sa import InboundSa

    def decapsulate(original: Any, self: Any, packet: bytes, outer: Any = None) -> Any:
        try:
            return original(self, packet, outer)
        except Discarded as discarded:
            if discarded.reason is Discard.INTEGRITY:
                self.window.update(self.window.sequence(int.from_bytes(packet[4:8], "big")))
            raise

    patch.wrap(InboundSa, "decapsulate", decapsulate)


# -- integrity ------------------------------------------------------------------------------------------------------


def _decrypt_unchecked(patch: Patch, icv_size: int) -> None:
    """Packets of AES-GCM whose ICV is wrong are decrypted all the same, with an ICV of `icv_size` octets cut off."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    from reference_impl.crypto.errors import IntegrityError
    from reference_impl.ipsec.esp import CombinedTransform

    keys: dict[bytes, bytes] = {}

    def init(original: Any, self: Any, spi: int, esn: bool, protection: Any, enc_key: bytes) -> None:
        original(self, spi, esn, protection, enc_key)
        keys[spi.to_bytes(4, "big")] = enc_key[:-4]

    def unchecked(original: Any, self: Any, packet: bytes, sequence: int) -> bytes:
        try:
            plaintext: bytes = original(self, packet, sequence)
        except IntegrityError:
            counter = self._salt + packet[8:16] + b"\0\0\0\2"
            cipher = Cipher(algorithms.AES(keys[self.spi.to_bytes(4, "big")]), modes.CTR(counter))
            return cipher.decryptor().update(packet[16:-icv_size])
        return plaintext

    patch.wrap(CombinedTransform, "__init__", init)
    patch.wrap(CombinedTransform, "open", unchecked)


@mutant("no-icv-check", breaks="rfc4303/3.4.4.2/aead-failure-discarded")
def no_icv_check(patch: Patch) -> None:
    """Decrypts without a look at the ICV."""
    _decrypt_unchecked(patch, 16)


@mutant("accepts-short-icv", breaks="rfc4303/3.4.4.1/integrity-before-delivery")
def accepts_short_icv(patch: Patch) -> None:
    """Accepts a packet whose ICV has 12 octets instead of 16."""
    _decrypt_unchecked(patch, 12)


@mutant("sha256-icv-of-96-bits", breaks="rfc4303/1/both-services-supported")
def sha256_icv_of_96_bits(patch: Patch) -> None:
    """Truncates HMAC-SHA2-256 to 96 bits, as old kernels did before RFC 4868."""
    from reference_impl.ipsec.esp import SeparateTransform
    from reference_impl.wire.registries import Integ

    def init(original: Any, self: Any, spi: int, esn: bool, protection: Any, *keys: bytes) -> None:
        original(self, spi, esn, protection, *keys)
        if protection.integ.id == Integ.HMAC_SHA2_256_128:
            self.icv_size = 12

    patch.wrap(SeparateTransform, "__init__", init)


@mutant("short-packets-kill-sa", breaks="rfc4303/3.4.3/bad-icv-discarded")
def short_packets_kill_sa(patch: Patch) -> None:
    """Gives the SA up when a packet on it is too short to hold a trailer and an ICV."""
    from reference_impl.ipsec.processing import Processor

    def inbound(original: Any, self: Any, now: float, esp: bytes, *rest: Any) -> Any:
        pair = self.sad.inbound(esp[:4])
        if pair is not None and len(esp) < 24:
            pair.inbound.expired = True
        return original(self, now, esp, *rest)

    patch.wrap(Processor, "inbound", inbound)


@mutant("no-inbound-selector-check", breaks="rfc4303/5/architecture-requirements")
def no_inbound_selector_check(patch: Patch) -> None:
    """Passes inner packets on that do not fit the SA's traffic selectors."""
    from reference_impl.ipsec.selectors import SaSelectors

    patch(SaSelectors, "allows_inbound", lambda self, packet: True)


@mutant("drops-large-packets", breaks="rfc4303/3.3.4/tunnel-carries-fragments")
def drops_large_packets(patch: Patch) -> None:
    """Discards packets of more than 1,000 octets."""
    from reference_impl.ipsec.processing import Processor

    patch.wrap(
        Processor,
        "inbound",
        lambda original, self, now, esp, *rest: None if len(esp) > 1000 else original(self, now, esp, *rest),
    )


# -- extended sequence numbers --------------------------------------------------------------------------------------


@mutant("esn-not-in-icv", breaks="rfc4303/2.2.1/esn-high-bits-in-icv")
def esn_not_in_icv(patch: Patch) -> None:
    """Leaves the high-order bits of an extended sequence number out of the ICV."""
    from reference_impl.ipsec.esp import CombinedTransform

    def seal(self: Any, sequence: int, plaintext: bytes, iv: bytes | None = None) -> bytes:
        header = int(self.spi).to_bytes(4, "big") + (sequence & 0xFFFFFFFF).to_bytes(4, "big")
        nonce = iv or sequence.to_bytes(8, "big")
        sealed: bytes = self._encrypt(self._salt + nonce, plaintext, header)
        return header + nonce + sealed

    def unsealed(self: Any, packet: bytes, sequence: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        from reference_impl.crypto.errors import IntegrityError

        try:
            plain: bytes = self._decrypt(self._salt + packet[8:16], packet[16:], packet[:8])
        except InvalidTag:
            raise IntegrityError("wrong ICV") from None
        return plain

    patch(CombinedTransform, "seal", seal)
    patch(CombinedTransform, "open", unsealed)


@mutant("esn-high-bits-stay-zero", breaks="rfc4303/3.4.3/esn-high-bits-inferred")
def esn_high_bits_stay_zero(patch: Patch) -> None:
    """Never counts on into the high-order bits of the extended sequence number."""
    from reference_impl.ipsec.replay import ReplayWindow

    patch(ReplayWindow, "sequence", lambda self, low: low)


@mutant("esn-window-forgets-old-subspace", breaks="rfc4303/A2.2/seqh-case-b")
def esn_window_forgets_old_subspace(patch: Patch) -> None:
    """Takes every packet for one of the newest subspace or the next."""
    from reference_impl.ipsec.replay import ReplayWindow

    def sequence(original: Any, self: Any, low: int) -> int:
        full = int(original(self, low))
        return full if full >> 32 >= self.top >> 32 else full + (1 << 32)

    patch.wrap(ReplayWindow, "sequence", sequence)


# -- with and without UDP -------------------------------------------------------------------------------------------


@mutant("esp-always-in-udp", breaks="rfc4303/2/protocol-50")
def esp_always_in_udp(patch: Patch) -> None:
    """Sends ESP in UDP although there is no NAT."""
    from reference_impl.gateway import dataplane

    patch.wrap(dataplane, "_path", lambda original, local, remote, _: original(local, remote, True))


@mutant("no-esp-without-udp", breaks="rfc4303/2/protocol-50")
def no_esp_without_udp(patch: Patch) -> None:
    """Discards ESP that comes as IP protocol 50."""
    _discards_esp(patch, lambda pair, in_udp: not in_udp)


@mutant("refuses-udp-without-nat", breaks="rfc7296/2.23/encapsulated-esp-without-nat")
def refuses_udp_without_nat(patch: Patch) -> None:
    """Discards ESP in UDP on an SA for which no NAT was found."""
    _discards_esp(patch, lambda pair, in_udp: in_udp and pair is not None and not pair.path.encapsulate)


def _discards_esp(patch: Patch, unwanted: Callable[[Any, bool], bool]) -> None:
    from reference_impl.gateway.dataplane import DataPlane

    def receive_esp(
        original: Any, self: Any, data: bytes, local: Any, remote: Any, traffic_class: int, in_udp: bool
    ) -> None:
        if not unwanted(self.processor.sad.inbound(data[:4]), in_udp):
            original(self, data, local, remote, traffic_class, in_udp=in_udp)

    patch.wrap(DataPlane, "receive_esp", receive_esp)
