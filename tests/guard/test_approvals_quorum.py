"""The quorum: a person sits at one place only, and as many places as possible are filled."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.quorum import memberships, missing, placed, reachable, shortage

GROUPS = ("a", "b", "c")
needs = st.lists(st.builds(Need, st.sampled_from(GROUPS), st.integers(1, 2)), max_size=3, unique_by=lambda need: need.group)
people = st.dictionaries(st.sampled_from("uvwxyz"), st.frozensets(st.sampled_from(GROUPS)), max_size=5)


def most(wanted: list[Need], who: dict[str, frozenset[str]]) -> int:
    """Try every way to place everybody."""
    best = 0
    for choice in product(*[[None, *groups] for groups in who.values()]):
        counts = {group: choice.count(group) for group in GROUPS}
        best = max(best, sum(min(counts[need.group], need.quorum) for need in wanted))
    return best


@given(needs, people)
def test_no_other_way_to_place_people_fills_more(wanted: list[Need], who: dict[str, frozenset[str]]) -> None:
    seats = placed(wanted, who)
    assert all(group in who[person] for person, group in seats.items())
    assert most(wanted, who) == len(seats)
    assert sum(need.quorum for need in wanted) - len(seats) == sum(need.quorum for need in missing(wanted, who))


@given(needs, people, st.sampled_from("uvwxyz"))
def test_more_people_never_make_it_worse(wanted: list[Need], who: dict[str, frozenset[str]], more: str) -> None:
    assert len(placed(wanted, who)) <= len(placed(wanted, {more: frozenset(GROUPS)} | who))


def test_names_of_groups_are_compared_without_at_and_case() -> None:
    assert frozenset({"s0ml", "ml-oncall", "u1"}) == memberships("U1", ["S0ML", "@ML-oncall"])


def test_a_quorum_that_needs_the_requester_is_not_reachable() -> None:
    policy, members = ApprovalPolicy((Need("@ml", 2),)), {"ml": ["U1", "U2"]}
    assert reachable(policy, members, "U9")
    assert "without U1 there are too few people who may agree: 1 of @ml missing" == shortage(policy, members, "U1")


def test_a_quorum_that_needs_one_person_twice_is_not_reachable() -> None:
    policy = ApprovalPolicy((Need("ml"), Need("finance")))
    assert "without U9 there are too few people who may agree: 1 of finance missing" == shortage(
        policy, {"ml": ["U1"], "finance": ["U1"]}, "U9"
    )


def test_a_group_nobody_knows_has_no_members() -> None:
    assert not reachable(ApprovalPolicy((Need("ml"),)), {}, "U9")


def test_an_owner_decides_where_the_policy_names_nobody() -> None:
    assert reachable(ApprovalPolicy(), {}, "U0000009", owner="U0000001")
    assert not reachable(ApprovalPolicy(), {}, "U0000001", owner="U0000001")
    assert not reachable(ApprovalPolicy(excludes_owner=True), {}, "U0000009", owner="U0000001")
    assert "nobody is named who may decide; give the budget an owner or approvers" == shortage(ApprovalPolicy(), {}, "U9")
