#!/usr/bin/python3
"""The control channel into the peer's machine, which may be a User-Mode Linux kernel that no `docker exec` reaches.

JSON lines over TCP; the first line of a connection is the token. A request is {"run": [argv], "input": text,
"timeout": s} -> {"status": n, "output": text}, or {"write": path, "text": text} -> {"status": 0}.
"""

import hmac
import json
import os
import socketserver
import subprocess
import sys
import threading
from typing import Any


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


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.connection.setsockopt(6, 1, 1)
        token = self.rfile.readline(200).strip()
        if not hmac.compare_digest(token, os.environ["AGENT_TOKEN"].encode()):
            return
        self.wfile.write(b'{"status": 0, "output": "ready"}\n')
        for line in self.rfile:
            request = json.loads(line)
            answer = write(request) if "write" in request else run(request)
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> int:
    pluto = subprocess.Popen(
        ["/usr/libexec/ipsec/pluto", "--nofork", "--config", "/run/ikeproof/ipsec.conf"], stdin=subprocess.DEVNULL
    )
    server = Server(("0.0.0.0", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return pluto.wait()


if __name__ == "__main__":
    sys.exit(main())
