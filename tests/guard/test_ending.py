"""Who may end early what is in force, and who may ask that it goes on."""

from datetime import UTC, datetime

import pytest

from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.approvals import Account, Request, Voter
from finops.guard.ending import may_end, may_renew

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = ApprovalPolicy((Need("@ml-oncall", 2),))
REQUEST = Request("P-1", "active", "d" * 64, "U0CHEN0001", NOON, requester_identity="chen@lumen.example")


def voter(user: str, *groups: str, account: Account = "member", identity: str | None = None) -> Voter:
    return Voter(user, frozenset(groups), account, identity)


@pytest.mark.parametrize(
    "person", [voter("U0ANA00001", "ml-oncall"), voter("U0CHEN0001"), voter("U0CHEN0002", identity="Chen@lumen.example")]
)
def test_one_who_decides_or_who_asked_may(person: Voter) -> None:
    assert may_end(POLICY, REQUEST, person, admin=False) is None


def test_an_admin_may() -> None:
    assert may_end(POLICY, REQUEST, voter("U0DORA0001"), admin=True) is None


def test_a_stranger_may_not() -> None:
    assert "you are in no group that decides this; it takes 2 of @ml-oncall" == may_end(POLICY, REQUEST, voter("U0X0000001"), admin=False)


@pytest.mark.parametrize("account", ["guest", "external", "deactivated", "bot", "unknown"])
def test_whoever_is_no_full_member_may_not_even_as_an_admin(account: Account) -> None:
    assert may_end(POLICY, REQUEST, voter("U0ANA00001", "ml-oncall", account=account), admin=True)


def test_nobody_may_whose_groups_slack_does_not_say() -> None:
    assert "Slack does not say which groups" in str(may_end(POLICY, REQUEST, Voter("U0ANA00001", None), admin=False))


@pytest.mark.parametrize(
    ("person", "may"), [(voter("U0ANA00001", "ml-oncall"), True), (voter("U0CHEN0001"), True), (voter("U0X0000001"), False)]
)
def test_whoever_decides_or_asked_for_it_may_ask_that_it_goes_on(person: Voter, may: bool) -> None:
    assert may == (may_renew(POLICY, REQUEST, person) is None)


@pytest.mark.parametrize("account", ["guest", "external", "deactivated", "bot", "unknown"])
def test_whoever_is_no_full_member_asks_for_nothing(account: Account) -> None:
    assert may_renew(POLICY, REQUEST, voter("U0CHEN0001", "ml-oncall", account=account))
