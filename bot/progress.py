"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from finops.deliveries import Progress

STEP = 0.25  # a line is printed each time so much more is done


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Yield a function that takes what is being done and the share of it done (0–1)."""
    if sys.stderr.isatty():
        with _bar(title) as progress:
            yield progress
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda what, share: bar.update(task, description=f"{title}: {what}", completed=share)


def _lines(title: str) -> Progress:
    told: dict[str, float] = {}

    def progress(what: str, share: float) -> None:
        if share < 1 and share - told.get(what, 0.0) >= STEP:
            told[what] = share
            print(f"{title}: {what} {share:.0%}", file=sys.stderr)

    return progress
