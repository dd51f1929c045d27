"""How foreign programs are asked and understood: on recorded answers of libreswan's cavp, and strongSwan's by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectors.adapters import Input, Refused, Unsupported
from vectors.adapters.builtin import adapter
from vectors.adapters.foreign import cavp, strongswan
from vectors.model import DATA, load
from vectors.replay import decode

RECORDED = Path(__file__).parent / "data" / "cavp"
# recording: set, case, cavp's name of the test
CAVP = {
    "ikev2": ("nist-cavs-ikev2", "0", "v2"),
    "ikev1-psk": ("nist-cavs-ikev1-psk", "0", "v1psk"),
    "ikev1-sig": ("nist-cavs-ikev1-sig", "0", "v1dsa"),
    "hmac": ("rfc4231-hmac-sha2", "1-256", "hmac"),
    "hmac-truncated": ("rfc4868-hmac-sha2", "AUTH256-1", "hmac"),
    "gcm": ("wycheproof-aes-gcm-open", "2", "gcm"),
    "gcm-fail": ("wycheproof-aes-gcm-open", "2-tag15", "gcm"),
}


def _recorded(name: str) -> tuple[cavp.Question, dict[str, Input], list[str]]:
    """(question, expected outputs, cavp's answer) of a recording."""
    set_name, case_id, _ = CAVP[name]
    vectors = load(DATA / f"{set_name}.json")
    case = next(case for case in vectors.cases if case.id == case_id)
    question = cavp.question(vectors.operation.name, decode(case.inputs, vectors.operation.inputs))
    lines = (RECORDED / f"{name}.out").read_text(encoding="utf-8").splitlines()
    return question, decode(case.expected, vectors.operation.outputs), lines


@pytest.mark.parametrize("name", CAVP)
def test_a_case_becomes_the_question_that_was_answered(name: str) -> None:
    question, _, lines = _recorded(name)
    assert question.test == CAVP[name][2]
    assert question.text == (RECORDED / f"{name}.in").read_text(encoding="utf-8")
    # cavp repeats what it understood
    assert set(question.text.split("\n")) <= set(lines)


@pytest.mark.parametrize("name", [name for name in CAVP if name != "gcm-fail"])
def test_cavps_answer_has_the_published_outputs(name: str) -> None:
    question, expected, lines = _recorded(name)
    assert cavp.answer(question, lines) == expected


def test_the_keys_of_an_ike_sa_are_cut_from_dkm() -> None:
    case = load(DATA / "nist-cavs-ikev2.json").cases[0]
    inputs: dict[str, Input] = {
        **{name: bytes.fromhex(str(case.inputs[name])) for name in ("ni", "nr", "spi_i", "spi_r", "shared")},
        **{"prf": "HMAC-SHA1", "cipher": "AES-CBC", "key_bits": 128, "integ": "HMAC-SHA1-96"},
    }
    question = cavp.question("ikev2-keys", inputs)
    assert question.text == (RECORDED / "ikev2-keys.in").read_text(encoding="utf-8")
    lines = (RECORDED / "ikev2-keys.out").read_text(encoding="utf-8").splitlines()
    assert cavp.answer(question, lines) == adapter("openssl").answer("ikev2-keys", inputs)
    with pytest.raises(ValueError, match=r"^cavp gave no DKM$"):
        cavp.answer(question, [line for line in lines if not line.startswith("DKM =")])


def test_cavps_fail_is_a_refusal() -> None:
    question, _, lines = _recorded("gcm-fail")
    with pytest.raises(Refused):
        cavp.answer(question, lines)


def test_an_answer_without_a_result_is_an_error() -> None:
    question, _, lines = _recorded("ikev2")
    with pytest.raises(ValueError, match=r"^cavp gave no SKEYSEED\(Rekey\)$"):
        cavp.answer(question, [line for line in lines if "Rekey" not in line])


@pytest.mark.parametrize(
    ("operation", "inputs"),
    [
        ("encrypt", {"algorithm": "AES-CBC"}),
        ("mac", {"algorithm": "HMAC-MD5"}),
        ("aead-open", {"algorithm": "AES-CCM-16", "tag": b""}),
        ("ikev2-kdf", {"prf": "AES-XCBC", "dkm_size": 1, "child_size": 1, "shared": b""}),
    ],
)
def test_what_cavp_does_not_have_is_unsupported(operation: str, inputs: dict[str, Input]) -> None:
    with pytest.raises(Unsupported):
        cavp.question(operation, inputs)


def test_strongswans_answers() -> None:
    assert strongswan.parse("ok") == []
    assert strongswan.parse("ok 00ff - 01") == [b"\x00\xff", b"", b"\x01"]
    with pytest.raises(Refused, match="integrity check failed"):
        strongswan.parse("refused integrity check failed")
    with pytest.raises(Unsupported, match="no plugin has this prf"):
        strongswan.parse("unsupported no plugin has this prf")
    for line in ("", "okay", "ok 0", "OCI runtime exec failed"):
        with pytest.raises(ValueError, match=r"answer:|hexadecimal"):
            strongswan.parse(line)


def test_values_in_a_question_to_strongswan() -> None:
    assert [strongswan.word(value) for value in (b"\x01\xab", b"", 14)] == ["01ab", "-", "14"]
    assert strongswan.number({"AES-CBC": 12}, {"algorithm": "AES-CBC"}, "algorithm") == 12
    with pytest.raises(Unsupported, match="SERPENT-CBC"):
        strongswan.number({"AES-CBC": 12}, {"algorithm": "SERPENT-CBC"}, "algorithm")
    with pytest.raises(Unsupported, match="no integ"):
        strongswan.number({}, {}, "integ")
