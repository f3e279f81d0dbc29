"""What kind of account somebody has, and which names decide: whatever Slack leaves out counts against them."""

from typing import Any

import pytest

from bot.groups import account_of, is_group
from bot.people import Us

OURS = Us("T1", "UBOT00000")
MEMBER: dict[str, Any] = {"team_id": "T1", "deleted": False, "is_bot": False, "is_restricted": False, "is_ultra_restricted": False}


@pytest.mark.parametrize(
    ("changed", "account"),
    [
        ({}, "member"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"deleted": True}, "deactivated"),
        ({"is_bot": True}, "bot"),
        ({"is_workflow_bot": True}, "bot"),
        ({"is_stranger": True}, "external"),
        ({"team_id": "T2"}, "external"),
        ({"team_id": None}, "external"),
    ],
)
def test_an_account_is_what_slack_says_it_is(changed: dict[str, Any], account: str) -> None:
    assert account == account_of({**MEMBER, **changed}, OURS)


@pytest.mark.parametrize("left_out", ["deleted", "is_bot", "is_restricted", "is_ultra_restricted"])
def test_an_account_of_which_slack_leaves_something_out_is_unknown(left_out: str) -> None:
    assert "unknown" == account_of({name: value for name, value in MEMBER.items() if name != left_out}, OURS)


def test_nobody_at_all_is_unknown() -> None:
    assert "unknown" == account_of(None, OURS)


@pytest.mark.parametrize(("enterprise", "account"), [("E1", "member"), ("E2", "external")])
def test_on_enterprise_grid_colleagues_of_the_organisation_are_members(enterprise: str, account: str) -> None:
    user = {**MEMBER, "team_id": "T2", "enterprise_user": {"enterprise_id": enterprise}}
    assert account == account_of(user, Us("T1", "UBOT00000", enterprise="E1"))


@pytest.mark.parametrize(("name", "group"), [("@ml-oncall", True), ("S0FINOPSAP", True), ("ml-oncall", True), ("U0ANA00001", False)])
def test_a_person_named_by_id_is_no_group(name: str, group: bool) -> None:
    assert group == is_group(name)
