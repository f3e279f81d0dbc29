"""`python -m benchmarks`: run all or some of the benchmarks and say which goals are met."""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.tables import Goal, heading, judge, machine

PARTS: Final = (
    "questions", "loading", "commands", "capacity", "usage", "s3", "guard", "drivers", "forecast-speed", "accuracy", "accuracy-anomalies",
)  # fmt: skip

ON_PUBLIC_DATA: Final = ("drivers", "accuracy", "accuracy-anomalies")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every table, then every goal with its figure; a goal that is missed is told, not an error."""
    options = _parser().parse_args(arguments)
    print(machine(), flush=True)
    with ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finops-bot-bench-")))
        goals = [goal for part in _wanted(options) for goal in _run(part, options, data)]
    heading("Goals (set for the full sizes; start-up weighs more on small ones)" if options.quick else "Goals")
    judge(goals)


def _wanted(options: argparse.Namespace) -> Sequence[str]:
    """Return the parts that were named, or else all that can be run here."""
    from benchmarks import series

    if options.parts:
        return list(options.parts)
    try:
        series.folder(options.series)
    except FileNotFoundError as problem:
        print(f"{', '.join(ON_PUBLIC_DATA)} are left out: {problem}", flush=True)
        return [part for part in PARTS if part not in ON_PUBLIC_DATA]
    return PARTS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", type=_part, metavar="part", help=f"which: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where made data is kept for the next run (default: a temporary folder)")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: a minute or two, to see that all of it runs")
    parser.add_argument("--rows", type=int, help="charges in the ledger that is asked (default: 10 million)")
    parser.add_argument("--bill-rows", type=int, help="rows of the Parquet bill that is loaded (default: 1 million)")
    parser.add_argument("--packed-rows", type=int, help="rows of the .csv.gz bill that is loaded (default: 5 million)")
    parser.add_argument(
        "--series", type=Path, metavar="DIR", help="the folder of public data (default: FINOPS_BOT_BENCH_DATA, shared/data)"
    )
    parser.add_argument("--rounds", type=int, help="how often each question is asked (default: 40)")
    return parser


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"'{name}' is not a part; use {', '.join(PARTS)}")
    return name


def _run(part: str, options: argparse.Namespace, data: Path) -> list[Goal]:
    quick = options.quick
    if part == "questions":
        from benchmarks import questions

        return questions.run(data, options.rows or (500_000 if quick else 10_000_000), options.rounds or (8 if quick else 40))
    if part == "loading":
        from benchmarks import loading

        bill, packed = options.bill_rows or (100_000 if quick else 1_000_000), options.packed_rows or (200_000 if quick else 5_000_000)
        return loading.run(data, bill, packed, 1 if quick else 5)
    if part == "usage":
        from benchmarks import usage_events

        return usage_events.run(51_200 if quick else 512_000)
    if part == "capacity":
        from benchmarks import capacity

        return capacity.run(500 if quick else 10_000)
    if part == "guard":
        from benchmarks import guard

        return guard.run(10_000 if quick else 200_000, 120 if quick else 1_200, 10 if quick else 60)
    if part == "s3":
        from benchmarks import s3

        return s3.run(data, options.bill_rows or (100_000 if quick else 1_000_000), 1 if quick else 3)
    if part == "commands":
        from benchmarks import commands

        return commands.run(3 if quick else 15, 10 if quick else 40)
    return _insight(part, options, data)


def _insight(part: str, options: argparse.Namespace, data: Path) -> list[Goal]:
    """Run what judges forecasts, detectors and explanations, mostly on the public data."""
    quick = options.quick
    if part == "drivers":
        from benchmarks import drivers, series

        return drivers.run(series.folder(options.series), data, 10 if quick else 100, options.rows or (500_000 if quick else 10_000_000))
    if part == "forecast-speed":
        from benchmarks import forecast_speed

        return forecast_speed.run(*(((50, 200), 5, 0) if quick else ((100, 300, 1000), 30, 10_000)))
    if part == "accuracy-anomalies":
        from benchmarks import accuracy_anomalies

        return accuracy_anomalies.run(options.series, quick)
    from benchmarks import accuracy_forecast

    size = accuracy_forecast.Size(1 if quick else 6, 0 if quick else 2, slow=not quick)
    return accuracy_forecast.run(size, options.series, data)


if __name__ == "__main__":
    main()
