"""The network behind the LSTM member; only it is loaded with PyTorch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from finops.insight.forecast_members import WEEK


class Network(torch.nn.Module):  # type: ignore[misc]
    """Reads past ratios with an LSTM and corrects, for each day ahead, the usual ratio of its weekday."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.past = torch.nn.LSTM(WEEK, hidden, batch_first=True)  # a week a step: a seventh of the work, and weekdays line up
        self.ahead = torch.nn.Sequential(torch.nn.Linear(hidden + 3, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 2))
        last = self.ahead[2]
        torch.nn.init.zeros_(last.weight)  # untaught, it says what usually happens
        torch.nn.init.zeros_(last.bias)

    def forward(self, seen: Any, week: Any, horizon: int) -> Any:
        """Return the ratio of each day ahead [series × horizon]."""
        _, (state, _) = self.past(seen.reshape(len(seen), -1, WEEK))
        usual = week.repeat(1, -(-horizon // WEEK))[:, :horizon]
        lead = (torch.arange(1, horizon + 1) / 31).expand(len(seen), horizon)
        features = torch.stack([usual, lead, torch.log1p(lead)], dim=2)
        inputs = torch.cat([state[-1].unsqueeze(1).expand(-1, horizon, -1), features], dim=2)
        factor, addition = self.ahead(inputs).unbind(dim=2)
        return usual * torch.exp(factor.clamp(-1.5, 1.5)) + addition


def network(hidden: int) -> Network:
    return Network(hidden)


@contextmanager
def one_thread(seed: int | None = None) -> Iterator[None]:
    """Compute on one thread, with a chance of one's own when a seed is given; the process's own is left as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
