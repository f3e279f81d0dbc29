"""Detectors others use, as scores by step: what is compared with them spends the same number of alarms."""

import logging
import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.series import Labelled
from finops.insight.anomalies import detect
from finops.insight.anomalies_expected import course
from finops.insight.anomalies_grain import GRAINS
from finops.insight.anomalies_scores import Floor, scores
from finops.insight.panel import Calendar, Floats, Panel

WARM: Final = 72  # hours nobody is asked about
QUIET: Final = 12  # an alarm so soon after another is the same one
WEEK: Final = 168
TREES, TREE, SHINGLE = 40, 256, 4
OURS: Final = tuple(float(value) for value in np.geomspace(0.1, 120, 26))  # sensitivities tried for a budget
Alarms = NDArray[np.intp]


def our_scores(panel: Panel) -> Floats:
    """Return our own score by hour without the thresholds each series sets itself, to be judged like the others."""
    grain = GRAINS[panel.step]
    scored = scores(course(panel, Calendar()), grain, Floor(0.0, 0.0))
    score: Floats = np.maximum(scored.up, scored.down)[0]
    score[:WARM] = 0
    return score


def rolling_z(values: Floats, window: int = 168) -> Floats:
    """Return how many deviations of the last week each hour is from their mean."""
    score = np.zeros(len(values))
    for step in range(WARM, len(values)):
        past = values[max(step - window, 0) : step]
        score[step] = abs(values[step] - np.nanmean(past)) / (np.nanstd(past) + 1e-9 * abs(np.nanmean(past)) + 1e-12)
    return np.nan_to_num(score)


def cut_forest(values: Floats, seed: int) -> Floats:
    """Return the mean collusive displacement of each shingle of hours in a robust random cut forest that forgets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources
        import rrcf

    filled = _filled(values)
    chance = np.random.RandomState(seed)
    forest = [rrcf.RCTree(random_state=chance.randint(2**31)) for _ in range(TREES)]
    score = np.zeros(len(values))
    for step in range(SHINGLE - 1, len(values)):
        point = filled[step - SHINGLE + 1 : step + 1]
        for tree in forest:
            if len(tree.leaves) >= TREE:
                tree.forget_point(step - TREE)
            tree.insert_point(point, index=step)
            score[step] += tree.codisp(step) / TREES
    score[:WARM] = 0
    return score


def prophet_band(values: Floats, every: int = 24) -> Floats:
    """Return by how many half-widths of Prophet's band each hour misses it; fitted again every so many hours on what was known."""
    import pandas as pd
    from prophet import Prophet

    for name in ("prophet", "cmdstanpy"):
        logging.getLogger(name).disabled = True  # a level would be set back when it loads
    times = pd.date_range("2024-01-01", periods=len(values), freq="h")
    score = np.zeros(len(values))
    for first in range(WARM, len(values), every):
        model = Prophet(interval_width=0.95, uncertainty_samples=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(pd.DataFrame({"ds": times[:first], "y": values[:first]}), seed=1)
            band = model.predict(pd.DataFrame({"ds": times[first : first + every]}))
        width = np.maximum((band["yhat_upper"] - band["yhat_lower"]).to_numpy() / 2, 1e-9)
        score[first : first + every] = np.abs(values[first : first + every] - band["yhat"].to_numpy()) / width
    return np.nan_to_num(score)


def at_budget(cases: Sequence[Labelled], scores: Sequence[Floats], a_week: float) -> tuple[float, float]:
    """Return recall of windows and false alarms a week at the lowest threshold, one for all series, that keeps to the budget."""
    best = 0.0, 0.0
    spread = np.concatenate([score[WARM:] for score in scores])
    for rung in np.unique(np.quantile(spread, 1 - np.geomspace(1e-4, 0.3, 160)))[::-1]:
        told = [_begin(np.flatnonzero(score >= rung)) for score in scores]
        recall, false = tally(cases, told, [np.flatnonzero(score >= rung) for score in scores])
        if false > a_week:
            break
        best = max(best, (recall, false))
    return best


def ours(cases: Sequence[Labelled], sensitivities: Sequence[float] = OURS) -> list[tuple[float, float, float]]:
    """Return sensitivity, recall of windows and false alarms a week for every sensitivity tried, both directions."""
    found = []
    for sensitivity in sensitivities:
        spans = [_ours(case, sensitivity) for case in cases]
        told = [np.array(sorted(first for first, _ in span), dtype=np.intp) for span in spans]
        on = [np.array(sorted({hour for span in case for hour in range(*span)}), dtype=np.intp) for case in spans]
        found.append((sensitivity, *tally(cases, told, on)))
    return found


def tally(cases: Sequence[Labelled], told: Sequence[Alarms], hot: Sequence[Alarms]) -> tuple[float, float]:
    """Return the share of windows that hold an alarm, and the alarms outside of windows in a series-week."""
    hits = windows = false = 0
    weeks = 0.0
    for case, begins, steps in zip(cases, told, hot, strict=True):
        marked = case.marked
        asked = [window for window in case.windows if window[1] > WARM]
        windows += len(asked)
        hits += sum(bool(((steps >= max(first, WARM)) & (steps < last)).any()) for first, last in asked)
        false += int((~marked[begins[begins >= WARM]]).sum())
        weeks += max(case.panel.steps - WARM, 0) / WEEK
    return hits / windows, false / weeks


def _ours(case: Labelled, sensitivity: float) -> list[tuple[int, int]]:
    """Return from which hour to which each of our alarms is on."""
    told = detect(case.panel, sensitivity=sensitivity, floor=0.0, share=0.05)
    return [(_hour(case, anomaly.detected_on), _hour(case, anomaly.end)) for anomaly in told]


def _hour(case: Labelled, moment: object) -> int:
    return int((moment - case.panel.hour(0)).total_seconds() // 3600)  # type: ignore[operator]


def _begin(steps: Alarms) -> Alarms:
    """Return the alarms that are not within the quiet time after the one before."""
    return steps[np.diff(steps, prepend=-WEEK) > QUIET] if len(steps) else steps


def _filled(values: Floats) -> Floats:
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known])
