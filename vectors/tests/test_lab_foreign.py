"""libreswan's and strongSwan's programs answer, and are told from right by an altered octet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from vectors.adapters import Adapter, Input, Refused, Unsupported
from vectors.adapters.builtin import FOREIGN, adapter, start
from vectors.adapters.process import ProtocolError
from vectors.comparison import Comparison
from vectors.model import Case, Value, VectorSet, files, load
from vectors.operations import OPERATIONS
from vectors.replay import Outcome, decode, replay_case

pytestmark = pytest.mark.lab
SETS = {path.stem: load(path) for path in files()}
# what each must answer, so that a program that finds everything unsupported does not pass
ANSWERS = {
    "libreswan": {"mac", "aead-open", "ikev2-kdf", "ikev1-psk-kdf", "ikev1-sig-kdf"},
    "strongswan": {"encrypt", "aead-seal", "aead-open", "mac", "group", "public", "shared", "prf-plus", "ikev2-kdf"}
    | {"esp-open"},
}
ANSWERS |= {"strongswan-openssl": ANSWERS["strongswan"], "strongswan-gcrypt": ANSWERS["strongswan"]}


@pytest.fixture(scope="module", params=FOREIGN)
def foreign(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    made = start(request.param)
    yield made
    made.close()


def _altered(case: Case) -> Case:
    """With another last octet in its first expected value."""
    name, value = next(iter(case.expected.items()))
    other: Value = f"{int(value or '0', 16) ^ 1:0{max(2, len(value))}x}" if isinstance(value, str) else value + 1
    return replace(case, expected={**case.expected, name: other})


def test_no_set_fails_and_an_altered_one_does(foreign: Adapter) -> None:
    compared = Comparison(list(SETS.values()))
    compared.add(foreign)
    assert compared.failures == []
    answered = set()
    for vectors in SETS.values():
        if not compared.counts[vectors.name, foreign.name]["passed"]:
            continue
        answered.add(vectors.operation.name)
        case = next(case for case in vectors.cases if _passes(vectors, case, foreign))
        assert replay_case(vectors, _altered(case), foreign).outcome is Outcome.FAIL, vectors.name
    assert answered == ANSWERS[foreign.name]


def _passes(vectors: VectorSet, case: Case, adapter: Adapter) -> bool:
    return case.result == "valid" and replay_case(vectors, case, adapter).outcome is Outcome.PASS


NONCES: dict[str, Input] = {"ni": b"initiator's nonce", "nr": b"the nonce of the responder", "shared": b"g^ir" * 64}
SPIS: dict[str, Input] = {"spi_i": b"initiato", "spi_r": b"responde"}
SUITES: tuple[dict[str, Input], ...] = (
    {"prf": "HMAC-SHA2-256", "cipher": "AES-CBC", "key_bits": 128, "integ": "HMAC-SHA2-256-128"},
    {"prf": "HMAC-SHA2-512", "cipher": "AES-GCM-16", "key_bits": 256},
    {"prf": "HMAC-SHA1", "cipher": "3DES-CBC", "integ": "HMAC-SHA1-96"},
    {"prf": "AES-XCBC", "cipher": "AES-CTR", "key_bits": 192, "integ": "AES-XCBC-96"},
    {"prf": "AES-CMAC", "cipher": "CHACHA20-POLY1305"},
)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: str(suite["prf"]))
def test_the_keys_of_an_sa(foreign: Adapter, suite: dict[str, Input]) -> None:
    old: dict[str, Input] = {"old_prf": "HMAC-SHA2-384", "sk_d": b"sk_d" * 12}
    questions: dict[str, dict[str, Input]] = {
        "ikev2-keys": {**suite, **NONCES, **SPIS},
        "ikev2-rekey-keys": {**suite, **NONCES, **SPIS, **old},
        "ikev2-child-keys": {**suite, **NONCES, "sk_d": b"sk_d" * 4},
    }
    for operation, inputs in questions.items():
        if foreign.name == "libreswan" and (operation != "ikev2-keys" or str(suite["prf"]).startswith("AES")):
            with pytest.raises(Unsupported):
                foreign.answer(operation, inputs)
        else:
            assert foreign.answer(operation, inputs) == adapter("openssl").answer(operation, inputs)


def test_an_operation_that_it_does_not_have(foreign: Adapter) -> None:
    with pytest.raises(Unsupported):
        foreign.answer("mschapv2", {})


def test_the_program_goes_on_after_a_refusal(foreign: Adapter) -> None:
    operation = OPERATIONS["aead-open"]
    cases = {case.result: case for case in SETS["wycheproof-aes-gcm-open"].cases}
    right = cases["valid"]
    for _ in range(2):
        expected = decode(right.expected, operation.outputs)
        assert foreign.answer("aead-open", decode(right.inputs, operation.inputs)) == expected
        with pytest.raises(Refused):
            foreign.answer("aead-open", decode(cases["invalid"].inputs, operation.inputs))


def test_a_program_that_ended_is_an_error() -> None:
    adapter = start("strongswan")
    inputs: dict[str, Input] = {"prf": "HMAC-SHA1", "key": b"k", "seed": b"s", "size": "2 words"}
    with pytest.raises(ProtocolError, match=r"strongswan: answer ended \(exit status 2\): answer: no such question"):
        adapter.answer("prf-plus", inputs)
    adapter.close()
