"""A realistic results file: one gateway, some thirty tests, every verdict; and a hostile twin of it."""

from __future__ import annotations

import hashlib
from typing import Any

from reports.tests.messages import Talk

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<!--<script>\u2028\u2029\u202e'\"`{{7*7}}&#x22;]]>\x00\x1b[31m"
)

# id, level, binds, observable, our words, the document's words, why
_CATALOGUE = """
rfc7296/1.4/informational-answered|MUST|responder|black-box|Answers every INFORMATIONAL request.|The recipient of an INFORMATIONAL exchange request MUST send some response; otherwise, the sender will assume the message was lost in the network and will retransmit it.|
rfc7296/1.4.1/close-both-sas|MUST|both|black-box|Closes both SAs of a pair when one of them is deleted.|When an SA is closed, both members of the pair MUST be closed (that is, deleted).|
rfc7296/2.1/response-only-on-request|MUST NOT|responder|black-box|Never retransmits a response unless the request is retransmitted.|The responder MUST never retransmit a response unless it receives a retransmission of the request.|
rfc7296/2.1/retransmission-identical|MUST|initiator|needs-trigger|Retransmits a request bit by bit as it was.|A retransmission from the initiator MUST be bitwise identical to the original request.|
rfc7296/2.1/remember-request|MUST|initiator|internal|Remembers each request until its response comes.|The initiator MUST remember each request until it receives the corresponding response.|Memory of the device; only its retransmissions show it.
rfc7296/2.4/exponential-backoff|MUST|initiator|needs-time|Waits longer before each further retransmission.|retransmission times MUST increase exponentially to avoid flooding the network and making an existing congestion situation worse.|
rfc7296/2.5/higher-major-dropped|MUST|both|black-box|Drops a message with a higher major version.|If an endpoint receives a message with a higher major version number, it MUST drop the message|
rfc7296/2.5/higher-major-notified|SHOULD|both|black-box|Answers a higher major version with INVALID_MAJOR_VERSION.|and SHOULD send an unauthenticated Notify message of type INVALID_MAJOR_VERSION containing the highest (closest) version number it supports.|
rfc7296/2.5/reserved-ignored|MUST|receiver|black-box|Ignores the content of fields marked RESERVED.|all fields marked RESERVED MUST be set to zero by an implementation running version 2.0, and their content MUST be ignored by an implementation running version 2.0|
rfc7296/2.5/unknown-noncritical-skipped|MUST|receiver|black-box|Skips payloads of unknown type that are not critical.|If the critical flag is not set and the payload type is unsupported, that payload MUST be ignored.|
rfc7296/2.5/unknown-critical-rejected|MUST|receiver|black-box|Rejects a message with an unknown critical payload and says so.|If the critical flag is set and the payload type is unrecognized, the message MUST be rejected and the response to the IKE request containing that payload MUST include a Notify payload UNSUPPORTED_CRITICAL_PAYLOAD|
rfc7296/2.7/responder-picks-one|MUST|responder|black-box|Accepts one proposal or rejects them all.|The responder MUST accept a single proposal or reject them all and return an error.|
rfc7296/2.7/one-transform-per-type|MUST|responder|black-box|Accepts exactly one transform of each type.|The accepted cryptographic suite MUST contain exactly one transform of each type included in the proposal.|
rfc7296/2.8/rekey-jitter|SHOULD|initiator|needs-time|Jitters the time of rekeying.|timing of rekeying requests SHOULD be jittered (delayed by a random amount of time after the need for rekeying is noticed).|
rfc7296/2.10/nonce-half-key|MUST|both|black-box|Nonces are at least half the key size of the PRF.|Nonces used in IKEv2 MUST be randomly chosen, MUST be at least 128 bits in size, and MUST be at least half the key size of the negotiated pseudorandom function (PRF).|
rfc7296/2.12/forget-keys|MUST|both|internal|Forgets the keys of a closed connection.|each endpoint MUST forget not only the keys used by the connection but also any information that could be used to recompute those keys.|Memory of the device.
rfc7296/2.15/auth-verified|MUST|both|black-box|Verifies the AUTH payload.|Both parties in the IKE_AUTH exchange MUST verify that all signatures and Message Authentication Codes (MACs) are computed correctly.|
rfc7296/3.9/nonce-size|MUST|receiver|black-box|Nonce Data is between 16 and 256 octets.|The size of the Nonce Data MUST be between 16 and 256 octets, inclusive.|
rfc7296/3.14/pad-length-any|MUST|recipient|black-box|Accepts any pad length that gives the right alignment.|but the recipient MUST accept any length that results in proper alignment.|
rfc7296/3.14/pad-length-minimal|SHOULD|sender|black-box|Uses the shortest padding.|The sender SHOULD set the Pad Length to the minimum value that makes the combination of the payloads, the Padding, and the Pad Length a multiple of the block size|
rfc7383/2.5/liveness-unfragmented|SHOULD NOT|both|black-box|Does not fragment where nothing is gained.|IKE fragmentation SHOULD NOT be used in cases where IP-layer fragmentation of both the request and response messages is unlikely.|
rfc7383/2.6/replayed-fragment|MUST|receiver|black-box|Discards a fragment that it has already.|If an IKE Fragment message with the same Message ID, Fragment Number, and Total Fragments fields is already present in the reassembling queue, this message is considered a replay and MUST be silently discarded.|
rfc7383/2.6/icv-checked|MUST|receiver|black-box|Discards a fragment whose ICV is wrong.|If the ICV check fails, the message MUST be silently discarded.|
rfc7383/2.6/larger-total-restarts|MUST|receiver|black-box|Starts again when a fragment says a larger total.|the receiver MUST discard all received fragments and start the reassembly process over with just the received IKE Fragment message.|
rfc4303/2.2/sequence-increments|MUST|sender|black-box|Increments the sequence number for every packet.|the sender MUST increment this field for every transmitted packet.|
rfc4303/2.2.1/esn-implemented|SHOULD|both|black-box|Implements extended sequence numbers.|Extended Sequence Numbers (ESNs) SHOULD be implemented, as an extension to the current, 32-bit sequence number field.|
rfc4303/2.4/padding-inspected|SHOULD|receiver|black-box|Inspects the padding.|When this padding scheme is employed, the receiver SHOULD inspect the Padding field.|
rfc4303/2.6/dummy-discarded|MUST|receiver|black-box|Discards dummy packets without an error.|a receiver MUST be prepared to discard such packets, without indicating an error.|
rfc4303/3.3.3/no-sequence-cycle|MUST NOT|sender|needs-time|Sends nothing that would make the sequence number cycle.|the sender MUST NOT send a packet on an SA if doing so would cause the sequence number to cycle.|
rfc4303/3.3.3/overflow-audited|SHOULD|sender|internal|Writes the overflow to the audit log.|The audit log entry for this event SHOULD include the SPI value, current date/time, Source Address, Destination Address, and (in IPv6) the cleartext Flow ID.|The audit log of the device is not a protocol message.
"""  # noqa: E501

