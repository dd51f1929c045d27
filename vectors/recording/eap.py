"""`python -m vectors.recording.eap [NAME …]`: record IKEv2 transcripts with EAP between the lab's foreign peers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from peers.capture import Capture
from peers.errors import PeerError
from peers.lab import Lab, Net
from vectors.recording import credentials, ikev1_connection, ikev1_lab, layout
from vectors.recording.eap_observer import Captured, EapObserver
from vectors.recording.ikev1_lab import Charon, Evidence
from vectors.recording.ikev1_scenarios import NEW, OLD, PASSWORD, USER
from vectors.recording.ikev1_state import ObserverError
from vectors.recording.observer import Seen

OUT = Path(__file__).parent.parent / "data" / "transcripts"
NAME = ikev1_connection.NAME
_DONE = "Both ends are foreign and completed the exchange, so each took the other's AUTH data."
_FAILED = "Both ends are foreign; the exchange ends as intended with EAP-Failure."
_GIVEN = (
    "g^ir is given, from their logs, because neither logs its private value; {names} derived from it here stand in the "
    "logs of both ends."
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One transcript. `method`: eap-md5 …; `kind`: what the responder signs with; `asks`: for the EAP identity.

    `only`: the responder proves itself with EAP alone, too (RFC 5998)."""

    name: str
    proves: str
    document: str
    method: str
    ike: str = "aes128-sha256-ecp256"
    esp: str = "aes128-sha256"
    kind: str = "rsa"
    asks: bool = True
    initiator: str = NEW
    responder: str = OLD
    accepted: bool = True
    only: bool = False


_EAP = "RFC 7296, section 2.16; RFC 3748"
SCENARIOS = {
    each.name: each
    for each in (
        Scenario(
            "ikev2-eap-md5", "EAP-MD5 gives no key: AUTH with SK_pi and SK_pr.", f"{_EAP}, section 5.4", "eap-md5"
        ),
        Scenario(
            "ikev2-eap-md5-without-identity",
            "EAP-MD5 with the identity of IDi; the responder does not ask for one.",
            f"{_EAP}, section 5.4",
            "eap-md5",
            ike="aes256gcm16-prfsha384-ecp384",
            esp="aes256gcm16",
            kind="ecdsa256",
            asks=False,
            initiator=OLD,
            responder=NEW,
        ),
        Scenario(
            "ikev2-eap-mschapv2",
            "EAP-MSCHAPv2: responses of both sides, MSK, AUTH with the MSK.",
            f"{_EAP}; RFC 2759; RFC 3079",
            "eap-mschapv2",
        ),
        Scenario(
            "ikev2-eap-mschapv2-aead",
            "EAP-MSCHAPv2 with AES-GCM, SHA-384 and an ECDSA certificate of the responder.",
            f"{_EAP}; RFC 2759; RFC 3079",
            "eap-mschapv2",
            ike="aes256gcm16-prfsha384-ecp384",
            esp="aes256gcm16",
            kind="ecdsa384",
            initiator=OLD,
            responder=NEW,
        ),
        Scenario(
            "ikev2-eap-mschapv2-wrong-password",
            "EAP-MSCHAPv2 with a wrong password: a Failure message, EAP-Failure.",
            f"{_EAP}; RFC 2759",
            "eap-mschapv2",
            accepted=False,
        ),
        Scenario(
            "ikev2-eap-gtc", "EAP-GTC gives no key: AUTH with SK_pi and SK_pr.", f"{_EAP}, section 5.6", "eap-gtc"
        ),
        Scenario(
            "ikev2-eap-tls",
            "EAP-TLS (TLS 1.2, RSA key exchange), the client with a certificate: MSK from the handshake, AUTH with it.",
            f"{_EAP}; RFC 5216",
            "eap-tls",
        ),
        Scenario(
            "ikev2-eap-only-tls",
            "EAP-TLS alone proves both ends: EAP_ONLY_AUTHENTICATION, no AUTH data before the MSK.",
            f"RFC 5998; {_EAP}; RFC 5216",
            "eap-tls",
            initiator=OLD,
            responder=NEW,
            only=True,
        ),
        Scenario(
            "ikev2-eap-mschapv2-prfaesxcbc",
            "EAP-MSCHAPv2 with AES-XCBC as PRF, which hashes the long MSK first.",
            f"{_EAP}; RFC 2759; RFC 3079; RFC 4434",
            "eap-mschapv2",
            ike="aes128-aesxcbc-prfaesxcbc-modp2048",
            esp="aes128-aesxcbc",
        ),
        Scenario(
            "ikev2-eap-mschapv2-prfsha512",
            "EAP-MSCHAPv2 with SHA-512 and a curve of Montgomery's.",
            f"{_EAP}; RFC 2759; RFC 3079; RFC 8031",
            "eap-mschapv2",
            ike="aes256-sha512-curve25519",
            esp="aes256-sha512",
            initiator=OLD,
            responder=NEW,
        ),
        Scenario(
            "ikev2-eap-ttls",
            "EAP-TTLS with EAP-MD5 inside: MSK from the handshake, AUTH with it.",
            f"{_EAP}; RFC 5281",
            "eap-ttls",
        ),
    )
}


