"""RFC 7383 section 2.5: the fragments that a device sends, judged on its IKE_AUTH response with a certificate."""

from __future__ import annotations

from conformance.ikev2.rfc7383.pieces import Piece, big_answer, fragmented_answer, is_fragment, pieces_of, text
from conformance.tester import Inconclusive, Tester, covers
from reference_impl.wire.message import Message
from reference_impl.wire.registries import ExchangeType, PayloadType

NEEDS = ("fragmentation", "certificates")
LARGEST_ETHERNET = 1500
IPV4_THRESHOLD = 576
IPV6_THRESHOLD = 1280


def numbered(pieces: list[Piece]) -> list[tuple[int, int]]:
    """(Fragment Number, Total Fragments) of each."""
    return sorted({(item.skf.fragment, item.skf.total) for item in pieces})


@covers(
    "rfc7383/2.5/number-starts-at-one",
    "rfc7383/2.5/number-within-total",
    "rfc7383/2.5/number-not-zero",
    "rfc7383/2.5/total-not-zero",
    needs=NEEDS,
    mutants=["fragment-numbers-from-zero", "total-fragments-counts-down"],
)
def test_numbers(tester: Tester) -> None:
    """The fragments of a message are numbered from 1 to Total Fragments, which is the same in all of them."""
    found = numbered(fragmented_answer(tester))
    total = found[0][1]
    observed = ", ".join(f"{number}/{count}" for number, count in found)
    tester.check(found == [(number, total) for number in range(1, total + 1)], f"1 to {total} of {total}", observed)


@covers(
    "rfc7383/2.5/first-next-payload-inner",
    needs=NEEDS,
    mutants=["first-fragment-without-next-payload"],
)
def test_first_next_payload(tester: Tester) -> None:
    """Next Payload of the first fragment is the type of the first inner payload, which is IDr in this response."""
    for piece in fragmented_answer(tester):
        if piece.skf.fragment == 1:
            good = piece.skf.inner in (PayloadType.IDR, PayloadType.NOTIFY, PayloadType.VENDOR)
            tester.check(good, "the type of the first inner payload, IDr", text(piece))


@covers("rfc7383/2.5/later-next-payload-zero", needs=NEEDS, mutants=["later-fragments-with-next-payload"])
def test_later_next_payload(tester: Tester) -> None:
    """Next Payload of all fragments but the first is zero."""
    for piece in fragmented_answer(tester):
        if piece.skf.fragment > 1:
            tester.check(piece.skf.inner == PayloadType.NONE, "Next Payload 0", text(piece))


@covers(
    "rfc7383/2.5/header-intact",
    "rfc7383/2.5/length-of-fragment",
    needs=NEEDS,
    mutants=["fragments-count-message-ids", "fragments-with-whole-length"],
)
def test_headers(tester: Tester) -> None:
    """The IKE headers of the fragments are the same but for Length, which is that of each fragment."""
    pieces = fragmented_answer(tester)
    for piece in pieces:
        head, size = piece.header, len(piece.octets)
        tester.check(head.length == size, f"Length {size}", f"{head.length}", "rfc7383/2.5/length-of-fragment")
        kept = (head.message_id, head.exchange, int(head.flags) & 0x28, head.major, head.minor)
        tester.check(kept == (1, ExchangeType.IKE_AUTH, 0x20, 2, 0), "the header of the response", f"{kept}")
    spis = {(item.header.spi_i, item.header.spi_r) for item in pieces}
    tester.check(len(spis) == 1, "the same SPIs in all", f"{len(spis)} pairs of SPIs")


@covers(
    "rfc7383/2.5/skf-is-last",
    "rfc7383/2.5/skf-type-53",
    "rfc7383/2.5.3/skf-in-every-fragment",
    "rfc7383/2.5.3/unprotected-in-first",
    needs=NEEDS,
    mutants=["last-fragment-as-sk", "vendor-id-in-every-fragment"],
)
def test_payloads(tester: Tester) -> None:
    """The Encrypted Fragment payload, type 53, is the last payload of the first fragment and all of the others."""
    received = big_answer(tester)
    if len(received) == 1 and not is_fragment(received[0]):
        raise Inconclusive("the device's IKE_AUTH response was not fragmented")
    for item in received:
        kinds = [int(payload.type_id) for payload in Message.parse(item.octets, strict=False).payloads]
        observed = f"payload types {kinds}"
        tester.check(kinds[-1:] == [PayloadType.SKF], "SKF as the last payload", observed)
    for piece in pieces_of(received):
        tester.check(
            piece.skf.fragment == 1 or len(piece.message.payloads) == 1,
            "SKF alone in all fragments but the first",
            text(piece),
            "rfc7383/2.5.3/unprotected-in-first",
        )


@covers("rfc7383/2.5/crypto-as-encrypted-payload", needs=NEEDS, mutants=["one-iv-for-all-fragments"])
def test_own_protection(tester: Tester) -> None:
    """Each fragment has an IV of its own and decrypts by itself."""
    attempt_pieces = fragmented_answer(tester)
    sa = tester.sas[-1]
    ivs = {item.skf.fragment: item.skf.content[: sa.inbound.iv_size] for item in attempt_pieces}
    tester.check(len(set(ivs.values())) == len(ivs), "another IV in each fragment", "an IV twice")
    failed = [item.problem for item in tester.inbox if item.sa is sa and item.problem]
    tester.check(not failed, "fragments that decrypt", ", ".join(failed))


@covers("rfc7383/2.5.1/size-below-threshold", needs=NEEDS, mutants=["fragments-of-2000-octets"])
def test_size(tester: Tester) -> None:
    """No fragment needs an IP datagram that would itself be fragmented on an Ethernet."""
    sizes = [item.ip_size for item in fragmented_answer(tester, bigger=True)]
    tester.check(max(sizes) <= LARGEST_ETHERNET, f"at most {LARGEST_ETHERNET} octets", f"{max(sizes)} octets")


@covers(
    "rfc7383/2.5.1/ipv4-threshold-576",
    "rfc7383/2.5.1/ipv6-threshold-1280",
    needs=NEEDS,
    mutants=["fragments-of-2000-octets"],
)
def test_recommended_size(tester: Tester) -> None:
    """IP datagrams with fragments have at most the recommended 576 octets over IPv4, 1280 over IPv6."""
    sizes = [item.ip_size for item in fragmented_answer(tester, bigger=True)]
    if ":" in tester.profile.address:
        limit, largest = IPV6_THRESHOLD, max(sizes) + 20
        tester.check(
            largest <= limit, f"at most {limit} octets", f"{largest} octets", "rfc7383/2.5.1/ipv6-threshold-1280"
        )
        return
    tester.check(max(sizes) <= IPV4_THRESHOLD, f"at most {IPV4_THRESHOLD} octets", f"{max(sizes)} octets")
