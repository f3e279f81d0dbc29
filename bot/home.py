"""App Home: what waits for me, how to ask, and how fresh the bills are."""

from collections.abc import Sequence
from typing import Final

from bot.assemble import Tools
from bot.blocks import Message
from bot.groups import Groups, is_group
from bot.proposal_message import buttons, home_key
from bot.proposal_words import at, saving, targets, what, who_is_needed
from bot.slack_text import Block, context, mrkdwn, section
from finops.answers import Freshness
from finops.guard.quorum import group_name, memberships, needs_of
from finops.ledger.proposals import Proposal, open_proposals, votes_of

SHOWN: Final = 25  # bills; a section holds 3,000 characters
WAITING: Final = 10
NO_GROUPS: Final = "Slack does not say which groups you are in, so what waits for you is not shown. Open this tab again."


def waiting_for(tools: Tools, groups: Groups, user: str) -> list[Block]:
    """Return what waits for this person's decision, with buttons, and nothing where nothing does.

    It is an offer only: who may decide is looked up anew when a button is clicked.
    """
    pending = [each for each in open_proposals(tools.ledger.engine, states=("pending",)) if each.is_intact and each.requester != user]
    needed = {need.group for each in pending for need in needs_of(each.policy, each.owner)}
    mine = groups.memberships(user) if any(is_group(name) for name in needed) else frozenset()
    if mine is None:
        return [section(NO_GROUPS, "home.groups")]
    names = memberships(user, mine)
    decided = _decided(tools, pending, user)
    own = [each for each in pending if each.id not in decided and _asks(each, names)]
    if not own:
        return []
    more = [context([f"and {len(own) - WAITING} more: `/cost proposals`"], "home.more")] if len(own) > WAITING else []
    return [section("*Waiting for you*", "home.waiting"), *(block for each in own[:WAITING] for block in _waiting(each)), *more]


def _asks(found: Proposal, names: frozenset[str]) -> bool:
    return any(group_name(need.group) in names for need in needs_of(found.policy, found.owner))


def _decided(tools: Tools, pending: Sequence[Proposal], user: str) -> set[str]:
    if not pending:
        return set()
    with tools.ledger.engine.connect() as connection:
        return {each.id for each in pending if any(vote.voter == user for vote in votes_of(connection, each.number))}


def _waiting(found: Proposal) -> list[Block]:
    plan, key = found.plan, home_key(found)
    lines = [
        f"*{found.id}: {mrkdwn(what(plan), 500)}*",
        mrkdwn(plan.reason, 300),
        f"{targets(plan)}",
        f"Saves {saving(plan)}",
        f"Until {at(found.expires_at)}; it takes {who_is_needed(needs_of(found.policy, found.owner))}",
    ]
    return [section("\n".join(lines), f"{key}.what"), *buttons(found, key)]


def noted(note: str) -> list[Block]:
    """Return what was just done, for the top of the tab."""
    return [section(note, "home.note")] if note else []


def home_view(sources: Sequence[Freshness], how: Message, first: Sequence[Block] = ()) -> Message:
    """Return the blocks of the Home tab: what comes `first`, then the bills, then `how` to ask."""
    lines = [f"*{mrkdwn(one.source, 60)}* reaches {one.last_day}, complete before {one.complete_until}" for one in sources[:SHOWN]]
    more = [f"… and {len(sources) - SHOWN} more: `/cost sources`"] if len(sources) > SHOWN else []
    fresh = "\n".join(["*Bills in the ledger*", *lines, *more]) if lines else "*No bill is loaded yet.*"
    told = context(["Type `/cost` in any channel; only you see the answer until you share it."], "home.how")
    return Message(how.text, [*first, section(fresh, "home.sources"), told, *how.blocks])
