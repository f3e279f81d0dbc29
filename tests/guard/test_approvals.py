"""A vote is judged by who clicks, on which plan, when; whatever is in doubt is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from finops.guard.approval_policy import ApprovalPolicy, Need, read_policy
from finops.guard.approvals import Account, Ballot, Decision, Request, Verdict, Vote, Voter, judge, may_cancel, phrase_for
from finops.guard.proposals import FINAL, IN_FORCE, State

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIGEST = "ab" * 32
POLICY = ApprovalPolicy((Need("@ml-oncall"),))
REQUEST = Request("P-12", "pending", DIGEST, "U0ASKED", NOON + timedelta(hours=24))
VOTER = Voter("U0VOTER", frozenset({"S0ML", "ML-oncall"}))


def judged(
    voter: Voter = VOTER,
    policy: ApprovalPolicy = POLICY,
    request: Request = REQUEST,
    votes: tuple[Vote, ...] = (),
    decision: Decision = "approve",
    digest: str = DIGEST,
    phrase: str | None = None,
    now: datetime = NOON,
) -> Verdict:
    return judge(policy, request, votes, Ballot(voter, decision, digest, phrase), now)


def voted(person: str, *groups: str, decision: Decision = "approve") -> Vote:
    return Vote(person, person.casefold(), decision, frozenset(groups), NOON)


def test_a_member_of_the_group_approves() -> None:
    assert Verdict("approved", "P-12 is approved", "approve") == judged()


def test_a_single_denial_ends_it() -> None:
    found = judged(decision="deny", policy=ApprovalPolicy((Need("ml-oncall", 3),)))
    assert Verdict("denied", "P-12 is denied; nothing will be done", "deny") == found


def test_a_group_may_be_named_by_its_id() -> None:
    assert judged(policy=ApprovalPolicy((Need("S0ML"),))).counts


def test_without_needs_the_owner_decides() -> None:
    of_a_group, of_a_person = replace(REQUEST, owner="@ml-oncall"), replace(REQUEST, owner="U0VOTER")
    assert ["approved"] * 2 == [judged(policy=ApprovalPolicy(), request=request).outcome for request in (of_a_group, of_a_person)]
    assert "it takes 1 of U0OTHER" in judged(policy=ApprovalPolicy(), request=replace(REQUEST, owner="U0OTHER")).said


def test_without_needs_and_without_an_owner_nobody_decides() -> None:
    assert "nobody is named who may decide; give the budget an owner or approvers in budgets.yaml" == judged(policy=ApprovalPolicy()).said


def test_v1_the_same_click_again_is_refused() -> None:
    assert "you approved P-12 already at 2026-11-21 12:00Z; it is pending" == judged(votes=(voted("U0VOTER", "ml-oncall"),)).said


def test_v2_the_requester_is_refused() -> None:
    assert "you asked for P-12 yourself; somebody else has to decide" == judged(Voter("U0ASKED", VOTER.groups)).said


def test_v2_the_requester_is_refused_by_another_account_too() -> None:
    request = replace(REQUEST, requester_identity="Ana@example.com")
    assert "you asked for P-12 yourself" in judged(replace(VOTER, identity="ana@EXAMPLE.com"), request=request).said


def test_v2_a_second_account_has_no_second_vote() -> None:
    before = Vote("U0OTHER", "ana@example.com", "approve", frozenset({"ml-oncall"}), NOON)
    policy = ApprovalPolicy((Need("ml-oncall", 2),))
    assert (
        "U0OTHER, who is you too, approved P-12 already" in judged(replace(VOTER, identity="ana@example.com"), policy, votes=(before,)).said
    )


def test_v2_the_owner_is_refused_where_the_policy_says_so() -> None:
    request, policy = replace(REQUEST, owner="U0VOTER"), replace(POLICY, excludes_owner=True)
    assert "you own what asked for P-12; somebody else has to decide" == judged(policy=policy, request=request).said
    assert judged(request=request).counts


def test_v3_after_the_expiry_it_is_refused_and_expires() -> None:
    found = judged(now=REQUEST.expires_at)
    assert ("refused", "expire", "P-12 has expired at 2026-11-22 12:00Z; nothing was done") == (found.outcome, found.event, found.said)
    assert judged(now=REQUEST.expires_at - timedelta(microseconds=1)).counts


def test_v3_approved_and_not_carried_out_in_time_it_expires_too() -> None:
    request = replace(REQUEST, state="approved", execute_by=NOON)
    assert ("refused", "expire") == ((found := judged(request=request, decision="deny")).outcome, found.event)


@pytest.mark.parametrize("state", sorted(FINAL | IN_FORCE))
def test_v3_once_decided_no_vote_counts_and_who_decided_is_told(state: State) -> None:
    request = replace(REQUEST, state=state, decided_by="U0OTHER", decided_at=NOON)
    told = f"P-12 is {state.replace('_', ' ')} already by U0OTHER at 2026-11-21 12:00Z; your click changed nothing"
    assert [Verdict("refused", told)] * 2 == [judged(request=request, decision=decision) for decision in ("approve", "deny")]


@pytest.mark.parametrize("digest", ["", "ab" * 31, "cd" * 32, "Ω", "\ud800"])
def test_v3_an_old_copy_of_the_message_is_refused(digest: str) -> None:
    assert "is not the one you were shown" in judged(digest=digest).said


def test_v4_outside_the_group_it_is_refused() -> None:
    assert "you are in no group that decides this; it takes 1 of @ml-oncall" == judged(Voter("U0VOTER", frozenset({"finance"}))).said


def test_v4_where_slack_does_not_tell_the_groups_it_is_refused() -> None:
    assert "Slack does not say which groups you are in, so nothing was counted; try again later" == judged(Voter("U0VOTER", None)).said


@pytest.mark.parametrize("account", ["guest", "external", "deactivated", "bot", "unknown"])
def test_v4_whoever_is_no_full_active_member_is_refused(account: Account) -> None:
    assert not judged(replace(VOTER, account=account)).counts
    assert may_cancel(REQUEST, Voter("U0ASKED", frozenset(), account), admin=True)


def test_a_step_up_wants_its_phrase_and_a_denial_does_not() -> None:
    policy = replace(POLICY, step_up=True)
    assert "this one needs the phrase 'approve P-12 ababab' typed as well" == judged(policy=policy, phrase=" ").said
    assert "the phrase is wrong; type 'approve P-12 ababab'" == judged(policy=policy, phrase="approve P-13 ababab").said
    assert judged(policy=policy, phrase=" Approve  p-12 ABABAB ").counts
    assert "denied" == judged(policy=policy, decision="deny").outcome
    assert "approve P-12 ababab" == phrase_for("P-12", DIGEST)


def test_what_is_still_needed_is_told() -> None:
    policy = ApprovalPolicy((Need("@ml-oncall", 2), Need("@finance")))
    found = judged(policy=policy)
    assert "your approval of P-12 counts; still needed: 1 of @ml-oncall and 1 of @finance" == found.said
    assert (Need("@ml-oncall", 1), Need("@finance", 1)) == found.missing


def test_one_person_counts_for_one_group_only() -> None:
    policy = ApprovalPolicy((Need("ml-oncall"), Need("finance")))
    both = Voter("U0VOTER", frozenset({"ml-oncall", "finance"}))
    assert (Need("finance", 1),) == judged(both, policy).missing


def test_whoever_is_in_both_groups_moves_over_for_the_next() -> None:
    policy = ApprovalPolicy((Need("ml-oncall"), Need("finance")))
    assert "approved" == judged(policy=policy, votes=(voted("U0BOTH", "ml-oncall", "finance"),)).outcome


def test_an_earlier_denial_of_somebody_else_counts_for_no_group() -> None:
    policy = ApprovalPolicy((Need("ml-oncall", 2),))
    assert "counted" == judged(policy=policy, votes=(voted("U0OTHER", "ml-oncall", decision="deny"),)).outcome


def test_the_requester_or_an_admin_takes_it_back() -> None:
    assert may_cancel(REQUEST, Voter("U0ASKED", frozenset()), admin=False) is None
    assert may_cancel(REQUEST, VOTER, admin=True) is None
    assert "only U0ASKED, who asked for P-12, or an admin takes it back; deny it instead" == may_cancel(REQUEST, VOTER, admin=False)


def test_a_policy_survives_being_written() -> None:
    policy = ApprovalPolicy((Need("a", 2), Need("b")), timedelta(hours=1), timedelta(minutes=5), step_up=True, excludes_owner=True)
    assert policy == read_policy(policy.document())


def test_v1_once_approved_another_approval_is_told_who_decided_and_a_denial_still_counts() -> None:
    request = replace(REQUEST, state="approved", execute_by=NOON + timedelta(minutes=15), decided_by="U0OTHER", decided_at=NOON)
    told = "P-12 is approved already by U0OTHER at 2026-11-21 12:00Z; your click changed nothing"
    assert Verdict("refused", told) == judged(request=request)
    assert "denied" == judged(request=request, decision="deny").outcome
