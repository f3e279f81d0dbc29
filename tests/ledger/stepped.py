"""Two sessions stepped by hand: one stands still just before its commit while the other begins."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, event

Step = Callable[[Engine], bool]


def one_held(engines: Sequence[Engine], steps: Sequence[Step], held: int) -> int:
    """Do both steps, the one numbered `held` first up to its commit; return how many succeeded."""
    inside, other_began = threading.Event(), threading.Event()

    def stand(_: Any) -> None:
        inside.set()
        assert other_began.wait(20)
        threading.Event().wait(0.05)  # time for the other to run into us, if it could

    def second() -> bool:
        assert inside.wait(20)
        other_began.set()
        return steps[1 - held](engines[1])

    event.listen(engines[0], "commit", stand)
    try:
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(steps[held], engines[0]), pool.submit(second)]
            return sum(each.result() for each in done)
    finally:
        event.remove(engines[0], "commit", stand)


def at_once(engines: Sequence[Engine], steps: Sequence[Step]) -> int:
    """Do all steps at the same moment, each in a process's place; return how many succeeded."""
    line = threading.Barrier(len(steps))

    def run(number: int) -> bool:
        line.wait(20)
        return steps[number](engines[number])

    with ThreadPoolExecutor(len(steps)) as pool:
        return sum(pool.map(run, range(len(steps))))