class Pairs:
    """The running peers, started when a scenario first needs them."""

    def __init__(self, lab: Lab, network: Net) -> None:
        self.network = network
        self._lab = lab
        self._running: dict[tuple[str, str], Charon] = {}

    def get(self, scenario: Scenario) -> dict[str, Charon]:
        """Both ends of a scenario, by role."""
        return {role: self._end(getattr(scenario, role), role) for role in ikev1_connection.ROLES}

    def _end(self, image: str, role: str) -> Charon:
        if (image, role) not in self._running:
            address = {"initiator": "10.1.0.1/24", "responder": "10.2.0.1/24"}[role]
            self._running[image, role] = ikev1_lab.start(
                self._lab, self.network, image, f"eap-{image}-{role}", protected=address, libipsec=True
            )
        return self._running[image, role]


def load(scenario: Scenario, role: str, charon: Charon, peer: str) -> None:
    """Configure one end."""
    networks, other = ikev1_connection.NETWORKS, ikev1_connection.ROLES[role == "initiator"]
    password = PASSWORD if scenario.accepted or role == "responder" else PASSWORD[::-1]
    charon.command(
        "load_shared", {"id": "eap", "type": "EAP", "data": password, "owners": [USER, identity(scenario, "initiator")]}
    )
    charon.command("load_shared", {"id": "xauth", "type": "XAUTH", "data": password, "owners": [USER]})
    charon.command("load_cert", {"type": "X509", "flag": "CA", "data": ikev1_connection.authority()})
    certificate, key = ikev1_connection.pem(scenario.kind, role)
    responder: dict[str, Any] = {"auth": "pubkey", "id": identity(scenario, "responder")}
    initiator: dict[str, Any] = {"auth": scenario.method, "id": identity(scenario, "initiator")}
    if role == "responder" or scenario.method == "eap-tls":
        charon.command("load_key", {"type": "any", "data": key})
    if role == "responder":
        responder["certs"] = [certificate]
        initiator |= {"eap_id": "%any"} if scenario.asks else {}
    else:
        responder["cacerts"] = [ikev1_connection.authority()]
        initiator["auth"] = "eap"
        if scenario.asks and scenario.method != "eap-tls":
            initiator["eap_id"] = USER
        if scenario.method == "eap-tls":
            initiator["certs"] = [certificate]
    if scenario.only:
        responder["auth"] = scenario.method
        # TLS checks the certificate; charon's own constraint looks for it in the signature that there is not
        responder.pop("cacerts", None)
    body = {
        "version": "2",
        "local_addrs": [charon.address],
        "remote_addrs": [peer],
        "proposals": [scenario.ike],
        "mobike": "no",
        "fragmentation": "no",
        "encap": "no",
        "dpd_delay": "0",
        "rekey_time": "0",
        "reauth_time": "0",
        "over_time": "1h",
        "unique": "never",
        "send_cert": "always",
        "local": initiator if role == "initiator" else responder,
        "remote": responder if role == "initiator" else initiator,
        "children": {
            NAME: {
                "esp_proposals": [scenario.esp],
                "local_ts": [networks[role]],
                "remote_ts": [networks[other]],
                "rekey_time": "0",
            }
        },
    }
    charon.command("load_conn", {NAME: body})


def identity(scenario: Scenario, role: str) -> str:
    """An end's identity, kind:value."""
    if role == "responder" or scenario.method == "eap-tls":
        return f"fqdn:{credentials.identity(role, scenario.kind)}"
    return "fqdn:initiator.example"


def record(scenario: Scenario, pairs: Pairs, folder: Path) -> dict[str, Any]:
    """Play a scenario and make its transcript. Raises PeerError, ObserverError."""
    ends = pairs.get(scenario)
    for role, charon in ends.items():
        charon.forget()
        load(scenario, role, charon, ends[ikev1_connection.ROLES[role == "initiator"]].address)
    before = {role: len(charon.logs()) for role, charon in ends.items()}
    capture = folder / f"{scenario.name}.pcap"
    initiator, responder = ends["initiator"], ends["responder"]
    logs: dict[str, str] = {}
    try:
        with Capture(pairs.network.interface, capture):
            _play(scenario, initiator, responder)
    finally:
        for role, charon in ends.items():
            logs[role] = charon.logs()[before[role] :]
            (folder / f"{scenario.name}-{role}.log").write_text(logs[role])
    evidence = Evidence.of(logs["initiator"], logs["responder"])
    return transcript(scenario, ends, capture, evidence)


