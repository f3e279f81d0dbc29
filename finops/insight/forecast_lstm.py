"""An LSTM as a forecasting member, behind the extra `lstm`: one small network for all series, on ratios to their own level."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from finops.errors import UserError
from finops.insight.forecast_members import WEEK
from finops.insight.forecast_prophet import chosen
from finops.insight.panel import Floats

if TYPE_CHECKING:
    from torch import Tensor

SEEN: Final = 8 * WEEK  # days the network looks at
FEWEST: Final = 64  # examples: with fewer it would learn them by heart
LIMITS: Final = (-4.0, 8.0)  # of a ratio: a burst of a hundred times teaches nothing but itself


@dataclass(frozen=True)
class LstmMember:
    """Trains at `fits` origins, each time on days before that origin only, and answers with it until the next one.

    Needs PyTorch on one thread: more of them wait for each other on series this short.
    """

    fits: int = 3
    steps: int = 250
    batch: int = 128
    hidden: int = 24
    seed: int = 1

    @property
    def name(self) -> str:
        return "lstm"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        """Answer at all origins from the first training on; series with less than two weeks known get none."""
        _require()
        answers = np.full((len(origins), len(history), horizon), np.nan)
        anchors = chosen(len(origins), self.fits)
        for anchor, until in zip(anchors, [*anchors[1:], len(origins)], strict=True):
            network = self._trained(history[:, : origins[anchor]], horizon)
            if network is not None:
                for number in range(anchor, until):
                    answers[number] = _continued(network, history[:, : origins[number]], horizon)
        return answers

    def _trained(self, history: Floats, horizon: int) -> Any:
        """Return a network taught by windows of all series, or None where there are too few."""
        import torch

        from finops.insight.forecast_network import network, one_thread

        seen, week, came = _examples(history, horizon)
        if len(seen) < FEWEST:
            return None
        with one_thread(self.seed):
            model = network(self.hidden)
            optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=self.steps)
            picks = np.random.default_rng(self.seed).integers(0, len(seen), (self.steps, self.batch))
            for pick in picks:
                optimiser.zero_grad()
                loss = _loss(model(_tensor(seen[pick]), _tensor(week[pick]), horizon), _tensor(came[pick]))
                loss.backward()
                optimiser.step()
                schedule.step()
        return model.eval()


def _continued(network: Any, history: Floats, horizon: int) -> Floats:
    """Continue all series from their last day; a negative answer is none where nothing was ever credited."""
    import torch

    from finops.insight.forecast_network import one_thread

    seen, week, level = window(history)
    with one_thread(), torch.no_grad():
        ratios = np.asarray(network(_tensor(seen), _tensor(week), horizon).numpy(), dtype=np.float64)
    known = np.isfinite(history)
    lowest = np.where(known, history, 0.0).min(axis=1)
    paths = np.maximum(ratios * level[:, None], np.minimum(lowest, 0.0)[:, None])
    return np.where((known.sum(axis=1) >= 2 * WEEK)[:, None], paths, np.nan)


def window(history: Floats) -> tuple[Floats, Floats, Floats]:
    """Return of each series its last days as ratios, the usual week that comes next as ratios, and the level both are ratios to."""
    days = np.full((len(history), SEEN), np.nan)
    last = history[:, -SEEN:]
    days[:, SEEN - last.shape[1] :] = last
    recent = days[:, -4 * WEEK :]
    known = np.isfinite(recent)
    level = np.where(known, np.abs(recent), 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    ratios = (days / np.where(level > 0, level, 1.0)[:, None]).clip(*LIMITS)
    weeks = ratios[:, -4 * WEEK :].reshape(-1, 4, WEEK)
    counts = np.isfinite(weeks).sum(axis=1)
    week = np.where(counts > 0, np.where(np.isfinite(weeks), weeks, 0.0).sum(axis=1) / np.maximum(counts, 1), 1.0)
    return (
        np.where(np.isfinite(ratios), ratios, np.resize(week, (SEEN // WEEK, *week.shape)).swapaxes(0, 1).reshape(ratios.shape)),
        week,
        level,
    )


def _examples(history: Floats, horizon: int) -> tuple[Floats, Floats, Floats]:
    """Return windows of the past with what came after them; days too few for a window teach a shorter horizon's worth of nothing."""
    every = max(1, history.shape[1] * len(history) // 20_000)
    starts = range(history.shape[1] - horizon, 4 * WEEK - 1, -max(2, every))
    parts = [(*window(history[:, :start]), history[:, start : start + horizon]) for start in starts]
    if not parts:
        return np.empty((0, SEEN)), np.empty((0, WEEK)), np.empty((0, horizon))
    seen, week, level, came = (np.concatenate(side) for side in zip(*parts, strict=True))
    usable: NDArray[np.bool_] = (level > 0) & np.isfinite(came).all(axis=1)
    return seen[usable], week[usable], (came[usable] / level[usable, None]).clip(*LIMITS)


def _loss(said: "Tensor", came: "Tensor") -> "Tensor":
    """Weigh the error of the total as much as that of the days: the total is what is asked for."""
    days: Tensor = (said - came).abs().mean()
    return days + (said.mean(dim=1) - came.mean(dim=1)).abs().mean()


def _tensor(values: Floats) -> "Tensor":
    import torch

    return torch.as_tensor(values, dtype=torch.float32)


def _require() -> None:
    if find_spec("torch") is None:
        raise UserError("the forecasting member 'lstm' needs PyTorch, which is not here; install it with pip install 'finops-bot[lstm]'")
