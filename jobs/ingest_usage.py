"""Takes usage events from the spool into the ledger: all that wait, once or every few seconds."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from finops.errors import LedgerError
from finops.ledger.loads import Delivery
from finops.ledger.usage import Published, publish
from finops.pricing.book import PriceBook, price_book
from finops.rulebook import Rulebook
from finops.sources.spool_claims import Segment, claim
from jobs.registry import Tools, job

LOG = logging.getLogger("finops.usage")
TOGETHER: Final = 32 * 1024 * 1024  # bytes of events published at once: it bounds memory, and what one failure repeats
TRIES: Final = 5  # of a segment while others can be published; then it is set aside
GIVE_UP_AFTER: Final = 3  # segments that fail in a row: then it is the ledger, not they
LONGEST_WAIT: Final = 60.0
Publish = Callable[[Sequence[Path]], Published]


@dataclass
class Drained:
    """What one round did: requests taken in, those known before, those without a price by model; segments by what became of them."""

    segments: int = 0
    requests: int = 0
    repeated: int = 0
    unpriced: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    aside: list[Path] = field(default_factory=list)
    problem: str | None = None

    def add(self, segments: int, published: Published) -> None:
        self.segments += segments
        self.requests += sum(load.rows for load in published.loads if load.status == "loaded")
        self.repeated += published.repeated
        for model, count in published.unpriced.items():
            self.unpriced[model] = self.unpriced.get(model, 0) + count
        for note in published.aside.notes:
            LOG.error("%s", note)

    def sentence(self) -> str:
        said = [f"took in {self.requests:,} requests" if self.requests else "no new request waited"]
        said += [f"{self.repeated:,} came again"] if self.repeated else []
        said += [f"no price for {model}: {count:,} are not counted" for model, count in sorted(self.unpriced.items())]
        said += [f"set aside {path}, which could not be published" for path in self.aside]
        said += [f"{self.failed} segments wait: {self.problem}"] if self.failed else []
        return "; ".join(said)


@job("ingest-usage", every="1m")
def ingest_usage(tools: Tools) -> str:
    """Take in the usage events that came over HTTP and still wait in the spool."""
    done = drain(tools, tools.settings.spool, price_book(tools.rulebook.prices))
    if done.failed and not done.segments:
        raise LedgerError(f"usage events cannot be published ({done.problem}); they stay in {tools.settings.spool} and are tried again")
    return done.sentence()


def drain(
    tools: Tools, spool: Path, book: PriceBook, publishing: Publish | None = None, stopping: threading.Event | None = None
) -> Drained:
    """Publish what waits in the spool until nothing does or something fails; what fails stays and is tried again."""

    def into_ledger(files: Sequence[Path]) -> Published:
        return publish(tools.ledger, files, book, Delivery(tools.now, tools.now, "ingest-usage"))

    done = Drained()
    failed: list[Segment] = []
    try:
        while not (_is_hopeless(failed, done) or (stopping and stopping.is_set())):
            segments = claim(spool, TOGETHER)
            if not segments:
                break
            failed += _publish(segments, publishing or into_ledger, done)
    finally:
        _let_go(failed, done)
    return done


def _is_hopeless(failed: Sequence[Segment], done: Drained) -> bool:
    return len(failed) >= GIVE_UP_AFTER and not done.segments


def _publish(segments: Sequence[Segment], publishing: Publish, done: Drained) -> list[Segment]:
    """Publish segments together, or one by one where that fails; return those that failed, still held."""
    try:
        if _is_published(segments, publishing, done):
            return []
        if len(segments) == 1:
            return list(segments)
        failed: list[Segment] = []
        for segment in segments:
            if _is_hopeless(failed, done):
                segment.release()
            elif not _is_published([segment], publishing, done):
                failed.append(segment)
    except BaseException:
        for segment in segments:
            segment.release()
        raise
    return failed


def _is_published(segments: Sequence[Segment], publishing: Publish, done: Drained) -> bool:
    try:
        published = publishing([segment.path for segment in segments])
    except Exception as problem:
        LOG.warning("%d segments of usage events were not published: %s", len(segments), problem)
        LOG.debug("the reason", exc_info=True)
        done.problem = f"{type(problem).__name__}: {str(problem)[:300]}"
        return False
    for segment in segments:
        segment.done()
    done.add(len(segments), published)
    return True


def _let_go(failed: Sequence[Segment], done: Drained) -> None:
    """A failure counts against a segment only where others were published meanwhile; else the ledger is at fault."""
    for segment in failed:
        if not done.segments:
            segment.release()
        elif segment.tries + 1 < TRIES:
            segment.failed()
        else:
            place = segment.set_aside()
            done.aside.append(place)
            LOG.error(
                "usage events could not be published %d times (%s) and were set aside as %s: look at them", TRIES, done.problem, place
            )
    done.failed = len(failed) - len(done.aside)


class Publisher:
    """A thread that drains the spool every few seconds, and ever more rarely while that fails."""

    def __init__(
        self, tools: Callable[[], Tools], spool: Path, *, every: float = 2.0, told: Callable[[Drained], None] = lambda done: None
    ) -> None:
        self._tools, self._spool, self._every, self._told = tools, spool, every, told
        self._stopping = threading.Event()
        self._priced: tuple[Rulebook, PriceBook] | None = None
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the round that is under way; what then waits is published after the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait = self._every
        while not self._stopping.wait(wait):
            wait = self._every if self._round() else min(LONGEST_WAIT, wait * 2)

    def _round(self) -> bool:
        """Return whether nothing failed."""
        try:
            tools = self._tools()
            done = drain(tools, self._spool, self._book(tools.rulebook), stopping=self._stopping)
        except Exception:
            LOG.exception("the spool could not be drained")
            return False
        self._told(done)
        if done.unpriced:
            LOG.warning("%s", done.sentence())
        return not done.failed

    def _book(self, rulebook: Rulebook) -> PriceBook:
        if self._priced is None or self._priced[0] is not rulebook:
            self._priced = (rulebook, price_book(rulebook.prices))
        return self._priced[1]
