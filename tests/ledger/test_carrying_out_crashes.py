"""V6: the process dies before any statement, before any call and after it; whoever comes next reads the world and nothing is done twice."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from finops.ledger.audit_verify import verify
from finops.ledger.carrying_out import carry_out, end_early, settle
from finops.ledger.proposals import open_proposals, proposal
from finops.ledger.renewing import renew
from tests.ledger.acting_case import DIED, Scene, scene
from tests.ledger.conftest import opened
from tests.ledger.dying import MOMENTS, Arm, die_at
from tests.ledger.proposed import ANA, BRUNO, KEYS, click

THREE = ("a", "b", "c")
Work = Callable[[Scene], object]


def one_process(url: str, folder: Path) -> Scene:
    return scene(opened(url), folder, THREE)


def killed_at(step: int, url: str, folder: Path, work: Work, moments: Sequence[str] = MOMENTS) -> int:
    """Do `work` in a child that dies before its `step`-th statement or commit; return its exit code."""

    def armed(arm: Arm) -> None:
        on = one_process(url, folder)
        arm(on.engine)
        work(on)

    return die_at(step, armed, moments)


def restarted(url: str, folder: Path, minutes: int = 6) -> Scene:
    """A new process that settles each minute, three times, from `minutes` after noon on."""
    on = one_process(url, folder)
    on.clock.forward(minutes=minutes)
    for _ in range(3):
        settle(on.hands)
        on.clock.forward(minutes=1)
    return on


def fails_at_c(on: Scene) -> None:
    on.lever.faults["apply", "c"] = ["refuse"]
    carry_out(on.hands, "P-1")


def in_force(on: Scene) -> None:
    carry_out(on.hands, on.approved(THREE).id)


def its_time_is_over(on: Scene) -> None:
    on.clock.forward(minutes=121)
    settle(on.hands)


def renewed(on: Scene) -> None:
    in_force(on)
    click(on.engine, renew(on.engine, "P-1", BRUNO, on.clock()).proposal, ANA, at=on.clock())


@dataclass(frozen=True)
class Case:
    """What was done before, what is killed, in which state it may end, how many calls are right at most, and when others look again."""

    before: Work
    work: Work
    ends: set[str]
    most: int
    minutes: int = 6  # the lease of who died is over then


CASES: Final[dict[str, Case]] = {
    "while it is carried out": Case(lambda on: on.approved(THREE), lambda on: carry_out(on.hands, "P-1"), {"active"}, 3),
    "while it is put back": Case(in_force, lambda on: end_early(on.hands, "P-1", ANA, "enough"), {"active", "ended"}, 6),
    "at its end by the clock": Case(in_force, its_time_is_over, {"ended"}, 6, 130),
    "while it is renewed": Case(renewed, lambda on: carry_out(on.hands, "P-2"), {"ended"}, 3),
    "during compensation": Case(lambda on: on.approved(THREE), fails_at_c, {"active", "compensated"}, 4),
}
ON_POSTGRESQL: Final = pytest.param("while it is carried out", "postgresql", marks=pytest.mark.postgres)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only acts and dies
@pytest.mark.parametrize(("name", "database"), [*[(name, "sqlite") for name in CASES], ON_POSTGRESQL])
def test_v6_killed_before_any_statement_it_is_finished_after_a_restart_and_never_done_twice(
    name: str, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case, made, code, step = CASES[name], tmp_path / "made", DIED, 0
    made.mkdir()
    first_url = f"sqlite:///{made}/state.sqlite" if database == "sqlite" else str(request.getfixturevalue("postgres_database"))
    before = one_process(first_url, made)
    case.before(before)
    before.engine.dispose()
    while code == DIED:
        step += 1
        folder = tmp_path / f"{step}"
        shutil.copytree(made, folder)
        url = f"sqlite:///{folder}/state.sqlite" if database == "sqlite" else copy_of(first_url, step)
        code = killed_at(step, url, folder, case.work)
        after = restarted(url, folder, case.minutes)
        states = [one.state for one in open_proposals(after.engine)]
        assert proposal(after.engine, "P-1").state in case.ends, (name, step)
        expected = "small" if "active" in states else "big"
        assert dict.fromkeys(THREE, expected) == after.world.values(THREE), (name, step)
        done = after.world.done()
        assert len(done) == len(set(done)) <= case.most, (name, step, done)
        assert verify(after.engine, KEYS, ()).problems == ()
        after.engine.dispose()
    assert code == 0
    assert step > 20


def copy_of(url: str, step: int) -> str:
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_{step} TEMPLATE {name}".encode())
    return f"{url}_{step}"


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

    before = one_process(state_url, tmp_path)
    before.approved(THREE)
    before.engine.dispose()
    assert DIED == killed_at(0, state_url, tmp_path, work, moments=())
    after = restarted(state_url, tmp_path)
    ended = verb == "revert"
    assert ("ended" if ended else "active") == proposal(after.engine, "P-1").state
    assert sorted(after.world.done()) == sorted(f"{each}={to}" for each in THREE for to in (("small", "big") if ended else ("small",)))
    after.engine.dispose()
