"""The gateway's plug-in: what deciding costs, what it adds to a real LiteLLM proxy, and how soon an approval is felt."""

import os
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.tables import Goal, heading, table
from finops.configuration.rulebook_quotas import Bounds, Quota
from finops.guard.snapshot import Effect, Figures, compile_snapshot
from gateway.decide import Asked
from gateway.guard import Guard, RefusedError
from gateway.link import Link, Place
from gateway.meter import Meter
from gateway.prices import Tokens
from gateway.snapshot import key_digest, read_snapshot
from tests.gateway.rig import ADS, KEY, MASTER, ML, PRICES, PROXY, TOKEN, Desk, LlmUpstream, Proxy, eventually, scope, soon, utc_now

TICKS: Final = os.sysconf("SC_CLK_TCK")
DECIDING: Final = 50.0  # µs
MORE_CPU: Final = 1.05
CHEAPER: Final = 5.0
FELT: Final = 200.0  # ms
TEXT: Final = "word " * 60
ROUND: Final = 40


def run(decisions: int, requests: int, flips: int) -> list[Goal]:
    """Measure all of it and print it; without LiteLLM only what needs none."""
    goals = _deciding(decisions)
    with tempfile.TemporaryDirectory(prefix="finops-bot-bench-") as folder:
        goals += _sharing(Path(folder))
        if not PROXY.exists():
            print("LiteLLM is not installed (make peers), so nothing is measured in a proxy")
            return goals
        goals += _proxied(Path(folder), requests, flips)
    return goals


def _deciding(count: int) -> list[Goal]:
    heading(f"Deciding in memory: {count:,} requests of 1,000 clients under 203 limits")
    guard = Guard(time.monotonic, time.time)
    keys = {
        key_digest(f"key-{number}"): {"team": f"team-{number % 100}", "tenant": f"t-{number}", "route": "chat"} for number in range(1000)
    }
    quotas = [Quota(scope(f"team=team-{number}"), requests_per_second=Decimal(10**6), burst=10**6) for number in range(100)]
    quotas += [Quota(scope(f"tenant=t-{number}"), tokens_per_day=10**12, cost_per_day=Decimal(10**9)) for number in range(100)]
    quotas += [Quota(scope("route=chat"), max_output_tokens=4000, bounds=Bounds(Decimal(10**5), Decimal(10**6)))]
    effects = [Effect("P-1", "gateway.fallback", f"team=team-{number}", {"fallback": {"gpt-4o": "gpt-4o-mini"}}) for number in (1, 2)]
    document = compile_snapshot(1, utc_now(), quotas, effects, keys, Figures(prices=PRICES))
    guard.install(read_snapshot(document), time.monotonic() + 3600)
    asked = Asked("gpt-4o", 500, 300)
    took: list[float] = []
    for number in range(count + 2000):
        key, call = f"key-{number % 1000}", str(number)
        began = time.perf_counter_ns()
        who = guard.admit(key)
        while True:
            try:
                guard.reserve(who, call, asked)
                break
            except RefusedError:  # the first of each: its share is not there yet
                _grant(guard)
                began = time.perf_counter_ns()
        between = time.perf_counter_ns()
        guard.settle(call, "openai/gpt-4o", Tokens(100, 40, 20))
        if number >= 2000:
            took.append((between - began) / 1000)
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    table(("", "p50 µs", "p99 µs", "most µs"), [("who it is, limits, reservation", f"{p50:.1f}", f"{p99:.1f}", f"{took[-1]:.0f}")])
    return [Goal("deciding in memory, p99", p99, DECIDING, " µs")]


def _grant(guard: Guard) -> None:
    for share, sent in guard.reports(0):
        answer = {"day": "2026-11-21", "allowed": {"tokens": 10**12, "cost": "1000000000"}, "dry": False}
        guard.granted(share, sent, answer, time.monotonic() + 3600, time.monotonic() + 3600)


def _sharing(folder: Path) -> list[Goal]:
    """Two workers with links of their own use up a quota as fast as they can."""
    heading("A quota of 1,000,000 tokens a day, used up by two workers as fast as they can")
    desk = Desk(folder / "shares", f"sqlite:///{folder / 'shares' / 'state.sqlite'}")
    desk.change(quotas=[Quota(scope("team=ml"), tokens_per_day=1_000_000)])
    used = [0, 0]

    def work(number: int) -> None:
        guard = Guard(time.monotonic, time.time)
        meter = Meter(folder / f"usage-{number}", f"w{number}", time.time)
        place = Place(desk.url, TOKEN, KEY.encode())
        link = Link(guard, meter, place, f"w{number}", folder / f"memory-{number}.json", time.monotonic, lambda: os.urandom(8).hex())
        link.start()
        eventually(lambda: guard.is_fresh)
        who, refused, until = guard.admit(ML), 0, time.monotonic() + 60
        while refused < 40 and time.monotonic() < until:
            try:
                guard.reserve(who, str(used[number]), Asked("gpt-4o", 400, 100))
            except RefusedError as refusal:
                refused += not refusal.waits
                link.hurry()
                time.sleep(0.01)
                continue
            guard.settle(str(used[number]), "gpt-4o", Tokens(380, 120))  # 500: as much as was set aside
            used[number] += 500
        link.stop()

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    desk.close()
    over = max(0, sum(used) - 1_000_000)
    table(
        ("", "used", "by the first", "by the second", "over", "left over", "seconds"),
        [("tokens", f"{sum(used):,}", f"{used[0]:,}", f"{used[1]:,}", f"{over:,}", f"{max(0, 1_000_000 - sum(used)):,}", f"{wall:.1f}")],
    )
    return [Goal("tokens beyond the quota", over, 0), Goal("share of the quota that was used", sum(used) / 1_000_000, 0.99, at_least=True)]


