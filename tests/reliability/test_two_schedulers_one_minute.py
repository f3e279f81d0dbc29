"""Two processes look at the same minute, and both deliver: what twenty budgets have to say is said once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from bot.outgoing import show
from jobs.delivering import Deliverer, Surroundings
from tests.jobs.watched_case import Watch, noon, watching
from tests.ledger.bills import Charge, deliver
from tests.ledger.conftest import state_url
from tests.ledger.outbox_case import Clock, World
from tests.ledger.stepped import Step, at_once

__all__ = ["state_url"]
NOW = noon("2026-11-03")
TEAMS = [f"team-{number}" for number in range(20)]
BUDGETS = "budgets:\n" + "".join(
    f"  - {{name: {team}, scope: team={team}, monthly: 100, owner: '@ana', channel: '#ml', thresholds: [100%]}}\n" for team in TEAMS
)


def looking(watch: Watch) -> Step:
    def look(_: Engine) -> bool:
        return bool(watch.check(NOW))

    return look


def delivering(watch: Watch, world: World) -> Deliverer:
    return Deliverer(Surroundings(watch.tools.ledger, {"slack": world}, partial(show, watch.tools), world.clock, world.clock.sleep))


def test_a1_two_schedulers_of_one_minute_tell_of_twenty_budgets_once_each(state_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        both = [stack.enter_context(watching(tmp_path, BUDGETS, environ={"FINOPS_DATABASE_URL": state_url})) for _ in range(2)]
        deliver(both[0].tools.ledger, [Charge(date(2026, 11, 2), "150", team) for team in TEAMS], at=NOW)
        at_once([watch.tools.ledger.engine for watch in both], [looking(watch) for watch in both])
        assert sorted(TEAMS) == sorted(one.finding.rule for one in both[0].alerts())

        world = World(Clock(NOW + timedelta(minutes=1)))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda watch: delivering(watch, world).deliver(), both))
        assert (20, sorted(both[1].posts())) == (len(world.seen), sorted(world.keys("slack:#ml")))