# id, requirements, level, role, verdict, deviation, purpose, reason
_TESTS = """
rfc7296/1.4/empty-informational|rfc7296/1.4/informational-answered|MUST|responder|pass||An INFORMATIONAL request without payloads is answered.|
rfc7296/1.4/unknown-status-notify|rfc7296/1.4/informational-answered|MUST|responder|pass||An INFORMATIONAL request with an unknown status notification is answered.|
rfc7296/1.4.1/delete-child-answered-with-pair|rfc7296/1.4.1/close-both-sas|MUST|responder|pass||A Delete for one Child SA is answered with a Delete for the other of the pair.|
rfc7296/2.1/no-unsolicited-response|rfc7296/2.1/response-only-on-request|MUST NOT|responder|pass||A responder answers a request once, and again only when the request comes again.|
rfc7296/2.1/retransmitted-request-same-answer|rfc7296/2.1/response-only-on-request|MUST NOT|responder|pass||A retransmitted request is answered with the identical response.|
rfc7296/2.1/initiator-retransmits-identically|rfc7296/2.1/retransmission-identical|MUST|initiator|inconclusive||An initiator that gets no answer sends the same octets again.|The device did not start an exchange within 10 s of being triggered (operator trigger was not confirmed).
rfc7296/2.4/initiator-backs-off|rfc7296/2.4/exponential-backoff|MUST|initiator|inconclusive||The time between retransmissions grows exponentially.|The device did not start an exchange within 10 s of being triggered (operator trigger was not confirmed).
rfc7296/2.5/major-version-3|rfc7296/2.5/higher-major-dropped rfc7296/2.5/higher-major-notified|MUST|responder|fail|SHOULD|A request with major version 3 opens nothing and is answered with INVALID_MAJOR_VERSION.|No INVALID_MAJOR_VERSION notification came before the answer to the fence.
rfc7296/2.5/reserved-bits-in-sa-init|rfc7296/2.5/reserved-ignored|MUST|responder|pass||Reserved bits that are set in every payload header of IKE_SA_INIT change nothing.|
rfc7296/2.5/reserved-bits-in-id|rfc7296/2.5/reserved-ignored|MUST|responder|fail|MUST|Reserved octets that are set in the IDi payload change nothing.|The device refused IKE_AUTH because of reserved octets that it must ignore.
rfc7296/2.5/unknown-noncritical-payload|rfc7296/2.5/unknown-noncritical-skipped|MUST|responder|pass||An unknown payload with the critical bit clear is skipped.|
rfc7296/2.5/unknown-critical-in-auth|rfc7296/2.5/unknown-critical-rejected|MUST|responder|fail|MUST|An unknown payload with the critical bit set, inside IKE_AUTH, makes the responder refuse the message.|The device completed IKE_AUTH as if the critical payload were not there.
rfc7296/2.5/unknown-critical-in-informational|rfc7296/2.5/unknown-critical-rejected|MUST|responder|pass||An unknown payload with the critical bit set, inside INFORMATIONAL, makes the responder refuse the message.|
rfc7296/2.7/one-proposal|rfc7296/2.7/responder-picks-one rfc7296/2.7/one-transform-per-type|MUST|responder|pass||A responder that accepts an SA payload answers with one proposal and one transform of each type.|
rfc7296/2.7/no-acceptable-proposal|rfc7296/2.7/responder-picks-one|MUST|responder|pass||Only unacceptable proposals are answered with NO_PROPOSAL_CHOSEN.|
rfc7296/2.7/second-proposal-acceptable|rfc7296/2.7/responder-picks-one|MUST|responder|pass||Of an unacceptable and an acceptable proposal, the acceptable one is chosen.|
rfc7296/2.10/responder-nonce-size|rfc7296/2.10/nonce-half-key|MUST|responder|pass||The responder's nonce is at least half the key size of the PRF.|
rfc7296/2.15/wrong-psk|rfc7296/2.15/auth-verified|MUST|responder|pass||AUTH made with another pre-shared key is refused.|
rfc7296/2.15/auth-bit-flipped|rfc7296/2.15/auth-verified|MUST|responder|pass||AUTH with one bit flipped is refused.|
rfc7296/2.15/rsa-signature-wrong|rfc7296/2.15/auth-verified|MUST|responder|not_applicable||An RSA signature over other octets is refused.|The profile gives no dut.auth.rsa.
rfc7296/3.9/nonce-15-octets|rfc7296/3.9/nonce-size|MUST|responder|fail|MUST|A nonce of 15 octets is refused.|The device accepted a nonce that is shorter than allowed.
rfc7296/3.9/nonce-257-octets|rfc7296/3.9/nonce-size|MUST|responder|error||A nonce of 257 octets is refused.|OSError: [Errno 98] Address already in use: the tester could not bind 192.0.2.1:4500.
rfc7296/3.14/long-padding-accepted|rfc7296/3.14/pad-length-any|MUST|responder|pass||An encrypted payload with 255 octets of padding is accepted.|
rfc7296/3.14/padding-minimal|rfc7296/3.14/pad-length-minimal|SHOULD|responder|fail|SHOULD|The device pads to the next block and no further.|Six of six encrypted messages carried more padding than needed.
rfc7383/2.6/duplicate-fragment|rfc7383/2.6/replayed-fragment|MUST|responder|pass||A fragment that comes twice changes nothing.|
rfc7383/2.6/fragment-bad-icv|rfc7383/2.6/icv-checked|MUST|responder|pass||A fragment with a wrong ICV is dropped and the right one is still taken.|
rfc7383/2.6/larger-total|rfc7383/2.6/larger-total-restarts|MUST|responder|pass||Fragments with a larger total replace those that came before.|
rfc4303/2.2/sequence-numbers-increase|rfc4303/2.2/sequence-increments|MUST|both|pass||Ten packets from the device carry ten increasing sequence numbers.|
rfc4303/2.2.1/esn-offered-and-used|rfc4303/2.2.1/esn-implemented|SHOULD|responder|not_applicable||An SA with extended sequence numbers passes 2^32 packets.|The profile does not claim esn.
rfc4303/2.4/wrong-padding-bytes|rfc4303/2.4/padding-inspected|SHOULD|responder|fail|SHOULD|A packet whose padding bytes are not 1, 2, 3, … is dropped.|The device answered the echo request inside a packet with wrong padding.
rfc4303/2.6/dummy-packet|rfc4303/2.6/dummy-discarded|MUST|responder|pass||A packet with next header 59 is dropped and the next packet is taken.|
"""  # noqa: E501

