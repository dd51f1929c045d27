"""What pluto says about its SAs: ``whack --showstates``, the log, and the connections' selectors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from peers.driver import ChildSaView, IkeSaView

_STATE = re.compile(
    r'^#(?P<n>\d+): "(?P<name>[^"]+)"(?P<instance>\[\d+\])? (?P<address>[\d.a-fA-F:]+?):(?P<port>\d+) (?P<state>\w+) '
)
_SPIS = re.compile(
    r'^#(?P<n>\d+): "[^"]+"(?:\[\d+\])?(?: [\d.a-fA-F:]+)? (?P<protocol>esp|ah)\.(?P<out>[0-9a-f]+)@\S+ '
    r"(?:esp|ah)\.(?P<in>[0-9a-f]+)@(?P<rest>.*)$"
)
_PARENT = re.compile(r"IKE SA #(\d+);")
_SELECTORS = re.compile(r'^(\S+) <==> (\S+)\s.*"([^"]+)"(\[\d+\])?, reqid=')
_KEYS = re.compile(r"\| ikev2 I 0x([0-9a-f]{16}) 0x([0-9a-f]{16}) ")
_LINE = re.compile(r'^\S+ +\d+ [\d:.]+: "[^"]+"(?:\[\d+\])? \S+ #(\d+): (.*)$')
_TRAFFIC = re.compile(r"ESP(in|out)=(\d+)([KMG]?)B")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_NEW_IKE = ("established IKE SA", "rekeyed IKE SA", "processed IKE_SA_INIT response", "initiator established IKE SA")


@dataclass
class LogState:
    """What only the log tells: SPIs, role and identity of each IKE SA, by pluto's serial number."""

    spis: dict[int, tuple[str, str]] = field(default_factory=dict)
    initiators: set[int] = field(default_factory=set)
    remote_ids: dict[int, str] = field(default_factory=dict)
    suites: dict[int, str] = field(default_factory=dict)
    _pending: tuple[str, str] | None = None
    _last: int | None = None

    def feed(self, text: str) -> None:
        """Read further whole lines of the log (``plutodebug=private``)."""
        for line in text.splitlines():
            if "Starting Pluto " in line:  # after it died: serial numbers begin anew
                self.__init__()  # type: ignore[misc]
            elif match := _KEYS.search(line):
                # the keys are printed right after or right before the line that names the new IKE SA
                if self._last is not None and self._last not in self.spis:
                    self.spis[self._last] = (match[1], match[2])
                else:
                    self._pending = (match[1], match[2])
            elif match := _LINE.match(line):
                self._event(int(match[1]), match[2])

    def _event(self, number: int, text: str) -> None:
        if text.startswith("WARNING"):
            return
        if "initiating IKEv2 connection" in text or text.startswith("initiator rekeyed IKE SA"):
            self.initiators.add(number)
        if match := re.search(r"authenticated peer .* and (?:ID_\w+) '([^']+)'", text):
            self.remote_ids[number] = match[1]
        if match := re.search(r"\{(cipher=[^}]+)\}", text):
            self.suites[number] = match[1]
        if any(phrase in text for phrase in _NEW_IKE):
            if self._pending and number not in self.spis:
                self.spis[number] = self._pending
            self._pending = None
            self._last = number


def parse(states: str, selectors: str, log: LogState, local: str) -> list[IkeSaView]:
    """Views from the outputs of ``--showstates`` and ``--briefconnectionstatus``; ``local`` is the peer's address."""
    networks: dict[str, tuple[str, str]] = {}
    for line in selectors.splitlines():
        if match := _SELECTORS.match(line):
            networks[match[3] + (match[4] or "")] = (match[1], match[2])
    parents: dict[int, dict[str, str]] = {}
    children: dict[int, dict[str, str]] = {}
    for line in states.splitlines():
        if match := _SPIS.match(line):
            children.setdefault(int(match["n"]), {}).update(match.groupdict())
        elif match := _STATE.match(line):
            parent = _PARENT.search(line)
            found = match.groupdict(default="")
            if parent:
                children.setdefault(int(match["n"]), {}).update(found, parent=parent[1])
            else:
                parents[int(match["n"])] = found
    views = []
    for number, sa in parents.items():
        own = tuple(
            _child(serial, child, networks)
            for serial, child in children.items()
            if child.get("parent") == str(number) and "out" in child
        )
        spi_i, spi_r = log.spis.get(number, ("", ""))
        state = "established" if sa["state"] == "ESTABLISHED_IKE_SA" else sa["state"].lower()
        views.append(
            IkeSaView(
                connection=sa["name"],
                spi_i=spi_i,
                spi_r=spi_r,
                state=state,
                initiator=number in log.initiators,
                remote_id=log.remote_ids.get(number, ""),
                local=local,
                remote=f"{sa['address']}:{sa['port']}",
                suite=log.suites.get(number, ""),
                children=own,
                handle=str(number),
            )
        )
    return views


def _child(serial: int, child: dict[str, str], networks: dict[str, tuple[str, str]]) -> ChildSaView:
    counted = {match[0]: int(match[1]) * _UNITS[match[2]] for match in _TRAFFIC.findall(child["rest"])}
    local, remote = networks.get(child["name"] + child["instance"], ("", ""))
    established = child["state"] == "ESTABLISHED_CHILD_SA"
    return ChildSaView(
        name=f"#{serial}",
        spi_in=child["in"].rjust(8, "0"),
        spi_out=child["out"].rjust(8, "0"),
        state="installed" if established else child["state"].lower(),
        mode="tunnel" if "tun." in child["rest"] else "transport",
        protocol=child["protocol"].upper(),
        encap=child["port"] == "4500",
        local_ts=(local,) if local else (),
        remote_ts=(remote,) if remote else (),
        bytes_in=counted.get("in", 0),
        bytes_out=counted.get("out", 0),
    )
