"""`python -m vectors.adapters.serve NAME`: one of the built-in adapters as a program that speaks the protocol.

It is the worked example for somebody who writes an adapter in another language.
"""

from __future__ import annotations

import json
import sys

from vectors.adapters import Refused, Unsupported
from vectors.adapters.builtin import BUILTIN, FOREIGN, adapter
from vectors.operations import OPERATIONS
from vectors.replay import decode


def answer(line: str, implementation: str) -> dict[str, object]:
    """One answer to one question; a question that makes no sense is answered as unsupported."""
    question = json.loads(line)
    operation = OPERATIONS.get(question["operation"])
    if operation is None:
        return {"id": question["id"], "unsupported": f"operation {question['operation']!r}"}
    try:
        outputs = adapter(implementation).answer(operation.name, decode(question["inputs"], operation.inputs))
    except Refused as error:
        return {"id": question["id"], "refused": str(error)}
    except Unsupported as error:
        return {"id": question["id"], "unsupported": str(error)}
    encoded = {name: value.hex() if isinstance(value, bytes) else value for name, value in outputs.items()}
    return {"id": question["id"], "outputs": encoded}


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in (*BUILTIN, *FOREIGN):
        print(f"usage: python -m vectors.adapters.serve {'|'.join((*BUILTIN, *FOREIGN))}", file=sys.stderr)
        return 2
    for line in sys.stdin:
        print(json.dumps(answer(line, argv[0])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