_DETAILS: dict[str, dict[str, Any]] = {
    "rfc7296/2.5/major-version-3": {
        "requirement": "rfc7296/2.5/higher-major-notified",
        "expected": ["IKE_SA_INIT response with N(INVALID_MAJOR_VERSION), version 2.0"],
        "observed": "no answer before the fence",
        "known_deviation": {
            "id": "example-gateway/major-version-silent",
            "text": "Drops a higher major version in silence. The vendor prefers silence to unauthenticated"
            " notifications; documented in the release notes of 4.1.",
            "reference": "https://gateway.example/release-notes/4.1#ike",
        },
    },
    "rfc7296/2.5/reserved-bits-in-id": {
        "expected": ["IKE_AUTH response with IDr, AUTH, SA, TSi, TSr"],
        "observed": "IKE_AUTH response with N(INVALID_SYNTAX)",
    },
    "rfc7296/2.5/unknown-critical-in-auth": {
        "expected": [
            "IKE_AUTH response with N(UNSUPPORTED_CRITICAL_PAYLOAD), data ff",
            "no IKE SA afterwards",
        ],
        "observed": "IKE_AUTH response with IDr, AUTH, SA, TSi, TSr; the IKE SA answers a liveness check",
    },
    "rfc7296/3.9/nonce-15-octets": {
        "expected": ["no answer", "IKE_SA_INIT response with N(INVALID_SYNTAX)"],
        "observed": "IKE_SA_INIT response with SA, KE, Nr",
        "known_deviation": {
            "id": "example-gateway/short-nonce",
            "text": "Accepts nonces from 8 octets.",
            "reference": "Vendor case 00412377",
        },
    },
    "rfc7296/3.14/padding-minimal": {
        "expected": ["pad length 0 to 15 with AES-CBC"],
        "observed": "pad lengths 31, 31, 47, 31, 31, 47",
    },
    "rfc4303/2.4/wrong-padding-bytes": {
        "expected": ["no echo reply before the fence"],
        "observed": "ICMP echo reply, identifier 0x2b11, sequence 1",
    },
}


