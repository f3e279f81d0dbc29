"""Our own workers: Bolt's five threads only acknowledge, the work is done here."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

LOG = logging.getLogger("finops.desk")
WAITING: Final = 200  # questions that may be open, all people together
EACH: Final = 4  # questions one person may have open, so that nobody shuts out the others
PATIENCE: Final = 5.0  # seconds to finish in; hanging up on Slack may take as long, and a kill usually comes after ten

Work = Callable[[], None]


class Desk:
    """Takes work in and does it on `workers` threads; refuses rather than let a queue grow without end."""

    def __init__(self, workers: int, *, waiting: int = WAITING, each: int = EACH) -> None:
        self._waiting, self._each = waiting, each
        self._queue: SimpleQueue[tuple[str, Work] | None] = SimpleQueue()
        self._open: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = False
        # daemons, since one that waits for Slack must not keep the process alive
        self._threads = [threading.Thread(target=self._serve, name=f"desk-{number}", daemon=True) for number in range(workers)]
        for thread in self._threads:
            thread.start()

    def take(self, person: str, work: Work) -> bool:
        """Queue `work` for `person`; False when that person or everybody together has too much open already, or when closed."""
        with self._changed:
            if self._closed or self._open[person] >= self._each or self._open.total() >= self._waiting:
                return False
            self._open[person] += 1
        self._queue.put((person, work))
        return True

    def close(self, seconds: float = PATIENCE) -> int:
        """Take nothing more, finish what was taken within `seconds`, and return how much was left undone."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._open.total(), seconds)
            left = self._open.total()
        self._empty()
        for _ in self._threads:
            self._queue.put(None)
        if left:
            LOG.warning("stopped with %s questions unanswered", left)
        return left

    def _empty(self) -> None:
        """Drop what nobody began: the ledger is about to be closed."""
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return

    def _serve(self) -> None:
        while (taken := self._queue.get()) is not None:
            self._do(*taken)

    def _do(self, person: str, work: Work) -> None:
        try:
            work()
        except Exception:
            LOG.exception("work for %s failed", person)
        finally:
            with self._changed:
                self._open[person] -= 1
                self._open += Counter()  # drops people with nothing open
                self._changed.notify_all()


class Afterwards:
    """Keeps what two threads say about one thing in order, without either waiting for the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[Work] | None = []

    def first(self, work: Work) -> None:
        """Do `work`, and then what was held back for it, even where `work` fails."""
        try:
            work()
        finally:
            with self._lock:
                held, self._held = self._held or [], None
            for each in held:
                each()

    def then(self, work: Work) -> None:
        """Do `work` now if the first is done; otherwise it is done right after that, by whoever does the first."""
        with self._lock:
            if self._held is not None:
                self._held.append(work)
                return
        work()
