"""`python -m vectors.recording.ikev1 [NAME …]`: record IKEv1 transcripts anew between the lab's foreign peers."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import click

from peers.capture import Capture
from peers.errors import PeerError
from peers.lab import Lab, Net
from peers.nat import NatBox
from vectors.isakmp import IsakmpError
from vectors.recording import charon_log, credentials, ikev1_connection, ikev1_lab, ikev1_pluto, layout
from vectors.recording.document import Document
from vectors.recording.ikev1_lab import Charon, Evidence
from vectors.recording.ikev1_observer import Observer
from vectors.recording.ikev1_pluto import Pluto
from vectors.recording.ikev1_scenarios import LIBRESWAN, PASSWORD, PSK, SCENARIOS, USER, Scenario
from vectors.recording.ikev1_state import Known, ObserverError

Peer = Charon | Pluto
OUT = Path(__file__).parent.parent / "data" / "transcripts"
_PROTECTED = {"initiator": "10.1.0.1/24", "responder": "10.2.0.1/24"}
_DONE = "Both ends are foreign and completed the exchange."
_FAILED = "Both ends are foreign; the exchange ends as intended with one end's refusal."
_GIVEN = (
    "g^xy is given, from their logs, because neither logs its private value; {count} values derived from it here stand "
    "in the logs of both ends."
)
_GIVEN_PLUTO = (
    "g^xy is given, from strongSwan's log, because neither end logs its private value; {count} values derived from it "
    "here stand in strongSwan's log, {twice} of them also in libreswan's, which does not log SKEYID and its "
    "derivatives."
)
_NO_DATA_PLANE = "strongSwan had no data plane for these SAs: it deletes them once quick mode is over."


class Pairs:
    """The running peers, started when a scenario first needs them."""

    def __init__(self, lab: Lab, network: Net, *, nat: bool) -> None:
        """`nat`: with a NAT box, which must be there before others take its address."""
        self._lab, self.network = lab, network
        self._running: dict[tuple[str, str, bool, bool], Peer] = {}
        self._nat = NatBox(lab, network) if nat else None

    def get(self, scenario: Scenario, role: str) -> Peer:
        """The peer that plays this role, with nothing configured."""
        image = scenario.initiator if role == "initiator" else scenario.responder
        nat = scenario.nat and role == "initiator"
        key = (image, role, scenario.libipsec, nat)
        if key not in self._running:
            options: dict[str, Any] = {}
            if nat and self._nat:
                options["place"] = self._nat.place(len(self._running))
            host = f"{image}-{role}-{len(self._running)}"
            if image == LIBRESWAN:
                self._running[key] = Pluto.start(self._lab, self.network, host, _PROTECTED[role])
                return self._running[key]
            self._running[key] = ikev1_lab.start(
                self._lab,
                self.network,
                image,
                host,
                protected=_PROTECTED[role],
                libipsec=scenario.libipsec,
                **options,
            )
        peer = self._running[key]
        peer.forget()
        return peer


def play(scenario: Scenario, initiator: Peer, responder: Peer) -> None:
    """Bring the SA up and take the scenario's steps. Raises PeerError, ObserverError."""
    request = {"ike": ikev1_connection.NAME, "timeout": "8000"}
    if scenario.esp:
        request["child"] = ikev1_connection.NAME
    if scenario.fails:
        with contextlib.suppress(PeerError):
            initiator.command("initiate", request)
        time.sleep(0.5)
        return
    initiator.command("initiate", request)
    ikev1_lab.wait(lambda: any(sa.established for sa in responder.state()), "the responder's SA")
    time.sleep(0.2)
    for step in scenario.steps:
        _step(step, initiator, responder)
        time.sleep(0.25)


def _step(step: str, initiator: Peer, responder: Peer) -> None:
    (sa, *_) = initiator.state()
    if step == "dpd":
        time.sleep(1.2)
    elif step == "rekey-child":
        initiator.command("rekey", {"child": ikev1_connection.NAME})
    elif step == "rekey-child-responder":
        responder.command("rekey", {"child": ikev1_connection.NAME})
    elif step == "reauth":
        initiator.command("rekey", {"ike": ikev1_connection.NAME, "reauth": "yes"})
        ikev1_lab.wait(lambda: [each.handle for each in initiator.state()] not in ([sa.handle], []), "the new SA")
        ikev1_lab.wait(lambda: len(initiator.state()) == 1, "the old SA's end", 15.0)
    elif step == "delete-child":
        initiator.command("terminate", {"child": ikev1_connection.NAME, "timeout": "-1"})
    elif step == "delete":
        initiator.command("terminate", {"ike": ikev1_connection.NAME, "timeout": "-1"})
    else:
        raise ObserverError(f"there is no step {step!r}")


