"""What the members earned: their errors of the total at past origins, and the weights that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finops.insight.forecast_members import WEEK, Member, RunRate, SeasonalNaive, mean_of
from finops.insight.panel import Floats

YOUNGEST = 14  # days before a first origin
UNPROVEN = 0.25  # what a member that says nothing of its `prior` weighs beside one of 1 until it has shown what it can
# A level of last days is the best guess for about a week and a half; what happens after is nearer to the mean of the last months.
TURN, BLUR, LEAST = 11.0, 2.0, 0.02  # days ahead where far members take over, how gradually, and what the others keep


@dataclass(frozen=True, eq=False)
class Trial:
    """The back-test of all members on some series, and their answer for the days ahead.

    `paths[m, o, s, h]`: members at past origins; `actual[o, s, h]` what came; `answers[m, s, h]` the forecast itself; `yardsticks`
    are the paths of run-rate and seasonal naive; `overlap` is what an origin tells that its neighbour did not,
    as their horizons overlap; `priors` is what members weigh unproven and `leads[m, h]` how much of that on each day ahead.
    """

    origins: tuple[int, ...]
    paths: Floats
    actual: Floats
    answers: Floats
    yardsticks: Floats
    overlap: float
    priors: Floats
    leads: Floats

    @property
    def apart(self) -> int:
        """How many origins lie between two whose horizons share no day."""
        return max(1, round(1 / self.overlap))

    @property
    def horizon(self) -> int:
        return int(self.actual.shape[2])


def past_origins(days: int, horizon: int, most: int) -> tuple[tuple[int, ...], int]:
    """Return the origins of the back-test and its horizon, shorter than asked where the history is short; never always the same weekday."""
    tested = min(horizon, max(WEEK, (days - YOUNGEST) // 2))
    room = days - tested - YOUNGEST
    if room < 0:
        return (), tested
    step = max(1, -(-room // most))
    step += step % WEEK == 0
    return tuple(sorted(range(days - tested, YOUNGEST - 1, -step)))[-most:], tested


def tried(usual: Floats, horizon: int, asked: int, members: Sequence[Member], most: int) -> Trial:
    """Let every member answer at past origins for `asked` days and now for `horizon`, kept within what the series ever did."""
    origins, tested = past_origins(usual.shape[1], asked, most)
    every = [*origins, usual.shape[1]]
    low, high = bounds(usual)
    alive = np.isnan(usual[:, -28:]).all(axis=1) | (np.nan_to_num(usual[:, -28:]) != 0).any(axis=1)  # after four silent weeks it is over
    answers, paths = [], []
    for member in members:
        found = np.clip(member.paths(usual, every, horizon), low[:, None], high[:, None])
        answers.append(np.where(alive[:, None], found[-1], 0 * found[-1]))
        paths.append(found[:-1, :, :tested].astype(np.float32))
    shape = (len(origins), len(usual), tested)
    rules = (RunRate(), SeasonalNaive())
    yardsticks = np.stack([rule.paths(usual, origins, tested) for rule in rules]) if origins else np.empty((len(rules), *shape))
    actual = np.stack([usual[:, origin : origin + tested] for origin in origins]) if origins else np.empty(shape)
    step = origins[1] - origins[0] if len(origins) > 1 else tested
    priors = np.array([getattr(member, "prior", UNPROVEN) for member in members], dtype=np.float64)
    leads = by_lead(members, horizon)
    return Trial(origins, np.stack(paths), actual, np.stack(answers), yardsticks, min(1.0, step / tested), priors / priors.sum(), leads)


def by_lead(members: Sequence[Member], horizon: int) -> Floats:
    """Return how much each member counts on each day ahead: those of last days fade, those of last months rise, others stay."""
    near = 1 / (1 + np.exp((np.arange(horizon) - TURN) / BLUR))
    shares = {"near": near + LEAST, "far": 1 - near + LEAST}
    return np.stack([shares.get(getattr(member, "serves", "all"), np.full(horizon, 0.5)) for member in members])


def bounds(usual: Floats, beyond: float = 3.0) -> tuple[Floats, Floats]:
    """Return what no answer may leave: below 0 only where there are credits, above three times the highest day of a quarter nowhere."""
    recent = np.where(np.isfinite(usual[:, -91:]), usual[:, -91:], 0.0)
    lowest, highest = recent.min(axis=1, initial=0.0), recent.max(axis=1, initial=0.0)
    return beyond * lowest, beyond * highest


def totals(paths: Floats, actual: Floats, first: int) -> tuple[Floats, Floats]:
    """Return predicted and actual sums from lead `first` on, over the days known; unknown where fewer than three in four are."""
    known = np.isfinite(actual[..., first:])
    enough = known.mean(axis=-1) >= 0.75
    came = np.where(enough, np.where(known, actual[..., first:], 0.0).sum(axis=-1), np.nan)
    said = np.where(known, paths[..., first:], 0.0).sum(axis=-1)
    return np.where(enough, said, np.nan), came


def size_of(usual: Floats) -> Floats:
    """Return how much a series costs on an ordinary day, for errors of different series to be compared."""
    lately, ever = mean_of(np.abs(usual[:, -91:]), 1), mean_of(np.abs(usual), 1)
    return np.nan_to_num(np.where(lately > 0, lately, ever))


def weights_over_time(errors: Floats, trial: Trial, sizes: Floats, equal: float = 2.0, power: float = 4.0) -> Floats:
    """Return the weights [member × origin + now × series], each from the errors that had closed by then.

    A member weighs by its mean error to the power of −`power`; while few windows have closed the error of a series is drawn towards
    that of the panel, and the weights towards those of unproven members, as if `equal` windows of all alike had been seen.
    """
    members, origins, series = errors.shape
    weights = np.empty((members, origins + 1, series))
    answered = np.isfinite(trial.answers).any(axis=2)
    for place, origin in enumerate([*trial.origins, None]):
        closed = origins if origin is None else sum(past + trial.horizon <= origin for past in trial.origins)
        weights[:, place] = _weights(np.abs(errors[:, :closed]), trial, sizes * trial.horizon, equal, power)
    weights[:, -1] = np.where(answered, weights[:, -1], 0.0)
    whole = weights.sum(axis=0)
    return np.where(whole > 0, weights / np.where(whole > 0, whole, 1.0), 0.0)


def _weights(errors: Floats, trial: Trial, sizes: Floats, equal: float, power: float) -> Floats:
    _, closed, series = errors.shape
    priors = np.repeat(trial.priors[:, None], series, axis=1)
    if not closed:
        return priors
    windows = np.isfinite(errors).sum(axis=1) * trial.overlap
    own = np.nan_to_num(mean_of(errors, 1)) / np.where(sizes > 0, sizes, 1.0)
    pooled = np.median(own, axis=1, keepdims=True)
    blended = (own * windows + pooled * equal) / (windows + equal) + 1e-4
    earned = np.where(windows > 0, priors**0.5 * blended**-power, 0.0)  # who never answered has earned nothing, however small its error
    most = windows.max(axis=0)
    trust = most / (most + equal)
    weights = trust * earned / np.where(most > 0, earned.sum(axis=0), 1.0) + (1 - trust) * priors
    return np.where((most > 0) & (windows == 0), 0.0, weights)


def mixed(weights: Floats, leads: Floats, paths: Floats) -> Floats:
    """Return the mean of the members that answered, weighted by what they earned and by the day ahead; NaN where none answered."""
    said, whole = np.zeros(paths.shape[1:]), np.zeros(paths.shape[1:])
    for weight, lead, path in zip(weights, leads, paths, strict=True):
        known = np.isfinite(path)
        share = np.where(known, weight[..., None] * lead[: path.shape[-1]], 0.0)
        said += share * np.where(known, path, 0.0)
        whole += share
    return np.where(whole > 0, said / np.where(whole > 0, whole, 1.0), np.nan)


def effective(weights: Floats, trial: Trial, first: int) -> Floats:
    """Return what members weigh over all days that were tested, [member × series]."""
    share = weights * trial.leads[:, first : trial.horizon].mean(axis=1)[:, None]
    whole = share.sum(axis=0)
    return np.where(whole > 0, share / np.where(whole > 0, whole, 1.0), 0.0)


def disagreement(weights: Floats, trial: Trial, first: int) -> Floats:
    """Return how far the members' totals lie apart on average, [origin + now × series], each weighing as in the forecast."""
    spreads = []
    for place in range(len(trial.origins) + 1):
        paths = trial.paths[:, place] if place < len(trial.origins) else trial.answers
        said = paths[..., first : trial.horizon].sum(axis=-1)
        share = np.where(np.isfinite(said), effective(weights[:, place], trial, first), 0.0)
        whole, said = np.where(share.sum(axis=0) > 0, share.sum(axis=0), 1.0), np.nan_to_num(said)
        spreads.append((share * np.abs(said - (share * said).sum(axis=0) / whole)).sum(axis=0) / whole)
    return np.stack(spreads)
