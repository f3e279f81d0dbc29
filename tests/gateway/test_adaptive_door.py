"""Spend in the ledger → check-budgets → the rate that gateways are told at the door, and back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bot.assemble import Tools, assemble
from bot.door import UsageDoor
from finops.ledger.gateway import Gateways
from finops.ledger.loads import Delivery
from gateway.rates import rate_of
from gateway.snapshot import key_digest, unseal
from jobs.check_budgets import check
from jobs.registry import Tools as JobTools
from tests.gateway.rig import KEY, TOKEN
from tests.ledger.bills import Charge, deliver
from tests.ledger.requests_made import Prices, event, send

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOOK = timedelta(minutes=5)
REQUEST = Decimal("0.0045")
# An even day of ml is 3 requests of 0.0045.
BUDGETS = """
budgets:
  - {name: all, scope: {}, monthly: 1000, owner: "@ana"}
  - {name: ml, scope: team=ml, monthly: 0.405, owner: "@ana"}
quotas:
  - {match: {team: ml, route: chat}, bounds: {min_rps: 1, max_rps: 16}, burst: 16}
"""


@dataclass
class House:
    """The bot's ledger and its door, at an instant that tests move."""

    folder: Path
    tools: Tools
    now: datetime = NOON

    def __post_init__(self) -> None:
        door = UsageDoor(self.tools, clock=lambda: self.now.timestamp())
        self.client = TestClient(door.application(), headers={"authorization": f"Bearer {TOKEN}"})

    def used(self, at: datetime, count: int, source: str = "usage") -> None:
        """Take in `count` requests of team ml at an instant, heard of a minute later."""
        heard = at + timedelta(minutes=1)
        made = [event(f"{at:%d-%H:%M}-{source}-{number}", time=at, team="ml") for number in range(count)]
        send(self.tools.ledger, made, self.folder, Prices(), Delivery(heard, heard, "test"), source=source)

    def quiet_days(self, until: datetime) -> None:
        """Three requests a day, as the budget allows, in the ten days before."""
        for back in range(10, 0, -1):
            self.used(until - timedelta(days=back), 3)

    def look(self, times: int = 1) -> str:
        for _ in range(times):
            self.now += LOOK
            said = check(JobTools(self.tools.ledger, self.now, self.tools.settings, self.tools.rulebook), lambda *_: "")
        return said

    def served(self) -> tuple[int, float | None]:
        """Return the version the door serves, and the rate of the only limit in it."""
        sealed = self.client.get("/v1/guard/snapshot", params={"worker": "w"}).json()["sealed"]
        found = unseal(json.dumps(sealed), KEY.encode()).snapshot
        assert found
        [limit] = found.limits
        rate = rate_of(limit)
        return found.version, None if rate is None else round(rate, 3)

    def ask(self, **told: Any) -> Any:
        return self.client.post("/v1/guard/check", json={"input": {"model": "m", "input_tokens": 1} | told})