def record(scenario: Scenario, pairs: Pairs, folder: Path) -> dict[str, Any]:
    """Play a scenario and make its transcript. Raises PeerError, ObserverError, IsakmpError."""
    ends = {role: pairs.get(scenario, role) for role in ikev1_connection.ROLES}
    initiator, responder = ends["initiator"], ends["responder"]
    for role, charon in ends.items():
        peer = ends[ikev1_connection.ROLES[role == "initiator"]]
        if isinstance(charon, Pluto):
            charon.configure(scenario, role, peer.address)
        else:
            ikev1_connection.load(scenario, role, charon, peer.address)
    before = {role: len(charon.logs()) for role, charon in ends.items()}
    capture = folder / f"{scenario.name}.pcap"
    with Capture(pairs.network.interface, capture):
        play(scenario, initiator, responder)
    logs = {role: charon.logs()[before[role] :] for role, charon in ends.items()}
    for role, text in logs.items():
        (folder / f"{scenario.name}-{role}.log").write_text(text)
    evidence = Evidence(
        (_dumps(initiator, logs["initiator"]), _dumps(responder, logs["responder"])),
        (isinstance(initiator, Pluto), isinstance(responder, Pluto)),
    )
    return transcript(scenario, ends, capture, evidence)


def _dumps(end: Peer, log: str) -> list[charon_log.Dump]:
    return list((ikev1_pluto if isinstance(end, Pluto) else charon_log).dumps(log))


def transcript(scenario: Scenario, ends: dict[str, Peer], capture: Path, evidence: Evidence) -> dict[str, Any]:
    """What was recorded as the JSON of a transcript. Raises ObserverError, IsakmpError."""
    keys = {
        role[0]: credentials.load(role, ikev1_connection.proof(scenario, role))[1]
        for role in ends
        if ikev1_connection.proof(scenario, role) not in ("psk", "")
    }
    observer = Observer(Known(PSK, keys, evidence.shared, evidence.shared_quick, evidence.confirm))
    for message in ikev1_lab.seen(capture, ends["responder"].address):
        observer.see(message)
    document = observer.document
    document.place_values()
    names = [charon.implementation for charon in ends.values()]
    return {
        "schema": "ikeproof-transcripts/1",
        "transcript": scenario.name,
        "protocol": "ikev1",
        "family": scenario.family,
        "proves": scenario.proves,
        "source": {"document": scenario.document, "licence": "MIT"},
        "confirmed": {
            "by": " and ".join(names),
            "role": "both",
            "how": "capture",
            "text": _text(scenario, evidence),
        },
        "ends": {role: _end(scenario, role, charon, document) for role, charon in ends.items()},
        "values": document.values,
        "messages": document.messages,
        "cases": document.cases,
    }


def _text(scenario: Scenario, evidence: Evidence) -> str:
    """How the peers confirm the transcript."""
    sentences = [_FAILED if scenario.fails else _DONE]
    if evidence.confirmed:
        given = _GIVEN_PLUTO if any(evidence.sparse) else _GIVEN
        sentences.append(given.format(count=len(evidence.confirmed), twice=len(evidence.twice)))
    if scenario.esp and not scenario.libipsec:
        sentences.append(_NO_DATA_PLANE)
    return " ".join(sentences)


def _end(scenario: Scenario, role: str, charon: Peer, document: Document) -> dict[str, Any]:
    kind, held = ikev1_connection.proof(scenario, role), {}
    if "psk" in document.names:
        held["psk"] = "@psk"
    if kind not in ("psk", ""):
        held["certificate"], held["private_key"] = ikev1_connection.pem(kind, role)
        held["trust_anchor"] = ikev1_connection.authority()
    if ikev1_connection.has_xauth(scenario):
        wrong = scenario.config == "wrong-password" and role == "initiator"
        held |= {"user": USER, "user_password": (PASSWORD[::-1] if wrong else PASSWORD).decode()}
    end = {"implementation": charon.implementation, "identity": ikev1_connection.identity(scenario, role)}
    return {**end, "address": charon.address, "credentials": held}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, help="Where the files go.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Where captures and logs go.")
@click.option("--missing", is_flag=True, help="Only those without a file.")
def main(names: tuple[str, ...], out: Path, work: Path, missing: bool) -> None:
    """Record the transcripts whose names begin with one of NAMES (default: all)."""
    chosen = [each for each in SCENARIOS.values() if not names or each.name.startswith(names)]
    chosen = [each for each in chosen if not missing or not (out / f"{each.name}.json").exists()]
    if not chosen:
        raise click.UsageError("no transcript of that name is left to record")
    out.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Lab() as lab:
        network = lab.fixed_network("ikev1")
        pairs = Pairs(lab, network, nat=any(each.nat for each in chosen))
        for scenario in chosen:
            try:
                made = record(scenario, pairs, work)
            except (PeerError, ObserverError, IsakmpError) as error:
                failed += 1
                click.echo(f"{scenario.name}: {error}", err=True)
                continue
            (out / f"{scenario.name}.json").write_text(layout.text(made), encoding="utf-8")
            click.echo(f"{scenario.name}: {len(made['messages'])} messages, {len(made['cases'])} cases")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m vectors.recording.ikev1")
