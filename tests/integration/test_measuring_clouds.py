"""What stopping and scaling saved, measured on instances of moto's server and on bills of the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from finops.guard.plans import Plan
from finops.ledger.carrying_out import carry_out, end_early
from finops.ledger.effecting import Hands
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.measuring import report_due
from finops.ledger.proposals import Asked, Proposal, propose
from finops.ledger.state import open_state
from finops.ledger.tables_effects import measured_savings
from finops.ports import Lever
from finops.pricing.book import price_book
from tests.capacity.idle_case import running
from tests.integration.aws_account import Bench, client, fresh, group, instance
from tests.ledger.acting_case import Clock
from tests.ledger.bills import Charge, deliver
from tests.ledger.proposed import ANA, NOON, ONE, click

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Story:
    """A lever on real instances, a ledger with their bill, and a clock that is moved by hand."""

    bench: Bench
    ledger: Ledger
    clock: Clock = field(default_factory=Clock)

    @property
    def levers(self) -> dict[str, Lever]:
        return {"aws.stop_instances": self.bench.stop, "aws.scale_group": self.bench.group}

    @property
    def hands(self) -> Hands:
        return Hands(self.ledger.engine, self.levers, self.bench.guard, self.clock, "tests")

    def act(self, lever: str, *targets: str, parameters: dict[str, Any] | None = None, **evidence: Any) -> Proposal:
        given = parameters or {}
        before = self.levers[lever].look(targets, given)
        plan = Plan(lever, targets, given, before, "idle", {"details": evidence}, "7" * 64, lasts=7 * DAY)
        one = propose(self.ledger.engine, Asked(plan, "idle", "finops-bot", ONE, "slack:#ml"), self.clock()).proposal
        click(self.ledger.engine, one, ANA, at=self.clock())
        assert "active" == carry_out(self.hands, one.id).proposal.state
        return one

    def report(self, **later: float) -> list[str]:
        self.clock.forward(**later)
        return report_due(self.ledger, price_book(), self.clock(), self.levers)

    def end(self, one: Proposal, **later: float) -> None:
        self.clock.forward(**later)
        assert "ended" == end_early(self.hands, one.id, ANA, None).proposal.state

    def bill(self, *lines: Charge, after: timedelta = timedelta()) -> None:
        deliver(self.ledger, lines, at=NOON + after)

    def kept(self) -> list[tuple[str, Decimal | None]]:
        with self.ledger.engine.connect() as connection:
            return [(row.kind, row.likely) for row in connection.execute(select(measured_savings).order_by(measured_savings.c.measured_at))]


@pytest.fixture
def story(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Story]:
    bench = fresh(aws, monkeypatch)
    ledger = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), tmp_path, DuckFacts(tmp_path, threads=1), Terms())
    yield Story(bench, ledger)
    ledger.close()


def days_of(arn: str, *back: int, hourly: str = "2.00", hours: str = "24", **more: Any) -> list[Charge]:
    """A line a day for so many days before noon's; -1 is the day after."""
    return [running((NOON - n * DAY).date(), arn.rpartition("/")[2], hourly, hours, **more) for n in back]


def test_half_an_hour_after_a_stop_the_hours_not_run_are_told_at_the_bills_own_rate(story: Story) -> None:
    """Half an hour at 2.00."""
    arn = instance()
    story.bill(*days_of(arn, 1, 2, 3))
    story.act("aws.stop_instances", arn)
    (said,) = story.report(minutes=32)
    assert "no saving was promised; measured 1.00 USD (between 1.00 and 1.00): 0.5 hours not run (read at the provider just now)" in said
    assert "at 2.00 USD an hour, what the bill of aws charged an hour of it on 3 days before" in said
    assert said.endswith("the bill of these days has still to confirm it.")
    assert [] == story.report(minutes=1)


