"""The end of a run that cannot begin: one line that says what to do, and exit code 2."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from _pytest.outcomes import Exit

WRONG_USE = 2


class ikeproof(Exit):  # noqa: N801 - pytest writes the name of the class before the text
    """What stops pytest (`pytest.exit.Exception`). It shows the name, with the module unless that is this one."""

    __module__ = "builtins"


def wrong_use(text: str) -> NoReturn:
    """Stop pytest. `text` names the place and the reason, and says what to do."""
    raise ikeproof(text, returncode=WRONG_USE)


@dataclass(slots=True, weakref_slot=True)
class SayOnce:
    """A plugin: before the collection pytest itself writes the line to standard error, so the reporter need not."""

    config: pytest.Config
    collecting: bool = False

    def pytest_collection(self) -> None:
        """From here on only the reporter says it."""
        self.collecting = True

    @pytest.hookimpl(trylast=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Called after the terminal reporter's own."""
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if isinstance(excinfo.value, ikeproof) and reporter is not None and not self.collecting:
            reporter._keyboardinterrupt_memo = None


def on_termination() -> None:
    """Let SIGTERM end a run as Ctrl-C does: what was found is kept, and nothing stays behind."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(f"signal {number}")
