"""Published test vectors, kept as JSON beside this module; each case names its source."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    """The contents of data/NAME.json."""
    return json.loads((Path(__file__).parent / "data" / f"{name}.json").read_text())
