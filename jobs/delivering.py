"""Brings messages out of the outbox: each by its route, in order, until it is certainly out or certainly cannot be."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from finops.ledger import outbox
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Fallback, Letter, Reference
from jobs.routes import Content, LostError, NotSentError, Parcel, RefusedError, Route

LOG = logging.getLogger("finops.outbox")
LEASE: Final = timedelta(minutes=2)  # longer than a message takes
LONGEST_WAIT: Final = timedelta(minutes=5)
SAID_OTHERWISE_AFTER: Final = timedelta(minutes=15)  # of failing; it goes on being tried beside that
TRIES_BEFORE: Final = 4  # and not before so many attempts: one that was only late was not refused
GIVEN_UP_AFTER: Final = timedelta(hours=24)
TRIES: Final = 40
BREAKS: Final = 5  # attempts at a message that fails in our own hands
WITH_OTHERWISE: Final = ("post", "event")  # nobody is called out of bed for an edit
IN_A_ROUND: Final = 500  # messages
PATIENCE: Final = timedelta(seconds=1.5)  # a round waits that long for the next message rather than end
PLAIN: Final = "~plain"

Show = Callable[[Mapping[str, Any]], Content]
Clock = Callable[[], datetime]


@dataclass
class Delivered:
    """What became of the messages of one round."""

    sent: int = 0
    put_off: int = 0
    dead: int = 0

    @property
    def sentence(self) -> str:
        if not self.sent + self.put_off + self.dead:
            return "nothing waits to be delivered"
        said = [f"delivered {self.sent}"]
        said += [f"{self.put_off} are tried again"] if self.put_off else []
        said += [f"{self.dead} given up"] if self.dead else []
        return ", ".join(said)


@dataclass(frozen=True)
class Surroundings:
    """What delivering takes from outside. `show` renders a payload, `fallbacks` are the routes tried in turn when one fails."""

    ledger: Ledger
    routes: Mapping[str, Route]
    show: Show
    clock: Clock
    sleep: Callable[[float], None]
    fallbacks: Sequence[str] = ()
    lease: timedelta = LEASE


class Deliverer:
    """Delivers what waits; any number of these may run, in any number of processes."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._engine = around.ledger.engine
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the round that runs after the message in hand, and begin none."""
        self._stopping.set()

    def deliver(self) -> Delivered:
        """Send what may go now and return what became of it; one round of this process at a time."""
        with self._lock:
            return self._round()

    def _round(self) -> Delivered:
        done, schemes = Delivered(), set(self._around.routes)
        for _ in range(IN_A_ROUND):
            if self._stopping.is_set():
                break
            letter = outbox.claim(self._engine, self._around.clock(), self._around.lease, schemes)
            if letter is None:
                if self._is_over():
                    break
                continue
            scheme = letter.route.partition(":")[0]
            if self._deliver(letter, self._around.routes[scheme], done):
                schemes.discard(scheme)  # it would make each of them wait as long
        return done

    def _is_over(self) -> bool:
        """Wait for a message that may go in a moment, since a channel takes one a second."""
        now = self._around.clock()
        coming = outbox.next_at(self._engine, now)
        if coming is None or not timedelta() < coming - now <= PATIENCE:
            return True
        self._around.sleep((coming - now).total_seconds())
        return self._around.clock() <= now  # a clock that stands still brings nothing nearer

    def _deliver(self, letter: Letter, route: Route, done: Delivered) -> bool:
        """Send one message and settle it; True when the other side is down altogether."""
        try:
            parcel = self._parcel(letter)
        except Exception as problem:  # our own mistake, and not the reader's loss
            LOG.exception("%s could not be made ready for %s", letter.key, letter.route)
            self._broken(letter, problem, done)
            return False
        try:
            where = self._sent(route, parcel)
        except (NotSentError, LostError) as problem:
            self._try_again(letter, problem, done)
            return problem.is_down
        except RefusedError as problem:
            self._give_up(letter, str(problem), done, plainly=problem.plainly)
            return False
        if self._settled(outbox.sent(self._engine, letter, self._around.clock(), where), letter):
            done.sent += 1
        return False

    def _sent(self, route: Route, parcel: Parcel) -> Reference | None:
        try:
            return route.send(parcel)
        except (NotSentError, LostError, RefusedError):
            raise
        except Exception as problem:  # who knows how far it came
            LOG.exception("%s failed unexpectedly on its way to %s", parcel.letter.key, parcel.letter.route)
            raise LostError(f"finops-bot failed on the way ({type(problem).__name__})") from problem

    def _parcel(self, letter: Letter) -> Parcel:
        about = outbox.reference_of(self._engine, letter.after) if letter.after else None
        late = timedelta() if letter.kind == "update" else self._around.clock() - letter.wanted_at
        return Parcel(letter, self._around.show(letter.payload), about, late)

    def _try_again(self, letter: Letter, problem: NotSentError | LostError, done: Delivered) -> None:
        """Try again later; a message that fails for long is told another way beside that, and given up after a day."""
        now, why = self._around.clock(), str(problem)
        waited = now - letter.tried_since
        if waited >= GIVEN_UP_AFTER and letter.attempt >= TRIES:
            self._give_up(letter, f"{why}, for {letter.attempt} attempts", done, may_be_out=isinstance(problem, LostError))
            return
        if waited >= SAID_OTHERWISE_AFTER and letter.attempt >= TRIES_BEFORE:
            self._say_otherwise(letter, why)
        wait = problem.wait if isinstance(problem, NotSentError) and problem.wait else _wait(letter)
        settle = outbox.lost if isinstance(problem, LostError) else outbox.put_off
        if self._settled(settle(self._engine, letter, now + wait, why), letter):
            LOG.warning("%s did not reach %s for certain (%s); it is looked at again in %s s", letter.key, letter.route, why, wait.seconds)
            done.put_off += 1

    def _broken(self, letter: Letter, problem: Exception, done: Delivered) -> None:
        why = f"finops-bot failed to make it ready ({type(problem).__name__})"
        if letter.attempt >= BREAKS:
            self._give_up(letter, why, done)
        elif self._settled(outbox.put_off(self._engine, letter, self._around.clock() + _wait(letter), why), letter):
            done.put_off += 1

    def _give_up(self, letter: Letter, why: str, done: Delivered, *, plainly: bool = False, may_be_out: bool = False) -> None:
        instead = self._instead(letter, why, plainly=plainly)
        if not self._settled(outbox.bury(self._engine, letter, self._around.clock(), why, instead, may_be_out=may_be_out), letter):
            return
        done.dead += 1
        otherwise = f"it goes to {instead.route} instead" if instead else "and no other route is left: nobody was told"
        LOG.log(logging.WARNING if instead else logging.ERROR, "%s cannot reach %s (%s); %s", letter.key, letter.route, why, otherwise)

    def _say_otherwise(self, letter: Letter, why: str) -> None:
        instead = self._instead(letter, why)
        if instead and outbox.say_otherwise(self._engine, letter, self._around.clock(), instead):
            LOG.warning("%s does not reach %s (%s); it is told by %s too", letter.key, letter.route, why, instead.route)

    def _instead(self, letter: Letter, why: str, *, plainly: bool = False) -> Fallback | None:
        """Return how a message is said when its route fails: there in plain text, else by the next of the fallback routes."""
        whole = letter.instead_of or letter.key
        if plainly and not letter.key.endswith(PLAIN):
            text = self._around.show(letter.payload).text
            return Fallback(f"{whole}{PLAIN}", letter.route, letter.kind, {"text": text})
        following = self._following(letter)
        said = letter.payload.get("alone") or (letter.payload if letter.kind in WITH_OTHERWISE else None)
        if following is None or said is None:
            return None
        payload = {**said, "undelivered": {"route": letter.route, "why": why}}
        return Fallback(f"{whole}~{following}"[:400], following, "event", payload)

    def _following(self, letter: Letter) -> str | None:
        left = [route for route in self._around.fallbacks if route != letter.route]
        if letter.route in self._around.fallbacks and letter.instead_of:
            left = list(self._around.fallbacks[self._around.fallbacks.index(letter.route) + 1 :])
        return left[0] if left else None

    def _settled(self, is_ours: bool, letter: Letter) -> bool:
        if not is_ours:
            LOG.warning("%s was taken over by another worker meanwhile", letter.key)
        return is_ours


def _wait(letter: Letter) -> timedelta:
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(letter.attempt, 12)))
