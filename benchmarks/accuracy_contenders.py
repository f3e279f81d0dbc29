"""Who answers: the run-rate, seasonal naive, AutoETS, Theta and Prophet as everybody has them, and ours."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.accuracy_tasks import Question
from finops.insight.forecast import forecast
from finops.insight.forecast_prophet import ProphetMember
from finops.insight.panel import Floats

BEST_OF: Final = ("run-rate", "seasonal naive", "AutoETS", "Theta", "Prophet")
OURS: Final = "ours"
Rest = list[float]  # of the days to come: the total, then low 80, high 80, low 95, high 95 where the contender has bands
ToCome = Callable[[Floats, int], Rest]  # from the known days of one series and a number of days ahead


@dataclass(frozen=True, eq=False)
class Answer:
    """Totals of a period by series; bounds [series × 80 low, high, 95 low, high] and widths of summed daily 80 % bands, or NaN."""

    total: Floats
    bounds: Floats
    summed: Floats


@dataclass
class Remembered:
    """Answers of slow contenders by what they were asked, within a run and, where there is a folder, for the next run."""

    folder: Path | None = None
    known: dict[str, dict[str, Rest]] = field(default_factory=dict)

    def ask(self, name: str, contender: ToCome, series: Floats, horizon: int) -> Rest:
        answers = self.known.setdefault(name, self._read(name))
        digest = hashlib.sha256(np.round(series, 9).tobytes() + horizon.to_bytes(4, "big")).hexdigest()[:24]
        if digest not in answers:
            answers[digest] = contender(series, horizon)
        return answers[digest]

    def keep(self) -> None:
        """Write what is known to the folder."""
        if self.folder:
            for name, answers in self.known.items():
                self._file(name).write_text(json.dumps(answers))

    def _read(self, name: str) -> dict[str, Rest]:
        file = self._file(name)
        found: dict[str, Rest] = json.loads(file.read_text()) if self.folder and file.exists() else {}
        return found

    def _file(self, name: str) -> Path:
        library = "prophet" if name == "Prophet" else "statsforecast"
        return (self.folder or Path()) / f"answers-{name}-{version(library)}.json"


def contenders() -> dict[str, ToCome]:
    """Return the single baselines by name; each continues one series and knows nothing of the others."""
    from statsforecast.models import AutoETS, Theta

    return {
        "seasonal naive": lambda series, horizon: _bare(np.resize(series[-7:], horizon)),
        "Theta": lambda series, horizon: _banded(Theta(season_length=7), series, horizon),
        "AutoETS": lambda series, horizon: _banded(AutoETS(season_length=7), series, horizon),
        "Prophet": lambda series, horizon: _bare(ProphetMember(least=2).path(series, horizon)),
    }


def answers(question: Question, chosen: Mapping[str, ToCome], remembered: Remembered) -> dict[str, Answer]:
    """Ask everybody; a series that is not scored is asked of nobody but ours, who learns from it."""
    rows = [row for row, kind in enumerate(question.kinds) if kind]
    found = {"run-rate": run_rate(question), OURS: ours(question)}
    for name, contender in chosen.items():
        rest = np.full((len(question.kinds), 5), np.nan)
        for row in rows:
            rest[row] = remembered.ask(name, contender, without_gaps(question.panel.values[row]), question.horizon)
        rest += question.so_far[:, None]
        found[name] = Answer(rest[:, 0], np.full_like(rest[:, 1:], np.nan), rest[:, 2] - rest[:, 1])
    return found


def run_rate(question: Question) -> Answer:
    """Go on as the month went so far; before its first day as the thirty days before it did."""
    days = question.panel.values[:, -(question.known or 30) :]
    known = (~np.isnan(days)).sum(axis=1)
    mean = np.nansum(days, axis=1) / np.maximum(known, 1)
    return Answer(question.so_far + mean * question.horizon, np.full((len(days), 4), np.nan), np.full(len(days), np.nan))


def ours(question: Question, **options: Any) -> Answer:
    """Ask the engine as the bot does: all series of one customer at once, as of the first day it does not know, sums with their parts."""
    panel = question.panel
    found = forecast(panel, question.period, today=panel.day(panel.steps), **{"sums": question.sums, **options})
    bounds = np.array([[_number(edge) for edge in (f.low80, f.high80, f.low95, f.high95)] for f in found])
    summed = np.array([sum(day.high80 - day.low80 for day in f.daily) for f in found])
    return Answer(np.array([_number(f.total) for f in found]), bounds, summed)


def without_gaps(series: Floats) -> Floats:
    """Put the day a week before where a day is unknown, and begin with the first known day: peers take no gaps."""
    known = np.flatnonzero(~np.isnan(series))
    days: Floats = series[known[0] :].copy() if len(known) else np.zeros(1)
    for at in np.flatnonzero(np.isnan(days)):
        days[at] = days[at - 7] if at >= 7 else days[0]
    return days


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _bare(path: Floats) -> Rest:
    return [float(path.sum()), *[float("nan")] * 4]


def _banded(model: Any, series: Floats, horizon: int) -> Rest:
    """Ask for daily bands and add them up, as dashboards do."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a series that never moves has no autocorrelation
        found = model.forecast(y=series, h=horizon, level=[80, 95])
    columns: Sequence[str] = ("mean", "lo-80", "hi-80", "lo-95", "hi-95")
    return [float(found[column].sum()) for column in columns]
