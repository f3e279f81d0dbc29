"""What goes on beyond its end: agreed to anew, without a gap, asked for once."""

import pytest

from finops.errors import UserError
from finops.ledger.carrying_out import carry_out, end_early
from finops.ledger.proposals import history_of, proposal
from finops.ledger.renewing import renew
from tests.ledger.acting_case import Scene, letters, pass_minutes
from tests.ledger.proposed import ANA, BRUNO, click


def test_renewed_it_is_agreed_to_anew_and_goes_on_without_a_gap(on: Scene) -> None:
    old = on.approved(["a"])
    carry_out(on.hands, old.id)
    on.clock.forward(minutes=100)
    new = renew(on.engine, old.id, BRUNO, on.clock(), "still busy").proposal
    assert not carry_out(on.hands, new.id).happened
    assert "refused" == click(on.engine, new, BRUNO, at=on.clock()).outcome
    click(on.engine, new, ANA, at=on.clock())
    assert "P-2 is active" in carry_out(on.hands, new.id).said
    assert ("ended", "active") == (proposal(on.engine, old.id).state, proposal(on.engine, new.id).state)
    assert ["a=small"] == on.world.done()
    pass_minutes(on, 119)
    assert "small" == on.world.value("a")
    pass_minutes(on, 1)
    assert ("ended", ["a=small", "a=big"]) == (proposal(on.engine, new.id).state, on.world.done())


def test_renewed_too_late_it_is_superseded_and_nothing_is_moved_again(on: Scene) -> None:
    old = on.approved(["a"])
    carry_out(on.hands, old.id)
    new = renew(on.engine, old.id, BRUNO, on.clock()).proposal
    click(on.engine, new, ANA, at=on.clock())
    end_early(on.hands, old.id, ANA, "no")
    carry_out(on.hands, new.id)
    assert ("superseded", ["a=small", "a=big"]) == (proposal(on.engine, new.id).state, on.world.done())


def test_renewing_is_asked_for_once_and_is_in_the_history_and_the_thread_of_the_old_one(on: Scene) -> None:
    old = on.approved(["a"])
    carry_out(on.hands, old.id)
    first = renew(on.engine, old.id, BRUNO, on.clock(), "still busy")
    again = renew(on.engine, old.id, ANA, on.clock(), "busier than ever")
    assert (True, False, "P-2") == (first.happened, again.happened, again.proposal.id)
    assert "P-2 asks already that P-1 goes on; it is pending" == again.said
    assert [(BRUNO, "still busy")] == [
        (each.actor, each.reason) for each in history_of(on.engine, old.id) if each.action == "proposal.renew"
    ]
    assert 1 == len(letters(on.engine, "proposal:P-1:renewal:%"))


def test_what_is_not_in_force_cannot_be_renewed(on: Scene) -> None:
    one = on.proposed(["a"])
    with pytest.raises(UserError, match="P-1 is pending; only what is active"):
        renew(on.engine, one.id, ANA, on.clock())
