"""Where the lab keeps its own files: nothing outside these folders is written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def cache_dir() -> Path:
    """The project's cache: ``$IKEPROOF_CACHE``, else ``.cache`` of the checkout, else the user's cache folder."""
    if configured := os.environ.get("IKEPROOF_CACHE"):
        return Path(configured).absolute()
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "ikeproof"


def run_dir(data_root: Path) -> Path:
    """The engine's run folder: short, because a Unix socket path has at most 107 octets."""
    tag = hashlib.sha256(str(data_root).encode()).hexdigest()[:10]
    return Path("/run") / f"ikeproof-{tag}"
