"""SIGTERM and Ctrl-C, as something to wait for."""

import signal
import threading
from typing import Final

LOOK: Final = 0.5  # seconds


class Stopping:
    """Takes both signals over, from the main thread, as from when it is made."""

    def __init__(self) -> None:
        self._told = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._told.set())

    def wait(self) -> None:
        """Return once either came.

        Python runs a handler only when its main thread wakes, and a signal need not wake it: it may come a moment before the wait
        begins, or to another thread. So it wakes by itself.
        """
        while not self._told.wait(LOOK):
            pass