def opened(folder: Path, budgets: str = BUDGETS) -> Iterator[House]:
    (folder / "budgets.yaml").write_text(budgets, encoding="utf-8")
    environ = {"FINOPS_GATEWAY_KEY": KEY, "FINOPS_API_TOKENS": f"gateway={TOKEN}", "FINOPS_THREADS": "1"}
    clock: list[House] = []
    with assemble(folder, environ, lambda: clock[0].now if clock else NOON) as tools:
        clock.append(House(folder, tools))
        yield clock[0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


def test_spend_lowers_the_rate_that_is_served_and_calm_raises_it_again(house: House) -> None:
    house.quiet_days(NOON)
    house.used(NOON, 1)
    house.look()
    version, calm = house.served()
    house.used(house.now, 12)
    said = house.look()
    assert "the rate of route=chat team=ml goes by 2.5× instead of 1× of ml" in said
    assert [(version + 1, 4.0)] == [house.served()]
    house.look()
    assert (version + 2, 1.0) == house.served()
    house.now += timedelta(hours=25)
    house.used(house.now, 1)
    house.look(3)
    recovering = house.served()[1]
    house.look(20)
    assert (16.0, True, 16.0) == (calm, 1.0 < (recovering or 0) < 16.0, house.served()[1])


def test_silence_is_not_taken_for_calm(house: House) -> None:
    """The rate stays, while nothing is heard, for as long as it lasts; on the first news it recovers."""
    house.quiet_days(NOON)
    house.used(NOON, 12)
    house.look(2)
    low = house.served()
    for _ in range(5):
        house.now += timedelta(hours=13)
        house.look()
    assert (1.0, low) == (low[1], house.served())
    house.now += timedelta(days=3)
    assert "stays: The figures are old" in house.look()
    assert low == house.served()
    house.used(house.now, 1)
    house.look(20)
    assert 16.0 == house.served()[1]


def bill(house: House, days: Sequence[int], at: datetime) -> None:
    """Bill cents for each day before `at`, as a provider that tells whole days does."""
    first = at.date() - timedelta(days=len(days))
    found = [Charge(first + timedelta(days=n), f"{Decimal(cents) / 10000}", "ml") for n, cents in enumerate(days)]
    deliver(house.tools.ledger, found, at=at)


def test_a_bill_of_whole_days_moves_the_rate_by_its_last_complete_day(house: House) -> None:
    house.now = NOON + timedelta(days=1)
    bill(house, [135] * 9 + [540, 20], house.now)  # 4×, and a day that is not complete yet
    house.look(2)
    assert 1.0 == house.served()[1]
    house.now += timedelta(days=1)
    bill(house, [135] * 9 + [540, 130, 20], house.now)
    house.look(20)
    assert 16.0 == house.served()[1]


def test_a_monthly_fee_is_no_burn_rate(house: House) -> None:
    house.quiet_days(NOON)
    house.used(NOON, 1)
    deliver(house.tools.ledger, [Charge(date(2026, 11, 21), "5", "ml", more={"ChargeCategory": "Purchase"})], "seats", at=NOON)
    house.look(3)
    assert 16.0 == house.served()[1]


def test_a_quota_no_budget_holds_keeps_its_highest_rate_and_says_so(tmp_path: Path) -> None:
    for house in opened(tmp_path, BUDGETS.replace("{name: all, scope: {}", "{name: all, scope: team=x").replace("team: ml, ", "")):
        house.quiet_days(NOON)
        assert "the rate of route=chat stays: no budget holds all of route=chat" in house.look()
        assert 16.0 == house.served()[1]


def test_a_check_over_http_is_held_back_as_the_plug_in_would_be(house: House) -> None:
    Gateways(house.tools.ledger.engine).add_key(key_digest("k"), {"team": "ml", "route": "chat"}, house.now, "ann")
    who = {"identity": {"team": "ml", "route": "chat"}}
    assert [True] * 9 == [house.ask(**who).json()["result"]["allow"] for _ in range(9)]
    house.quiet_days(NOON)
    house.used(NOON, 30)
    house.look(2)
    found = [house.ask(key="k").json()["result"] for _ in range(20)]
    refused = [one for one in found if not one["allow"]]
    assert {(429, "too many requests a second for route=chat team=ml")} == {(one["status"], *one["reasons"]) for one in refused}
    Gateways(house.tools.ledger.engine).revoke_key(key_digest("k"), house.now, "ann")
    stranger = house.ask(key="k").json()["result"]
    assert (401, ["this API key is not known here"]) == (stranger["status"], stranger["reasons"])


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "say who asks"),
        ({"key": "k", "identity": {"team": "ml"}}, "say who asks"),
        ({"key": "k", "model": 3}, "model is missing"),
        ({"key": "k", "input_tokens": True}, "input_tokens must be a whole number from 0"),
        ({"key": "k", "max_output_tokens": 0}, "max_output_tokens must be a whole number from 1"),
    ],
)
def test_a_check_that_cannot_be_understood_is_answered_in_one_sentence(house: House, told: dict[str, Any], said: str) -> None:
    reply = house.ask(**told)
    assert (400, True, 1) == (reply.status_code, said in reply.json()["error"], len(reply.json()["error"].splitlines()))
