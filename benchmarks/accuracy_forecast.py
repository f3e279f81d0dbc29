"""How far off the forecasts are on real series, month by month, beside what else one could use; `python -m benchmarks.accuracy`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import series
from benchmarks.accuracy_contenders import BEST_OF, OURS, Remembered, answers, contenders
from benchmarks.accuracy_scores import Score, best_single, hindsight, holds, mean_error, only, ours, scored, summed_width, wape, width
from benchmarks.accuracy_tasks import KNOWN, LEAST, Case, cases, questions, with_teams
from benchmarks.made_series import made
from benchmarks.tables import Goal, heading, table
from finops.insight.panel import Panel

BETTER: Final = 0.85  # of the best single baseline's pooled error
TEAM_GOALS: Final = {5: 7.0, 15: 5.0, 25: 2.5}  # mean error in %
HORIZONS: Final = (0, *KNOWN)
SLOW: Final = ("AutoETS", "Prophet")


@dataclass(frozen=True)
class Size:
    """How much is asked: months of each case (of the generated one), and whether slow baselines take part."""

    months: int
    made: int
    slow: bool = True


def run(size: Size, data: Path | None, kept: Path | None = None) -> list[Goal]:
    """Ask everybody everything, print the tables and return the goals on real data."""
    remembered = Remembered(kept)
    real = _ask(cases(series.daily(data)), size.months, size.slow, remembered)
    report("Real series", real)
    if size.made:
        report("Generated AI spend (a hint, not a proof)", _ask([with_teams("made", made(each=4))], size.made, size.slow, remembered))
    return goals(real)


def run_own(size: Size, panels: Mapping[str, Panel], kept: Path | None = None) -> None:
    """Ask everybody the same of days of one's own, which have no goals."""
    scores = _ask([with_teams(name, panel) for name, panel in panels.items()], size.months, size.slow, Remembered(kept))
    if not scores:
        raise ValueError(f"{', '.join(panels)} hold no whole month with {LEAST} days before it; give more days")
    report("Your own series", scores)


def _ask(asked: Sequence[Case], months: int, slow: bool, remembered: Remembered) -> list[Score]:
    chosen = {name: contender for name, contender in contenders().items() if slow or name not in SLOW}
    scores: list[Score] = []
    for case in asked:
        began = time.perf_counter()
        found = [score for question in questions(case, months) for score in scored(question, answers(question, chosen, remembered))]
        print(f"{case.name}: {len(ours(found))} totals asked, {time.perf_counter() - began:.0f} s", flush=True)
        remembered.keep()
        scores += found
    return scores


def report(title: str, scores: Sequence[Score]) -> None:
    """Print errors by horizon and aggregation, by source, and the intervals."""
    for kind in ("line", "team"):
        of = only(scores, kind=kind)
        if of:
            heading(f"{title}, {'single lines' if kind == 'line' else 'sums of six lines'}: pooled error % (WAPE) by days known")
            _by_horizon(of)
    heading(f"{title}: pooled error % by source")
    _by_case(scores)
    heading(f"{title}: intervals of ours, and daily 80 % bands added up")
    _intervals(scores)


def goals(scores: Sequence[Score]) -> list[Goal]:
    """Return what the issue promises, measured."""
    lines, teams = only(scores, kind="line"), only(scores, kind="team")
    _, rival = best_single(scores)
    found = [
        Goal("pooled error, of the best single baseline's", wape(ours(scores)) / rival, BETTER, "×"),
        Goal("the horizon that does worst, of its best baseline", max(_beside(scores, known) for known in HORIZONS), 1.0, "×"),
        Goal("single lines, mean error over all days", 100 * mean_error([score for score in ours(lines) if score.known]), 4.0, " %"),
    ]
    for known, limit in TEAM_GOALS.items():
        found.append(Goal(f"teams, mean error at day {known}", 100 * mean_error(only(ours(teams), known=known)), limit, " %"))
    for level, least, most in ((80, 78, 85), (95, 93, 98)):
        held = 100 * holds(ours(scores), level)
        found.append(Goal(f"{level} % interval holds at least", held, least, " %", at_least=True))
        found.append(Goal(f"{level} % interval holds at most", held, most, " %"))
    peer = only(scores, who="Theta")
    return [*found, Goal("width of the 80 % interval, of Theta's summed daily bands", width(ours(scores)) / summed_width(peer), 0.5, "×")]


def _beside(scores: Sequence[Score], known: int) -> float:
    of = only(scores, known=known)
    return wape(ours(of)) / best_single(of)[1]


def _by_horizon(scores: Sequence[Score]) -> None:
    asked = {who: of for who in (*BEST_OF, OURS) if (of := only(scores, who=who))} | {"best of them, in hindsight": hindsight(scores)}
    rows = []
    for who, of in asked.items():
        cells = [f"{100 * wape(at):.2f}" if (at := only(of, known=known)) else "–" for known in HORIZONS]
        rows.append((who, *cells, f"{100 * wape(of):.2f}", f"{100 * mean_error([one for one in of if one.known]):.2f}"))
    table(("", "30 days", *(f"day {known}" for known in KNOWN), "all", "mean error, days 5–25"), rows)


def _by_case(scores: Sequence[Score]) -> None:
    names = list(dict.fromkeys((score.case, score.kind) for score in scores))
    rows = []
    for name, kind in names:
        of = only(scores, case=name, kind=kind)
        cells = [f"{100 * wape(mine):.2f}" if (mine := only(of, who=who)) else "–" for who in (*BEST_OF, OURS)]
        rows.append((f"{name}, {kind}s", str(len(ours(of))), *cells))
    table(("", "totals", *BEST_OF, OURS), rows)


def _intervals(scores: Sequence[Score]) -> None:
    rows = []
    groups = {"all": list(scores)} | {f"{kind}s": only(scores, kind=kind) for kind in ("line", "team")}
    groups |= {f"day {known}" if known else "30 days": only(scores, known=known) for known in HORIZONS}
    groups |= {case: only(scores, case=case) for case in dict.fromkeys(score.case for score in scores)}
    for name, of in groups.items():
        if mine := ours(of):
            percent = [holds(mine, 80), holds(mine, 95), width(mine), summed_width(mine), summed_width(only(of, who="Theta"))]
            rows.append((name, *(f"{100 * value:.1f}" for value in percent)))
    table(("", "80 % holds", "95 % holds", "80 % width", "daily bands, ours", "daily bands, Theta"), rows)
