"""A sum of which the parts are known as well: the sum of their forecasts beside its own, each by what it earned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_allowance import allowances
from finops.insight.forecast_history import History
from finops.insight.forecast_weights import Trial, disagreement, mixed, totals, weights_over_time
from finops.insight.panel import Flags, Floats

Sums = Mapping[int, Sequence[int]]  # the row of a sum: the rows of all its parts
PARTS = "sum of its parts"
CLOSE = 12.0  # windows that speak for the plain mean: of two forecasts nearly as good, the past hardly tells the better one


def seated(complete: NDArray[np.intp], sums: Sums) -> tuple[list[int], NDArray[np.intp], dict[int, list[int]]]:
    """Return the rows to prepare, how many days of each are seen, and where among them the parts of each sum sit.

    A part that is known longer than its sum sits there once more, as it was on the sum's last day; a sum that is known longer than
    one of its parts goes without them.
    """
    rows, seen = list(range(len(complete))), complete.tolist()
    seats: dict[int, list[int]] = {}
    for row, parts in sums.items():
        if len(parts) > 1 and all(complete[part] >= complete[row] for part in parts):
            early = [part for part in parts if complete[part] > complete[row]]
            again = dict(zip(early, range(len(rows), len(rows) + len(early)), strict=True))
            rows, seen = [*rows, *early], [*seen, *[int(complete[row])] * len(early)]
            seats[row] = [again.get(part, part) for part in parts]
    return rows, np.array(seen, dtype=np.intp), seats


def with_parts(trial: Trial, weights: Floats, history: History, sums: Sums, first: int, sizes: Floats) -> tuple[Trial, Floats, Floats]:
    """Return the trial with one more member, which speaks for sums alone, the weights with what it takes from the others, and how far
    it lies from those, [origin + now × series].

    Unproven, a sum is taken half directly and half by its parts; from then on their errors of the total decide.
    """
    rows = list(sums)
    past, ahead = mixed(weights[:, :-1], trial.leads, trial.paths), mixed(weights[:, -1], trial.leads, trial.answers)
    paths, answers = np.full(trial.actual.shape, np.nan), np.full(ahead.shape, np.nan)
    for row, parts in sums.items():
        paths[:, row] = added_past(trial, history, past, row, list(parts))
        answers[row] = added_ahead(history, ahead, row, list(parts))
    rivals = replace(
        trial,
        paths=np.stack([past[:, rows], paths[:, rows]]),
        answers=np.stack([ahead[rows], answers[rows]]),
        priors=np.array([0.5, 0.5]),
        leads=np.full((2, trial.leads.shape[1]), 0.5),
    )
    said, came = totals(rivals.paths, trial.actual[:, rows], first)
    shares, apart = np.zeros((2, *weights.shape[1:])), np.zeros(weights.shape[1:])
    shares[0] = 1.0
    shares[:, :, rows] = weights_over_time(said - came, rivals, sizes[rows], equal=CLOSE)
    apart[:, rows] = disagreement(shares[:, :, rows], rivals, first)
    more = replace(
        trial,
        paths=np.concatenate([trial.paths, paths[None].astype(np.float32)]),
        answers=np.concatenate([trial.answers, answers[None]]),
        leads=np.concatenate([trial.leads, np.full((1, trial.leads.shape[1]), 0.5)]),
    )
    return more, np.concatenate([weights * shares[0], shares[1:]]), apart


def added_past(trial: Trial, history: History, past: Floats, row: int, parts: list[int]) -> Floats:
    """Return what the parts said at past origins for the sum without its own monthly charges, [origin × lead]."""
    windows = [slice(origin, origin + trial.horizon) for origin in trial.origins]
    if not windows:
        return past[:, row]
    charges = np.stack([history.lumps[parts, window].sum(axis=0) - history.lumps[row, window] for window in windows])
    charged = np.where(free_at(trial, history, parts), 0.0, np.nan_to_num(past[:, parts])).sum(axis=1)
    return np.where(np.isfinite(past[:, parts]).any(axis=1), charged + charges, np.nan)


def free_at(trial: Trial, history: History, parts: list[int]) -> Flags:
    """Return which days of the parts a past origin would have taken for free, [origin × part × lead]."""
    found = np.zeros((len(trial.origins), len(parts), trial.horizon), dtype=np.bool_)
    for place in np.flatnonzero(history.free[parts]):
        row = parts[place]
        days = [history.ends[row] + timedelta(days=number - history.usage.shape[1]) for number in range(history.usage.shape[1])]
        for number, origin in enumerate(trial.origins):
            found[number, place] = allowances(history.usage[[row], :origin], days[:origin], days[origin : origin + trial.horizon]).ahead[0]
    return found


def added_ahead(history: History, ahead: Floats, row: int, parts: list[int]) -> Floats:
    """Return what the parts say for the sum without its own calendar, by day ahead; a part without an answer costs nothing.

    Events are left to the sum: they may be of something that is no part yet.
    """
    each = ahead[parts] * history.pace[parts] + history.due[parts]
    whole, pace = np.nansum(each, axis=0) - history.due[row], history.pace[row]
    usual = np.where(pace > 0, whole / np.where(pace > 0, pace, 1.0), np.nan)
    return np.where(np.isfinite(each).any(axis=0), usual, np.nan)
