#!/usr/bin/python3
"""The control channel into the peer's machine, which may be a User-Mode Linux kernel that no `docker exec` reaches.

JSON lines over TCP; the first line of a connection is the token. A request is {"run": [argv], "input": text,
"timeout": s} -> {"status": n, "output": text}, or {"write": path, "text": text} -> {"status": 0}, or
{"restart": true} -> {"status": 0}: starts pluto when it has died, with every connection that it had.
"""

import hmac
import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

BIN = "/usr/libexec/ipsec"
FOLDER = Path("/run/ikeproof")
pluto: list["subprocess.Popen[bytes]"] = []
lock = threading.Lock()


def run(request: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            request["run"],
            input=request.get("input", "").encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request.get("timeout", 30),
        )
    except subprocess.TimeoutExpired as error:
        return {"status": 124, "output": (error.stdout or b"").decode(errors="replace")}
    except OSError as error:
        return {"status": 127, "output": str(error)}
    return {"status": done.returncode, "output": done.stdout.decode(errors="replace")}


def write(request: dict[str, Any]) -> dict[str, Any]:
    descriptor = os.open(request["write"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(request["text"])
    return {"status": 0, "output": ""}


def start_pluto() -> None:
    command = [f"{BIN}/pluto", "--nofork", "--config", str(FOLDER / "ipsec.conf")]
    pluto[:] = [subprocess.Popen(command, stdin=subprocess.DEVNULL)]


def restart(_request: dict[str, Any]) -> dict[str, Any]:
    with lock:
        status = pluto[0].poll()
        if status is None:
            return {"status": 0, "output": "it runs"}
        # what it left in the kernel would drop the packets of the new Child SAs
        subprocess.run(["sh", "-c", "ip xfrm state flush; ip xfrm policy flush; rm -f /run/pluto/pluto.*"], check=False)
        start_pluto()
        for _ in range(200):
            if not run({"run": [f"{BIN}/whack", "--briefstatus"]})["status"]:
                break
            time.sleep(0.05)
        for file in sorted(FOLDER.glob("*.conf"), key=os.path.getmtime):
            if file.name != "ipsec.conf":
                control = ["--ctlsocket", "/run/pluto/pluto.ctl", "--config", str(file)]
                run({"run": [f"{BIN}/addconn", *control, "--autoall"]})
        for file in (FOLDER / "ddos", FOLDER / "revival"):
            if file.exists():
                run({"run": [f"{BIN}/whack", *file.read_text().split()]})
        return {"status": 0, "output": f"it had ended with status {status}"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.connection.setsockopt(6, 1, 1)
        token = self.rfile.readline(200).strip()
        if not hmac.compare_digest(token, os.environ["AGENT_TOKEN"].encode()):
            return
        self.wfile.write(b'{"status": 0, "output": "ready"}\n')
        for line in self.rfile:
            request = json.loads(line)
            handle = write if "write" in request else restart if "restart" in request else run
            answer = handle(request)
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> int:
    start_pluto()
    # when pluto dies, its machine stays: the suite finds it dead, records that, and then asks for a restart
    Server(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
