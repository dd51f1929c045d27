"""Why a packet was not carried. One name per reason: counters, logs and tests use the same."""

from __future__ import annotations

from enum import StrEnum


class Discard(StrEnum):
    """The reason for which IPsec processing dropped a packet."""

    # inbound, before the integrity check
    TRUNCATED = "esp-truncated"
    RESERVED_SPI = "esp-reserved-spi"
    NO_SA = "esp-no-sa"
    SEQUENCE_ZERO = "esp-sequence-zero"
    REPLAY = "esp-replay"
    # inbound, integrity and contents
    INTEGRITY = "esp-integrity"
    PADDING = "esp-padding"
    DUMMY = "esp-dummy"
    NEXT_HEADER = "esp-next-header"
    INNER_MALFORMED = "inner-malformed"
    SELECTORS = "inner-selectors"
    POLICY = "inner-policy"
    ECN = "inner-ecn-not-ect-marked-ce"
    # AH, both directions (RFC 4302)
    AH_MISSING = "ah-missing"
    AH_FRAGMENT = "ah-fragment"
    AH_ROUTING = "ah-routing-header-without-rule"
    AH_LENGTH = "ah-length"
    AH_REPLAY = "ah-replay"
    AH_INTEGRITY = "ah-integrity"
    # inbound IPComp (RFC 3173)
    IPCOMP_MALFORMED = "ipcomp-malformed"
    IPCOMP_TOO_LARGE = "ipcomp-too-large"
    IPCOMP_NO_ASSOCIATION = "ipcomp-no-association"
    # outbound
    NO_POLICY = "outbound-no-policy"
    POLICY_DISCARD = "outbound-policy-discard"
    NO_OUTBOUND_SA = "outbound-no-sa"
    SEQUENCE_OVERFLOW = "outbound-sequence-overflow"
    FRAGMENT_IN_TRANSPORT = "outbound-fragment-in-transport-mode"
    TOO_BIG = "outbound-too-big"
    # both
    EXPIRED = "sa-expired"
    MALFORMED = "malformed-ip"


class Discarded(Exception):
    """A packet was dropped for `reason`. `spi` and `sequence` are what an audit entry needs (RFC 4303 section 4).

    `inner`: the decapsulated packet, when the selectors refused it.
    """

    def __init__(
        self, reason: Discard, detail: str = "", *, spi: int = 0, sequence: int = 0, inner: bytes = b""
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.spi = spi
        self.sequence = sequence
        self.inner = inner
