"""A child process that dies before its n-th statement: what it leaves behind is what the next process finds."""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Engine, event

KILLED: Final = 137
MOMENTS: Final = ("before_cursor_execute", "commit")
Arm = Callable[[Engine], None]


def die_at(step: int, work: Callable[[Arm], object], moments: Sequence[str] = MOMENTS) -> int:
    """Do `work` in a child that dies at the `step`-th moment of the engines it arms; return its exit code, 1 where it failed."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    gc.freeze()  # or the child's collector would copy all of the parent's memory
    left = [step]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os._exit(KILLED)

    def arm(engine: Engine) -> None:
        for moment in moments:
            event.listen(engine, moment, count)

    try:
        work(arm)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
