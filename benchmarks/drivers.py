"""Why: are the causes put into made and real rows found, how fast, and beside an oracle, a top-contributor drill-down and Adtributor.

Made rows: six dimensions, one implied by another. Real rows: the cells of real bills with noise and causes put in. A key counts when it
names exactly the cells of the cause. The oracle is told the noise, how causes are drawn and how many: more cannot be known.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.asked import NOW, TODAY
from benchmarks.drivers_cases import NOISE, REAL, TWO_PERIODS, Case, injected, made, real_cells, right
from benchmarks.drivers_finders import FINDERS, ours
from benchmarks.drivers_oracle import oracle
from benchmarks.made_ledger import made_ledger
from benchmarks.tables import Goal, heading, ms, table
from finops.insight.drivers_why import explain
from finops.ledger.cube import compared
from finops.periods import Period
from finops.query import CostQuery

CASES: Final = ((1000, 0.1, 1), (4000, 0.1, 1), (4000, 0.3, 1), (4000, 0.1, 2), (4000, 0.3, 2), (20_000, 0.3, 2))
ORACLE_UP_TO: Final = 4000  # cells drawn: it tries every slice, and more of them take minutes
KINDS: Final = ("x 3", "x 0.3", "gone", "new")
SIZES: Final = ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.01))  # parts of all that moved
COLUMNS: Final = ("cubes", "ours", "ms", "oracle", *(name for name in FINDERS if name != "ours"))


@dataclass(frozen=True)
class Scored:
    """Which of the cases each found, and how long ours took."""

    cases: Sequence[Case]
    found: dict[str, list[bool]]
    seconds: float

    def share(self, name: str) -> float:
        return sum(self.found[name]) / len(self.cases) if self.cases else float("nan")

    def line(self, name: str) -> tuple[str, ...]:
        shares = [f"{self.share(who):.2f}" if who in self.found else "-" for who in COLUMNS[3:]]
        return (name, f"{self.share('ours'):.2f}", ms(self.seconds), *shares)


def run(rows: Path | None, data: Path, cubes: int, charges: int) -> list[Goal]:
    """Measure accuracy on made cubes, on real rows under `rows` where they are given, then the time from `charges` rows."""
    goals = _made(cubes)
    if rows:
        goals += _real(rows, cubes)
        _kinds(rows, max(cubes // 4, 3))
        _two_periods(rows, cubes)
    return [*goals, _from_rows(data, charges)] if charges else goals


def _made(cubes: int) -> list[Goal]:
    heading(f"Causes found first, of {cubes} made cubes a line (share of cubes; ms are CPU time, median)")
    goals, lines = [], []
    for cells, noise, causes in CASES:
        cases = [case for seed in range(cubes) if (case := made(seed, cells, noise, causes)) is not None]
        scored = _scored(cases, noise if cells <= ORACLE_UP_TO else None)
        lines.append(scored.line(f"{cells:,} cells drawn, {noise:.0%} noise, {_causes(causes)}"))
        if noise == NOISE:
            goals.append(_goal(f"{cells:,} cells, {_causes(causes)}", scored))
        if cells == 20_000:
            goals.append(Goal("drivers: a cube of 20,000 cells drawn", scored.seconds * 1000, 50, " ms"))
    table(COLUMNS, lines)
    return goals


def _real(rows: Path, cubes: int) -> list[Goal]:
    """One and two causes in each bill; a small one may have no room for two."""
    heading(f"The same in cells of real bills, {NOISE:.0%} noise, up to {cubes} cubes a line")
    lines, goals = [], []
    for causes in (1, 2):
        every = []
        for bill in REAL:
            scored = _scored(list(injected(real_cells(rows, bill), cubes, causes)), NOISE)
            every.append(scored)
            if scored.cases:
                lines.append(scored.line(f"{bill.name}, {len(scored.cases[0].cube.before)} cells, {_causes(causes)}"))
        whole = _together(every)
        lines.append(whole.line(f"all of them, {_causes(causes)}"))
        goals.append(_goal(f"real rows, {_causes(causes)}", whole))
        if causes == 1:
            by_size = [(f"{low:.0%} to {min(high, 1):.0%}", *_sized(whole, low, high)) for low, high in SIZES]
    table(COLUMNS, lines)
    heading("One cause in real bills, by what part of all that moved its cells are")
    table(("part", "cubes", "ours", "oracle"), by_size)
    return goals


def _sized(scored: Scored, low: float, high: float) -> tuple[str, ...]:
    chosen = [n for n, case in enumerate(scored.cases) if low <= case.moved < high]
    shares = [sum(scored.found[who][n] for n in chosen) / len(chosen) if chosen else float("nan") for who in ("ours", "oracle")]
    return (str(len(chosen)), *(f"{share:.2f}" for share in shares))


def _kinds(rows: Path, cubes: int) -> None:
    heading(f"By what the cause did, all real bills together, up to {cubes} cubes a bill")
    bills = [real_cells(rows, bill) for bill in REAL]
    lines = []
    for causes in (1, 2):
        for kind in KINDS:
            scored = _scored([case for cells in bills for case in injected(cells, cubes, causes, kind)], NOISE)
            lines.append(scored.line(f"{kind}, {_causes(causes)}"))
    table(COLUMNS, lines)


def _two_periods(rows: Path, cubes: int) -> None:
    heading(f"One cause put into the second of two real periods, whose own change is the noise, {cubes} cubes a line")
    table(COLUMNS, [_scored(list(injected(real_cells(rows, bill), cubes)), None).line(bill.name) for bill in TWO_PERIODS])


def _causes(count: int) -> str:
    return f"{count} cause{'s'[: count - 1]}"


def _goal(about: str, scored: Scored) -> Goal:
    return Goal(f"drivers: true keys first, {about}", scored.share("ours"), 0.95, at_least=True)


def _scored(cases: Sequence[Case], noise: float | None) -> Scored:
    """Let everybody look for the causes; the oracle where it can be told the noise."""
    found, laps = dict[str, list[bool]](), []
    for case in cases:
        began = time.process_time()
        ours(replace(case.cube), len(case.causes))
        laps.append(time.process_time() - began)
    for name, find in FINDERS.items():
        found[name] = [right(case, find(case.cube, len(case.causes))) for case in cases]
    if noise is not None:
        found["oracle"] = [right(case, oracle(case, noise=noise)) for case in cases]
    return Scored(cases, found, median(laps) if laps else float("nan"))


def _together(every: Sequence[Scored]) -> Scored:
    found = {name: [one for scored in every for one in scored.found[name]] for name in every[0].found}
    cases = [case for scored in every for case in scored.cases]
    return Scored(cases, found, median(scored.seconds for scored in every if scored.cases))


def _from_rows(data: Path, charges: int) -> Goal:
    """Ask for the change of the last days against as many before, over all rows of a ledger."""
    ledger = made_ledger(data, charges)
    half = timedelta(days=190)
    query = CostQuery(Period(TODAY - half, TODAY), Period(TODAY - 2 * half, TODAY - half))
    ask = partial(_ask, ledger, query)
    ask()
    laps = [ask() for _ in range(3)]
    ledger.close()
    heading(f"From {charges:,} charges to drivers and effects (median of three)")
    table(
        ("step", "wall ms", "CPU ms"),
        [(name, ms(median(lap[n] for lap in laps)), ms(median(lap[n + 1] for lap in laps))) for n, name in ((0, "read and explain"),)],
    )
    return Goal(f"drivers: from {charges:,} charges", median(lap[0] for lap in laps), 2, " s")


def _ask(ledger: Any, query: CostQuery) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for cube in compared(ledger, query, NOW).cubes:
        explain(cube)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    import argparse
    import tempfile

    from benchmarks import series

    parser = argparse.ArgumentParser(prog="python -m benchmarks.drivers", description=__doc__)
    parser.add_argument("--rows", type=Path, metavar="DIR", help=f"the folder of public data (default: {series.VARIABLE}, shared/data)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where the made ledger is kept for the next run (default: a temporary folder)"
    )
    parser.add_argument("--cubes", type=int, default=100, help="cubes a line (default: 100)")
    parser.add_argument("--charges", type=int, default=10_000_000, help="rows of the ledger that is asked; 0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finops-bot-bench-") as passing:
        for goal in run(series.folder(options.rows), options.data or Path(passing), options.cubes, options.charges):
            print(goal)


if __name__ == "__main__":
    main()
