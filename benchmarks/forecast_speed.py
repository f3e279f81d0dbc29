"""Forecasts with back-test and intervals beside Prophet in the same run, and how time grows; `python -m benchmarks.forecast_speed`."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from typing import Final

import numpy as np

from benchmarks.made_series import made
from benchmarks.tables import Goal, heading, judge, machine, table
from finops.insight.forecast import default_members, forecast
from finops.insight.forecast_lstm import LstmMember
from finops.insight.forecast_members import Member
from finops.insight.forecast_prophet import ProphetMember
from finops.insight.panel import Floats, Panel
from finops.periods import Period

DAYS: Final = 400
AHEAD: Final = 30
KINDS: Final = 5
THOUSAND: Final = 10.0  # seconds
NIGHTLY: Final = 120.0
FASTER: Final = 50.0
LINEAR: Final = 1.3  # times the time per series of the smallest run
ROUNDS: Final = 3
DRAWS: Final = 1000  # for Prophet's bands, by its default


def run(sizes: Sequence[int], sample: int, nightly: int) -> list[Goal]:
    """Measure Prophet and ours in turn, then the curve; every size is at once what the nightly job would ask."""
    print(
        f"{DAYS} days each, the next {AHEAD} with bands and back-test; seconds of the wall clock, of the processor in brackets", flush=True
    )
    _forecast(panel(20))  # loads what is loaded once
    goals = _beside_prophet(sizes[-1], sample)
    curve = _curve([*sizes, *([nightly] if nightly else [])])
    per_series = {size: cpu / size for size, (_, cpu) in curve.items()}
    goals.append(Goal(f"{sizes[-1]:,} series", curve[sizes[-1]][0], THOUSAND * sizes[-1] / 1000, " s"))
    if nightly:
        goals.append(Goal(f"{nightly:,} series", curve[nightly][0], NIGHTLY * nightly / 10_000, " s"))
    return [
        *goals,
        Goal("growth: processor time per series, largest of smallest", per_series[max(curve)] / per_series[min(curve)], LINEAR, "×"),
    ]


def panel(count: int) -> Panel:
    """Return as many generated series, all kinds alike."""
    whole = made(each=-(-count // KINDS), days=DAYS)
    return Panel(whole.keys[:count], whole.start, whole.values[:count], whole.complete[:count])


def _beside_prophet(count: int, sample: int) -> list[Goal]:
    heading(f"{count:,} series beside Prophet on {sample} of them (one fit each), in turn")
    ours, few = panel(count), panel(count).values[:: max(1, count // sample)][:sample]
    contestants = partial(_forecast, ours), partial(_fits, few, DRAWS), partial(_fits, few, 0)
    rounds = [tuple(_timed(contestant) for contestant in contestants) for _ in range(ROUNDS)]
    (wall, cpu), (its_wall, its_cpu), (bare_wall, bare_cpu) = (np.median([lap[who] for lap in rounds], axis=0) for who in (0, 1, 2))
    rows = [
        ("ours, default members", f"{wall:.2f} ({cpu:.2f})", f"{count / wall:,.0f}"),
        ("Prophet, with its own bands", f"{its_wall:.2f} ({its_cpu:.2f})", f"{len(few) / its_wall:,.1f}"),
        ("Prophet, without any", f"{bare_wall:.2f} ({bare_cpu:.2f})", f"{len(few) / bare_wall:,.1f}"),
    ]
    rows += _opt_in(few)
    table(("", "seconds", "series/s"), rows)
    return [Goal("series a second, of Prophet's", float((count / wall) / (len(few) / its_wall)), FASTER, "×", at_least=True)]


def _fits(few: Floats, draws: int) -> None:
    for series in few:
        ProphetMember(samples=draws).path(series, AHEAD)


def _opt_in(few: Floats) -> list[tuple[str, str, str]]:
    """Time what somebody pays who turns the dear members on; the LSTM only where its extra is installed."""
    small = panel(len(few))
    more: dict[str, Member] = {"ours with Prophet": ProphetMember(), **({"ours with LSTM": LstmMember()} if find_spec("torch") else {})}
    rows = []
    for name, member in more.items():
        wall, cpu = _timed(partial(_forecast, small, (*default_members(), member)))
        rows.append((name, f"{wall:.2f} ({cpu:.2f})", f"{len(few) / wall:,.1f}"))
    return rows


def _curve(sizes: Sequence[int]) -> dict[int, tuple[float, float]]:
    heading("How time grows")
    curve = {}
    rows = []
    for size in sizes:
        asked = panel(size)
        curve[size] = wall, cpu = _timed(partial(_forecast, asked))
        rows.append((f"{size:,}", f"{wall:.2f} ({cpu:.2f})", f"{size / wall:,.0f}", f"{1000 * cpu / size:.2f}"))
    table(("series", "seconds", "series/s", "ms of processor time each"), rows)
    return curve


def _forecast(asked: Panel, members: Sequence[Member] | None = None) -> object:
    return forecast(asked, _ahead(asked), today=_ahead(asked).start, members=members)


def _ahead(asked: Panel) -> Period:
    end = asked.day(asked.steps)
    return Period(end, end + timedelta(days=AHEAD))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds, those of processes it started included: Prophet's optimiser is one."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    work()
    return time.perf_counter() - wall, sum(os.times()[:4]) - cpu


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and the goals; a goal that is missed is told, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast_speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 200 series, and Prophet on five")
    options = parser.parse_args(arguments)
    print(machine(), flush=True)
    goals = run((50, 200), 5, 0) if options.quick else run((100, 300, 1000), 30, 10_000)
    heading("Goals (set for the full sizes; start-up weighs more on small ones)" if options.quick else "Goals")
    judge(goals)


if __name__ == "__main__":
    main()