def requirements() -> list[dict[str, Any]]:
    out = []
    for line in _CATALOGUE.strip().splitlines():
        name, level, binds, observable, text, quote, why = line.split("|")
        rfc, section, _ = name.split("/")
        out.append(
            {
                "id": name,
                "rfc": rfc,
                "section": section,
                "level": level,
                "binds": binds,
                "text": text,
                "quote": quote,
                "observable": observable,
                "why": why,
            }
        )
    return out


def _transcript(name: str, verdict: str) -> list[dict[str, Any]]:
    talk = Talk(name)
    if verdict in ("not_applicable", "error"):
        return []
    if verdict == "inconclusive":
        return []
    if "nonce-15" in name:
        talk.send(
            "IKE_SA_INIT",
            0,
            [talk.sa("AES_GCM_16 256/HMAC_SHA2_384/NONE/ECP_384"), talk.ke(), talk.nonce(15)],
            note="the nonce has 15 octets on purpose",
        )
        talk.answer(
            "IKE_SA_INIT",
            0,
            [
                talk.sa("AES_GCM_16 256/HMAC_SHA2_384/NONE/ECP_384"),
                talk.ke(),
                talk.nonce(name="Nr"),
            ],
        )
        return talk.messages
    if "reserved-bits-in-id" in name:
        talk.init().send(
            "IKE_AUTH",
            1,
            [talk.opaque("IDi", 35, 24), talk.opaque("AUTH", 39, 36), talk.opaque("SA", 33, 40)],
            note="the three reserved octets of IDi are ff ff ff on purpose",
        )
        talk.answer("IKE_AUTH", 1, [talk.notify("INVALID_SYNTAX", 7)])
        return talk.messages
    talk.establish()
    if "critical" in name:
        talk.messages[2]["note"] = "payload type 255, critical bit set, after IDi"
    return talk.liveness(2).liveness(3, note="").messages


