"""Share to channel: the answer one person saw, posted for everybody, once, and only where no outsider reads."""

from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackClientError

from bot.assemble import Tools
from bot.blocks import Message, shared_by
from bot.commands import ask
from bot.messenger import Messenger, NotSaidError, Place, reason
from bot.pages import lines_message
from bot.replies import Asking, CostReply
from finops.errors import UserError
from finops.language.query_json import from_json
from finops.ledger.taken import give_back, take

NOT_HERE = "finops-bot is not in this channel, so it cannot post here; type /invite @finops-bot and share again"


class Sharing:
    """Posts answers for whole channels. `lay_out` makes the message of an answer."""

    def __init__(self, tools: Tools, messenger: Messenger, lay_out: Callable[[CostReply], Message]) -> None:
        self.tools, self.messenger, self.lay_out = tools, messenger, lay_out

    def share(self, place: Place, identity: str, once: str) -> Message:
        """Post the answer, unless somebody took `once` before; return what the person who clicked is told.

        The key is taken last, so that a click that could not work yet can be repeated, and given back when Slack certainly did
        not post. Where it may have posted although it did not say so, no click posts again.
        """
        self._refuse_outsiders(place.channel)
        said = shown(self.tools, identity, place.user)
        message = shared_by(self.lay_out(said), place.user)
        if not take(self.tools.ledger.engine, once, self.tools.now()):
            raise UserError("this answer was shared here before; to share it once more, ask again and share the new answer")
        self._post(place.channel, message, once)
        lines = [f"The answer {said.answer.id} is now in <#{place.channel}>."]
        if said.answer.id != identity:
            lines.append("Bills were corrected after you asked, so its figures differ from those above.")
        return lines_message("Shared", lines, trusted=True)

    def _post(self, channel: str, message: Message, once: str) -> None:
        try:
            self.messenger.post(channel, message)
        except NotSaidError as problem:
            if problem.may_stand:
                raise UserError(
                    f"Slack did not say whether it posted the answer ({problem.error}); "
                    "if it is not in the channel, ask again and share the new answer"
                ) from problem
            give_back(self.tools.ledger.engine, once)
            raise UserError(f"Slack did not let finops-bot post here ({problem.error}); try again in a while") from problem

    def _refuse_outsiders(self, channel: str) -> None:
        """Figures stay inside: a channel shared with another company gets none, nor one of which Slack does not say."""
        if channel.startswith("D"):  # to look at one takes a right of its own
            raise UserError("this is a direct message, where nobody else would see it; ask in a channel and share there")
        found = self._channel(channel)
        if not found.get("is_member", True):
            raise UserError(NOT_HERE)
        if found.get("is_ext_shared") is not False or found.get("is_pending_ext_shared"):
            raise UserError(
                "this channel is shared with another company, so cost figures are not posted here; share in an internal channel"
            )

    def _channel(self, channel: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.messenger.client.conversations_info(channel=channel)["channel"]
        except (SlackClientError, OSError, HTTPException) as problem:
            if reason(problem) in ("channel_not_found", "not_in_channel"):
                raise UserError(NOT_HERE) from problem
            raise UserError(f"Slack does not say who reads this channel ({reason(problem)}), so nothing is posted; try again") from problem
        return found


def shown(tools: Tools, identity: str, user: str) -> CostReply:
    """Answer a remembered question from the deliveries that were known when it was asked, even if newer ones came since.

    Where those are gone, the answer has another id, and newer figures.
    """
    kept, until = tools.ledger.recall(identity)
    query = from_json(kept)
    said = ask(tools, query, Asking(asked_by=user, until=until, known_at=until, chart=True))
    return said if said.answer.id == identity else ask(tools, query, Asking(asked_by=user, until=until, chart=True))
