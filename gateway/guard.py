"""What one worker knows and counts: decides in memory, never waits for anybody."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.circuits import USUAL, Circuit, Rule
from gateway.decide import SOON, Asked, Decision, Lack, blocked, decide, is_closed
from gateway.limits import Dimensions, Limit
from gateway.prices import Tokens
from gateway.rates import Bucket, rate_of
from gateway.shares import NOTHING, Share
from gateway.snapshot import Snapshot, key_digest

MOST_PLANS: Final = 20_000  # names of models come from clients
USUAL_OUTPUT: Final = 1_000  # tokens reserved for an answer of which nobody said how long it may be
FORGOTTEN: Final = 1_800.0  # seconds after which a request nobody heard of again counts as used


class RefusedError(Exception):
    """A request that is not served: status, reason, and seconds until it may be tried again."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None, *, waits: bool = False) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after, self.waits = status, reason, retry_after, waits


@dataclass(frozen=True, slots=True)
class Who:
    """Whom an API key belongs to."""

    digest: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation: what was set aside, where, and for which model."""

    who: Who
    model: str
    tokens: int
    cost: Decimal
    shares: tuple[Share, ...]
    circuit: tuple[str, str, Rule]
    probe: bool
    at: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What a request came to; `priced` is False where the ceiling was charged because nobody knows the model's price."""

    who: Who
    cost: Decimal
    priced: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits that fit somebody and a model, with their counters; `circuit` says whose circuits count, and when they open."""

    limits: tuple[Limit, ...]
    buckets: tuple[tuple[Limit, Bucket], ...]
    shares: dict[str, Share]
    circuit: tuple[str, str, Rule]
    closed: bool


class Guard:
    """Decides for one worker. `clock` counts seconds that never step back, `wall` is Unix time."""

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock, self._wall = clock, wall
        self._lock = threading.RLock()  # the hooks run on one thread, the link to the control plane on others
        self._snapshot: Snapshot | None = None
        self._fresh_until = -math.inf
        self._workers = 1
        self._plans: dict[tuple[str, str | None], Plan] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._shares: dict[tuple[str, str], Share] = {}
        self._circuits: dict[tuple[str, str, str], Circuit] = {}  # by limit and subject, empty where none has its own; and model
        self._held: dict[str, Held] = {}
        self._real_names: dict[str, str] = {}  # what a gateway's own name for a model turned out to stand for

    @property
    def version(self) -> int:
        return self._snapshot.version if self._snapshot else 0

    @property
    def is_fresh(self) -> bool:
        return self._clock() < self._fresh_until

    def install(self, snapshot: Snapshot, fresh_until: float, workers: int = 1) -> bool:
        """Take a snapshot that is not older than ours; counters go on where a limit stays. Returns whether it was taken."""
        with self._lock:
            if snapshot.version < self.version:
                return False
            self._snapshot = snapshot
            self._plans.clear()
            ids = {limit.id for limit in snapshot.limits}
            busy = {id(share) for held in self._held.values() for share in held.shares}
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] in ids}
            self._shares = {key: share for key, share in self._shares.items() if key[0] in ids or id(share) in busy}
            rules = {limit.id: limit.circuit for limit in snapshot.limits} | {"": USUAL}
            self._circuits = {key: circuit for key, circuit in self._circuits.items() if rules.get(key[0]) == circuit.rule}
            self.freshen(fresh_until, workers)
            return True

    def freshen(self, fresh_until: float, workers: int = 1) -> None:
        """Note that the snapshot was confirmed, and how many workers share each rate."""
        with self._lock:
            if workers != self._workers:
                self._workers = max(1, workers)
                self._plans.clear()
            self._fresh_until = max(self._fresh_until, fresh_until)

    def admit(self, api_key: str) -> Who:
        """Return whose key this is. Raises RefusedError for strangers, the blocked, those too fast, and when nothing is sure."""
        with self._lock:
            who = self.known(key_digest(api_key))
            if who is None and self._snapshot is not None:
                raise RefusedError(401, "this API key is not known here")
            who = who or Who("", {})
            self.enter(who)
            return who

    def barred(self, api_key: str) -> RefusedError | None:
        """Return why this key is blocked, without counting anything; None where it is not, or where nothing is certain."""
        with self._lock:
            who = self.known(key_digest(api_key))
            plan = self._plan(who, None) if who else None
            if plan is None or (plan.closed and not self.is_fresh):
                return None
            refusal = blocked(plan.limits, self._wall())
            return refused(refusal) if refusal else None

    def enter(self, who: Who) -> None:
        """Apply what holds for somebody whatever the model. Raises RefusedError."""
        with self._lock:
            if self._snapshot is None:
                raise RefusedError(503, "no limits are known yet; try again soon", SOON)
            self._enter(self._plan(who, None))

    def known(self, digest: str) -> Who | None:
        """Return whose key goes by this digest."""
        dimensions = self._snapshot.keys.get(digest) if self._snapshot else None
        return None if dimensions is None else Who(digest, dimensions)

    def reserve(self, who: Who, call: str, asked: Asked) -> Decision:
        """Decide about a request and set its tokens and money aside under the name `call`. Raises RefusedError."""
        with self._lock:
            plan = self._plan(who, asked.model)
            state = _Counted(self, plan, asked)
            decision = decide(plan.limits, asked, self._wall(), state, closed=plan.closed)
            if not decision.allow:
                raise refused(decision)
            self._pass(tuple(pair for pair in plan.buckets if pair[0].names_models))
            tokens, cost = state.needs(decision.model, decision.max_output_tokens)
            for share in plan.shares.values():
                share.reserve(tokens, cost)
            probe = (circuit := self._circuits.get((*plan.circuit[:2], decision.model))) is not None and circuit.is_open
            self._held[call] = Held(who, decision.model, tokens, cost, tuple(plan.shares.values()), plan.circuit, probe, self._clock())
            return decision

    def settle(self, call: str, real_model: str | None, tokens: Tokens) -> Settled | None:
        """Put what was used in the place of what was set aside; None for a request that is not, or no longer, under way."""
        with self._lock:
            held = self._held.pop(call, None)
            if held is None or self._snapshot is None:
                return None
            if real_model and len(self._real_names) < MOST_PLANS:
                self._real_names[held.model] = real_model
            prices = self._snapshot.prices
            known = prices.known(real_model, held.model)
            price = known or prices.ceiling
            cost = price.of(tokens) if price else NOTHING
            for share in held.shares:
                share.settle((held.tokens, held.cost), (tokens.total, cost))
            return Settled(held.who, cost, known is not None)

    def charge(self, call: str) -> None:
        """Count what was set aside as used: nobody will tell what was."""
        with self._lock:
            held = self._held.pop(call, None)
            if held is None:
                return
            for share in held.shares:
                share.settle((held.tokens, held.cost), (held.tokens, held.cost))

    def release(self, call: str) -> Who | None:
        """Give back what a request that used nothing had set aside."""
        with self._lock:
            held = self._held.pop(call, None)
            if held is None:
                return None
            for share in held.shares:
                share.settle((held.tokens, held.cost), (0, NOTHING))
            return held.who

    def note(self, call: str, model: str, *, ok: bool) -> bool:
        """Count how the upstream of `model` did; return whether its circuit opened or closed by it."""
        with self._lock:
            held = self._held.get(call)
            limit, subject, rule = held.circuit if held else ("", "", USUAL)
            circuit = self._circuits.get((limit, subject, model))
            if circuit is None or circuit.rule != rule:
                circuit = self._circuits[limit, subject, model] = Circuit(rule)
            return circuit.note(ok, self._clock(), probe=held is not None and held.probe and held.model == model)

    def model_of(self, call: str) -> str | None:
        held = self._held.get(call)
        return held.model if held else None

    def sweep(self) -> int:
        """Count requests nobody heard of again as used; return how many there were."""
        with self._lock:
            before = self._clock() - FORGOTTEN
            lost = [call for call, held in self._held.items() if held.at < before]
            for call in lost:
                self.charge(call)
            return len(lost)

    def reports(self, renew_before: float, *, everything: bool = False) -> list[tuple[Share, dict[str, Any]]]:
        """Return what is to be told of shares that want more, or of all."""
        now = self._clock()
        with self._lock:
            return [
                (share, {"limit": limit, "subject": subject, **share.report(leaving=everything)})
                for (limit, subject), share in self._shares.items()
                if everything or share.wants_more(now, renew_before)
            ]

    def granted(self, share: Share, sent: dict[str, Any], answer: dict[str, Any], until: float, ends: float) -> None:
        with self._lock:
            share.granted(sent, answer, min(until, ends), ends)

    def rate(self, limit: str, subject: str = "") -> float | None:
        """Return the rate a bucket passes now."""
        bucket = self._buckets.get((limit, subject))
        return bucket.rate if bucket else None

    def _enter(self, plan: Plan) -> None:
        if plan.closed and not self.is_fresh:
            raise RefusedError(503, "the limits known here are too old to go by; try again soon", SOON)
        if (refusal := blocked(plan.limits, self._wall())) is not None:
            raise refused(refusal)
        self._pass(plan.buckets)

    def _pass(self, buckets: tuple[tuple[Limit, Bucket], ...]) -> None:
        now, wall = self._clock(), self._wall()
        taken: list[Bucket] = []
        for limit, bucket in buckets:
            if not limit.holds(wall):
                continue
            if wait := bucket.take(now):
                for each in taken:
                    each.give_back()
                raise RefusedError(429, f"too many requests a second for {limit.id}", min(wait, 60.0))
            taken.append(bucket)

    def _plan(self, who: Who, model: str | None) -> Plan:
        """Return what fits somebody and a model; without a model, what holds whichever it will be."""
        found = self._plans.get((who.digest, model))
        if found is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            found = self._plans[who.digest, model] = self._made(who, model)
        return found

    def _made(self, who: Who, model: str | None) -> Plan:
        assert self._snapshot is not None
        told = who.dimensions if model is None else {**who.dimensions, "model": model}
        limits = tuple(limit for limit in self._snapshot.limits if limit.fits(told))
        buckets = tuple((limit, self._bucket(limit, limit.subject(told))) for limit in limits if rate_of(limit) is not None)
        shares = {limit.id: self._share(limit, limit.subject(told)) for limit in limits if limit.has_quota}
        return Plan(limits, buckets, shares, _circuit_of(limits, told), is_closed(limits, self._snapshot.closed))

    def _bucket(self, limit: Limit, subject: str) -> Bucket:
        rate = (rate_of(limit) or 0.0) / self._workers
        burst = max(1.0, limit.burst / self._workers)
        bucket = self._buckets.get((limit.id, subject))
        if bucket is None:
            return self._buckets.setdefault((limit.id, subject), Bucket(rate, burst, self._clock()))
        bucket.aim(rate, burst, glide=limit.adaptive is not None)
        return bucket

    def _share(self, limit: Limit, subject: str) -> Share:
        share = self._shares.get((limit.id, subject))
        if share is None:
            share = self._shares[limit.id, subject] = Share(
                counts_tokens=limit.tokens_per_day is not None, counts_cost=limit.cost_per_day is not None
            )
        return share


class _Counted:
    """The worker's counts, as the decision about one request sees them."""

    def __init__(self, guard: Guard, plan: Plan, asked: Asked) -> None:
        self._guard, self._plan, self._asked = guard, plan, asked

    def needs(self, model: str, output: int | None) -> tuple[int, Decimal]:
        """Return the most tokens and money a request can come to. Raises RefusedError where money counts and nobody knows a price."""
        answer = USUAL_OUTPUT if output is None else output
        tokens = Tokens(self._asked.input_tokens, answer)
        snapshot = self._guard._snapshot
        price = snapshot.prices.of(model, self._guard._real_names.get(model)) if snapshot else None
        if price is None and any(share.counts_cost for share in self._plan.shares.values()):
            raise RefusedError(503, f"nobody knows what {model} costs, and its cost is limited; add its price to budgets.yaml")
        return tokens.total, price.of(tokens) if price else NOTHING

    def lack(self, limit: Limit, model: str) -> Lack | None:
        share = self._plan.shares[limit.id]
        caps = [each.max_output_tokens for each in self._plan.limits if each.max_output_tokens is not None]
        caps += [] if self._asked.output_tokens is None else [self._asked.output_tokens]
        tokens, cost = self.needs(model, min(caps, default=None))
        now = self._guard._clock()
        if share.fits(tokens, cost, now):
            return None
        return Lack(True, max(1.0, share.ends - now)) if share.dry and now < share.until else Lack(False, SOON)

    def broken(self, model: str) -> float:
        circuit = self._guard._circuits.get((*self._plan.circuit[:2], model))
        return circuit.refuses(self._guard._clock()) if circuit else 0.0


def _circuit_of(limits: tuple[Limit, ...], told: Dimensions) -> tuple[str, str, Rule]:
    """Return whose circuits count: those of the narrowest limit that has its own, else those that all share."""
    found = [limit for limit in limits if limit.circuit is not None]
    if not found:
        return "", "", USUAL
    limit = max(found, key=lambda each: len(each.match))
    return limit.id, limit.subject(told), limit.circuit or USUAL


def refused(decision: Decision) -> RefusedError:
    return RefusedError(decision.status, "; ".join(decision.reasons), decision.retry_after, waits=decision.waits)