def results() -> dict[str, Any]:
    """The whole file."""
    tests = []
    for line in _TESTS.strip().splitlines():
        name, covers, level, role, verdict, deviation, purpose, reason = line.split("|")
        covered = covers.split()
        evidence = verdict in ("pass", "fail")
        slug = name.replace("/", "-")
        tests.append(
            {
                "id": name,
                "purpose": purpose,
                "requirements": covered,
                "level": level,
                "role": role,
                "needs": ["data_plane"] if name.startswith("rfc4303") else [],
                "verdict": verdict,
                "deviation": deviation or None,
                "reason": reason,
                "expected": [],
                "observed": "",
                "requirement": covered[0] if verdict == "fail" else None,
                "known_deviation": None,
                "mutants": ["answers-all-proposals"] if "2.7" in name else [f"mutant-{slug[8:24]}"],
                "duration": round(0.011 + int(hashlib.sha256(name.encode()).hexdigest()[:3], 16) / 50000, 4),
                "transcript": _transcript(name, verdict),
                "capture": f"captures/{slug}.pcapng" if evidence else None,
                "keys": [f"captures/{slug}.keys/ikev2_decryption_table"] if evidence else [],
                **_DETAILS.get(name, {}),
            }
        )
    return {
        "schema": "ikeproof-results/1",
        "run": {
            "tool_version": "0.1.0",
            "dut": {
                "name": "Example gateway",
                "version": "4.2",
                "profile": {
                    "dut": {
                        "name": "Example gateway",
                        "address": "192.0.2.10",
                        "ike_port": 500,
                        "natt_port": 4500,
                        "auth": {"psk": {"identity": "fqdn:gw.example", "psk": {"value": "(hidden)"}}},
                        "proposals": {"ike": ["aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048"]},
                        "claims": {"ikev2": True, "fragmentation": True, "esn": False, "data_plane": True},
                    },
                    "tester": {"address": "192.0.2.1", "identity": "fqdn:tester-%d.example"},
                },
            },
            "started": "2026-11-20T14:03:12.204Z",
            "ended": "2026-11-20T14:03:40.871Z",
            "partial": False,
            "reason": "",
            "planned": len(tests),
            "command": "pytest conformance --dut profiles/example-gateway.toml",
        },
        "requirements": requirements(),
        "tests": tests,
    }


def poison(document: Any, path: str = "$") -> Any:
    """`document` with hostile text in every free string (schema words, paths, hex and times stay)."""
    fixed = (
        "schema",
        "verdict",
        "level",
        "role",
        "deviation",
        "observable",
        "direction",
        "bytes",
        "capture",
        "kind",
    )
    if isinstance(document, dict):
        return {
            name: value
            if name in (*fixed, "keys", "started", "ended") and not isinstance(value, dict)
            else poison(value, f"{path}.{name}")
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [poison(value, f"{path}[{index}]") for index, value in enumerate(document)]
    if path.endswith(".abbreviation"):
        return "<b>"
    if isinstance(document, str):
        return f"{document} {HOSTILE}"
    return document
