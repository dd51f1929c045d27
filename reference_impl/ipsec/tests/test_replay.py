"""The replay window, and extended sequence numbers, against the pseudo-code of RFC 4303 Appendix A2.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.ipsec.replay import ReplayWindow


def rfc_high(top: int, low: int, size: int) -> int:
    """Seqh of RFC 4303 Appendix A2.3, arithmetic mod 2^32, as printed there; -1 before the first subspace."""
    tl, th = top & 0xFFFFFFFF, top >> 32
    bottom = (tl - size + 1) & 0xFFFFFFFF
    if tl >= size - 1:
        return th if low >= bottom else th + 1
    return th - 1 if low >= bottom else th


def test_edges_of_the_window() -> None:
    window = ReplayWindow(64)
    for sequence in (1, 100):
        assert window.acceptable(sequence)
        window.update(sequence)
    assert not window.acceptable(100)
    assert not window.acceptable(36)
    assert window.acceptable(37)
    window.update(37)
    assert not window.acceptable(37)
    assert window.acceptable(99)
    assert window.acceptable(2**32 - 1)


def test_zero_is_never_acceptable() -> None:
    assert not ReplayWindow(64).acceptable(0)
    assert not ReplayWindow(64, esn=True).acceptable(0)
    assert not ReplayWindow(0).acceptable(0)


def test_low_half_zero_is_fine_in_the_second_subspace() -> None:
    window = ReplayWindow(64, esn=True)
    window.update(2**32 - 1)
    assert window.sequence(0) == 2**32
    assert window.acceptable(2**32)


def test_a_number_before_the_first_subspace_is_refused() -> None:
    window = ReplayWindow(64, esn=True)
    assert not window.acceptable(window.sequence(0xFFFFFFFF))


def test_service_off_accepts_repeats() -> None:
    window = ReplayWindow(0)
    window.update(7)
    assert window.acceptable(7)


@pytest.mark.parametrize(("size", "esn"), [(1, False), (31, False), (-1, False), (1 << 20, False), (0, True)])
def test_impossible_windows(size: int, esn: bool) -> None:
    with pytest.raises(ValueError, match="window"):
        ReplayWindow(size, esn=esn)


@given(
    st.integers(0, 2**34),
    st.one_of(st.integers(0, 2**32 - 1), st.integers(-200, 200)),
    st.sampled_from([32, 64, 128, 1024]),
)
def test_inference_is_the_rfcs(top: int, low: int, size: int) -> None:
    low = low % 2**32 if low >= 0 else (top + low) % 2**32
    window = ReplayWindow(size, esn=True)
    window.top = top
    assert window.sequence(low) == (rfc_high(top, low, size) << 32) + low


@given(st.lists(st.integers(1, 400), max_size=300), st.sampled_from([32, 64, 100]))
def test_window_is_the_set_of_what_was_received(numbers: list[int], size: int) -> None:
    window, seen = ReplayWindow(size), set[int]()
    for number in numbers:
        top = max(seen, default=0)
        expected = number not in seen and number > top - size
        assert window.acceptable(number) is expected
        if expected:
            window.update(number)
            seen.add(number)
    assert window.top == max(seen, default=0)
