"""`python -m benchmarks.accuracy_anomalies`: what the detector finds of events put into real bills and of marked ones, and how fast.

Thresholds and allowances were chosen on one half of the series (the even ones), the tables tell both; every random choice has a fixed seed.
"""

import argparse
import time
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.accuracy_anomalies_injected import (
    LOUD,
    MONTH,
    SHAPES,
    WORTH,
    Cries,
    Found,
    Injected,
    in_time,
    inject,
    judge,
    recall,
    segments,
)
from benchmarks.accuracy_anomalies_oracle import COLUMNS as ORACLE
from benchmarks.accuracy_anomalies_oracle import beside_oracle
from benchmarks.accuracy_anomalies_peers import at_budget, cut_forest, our_scores, ours, prophet_band, rolling_z
from benchmarks.accuracy_anomalies_young import COLUMNS as YOUNG
from benchmarks.accuracy_anomalies_young import young_bills
from benchmarks.series import Labelled, daily, labelled
from benchmarks.tables import Goal, heading, table
from benchmarks.tables import judge as judge_goals
from finops.insight.anomalies import detect
from finops.insight.panel import Floats, Panel

SEED: Final = 20261
BILLS: Final = ("binder-category", "binder-project", "optscale-pool", "optscale-service")
YEAR: Final = BILLS[:2]  # the others know forty days
COUNTS: Final = ("binder-sessions", "purchases", "wikipedia")
SENSITIVITIES: Final = (0.1, 0.25, 0.5, 1.0)
BUDGETS: Final = (0.5, 1.0, 5.0)  # false alarms in a series-week
HELD: Final = (0.25, 1.0, 4.0, 16.0)  # sensitivities by the hour
OURS: Final = "ours, one threshold"
CHOSEN, TOLD = 0, 1  # halves
COLUMNS: Final = (
    "sensitivity", "alerts", "false", "≥ 5 %", "≥ 3 × noise", "both", "events", "precision", "spike d0", "shift d2", "ramp d7",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every table, then every goal with its figure; a goal that is missed is told, not an error."""
    options = _parser().parse_args(arguments)
    goals = run(options.data, options.quick)
    heading("Goals")
    judge_goals(goals)


def run(data: Path | None, quick: bool) -> list[Goal]:
    """Measure what is found of events put in, into young bills too, then of marked ones, then the time of a scan."""
    goals = [*_injected(data, 1 if quick else 4), *_young(data), *_labelled(data, quick)]
    return goals + _speed((500, 1_000) if quick else (2_500, 5_000, 10_000))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy_anomalies", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the public data (default: shared/data beside the project)")
    parser.add_argument("--quick", action="store_true", help="few events and no forest or Prophet: half a minute")
    return parser


def _injected(data: Path | None, positions: int) -> list[Goal]:
    cases, rows, at, by_case = _cases(data, positions), [], {}, {}
    for sensitivity in SENSITIVITIES:
        judged = {case.source: judge(case, partial(detect, sensitivity=sensitivity)) for case in cases}
        for half in (CHOSEN, TOLD):
            for group, names in (("bills", BILLS), ("bills of a year", YEAR), ("counts", COUNTS)):
                found = [item for name in names for item in _of(judged[name][0], half)]
                cries = [judged[name][1][half] for name in names]
                at[sensitivity, half, group] = found, cries
                if sensitivity == 0.25 and group != "counts":
                    by_case[half, group] = [(case, _of(judged[case.source][0], half)) for case in cases if case.source in names]
                rows.append((f"{sensitivity:g}, half {half + 1}, {group}", *_figures(found, cries)))
    heading("Events put into real daily series: spikes, shifts, ramps, drops")
    table(COLUMNS, rows)
    heading("Beside an oracle at 0.25 that is told the event and its day")
    table(ORACLE, [beside_oracle(f"half {half + 1}, {group}", by_case[half, group], 0.25) for half, group in by_case])
    return _goals(at[0.25, TOLD, "bills"], at[1.0, TOLD, "bills"])


def _cases(data: Path | None, positions: int) -> list[Injected]:
    panels = daily(data)
    cases, number = [], 0
    for name in BILLS + COUNTS:
        panel = segments(panels[name], 60) if name == "wikipedia" else panels[name]
        cases.append(inject(name, panel, positions, SEED, number))
        number += len(panel.keys)
    return cases


def _figures(found: Sequence[Found], cries: Sequence[Cries]) -> tuple[str, ...]:
    big, loud = _big(found), _loud(found)
    rates = [f"{_a_month(cries, what):.2f}" for what in ("alarms", "false")]
    shares = (recall(big), recall(loud), recall(_loud(big)))
    delays = _delays(found)
    return (
        *rates,
        *(f"{share:.3f}" for share in shares),
        str(len(found)),
        f"{_precision(found, cries):.2f}",
        *(f"{share:.2f}" for share in delays),
    )


def _delays(found: Sequence[Found]) -> list[float]:
    """Return the share of loud events told in time: spikes on their first day, shifts in two days more, ramps in seven."""
    return [in_time(_loud(found), shape) for shape in SHAPES]


def _of(found: Sequence[Found], half: int) -> list[Found]:
    return [item for item in found if item.event.half == half]


def _big(found: Sequence[Found]) -> list[Found]:
    return [item for item in found if item.event.worth >= WORTH]


def _loud(found: Sequence[Found]) -> list[Found]:
    return [item for item in found if item.event.loud >= LOUD]


def _a_month(cries: Sequence[Cries], what: str) -> float:
    return float(sum(getattr(item, what) for item in cries) / sum(item.months for item in cries))


def _precision(found: Sequence[Found], cries: Sequence[Cries]) -> float:
    """Return the share of true alarms if each series had one event worth 5 % in 150 days beside its false alarms."""
    true = recall(_big(found)) * 30.44 / 150
    return true / (true + _a_month(cries, "false"))


def _goals(quarter: tuple[list[Found], list[Cries]], whole: tuple[list[Found], list[Cries]]) -> list[Goal]:
    found, cries = quarter
    spikes, shifts, ramps = _delays(found)
    return [
        Goal("bills, unseen half: recall of events worth 5 % at sensitivity 0.25", recall(_big(found)), 0.92, at_least=True),
        Goal("… alerts in a series-month, real events of the bills included", _a_month(cries, "alarms"), 0.25),
        Goal("… false alarms in a series-month", _a_month(cries, "false"), 0.25),
        Goal("… precision at one event in 150 days", _precision(found, cries), 0.6, at_least=True),
        Goal("recall of events above three times the noise at sensitivity 1", recall(_loud(whole[0])), 0.9, at_least=True),
        Goal("… alerts in a series-month", _a_month(whole[1], "alarms"), 1.0),
        Goal("spikes told on their first day", spikes, 0.9, at_least=True),
        Goal("shifts told within 2 days", shifts, 0.9, at_least=True),
        Goal("ramps told within 7 days", ramps, 0.9, at_least=True),
    ]


def _young(data: Path | None) -> list[Goal]:
    found = list(young_bills(data, BILLS, SEED))
    heading("Bills of three weeks, judged from their tenth day on")
    table(YOUNG, [(each.name, *each.row()) for each in found])
    unseen = found[TOLD]
    return [
        Goal("young bills, unseen half: false alarms in a series-month", unseen.false, 0.25),
        Goal("… days at five times the cost told", unseen.told["day × 5"], 0.9, at_least=True),
    ]


def _labelled(data: Path | None, quick: bool) -> list[Goal]:
    """Compare on marked hours: one threshold for all series, the best in hindsight, and ours also with its own."""
    _held(data)
    cases = labelled(data)[TOLD::2]
    found = ours(cases)
    kept = {budget: max(((share, rate) for _, share, rate in found if rate <= budget), default=(0.0, 0.0)) for budget in BUDGETS}
    by_score = {name: [at_budget(cases, scores, budget) for budget in BUDGETS] for name, scores in _scores(cases, quick).items()}
    heading(f"Marked hours of NAB and ms-cloud-monitoring, {len(cases)} series unseen: recall of windows (false alarms in a series-week)")
    rows = [("ours, thresholds of its own", *(f"{kept[budget][0]:.2f} ({kept[budget][1]:.2f})" for budget in BUDGETS))]
    rows += [(name, *(f"{share:.2f} ({rate:.2f})" for share, rate in figures)) for name, figures in by_score.items()]
    table(("detector", *(f"≤ {budget:g} a week" for budget in BUDGETS)), rows)
    peers = [figures for name, figures in by_score.items() if name != OURS]
    return [
        Goal(
            f"marked hours at {budget:g} a week: ours over the best peer",
            by_score[OURS][number][0] - max(p[number][0] for p in peers),
            0,
            "",
            True,
        )
        for number, budget in enumerate(BUDGETS)
    ]


def _held(data: Path | None) -> None:
    """Show what a sensitivity comes to by the hour, each series looked at alone."""
    rows = []
    for half in (CHOSEN, TOLD):
        for sensitivity, share, a_week in ours(labelled(data)[half::2], HELD):
            rows.append((f"{sensitivity:g}, half {half + 1}", f"{a_week * MONTH / 7:.2f}", f"{share:.2f}"))
    heading("Marked hours with thresholds of their own: false alarms in a series-month and recall of windows")
    table(("sensitivity", "false", "recall"), rows)


def _scores(cases: Sequence[Labelled], quick: bool) -> dict[str, list[Floats]]:
    rows = [case.panel.values[0] for case in cases]
    peers = {OURS: [our_scores(case.panel) for case in cases], "rolling z-score": [rolling_z(values) for values in rows]}
    if not quick:
        peers["random cut forest"] = [cut_forest(values, SEED) for values in rows]
        peers["Prophet band"] = [prophet_band(values, 24 if len(values) < 500 else 72) for values in rows]
    return peers


def _speed(sizes: Sequence[int]) -> list[Goal]:
    heading("Scan of daily series × 400 days")
    taken = [(size, _scan(size)) for size in sizes]
    table(("series", "wall s", "CPU s"), [(f"{size:,}", f"{wall:.1f}", f"{cpu:.1f}") for size, (wall, cpu) in taken])
    (small, (_, first)), (large, (wall, last)) = taken[0], taken[-1]
    return [
        Goal(f"scan of {large:,} series × 400 days", wall, 30 * large / 10_000, " s"),
        Goal("processor time per series, largest over smallest", (last / large) / (first / small), 1.3),
    ]


def _scan(size: int) -> tuple[float, float]:
    chance = np.random.default_rng(SEED)
    week = np.where(np.arange(400) % 7 >= 5, 0.6, 1.0)
    values = 100 * week * np.exp(0.15 * chance.standard_normal((size, 400)))
    keys = tuple((("resource", f"r{number}"),) for number in range(size))
    panel = Panel(keys, date(2025, 1, 6), values, np.full(size, 400, dtype=np.intp))
    began, cpu = time.perf_counter(), time.process_time()
    detect(panel, since=panel.day(393))
    return time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    main()
