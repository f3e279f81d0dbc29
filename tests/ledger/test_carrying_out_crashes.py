"""V6: the process dies before any statement, before any call and after it; whoever comes next reads the world and nothing is done twice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from finops.ledger.audit_verify import verify
from finops.ledger.carrying_out import carry_out, end_early, settle
from finops.ledger.proposals import proposal
from finops.ledger.state import open_state
from tests.ledger.acting_case import DIED, Scene, scene
from tests.ledger.proposed import ANA, KEYS

THREE = ("a", "b", "c")
Work = Callable[[Scene], object]


def opened(url: str, folder: Path) -> Scene:
    engine = open_state(url, KEYS)
    if url.startswith("sqlite"):
        engine.dispose()
        event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))  # no power is lost here
    return scene(engine, folder, THREE)


def die_at(step: int, url: str, folder: Path, work: Work, *, wherever: bool = True) -> int:
    """Do `work` in a child that dies before its `step`-th statement or commit; return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [step]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os._exit(DIED)

    try:
        on = opened(url, folder)
        if wherever:
            for name in ("before_cursor_execute", "commit"):
                event.listen(on.engine, name, count)
        work(on)
    finally:
        os._exit(0)


def restarted(url: str, folder: Path, minutes: int) -> Scene:
    """A new process that settles each minute from when the old one's lease ends."""
    on = opened(url, folder)
    on.clock.forward(minutes=6)
    for _ in range(minutes):
        settle(on.hands)
        on.clock.forward(minutes=1)
    return on


def fails_at_c(on: Scene) -> None:
    on.lever.faults["apply", "c"] = ["refuse"]
    carry_out(on.hands, "P-1")


CASES: dict[str, tuple[Work, Work, set[str], int]] = {
    "while it is carried out": (lambda on: on.approved(THREE), lambda on: carry_out(on.hands, "P-1"), {"active"}, 3),
    "while it is put back": (
        lambda on: carry_out(on.hands, on.approved(THREE).id),
        lambda on: end_early(on.hands, "P-1", ANA, "enough"),
        {"active", "ended"},
        6,
    ),
    "during compensation": (lambda on: on.approved(THREE), fails_at_c, {"active", "compensated"}, 4),
}


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only acts and dies
@pytest.mark.parametrize("name", CASES)
def test_v6_killed_before_any_statement_it_is_finished_after_a_restart_and_never_done_twice(name: str, tmp_path: Path) -> None:
    first, work, ends, most = CASES[name]
    made, code, step = tmp_path / "made", DIED, 0
    made.mkdir()
    before = opened(f"sqlite:///{made}/state.sqlite", made)
    first(before)
    before.engine.dispose()
    while code == DIED:
        step += 1
        folder = tmp_path / f"{step}"
        shutil.copytree(made, folder)
        url = f"sqlite:///{folder}/state.sqlite"
        code = die_at(step, url, folder, work)
        after = restarted(url, folder, 3)
        state = proposal(after.engine, "P-1").state
        assert state in ends, (name, step)
        expected = "small" if state == "active" else "big"
        assert dict.fromkeys(THREE, expected) == after.world.values(THREE), (name, step)
        done = after.world.done()
        assert len(done) == len(set(done)) <= most, (name, step, done)
        assert verify(after.engine, KEYS, ()).problems == ()
        after.engine.dispose()
    assert code == 0
    assert step > 20


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("target", THREE)
@pytest.mark.parametrize("fault", ["die", "die-after"])
@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_v6_killed_at_any_call_the_world_is_read_and_nothing_is_done_twice(
    state_url: str, tmp_path: Path, verb: str, fault: str, target: str
) -> None:
    def work(on: Scene) -> None:
        on.lever.faults[verb, target] = [fault]
        carry_out(on.hands, "P-1")
        end_early(on.hands, "P-1", ANA, "enough")

    before = opened(state_url, tmp_path)
    before.approved(THREE)
    before.engine.dispose()
    assert DIED == die_at(0, state_url, tmp_path, work, wherever=False)
    after = restarted(state_url, tmp_path, 3)
    ended = verb == "revert"
    assert ("ended" if ended else "active") == proposal(after.engine, "P-1").state
    assert sorted(after.world.done()) == sorted(f"{each}={to}" for each in THREE for to in (("small", "big") if ended else ("small",)))
    after.engine.dispose()
