"""Proposals in both state databases: each click counts once, each move happens once, and all of it is on the record."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from finops.errors import LedgerError, UserError
from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.approvals import Ballot, Vote, phrase_for
from finops.ledger.audit import entries
from finops.ledger.audit_verify import verify
from finops.ledger.proposals import Move, ending, expire_due, history_of, open_proposals, proposal, propose, step, votes_of
from finops.ledger.state import open_state, writing
from finops.ledger.tables_outbox import outbox
from finops.ledger.tables_proposals import proposals as rows
from finops.ledger.voting import cancel, vote
from tests.ledger.proposed import ANA, BOTH, BRUNO, CHEN, DORA, KEYS, NOON, ONE, PLAN, asked, click, move, proposed, voter

EVE = "U0EVE00001"


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url, KEYS)
    yield opened
    assert verify(opened, KEYS, ()).problems == ()
    opened.dispose()


def actions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [entry.action.removeprefix("proposal.") for entry in entries(connection)]


def messages(engine: Engine) -> list[tuple[str, str, str | None]]:
    with engine.connect() as connection:
        return [(row.key, row.kind, row.after) for row in connection.execute(select(outbox).order_by(outbox.c.id))]


def test_a_proposal_is_stored_told_and_on_the_record_at_once(engine: Engine) -> None:
    made = propose(engine, asked(), NOON)
    assert (True, "P-1", "pending") == (made.happened, made.proposal.id, made.proposal.state)
    assert PLAN == proposal(engine, "p-1").plan
    assert NOON + timedelta(hours=24) == made.proposal.expires_at
    assert [("proposal:P-1", "post", None)] == messages(engine)
    assert ["propose"] == actions(engine)


def test_the_same_plan_for_the_same_finding_is_the_same_proposal_while_it_is_open(engine: Engine) -> None:
    first, again = propose(engine, asked(), NOON), propose(engine, asked(), NOON + timedelta(hours=1))
    assert (False, first.proposal) == (again.happened, again.proposal)
    assert [1, 1] == [len(messages(engine)), len(open_proposals(engine, finding="budget:ml"))]
    click(engine, first.proposal, ANA, "deny")
    assert "P-2" == propose(engine, asked(), NOON).proposal.id


def test_another_plan_or_finding_is_another_proposal(engine: Engine) -> None:
    other = replace(asked(), plan=replace(PLAN, parameters={"premium": "cheapest"}))
    assert ["P-1", "P-2", "P-3"] == [propose(engine, one, NOON).proposal.id for one in (asked(), other, asked(finding="budget:b"))]


def test_a_number_is_never_used_again(engine: Engine) -> None:
    proposed(engine)
    with engine.begin() as connection:
        connection.execute(rows.delete())
    assert "P-2" == proposed(engine).id


def test_an_approval_moves_the_proposal_and_updates_its_message(engine: Engine) -> None:
    one = proposed(engine)
    done = click(engine, one, ANA)
    assert ("approved", "approved", ANA) == (done.outcome, done.proposal.state, done.proposal.decided_by)
    assert NOON + timedelta(minutes=15) == done.proposal.execute_by
    assert [("proposal:P-1", "post", None), ("proposal:P-1:2", "update", "proposal:P-1")] == messages(engine)
    assert ["propose", "vote", "approve"] == actions(engine)


def test_a_quorum_over_two_groups_needs_a_person_of_each(engine: Engine) -> None:
    one = proposed(engine, BOTH)
    first = click(engine, one, DORA)
    assert ("counted", "pending", 2) == (first.outcome, first.proposal.state, first.proposal.version)
    second = click(engine, one, ANA)
    assert "approved" == second.outcome
    assert {DORA, ANA} == {each.voter for each in _votes(engine, 1)}


def _votes(engine: Engine, number: int) -> list[Vote]:
    with engine.connect() as connection:
        return list(votes_of(connection, number))


def test_v1_a_double_click_counts_once_and_says_so(engine: Engine) -> None:
    one = proposed(engine, BOTH)
    click(engine, one, ANA)
    again = click(engine, one, ANA)
    assert ("refused", "you approved P-1 already at 2026-11-21 12:00Z; it is pending") == (again.outcome, again.said)
    assert 1 == len(_votes(engine, 1))
    assert ["propose", "vote", "refused"] == actions(engine)


def test_v1_who_comes_second_learns_who_decided(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    late = click(engine, one, BRUNO)
    assert f"P-1 is approved already by {ANA} at 2026-11-21 12:00Z; your click changed nothing" == late.said
    assert "approved" == late.proposal.state


def test_v1_a_denial_after_the_approval_still_ends_it_before_it_began(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    assert "denied" == click(engine, one, BRUNO, "deny").proposal.state
    assert (False, "denied") == ((started := move(engine, one, "start")).happened, started.proposal.state)


def test_v2_nobody_approves_a_request_of_their_own(engine: Engine) -> None:
    one = proposed(engine, requester=ANA)
    refused = click(engine, one, ANA)
    assert ("refused", "you asked for P-1 yourself; somebody else has to decide") == (refused.outcome, refused.said)
    assert ["propose", "refused"] == actions(engine)


def test_v2_one_person_with_two_accounts_has_one_vote(engine: Engine) -> None:
    one = proposed(engine, ApprovalPolicy((Need("ml-oncall", 2),)))
    said = [
        vote(engine, one.id, Ballot(voter(who, identity="ana@example.com"), "approve", one.digest), NOON).outcome for who in (ANA, BRUNO)
    ]
    assert ["counted", "refused"] == said


def test_v3_a_click_after_the_expiry_ends_it_and_updates_the_message(engine: Engine) -> None:
    one = proposed(engine)
    late = click(engine, one, ANA, at=NOON + timedelta(hours=24))
    assert ("refused", "expired") == (late.outcome, late.proposal.state)
    assert "P-1 has expired at 2026-11-22 12:00Z; nothing was done" == late.said
    assert ["propose", "refused", "expire"] == actions(engine)
    assert "update" == messages(engine)[-1][1]


def test_v3_a_click_after_it_was_taken_back_is_refused(engine: Engine) -> None:
    one = proposed(engine, requester=CHEN)
    assert cancel(engine, one.id, voter(CHEN), NOON, reason="not needed").happened
    assert f"P-1 is cancelled already by {CHEN} at 2026-11-21 12:00Z; your click changed nothing" == click(engine, one, ANA).said


def test_only_who_asked_or_an_admin_takes_it_back(engine: Engine) -> None:
    one = proposed(engine, requester=CHEN)
    refused = cancel(engine, one.id, voter(ANA), NOON)
    assert (False, "pending") == (refused.happened, refused.proposal.state)
    assert cancel(engine, one.id, voter(ANA), NOON, admin=True).happened
    again = cancel(engine, one.id, voter(CHEN), NOON)
    assert (False, f"P-1 is cancelled, by {ANA} at 2026-11-21 12:00Z; nothing was changed") == (again.happened, again.said)


def test_v5_a_button_with_another_digest_is_refused_and_on_the_record(engine: Engine) -> None:
    one = proposed(engine)
    forged = vote(engine, one.id, Ballot(voter(ANA), "approve", "0" * 64), NOON, request="forged")
    assert ("refused", "pending") == (forged.outcome, forged.proposal.state)
    last = history_of(engine, "P-1")[-1]
    assert ("proposal.refused", ANA, "forged") == (last.action, last.actor, last.request)
    assert "0" * 64 == json.loads(last.detail)["digest"]


def test_v5_a_button_for_a_proposal_that_is_not_there_is_refused_and_on_the_record(engine: Engine) -> None:
    with pytest.raises(UserError, match="there is no proposal P-99"):
        vote(engine, "P-99", Ballot(voter(ANA), "approve", "0" * 64), NOON)
    assert ["unknown"] == actions(engine)
    for wrong in ("12", "P-", "P-1x", "P-٣", "P-" + "9" * 30):
        with pytest.raises(UserError, match="is not a proposal"):
            proposal(engine, wrong)


def test_v5_a_plan_altered_in_the_database_decides_nothing(engine: Engine) -> None:
    one = proposed(engine)
    altered = json.dumps(replace(PLAN, targets=("team=everything",)).document())
    with writing(engine) as tx:
        tx.execute(update(rows).values(plan=altered))
    assert "refused" == click(engine, one, ANA).outcome
    assert ["propose", "altered"] == actions(engine)


def test_a_plan_altered_after_its_approval_is_not_carried_out(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    with writing(engine) as tx:
        tx.execute(update(rows).values(plan=json.dumps(replace(PLAN, lasts=None).document())))
    started = move(engine, one, "start")
    assert (False, "superseded") == (started.happened, started.proposal.state)


def test_an_approval_written_past_the_votes_is_not_carried_out(engine: Engine) -> None:
    one = proposed(engine, BOTH)
    click(engine, one, ANA)
    with writing(engine) as tx:
        tx.execute(update(rows).values(state="approved", execute_by=NOON + timedelta(minutes=15)))
    started = move(engine, one, "start")
    assert (False, "superseded") == (started.happened, started.proposal.state)
    assert "P-1 is not carried out: the stored votes do not agree to this plan: 1 of @finance missing" == started.said


def test_an_approval_is_carried_out_within_its_time_or_not_at_all(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    late = move(engine, one, "start", NOON + timedelta(minutes=15))
    assert (False, "expired", "it was not carried out in time") == (late.happened, late.proposal.state, late.proposal.reason)


def test_a_plan_lives_from_start_to_end(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    assert ["executing", "active"] == [move(engine, one, event).proposal.state for event in ("start", "applied")]
    assert NOON + timedelta(hours=2) == proposal(engine, "P-1").ends_at
    assert [[], ["P-1"]] == [[each.id for each in ending(engine, NOON + timedelta(hours=hours))] for hours in (1, 2)]
    assert ["reverting", "ended"] == [move(engine, one, event).proposal.state for event in ("end", "reverted")]
    assert [] == open_proposals(engine)
    told = [(entry.before, entry.after) for entry in history_of(engine, "P-1") if entry.before]
    assert [
        ("pending", "approved"),
        ("approved", "executing"),
        ("executing", "active"),
        ("active", "reverting"),
        ("reverting", "ended"),
    ] == told


def test_what_has_passed_its_time_expires_once(engine: Engine) -> None:
    proposed(engine)
    click(engine, proposed(engine, finding="b"), ANA)
    assert ["P-2"] == [change.proposal.id for change in expire_due(engine, NOON + timedelta(minutes=15))]
    assert ["P-1"] == [change.proposal.id for change in expire_due(engine, NOON + timedelta(days=40))]
    assert [] == expire_due(engine, NOON + timedelta(days=40))


def test_a_move_seen_before_somebody_else_moved_does_nothing(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA)
    stale = step(engine, one.id, "supersede", Move("settle-actions", NOON, seen=(one.state, one.version)))
    assert (False, "approved") == (stale.happened, stale.proposal.state)
    assert f"P-1 has moved on meanwhile: P-1 is approved, by {ANA} at 2026-11-21 12:00Z" == stale.said


def test_a_step_up_is_on_the_record(engine: Engine) -> None:
    one = proposed(engine, replace(ONE, step_up=True))
    assert "refused" == click(engine, one, ANA).outcome
    assert "approved" == click(engine, one, ANA, phrase=phrase_for(one.id, one.digest)).outcome
    assert ["click", "phrase", "phrase"] == [entry.strength for entry in history_of(engine, "P-1")[1:]]


def test_t2_where_the_audit_cannot_be_written_nothing_is_done(engine: Engine) -> None:
    one = proposed(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$")
            )
            connection.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON audit EXECUTE FUNCTION full_disk()"))
        else:
            connection.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END"))
    for attempt in (lambda: click(engine, one, ANA), lambda: cancel(engine, one.id, voter(ANA), NOON, admin=True)):
        with pytest.raises(LedgerError, match="the audit cannot be written, so nothing was done"):
            attempt()
    with pytest.raises(LedgerError, match="nothing was done"):
        propose(engine, asked(finding="b"), NOON)
    assert [one] == open_proposals(engine)
    assert [] == _votes(engine, 1)
    assert 1 == len(messages(engine))


def test_a_stranger_is_refused_and_on_the_record(engine: Engine) -> None:
    one = proposed(engine)
    assert "you are in no group that decides this; it takes 1 of @ml-oncall" == click(engine, one, EVE).said
    assert ["propose", "refused"] == actions(engine)


def test_odd_text_in_a_reason_is_kept_readable(engine: Engine) -> None:
    one = proposed(engine)
    click(engine, one, ANA, reason="a\0b\ud800c\n=1+1")
    assert "a\ufffdb?c\n=1+1" == history_of(engine, "P-1")[-1].reason
