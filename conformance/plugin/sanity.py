"""The plain exchange before the first and after the last test, and advice where it does not come about."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from conformance import profile as profiles
from conformance.profile import Profile
from conformance.tester.initial import AuthExchange
from conformance.tester.link import LinkError
from conformance.tester.tester import Tester
from conformance.tester.verdicts import Verdict
from reference_impl.wire.config import ConfigAttribute, ConfigPayload
from reference_impl.wire.registries import CfgAttribute, CfgType, NotifyType

REFUSED_WAIT = 0.5
_ADVICE = {
    NotifyType.NO_PROPOSAL_CHOSEN: "correct dut.proposals of the profile to what the device is configured for",
    NotifyType.INVALID_KE_PAYLOAD: "add a suite with the group that the device asks for to dut.proposals.ike",
    NotifyType.AUTHENTICATION_FAILED: "correct identities and credentials of the profile, or those in the device",
    NotifyType.TS_UNACCEPTABLE: "correct dut.traffic of the profile to the networks that the device is configured for",
}
_GENERAL = "correct identities, credentials, proposals and traffic of the profile"


def sanity(profile: Profile) -> dict[str, Any]:
    """An IKE SA is set up, answers a liveness check, and is deleted.

    Returns {"ok", "detail"}; the detail says what went wrong and what to do.
    """
    if not profile.claimed("responder"):
        return {"ok": True, "detail": "not done: the device does not claim to be a responder"}
    where = f"{profile.address} port {profile.ike_port}"
    tester: Tester | None = None
    try:
        tester = Tester(profile)
        return _exchange(tester, profile, where)
    except LinkError as error:
        return {"ok": False, "detail": str(error)}
    except Verdict as error:
        return {"ok": False, "detail": f"{where}: {error}"}
    except Exception as error:  # noqa: BLE001 - whatever a device sends, its operator gets a line, not a traceback
        said = f"{type(error).__name__}: {error}"
        return {"ok": False, "detail": f"{where}: an error of ikeproof itself, please report it: {said}"}
    finally:
        if tester is not None:
            with contextlib.suppress(Verdict):
                tester.close()
            tester.link.close()


def _exchange(tester: Tester, profile: Profile, where: str) -> dict[str, Any]:
    init = tester.ike_sa_init()
    if init.reply is None:
        return {"ok": False, "detail": _no_answer(tester, profile, where)}
    auth = next(iter(item for item in ("psk", *profiles.SIGNATURE_METHODS) if profile.claimed(item)), "psk")
    attempt = tester.ike_auth(init, auth=auth)
    if attempt.problem and profile.claimed("config_payload"):
        # A device with an address pool may refuse whoever does not ask for an address (RFC 7296 §3.15.4).
        wanted = ConfigPayload(CfgType.REQUEST, (ConfigAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS),))
        attempt = tester.ike_auth(tester.ike_sa_init(), auth=auth, extra=[wanted], tsi=["0.0.0.0/0"])
    if attempt.sa is None or attempt.problem:
        return {
            "ok": False,
            "detail": f"{where} answers, but no SA comes about: {attempt.problem}; {_advice(attempt)}",
        }
    attempt.sa.liveness()
    attempt.sa.delete_ike()
    return {"ok": True, "detail": f"IKE SA with {attempt.sa.suite} set up, alive, deleted"}


def _advice(attempt: AuthExchange) -> str:
    reply = attempt.reply or attempt.init.reply
    found = [kind for kind in _ADVICE if reply is not None and reply.notify(kind) is not None]
    return _ADVICE[found[0]] if found else _GENERAL


def _no_answer(tester: Tester, profile: Profile, where: str) -> str:
    """Why there may be no answer: something else is there, nothing is there, or no packet comes back at all."""
    received = tester.transcript.received()
    if received:
        return (
            f"{where} sends {len(received)} datagrams, but none answers IKE_SA_INIT (the first: {received[0].text()}):"
            " check that IKEv2 is running there"
        )
    if _refused(profile):
        return f"{where} refuses datagrams (ICMP): nothing listens there; check the port and that IKE is running"
    return f"{where} does not answer IKE_SA_INIT: check address, port and route, and that IKE is running there"


def _refused(profile: Profile) -> bool:
    """Whether the device's machine says that the port is closed."""
    family = socket.AF_INET6 if ":" in profile.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(REFUSED_WAIT)
        try:
            probe.connect((profile.address, profile.ike_port))
            probe.send(bytes(28))
            probe.recv(1)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
