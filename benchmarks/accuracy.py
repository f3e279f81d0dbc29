"""`python -m benchmarks.accuracy`: how far off the forecasts are, on real data and reproducibly."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import heading, judge, machine


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every table, then every goal with its figure; a goal that is missed is told, not an error."""
    options = _parser().parse_args(arguments)
    from benchmarks import series
    from benchmarks.accuracy_forecast import Size, run, run_own

    size = Size(options.origins or (1 if options.quick else 6), 0 if options.quick else 2, slow=not options.quick)
    print(machine(), flush=True)
    if options.own:
        try:
            run_own(size, {str(file): series.own(file) for file in options.own}, options.data)
        except ValueError as problem:
            raise SystemExit(f"error: {problem}") from None
        return
    goals = run(size, options.series, options.data)
    heading("Goals (set for the full run)" if options.quick else "Goals")
    judge(goals)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one month and fast baselines only: under a minute, to see that all of it runs"
    )
    parser.add_argument("--origins", type=int, metavar="MONTHS", help="how many of the last months of each series are asked (default: 6)")
    parser.add_argument(
        "--series", type=Path, metavar="DIR", help="the folder of public data (default: FINOPS_BOT_BENCH_DATA, shared/data)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where answers of slow baselines are kept for the next run (default: nowhere)"
    )
    parser.add_argument(
        "--own",
        type=Path,
        nargs="+",
        default=(),
        metavar="CSV",
        help="ask of days of your own instead: a column date and one for each series",
    )
    return parser


if __name__ == "__main__":
    main()
