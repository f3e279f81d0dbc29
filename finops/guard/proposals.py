"""The life of a proposal as one table: from which state, by which event, to which state."""

from collections.abc import Mapping
from typing import Final, Literal

from finops.errors import UserError

State = Literal[
    "pending",
    "approved",
    "executing",
    "active",
    "reverting",
    "ended",
    "denied",
    "expired",
    "cancelled",
    "superseded",
    "compensating",
    "compensated",
    "failed",
    "compensation_failed",
]
Event = Literal[
    "approve",  # the last vote that was needed
    "deny",
    "cancel",  # the requester or an admin takes it back
    "expire",  # nobody decided in time, or nobody executed in time
    "supersede",  # the world or the rules are not what the plan saw; ask again
    "start",
    "applied",
    "end",  # its time is over, or somebody ends it early
    "reverted",
    "half_done",  # some targets failed: undo those that were done
    "undone",
    "fail",
]

# In force: something was moved, or may have been.
IN_FORCE: Final[frozenset[State]] = frozenset({"executing", "active", "reverting", "compensating", "compensation_failed"})
FINAL: Final[frozenset[State]] = frozenset(
    {"ended", "denied", "expired", "cancelled", "superseded", "compensated", "failed", "compensation_failed"}
)

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    ("pending", "approve"): "approved",
    ("pending", "deny"): "denied",
    ("pending", "cancel"): "cancelled",
    ("pending", "expire"): "expired",
    ("pending", "supersede"): "superseded",
    ("approved", "start"): "executing",
    ("approved", "deny"): "denied",
    ("approved", "cancel"): "cancelled",
    ("approved", "expire"): "expired",
    ("approved", "supersede"): "superseded",
    ("executing", "applied"): "active",
    ("executing", "half_done"): "compensating",
    ("executing", "fail"): "failed",
    ("active", "end"): "reverting",
    ("reverting", "reverted"): "ended",
    ("reverting", "fail"): "compensation_failed",
    ("compensating", "undone"): "compensated",
    ("compensating", "fail"): "compensation_failed",
}


class WrongStateError(UserError):
    """What was asked of a proposal does not fit the state it is in; nothing was changed."""


def after(state: State, event: Event) -> State:
    """Return the state after `event`. Raises WrongStateError where the table has no such step."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise WrongStateError(f"a proposal that is {said(state)} cannot take '{event}' any more") from None


def said(state: State) -> str:
    return state.replace("_", " ")