def test_an_instance_somebody_started_again_counts_for_nothing(story: Story) -> None:
    arn, other = instance(), instance()
    story.bill(*days_of(arn, 1), *days_of(other, 1))
    story.act("aws.stop_instances", arn, other)
    client("ec2").start_instances(InstanceIds=[arn.rpartition("/")[2]])
    (said,) = story.report(minutes=32)
    assert "measured 1.00 USD" in said
    assert f"{arn} is as before by now, so nothing is counted for it" in said


def test_what_a_commitment_pays_for_saves_nothing(story: Story) -> None:
    arn = instance()
    story.bill(*days_of(arn, 1, 2), *days_of(arn, 3, 4, CommitmentDiscountId="sp-1"))
    story.act("aws.stop_instances", arn)
    (said,) = story.report(minutes=32)
    assert "measured 0.50 USD (between 0.00 and 1.00)" in said
    assert "without the 50 % that a commitment pays for in any case" in said


def test_without_a_bill_or_a_price_there_is_no_figure(story: Story) -> None:
    arn = instance()
    story.act("aws.stop_instances", arn)
    assert [f"0.5 hours were not run; no figure, because no bill charges {arn} by the hour."] == [
        each.rpartition("promised; ")[2] for each in story.report(minutes=32)
    ]
    assert [("soon", None)] == story.kept()


def test_without_a_bill_the_price_that_was_found_is_named_as_what_it_rests_on(story: Story) -> None:
    """0.50 an hour for two instances together, half an hour each."""
    arns = (instance(), instance())
    story.act("aws.stop_instances", *arns, hourly_cost="0.50", currency="USD")
    (said,) = story.report(minutes=32)
    assert "measured 0.25 USD (between 0.25 and 0.25): 1.0 hours not run" in said
    assert said.endswith("at 0.25 USD an hour, the hourly cost that was found before.")


def test_at_the_end_and_then_by_the_bill_it_is_measured_again(story: Story) -> None:
    """Stopped for 36 hours at 2.00. The bill of the three days around has 12 + 0 + 24 of 72 hours: 36 are left out."""
    arn = instance()
    before = days_of(arn, 1, 2, 3)
    story.bill(*before)
    one = story.act("aws.stop_instances", arn)
    story.end(one, hours=36)
    assert "measured 72.00 USD" in story.report(minutes=3)[0]
    assert [] == story.report(days=1)
    story.bill(*before, *days_of(arn, 0, hours="12"), *days_of(arn, -2, -3, -4, -5, -6), after=7 * DAY)
    (said,) = story.report(days=7)
    assert "by the bill 72.00 USD (between 72.00 and 72.00): of 36.0 hours that were set still the bill leaves out 36.0" in said
    assert [] == story.report(days=1)
    assert ["end", "billed"] == [kind for kind, _ in story.kept()]


def test_a_bill_that_charged_it_all_the_same_says_so(story: Story) -> None:
    arn = instance()
    before = days_of(arn, 1, 2, 3)
    story.bill(*before)
    story.end(story.act("aws.stop_instances", arn), hours=36)
    story.report(minutes=3)
    story.bill(*before, *days_of(arn, 0, -1, -2, -3, -4, -5, -6), after=7 * DAY)
    (said,) = story.report(days=7)
    assert "by the bill 0.00 USD" in said
    assert "the bill leaves out 0.0" in said


def test_a_group_is_measured_by_the_hours_of_its_machines(story: Story) -> None:
    """Four machines at 1.50 of which one stays: three for half an hour."""
    arn = group(desired=4, least=2)
    tags = {"Tags": '{"aws:autoscaling:groupName": "workers"}'}
    story.bill(*(line for name in ("i-1", "i-2", "i-3", "i-4") for line in days_of(name, 1, 2, hourly="1.50", **tags)))
    story.act("aws.scale_group", arn, parameters={"desired": 1})
    (said,) = story.report(minutes=32)
    assert "measured 2.25 USD (between 2.25 and 2.25): 1.5 hours not run" in said
    assert "at 1.50 USD an hour" in said
