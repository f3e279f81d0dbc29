"""What may never be moved, judged by tags and places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.configuration.rulebook_approvals import Guard
from finops.guard.protections import Seen, halted, over_limit, refusals

HERE = {"provider": "aws", "account": "123456789012", "region": "eu-central-1", "service": "ec2", "resource": "i-1"}


def seen(target: str = "i-1", **tags: str) -> Seen:
    return Seen(target, HERE, tags)


def guard(**limits: object) -> Guard:
    return Guard(**{"dry_run": False, **limits})  # type: ignore[arg-type]


def test_what_nothing_protects_may_be_moved() -> None:
    assert [] == refusals(guard(), [seen(env="dev")])


@pytest.mark.parametrize(
    ("rule", "tags"),
    [
        ("keep", {"keep": ""}),
        ("keep", {"Keep": "yes"}),
        ("env=prod", {"env": "prod"}),
        ("env=prod", {"Env": "PROD"}),
        ("env=prod*", {"env": "production"}),
        ("nothing", {"finops-protected": "true"}),
    ],
)
def test_a_protected_tag_is_seen_however_it_is_written(rule: str, tags: dict[str, str]) -> None:
    (key, value), *_ = tags.items()
    assert [f"i-1 is protected by its tag '{key.casefold() if rule != 'nothing' else key}={value}'"] == [
        said.replace("Keep", "keep").replace("Env", "env") for said in refusals(guard(protected_tags=(rule,)), [seen(**tags)])
    ]


@pytest.mark.parametrize("tags", [{"keep": "no"}, {"keep": "False"}, {"keeper": "yes"}])
def test_a_tag_that_says_no_protects_nothing(tags: dict[str, str]) -> None:
    assert [] == refusals(guard(protected_tags=("keep",)), [seen(**tags)])


def test_production_is_denied_by_its_tag() -> None:
    limits = guard(deny_scopes=((("env", ("prod", "production")),),))
    assert ["i-1 is in env=prod,production, where nothing is moved"] == refusals(limits, [seen(environment="Production")])
    assert [] == refusals(limits, [seen(stage="dev")])


def test_what_may_be_production_is_treated_as_production() -> None:
    limits = guard(deny_scopes=((("env", ("prod",)),),))
    assert ["i-1 may be in env=prod, where nothing is moved: its env cannot be told; tag it"] == refusals(limits, [seen()])


def test_every_part_of_a_denied_scope_must_hold() -> None:
    limits = guard(deny_scopes=((("account", ("999999999999",)), ("env", ("prod",))),))
    assert [] == refusals(limits, [seen(env="prod")])


def test_a_tag_that_is_not_there_is_known_not_to_be_there() -> None:
    assert [] == refusals(guard(deny_scopes=((("tag:tier", ("gold",)),),)), [seen()])


def test_an_account_may_be_denied_as_a_whole() -> None:
    limits = guard(deny_scopes=((("account", ("1234*",)),),))
    assert ["i-1 is in 'account=1234*', where nothing is moved"] == refusals(limits, [seen(env="dev")])


def test_more_targets_than_a_plan_may_move_are_refused_together() -> None:
    many = [seen(f"i-{number}") for number in range(3)]
    told = "3 targets are more than one plan may move, 2; split it, or raise guard.max_targets in rules.yaml"
    assert [told] == refusals(guard(max_targets=2), many)
    assert (None, told) == (over_limit(guard(max_targets=3), 3), over_limit(guard(max_targets=2), 3))


def test_the_stop_switch_and_the_dry_run_hold_everything() -> None:
    assert "everything that acts is stopped by guard.stop in rules.yaml" == halted(guard(stop=True))
    assert "this installation only says what it would do; set guard.dry_run to false in rules.yaml" == halted(Guard())
    assert halted(guard()) is None


@given(
    tags=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5),
    more=st.dictionaries(st.text(max_size=8), st.text(max_size=8)),
)
def test_no_other_tag_takes_a_protection_away(tags: dict[str, str], more: dict[str, str]) -> None:
    limits = guard(protected_tags=("keep=always",), deny_scopes=((("env", ("prod",)),),))
    protected = {"keep": "always", "env": "prod"}
    rest = {key: value for key, value in (tags | more).items() if key.casefold() not in protected}
    assert len(refusals(limits, [Seen("i-1", HERE, {**protected, **rest})])) >= 2
