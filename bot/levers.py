"""What the bot acts with: its levers, the calls that follow an approval and an early end, and the desk it proposes at."""

from collections.abc import Callable

from bot.assemble import Tools
from finops.ledger import carrying_out
from finops.ledger.asking import Desk
from finops.ledger.effecting import Hands
from finops.ledger.proposals import Change
from jobs import acting

CarryOut = Callable[[str], Change]


def hands(tools: Tools, holder: str) -> Hands:
    """Return what carries plans out in this process, under the guard as it is configured at each moment."""
    return acting.hands(tools.ledger, tools.settings, lambda: tools.rulebook.guard, tools.now, holder, lambda: tools.rulebook)


def carry_out(tools: Tools, holder: str) -> CarryOut:
    """Return what is to be called with a proposal's id after its approval; calling it twice does nothing twice."""
    with_hands = hands(tools, holder)
    return lambda identity: carrying_out.carry_out(with_hands, identity)


def end_early(tools: Tools, holder: str) -> Callable[[str, str, str | None], Change]:
    """Return what puts a proposal's effect back now: called with its id, who says so, and why."""
    with_hands = hands(tools, holder)
    return lambda identity, actor, reason: carrying_out.end_early(with_hands, identity, actor, reason)


def desk(tools: Tools) -> Desk:
    return acting.desk(tools.ledger, tools.settings, tools.rulebook, tools.now)
