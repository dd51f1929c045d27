"""What ends a start of the gateway. Every message says what to do; none shows a secret."""

from __future__ import annotations


class GatewayError(Exception):
    """Wrong use: the process prints the message and ends with exit code 2."""


class ConfigError(GatewayError):
    """The configuration file `file` is wrong at `key` (a dotted path, empty for the whole file)."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


class StartError(GatewayError):
    """The gateway cannot start: a port in use, a device that cannot be opened."""