def _proxied(folder: Path, requests: int, flips: int) -> list[Goal]:
    upstream = LlmUpstream()
    desk = Desk(folder / "desk", f"sqlite:///{folder / 'desk' / 'state.sqlite'}")
    desk.change(quotas=[Quota(scope("team=ml"), tokens_per_day=10**12, cost_per_day=Decimal(10**6), requests_per_second=Decimal(10**4))])
    ours, plain = Proxy(folder / "ours", desk.url, upstream.url), Proxy(folder / "plain", desk.url, upstream.url, guarded=False)
    try:
        ours.wait()
        plain.wait()
        eventually(lambda: desk.gateways.rollout(soon()).workers)
        return _serving(desk, ours, plain, requests) + _feeling(desk, ours, flips)
    finally:
        ours.stop()
        plain.stop()
        desk.close()
        upstream.stop()


def _serving(desk: Desk, ours: Proxy, plain: Proxy, requests: int) -> list[Goal]:
    heading(f"A LiteLLM proxy with and without us: rounds of {ROUND} requests in turn, processor time of the proxy")
    _served(ours, ML, ROUND)
    _served(plain, MASTER, ROUND)
    rounds = [(_served(ours, ML, ROUND), _served(plain, MASTER, ROUND)) for _ in range(max(3, requests // ROUND))]
    with_us, without = median(mine for mine, _ in rounds), median(its for _, its in rounds)
    ratio = median(mine / its for mine, its in rounds)
    version = desk.change(effects=[Effect("P-9", "gateway.block", "team=ads", {"reason": "over budget"}, soon(hours=1))])
    eventually(lambda: not (found := desk.gateways.rollout(soon())).behind and found.version >= version)
    _served(ours, ADS, ROUND, 429)
    blocked = [(_served(ours, ML, ROUND), _served(ours, ADS, 5 * ROUND, 429)) for _ in range(max(3, requests // ROUND // 4))]
    refused, cheaper = median(its for _, its in blocked), median(mine / its for mine, its in blocked)
    table(
        ("", "CPU ms/request", "/ without us"),
        [
            ("served with us", f"{with_us:.2f}", f"{ratio:.3f}"),
            ("served without us", f"{without:.2f}", "1"),
            ("refused at the door", f"{refused:.2f}", f"{ratio / cheaper:.3f}"),
        ],
    )
    return [
        Goal("processor time per request, with us over without", ratio, MORE_CPU, "×"),
        Goal("refusing a blocked team, times cheaper than serving it", cheaper, CHEAPER, "×", at_least=True),
    ]


def _served(proxy: Proxy, key: str, count: int, status: int = 200) -> float:
    """Return the proxy's processor milliseconds for each of `count` requests, one after the other."""
    before = _cpu(proxy.process.pid)
    for number in range(count):
        found = proxy.chat(key=key, text=f"{TEXT}{number}", max_tokens=40).status
        assert found == status, found
    return (_cpu(proxy.process.pid) - before) * 1000 / count


def _feeling(desk: Desk, proxy: Proxy, flips: int) -> list[Goal]:
    heading(f"From the approval's transaction to the first rerouted answer, {flips} times, asked without a pause")
    took: list[float] = []
    answers: list[float] = []
    for number in range(flips):
        cheap = number % 2 == 0
        parameters = {"fallback": {"gpt-premium": "gpt-cheap"}}
        began = time.perf_counter()
        desk.change(effects=[Effect(f"P-{number}", "gateway.fallback", "team=ml", parameters, soon(hours=1))] if cheap else [])
        while _timed(proxy, answers) != ("gpt-4o-mini" if cheap else "gpt-4o"):
            pass
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    p95 = took[min(len(took) - 1, int(len(took) * 0.95))]
    answers.sort()
    rows = [("approval → rerouted answer", took), ("one answer, in the meantime", answers)]
    table(
        ("", "p50 ms", "p95 ms", "most ms"),
        [(name, f"{median(each):.0f}", f"{each[int(len(each) * 0.95)]:.0f}", f"{each[-1]:.0f}") for name, each in rows],
    )
    return [Goal("approval → first rerouted answer, p95", p95, FELT, " ms")]


def _timed(proxy: Proxy, answers: list[float]) -> str:
    """Return which model answered; how long it took is added to `answers`."""
    began = time.perf_counter()
    said = proxy.chat(text=TEXT, max_tokens=40).said
    answers.append((time.perf_counter() - began) * 1000)
    return said


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
