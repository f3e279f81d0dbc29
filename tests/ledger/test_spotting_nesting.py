"""What a bill shows of what lies in what: a model in its service, a machine in its team, by where their money is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from bot.anomaly_message import render
from bot.assemble import Tools, assemble
from bot.commands import reply
from bot.replies import Asking, TextReply
from finops.ledger.anomalies import kept
from finops.ledger.ledger import Ledger
from finops.query import Filter
from jobs.anomalies_told import look_of
from jobs.registry import Tools as JobTools
from jobs.registry import find
from tests.ledger.bills import Charge, deliver
from tests.ledger.test_spotting import DAY, FIRST, LAST, MADE, SPIKE, UNTIL, seen

HALF = {"x_Model": "half"}
LARGE, SMALL = {"x_Model": "large"}, {"x_Model": "small"}


def switched(chance: Random) -> Iterator[Charge]:
    """A team that asks one model, and from a day on another, in a service that others use too; a little of it is billed elsewhere."""
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + DAY * number
        after = day >= SPIKE
        for team, more, usual in (("ml", LARGE, 200 if after else 0), ("ml", SMALL, 5 if after else 100), ("web", HALF, 60)):
            if usual:
                yield Charge(day, f"{usual * chance.uniform(0.95, 1.05):.4f}", team, "Claude", more=more)
        yield Charge(day, "0.5", "ml", "Marketplace", more=SMALL)
        yield Charge(day, f"{80 * chance.uniform(0.95, 1.05):.4f}", "web", "Compute")


def test_a_model_in_place_of_another_is_told_once_with_the_service_it_lies_in(ledger: Ledger) -> None:
    deliver(ledger, list(switched(Random(4))), at=MADE)
    found = seen(ledger)
    large, small, claude = (
        (("model", "large"), ("team", "ml")),
        (("model", "small"), ("team", "ml")),
        (("service", "Claude"), ("team", "ml")),
    )
    assert [(large, "new", SPIKE)] == [(one.driver.key, one.driver.kind, one.driver.start) for one in found.groups]
    assert {small, claude} <= {one.key for one in found.groups[0].members}
    assert (("service", "Claude"),) in found.within[(("model", "small"),)]


def test_seen_from_the_model_that_was_replaced_it_is_the_drop(ledger: Ledger) -> None:
    deliver(ledger, list(switched(Random(4))), at=MADE)
    found = seen(ledger, scope=(Filter("model", ("small",)),))
    assert ["drop"] == [one.driver.kind for one in found.groups]


def test_a_model_billed_by_two_services_alike_lies_in_neither(ledger: Ledger) -> None:
    charges = [replace(each, service="Bedrock") if each.day.day % 2 else each for each in switched(Random(4))]
    deliver(ledger, charges, at=MADE)
    assert "service" not in {name for ((name, _),) in seen(ledger).within[(("model", "half"),)]}


def machine() -> list[Charge]:
    """One machine of ml among steady costs, ten times as dear for two days."""
    charges = []
    for number in range((LAST - FIRST).days + 1):
        day, chance = FIRST + DAY * number, Random(number)
        times = 10 if SPIKE <= day < SPIKE + 2 * DAY else 1
        charges.append(Charge(day, f"{20 * times * chance.uniform(0.95, 1.05):.4f}", "ml", more={"ResourceId": "vm-1"}))
        charges.append(Charge(day, f"{900 * chance.uniform(0.9, 1.1):.4f}", "web"))
    return charges


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    (tmp_path / "budgets.yaml").write_text('budgets: [{name: ml, scope: team=ml, monthly: 5000, owner: "@ana", channel: "#ml"}]')
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, now=lambda: UNTIL) as tools:
        yield tools


def test_a_machine_is_told_in_the_channel_of_the_team_it_lies_in(tools: Tools) -> None:
    deliver(tools.ledger, machine(), at=MADE)
    found = seen(tools.ledger)
    look = look_of(JobTools(tools.ledger, UNTIL, tools.settings, tools.rulebook), found, UNTIL.date())
    assert [((("resource", "vm-1"),), "slack:#ml")] == [(one.driver.key, look.routes[one.driver.id]) for one in found.groups]
    assert [(("resource", "vm-1"),)] == [one.driver.key for one in seen(tools.ledger, scope=(Filter("team", ("ml",)),)).groups]


def test_the_sentence_names_what_was_replaced_and_the_table_too(tools: Tools) -> None:
    deliver(tools.ledger, list(switched(Random(4))), at=MADE)
    said = reply(tools, "anomalies last 30d", Asking("ana", datetime(2026, 6, 5, tzinfo=UTC)))
    assert isinstance(said, TextReply)
    assert re.search(r": spend where there was none; it took over from model=small \(−\$1,1\d\d\.\d\d\)\.$", said.lines[0])
    assert said.grid is not None
    assert "new, replaces model=small" in [cell.text for cell in said.grid.rows[0]]


def test_the_message_in_the_channel_says_it_too(tools: Tools) -> None:
    deliver(tools.ledger, list(switched(Random(4))), at=MADE)
    find("spot-anomalies").work(JobTools(tools.ledger, UNTIL, tools.settings, tools.rulebook))
    (told,) = [one for one in kept(tools.ledger.engine, UNTIL) if one.route]
    assert "; it took over from model=small (−$1,1" in render(tools, told.id).text