def _play(scenario: Scenario, initiator: Charon, responder: Charon) -> None:
    with contextlib.nullcontext() if scenario.accepted else contextlib.suppress(PeerError):
        initiator.command("initiate", {"ike": NAME, "child": NAME, "timeout": "8000"})
    time.sleep(0.3)
    if scenario.accepted:
        ikev1_lab.wait(lambda: any(sa.established for sa in responder.state()), "the responder's SA")
        initiator.command("terminate", {"ike": NAME, "timeout": "3000"})


def transcript(scenario: Scenario, ends: dict[str, Charon], capture: Path, evidence: Evidence) -> dict[str, Any]:
    """What was recorded as the JSON of a transcript. Raises ObserverError."""
    password = PASSWORD if scenario.accepted else PASSWORD[::-1]
    captured = Captured(evidence.shared, evidence.confirm, password, scenario.accepted)
    messages = []
    for message in ikev1_lab.seen(capture, ends["responder"].address):
        sender = "initiator" if message.source[0] == ends["initiator"].address else "responder"
        places = ["{}:{}".format(*each) for each in (message.source, message.destination)]
        messages.append(Seen(sender, round(message.time, 3), message.data, message.marker, *places))
    observer = observed(scenario, captured, messages)
    document, held = observer.document, observer.credentials
    for name in observer.secrets:
        evidence.confirm(name, document.names[name])
    return {
        "schema": "ikeproof-transcripts/1",
        "transcript": scenario.name,
        "protocol": "ikev2",
        "family": "eap",
        "proves": scenario.proves,
        "source": {"document": scenario.document, "licence": "MIT"},
        "confirmed": {
            "by": " and ".join(charon.implementation for charon in ends.values()),
            "role": "both",
            "how": "capture",
            "text": f"{_DONE if scenario.accepted else _FAILED} {_GIVEN.format(names=', '.join(evidence.confirmed))}",
        },
        "ends": {
            role: {
                "implementation": charon.implementation,
                "identity": identity(scenario, role),
                "address": charon.address,
                "credentials": held[role],
            }
            for role, charon in ends.items()
        },
        "values": document.values,
        "messages": document.messages,
        "cases": document.cases,
    }


def observed(scenario: Scenario, captured: Captured, messages: list[Seen]) -> EapObserver:
    """The observer of these messages, with its document complete. Raises ObserverError."""
    observer = EapObserver(captured=captured)
    observer.credentials = _credentials(scenario, observer)
    for message in messages:
        observer.see(message)
    for number, name in observer.packets():
        entry = observer.document.messages[number - 1]
        entry["summary"] = entry["summary"].replace("EAP", name, 1)
    observer.document.place_values()
    return observer


def _credentials(scenario: Scenario, observer: EapObserver) -> dict[str, dict[str, str]]:
    """The responder's certificate and key as values; the user's name and password as they are."""
    certificate, key = credentials.load("responder", scenario.kind)
    value = observer.document.value
    responder = {
        "certificate": value("certificate_r", "The responder's certificate", certificate),
        "private_key": value("private_key_r", "The responder's private key, PKCS #8", key),
        "trust_anchor": value("CA", "The CA's certificate", credentials.authority()),
    }
    pair = {"certificate": "@certificate_r", "authority": "@CA", "private_key": "@private_key_r"}
    observer.document.case("certificate_r", "certificate", pair, {"verified": True})
    wrong = PASSWORD if scenario.accepted else PASSWORD[::-1]
    return {"initiator": {"user": USER, "user_password": wrong.decode()}, "responder": responder}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, help="Where the files go.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Where captures and logs go.")
def main(names: tuple[str, ...], out: Path, work: Path) -> None:
    """Record the transcripts whose names begin with one of NAMES (default: all)."""
    chosen = [each for each in SCENARIOS.values() if not names or each.name.startswith(names)]
    if not chosen:
        raise click.UsageError("no transcript of that name is left to record")
    for folder in (out, work):
        folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Lab() as lab:
        pairs = Pairs(lab, lab.fixed_network("eap"))
        for scenario in chosen:
            try:
                made = record(scenario, pairs, work)
            except (PeerError, ObserverError) as error:
                failed += 1
                click.echo(f"{scenario.name}: {error}", err=True)
                continue
            (out / f"{scenario.name}.json").write_text(layout.text(made), encoding="utf-8")
            click.echo(f"{scenario.name}: {len(made['messages'])} messages, {len(made['cases'])} cases")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m vectors.recording.eap")
