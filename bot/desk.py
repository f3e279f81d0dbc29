"""Our own pool of workers: Bolt's five threads only acknowledge, the work is done here."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

LOG = logging.getLogger("finops.desk")
WAITING = 200  # questions that may wait, all people together
EACH = 4  # questions one person may have open, so that nobody shuts out the others


class Desk:
    """Takes work in and does it on `workers` threads; refuses rather than let a queue grow without end."""

    def __init__(self, workers: int, *, waiting: int = WAITING, each: int = EACH) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="desk")
        self._waiting, self._each = waiting, each
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, person: str, work: Callable[[], None]) -> bool:
        """Queue `work` for `person`; False when that person or everybody together has too much open already."""
        with self._lock:
            if self._open[person] >= self._each or self._open.total() >= self._waiting:
                return False
            self._open[person] += 1
        self._pool.submit(self._do, person, work)
        return True

    def close(self) -> None:
        """Finish what was taken in, then stop."""
        self._pool.shutdown(wait=True)

    def _do(self, person: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            LOG.exception("work for %s failed", person)
        finally:
            with self._lock:
                self._open[person] -= 1
                self._open += Counter()  # drops people with nothing open
