"""Tells the alerts channel of jobs that fail and of jobs that work again: once each, whatever process notices."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.blocks import TEXT, Message
from bot.messenger import Messenger, NotSaidError
from bot.slack_text import code, context, mrkdwn, section
from finops.ledger import troubles
from finops.ledger.ledger import Ledger
from finops.ledger.troubles import Trouble
from finops.telling.reconciliation import PREFIX as BILL

LOG = logging.getLogger("finops.notices")
AGAIN: Final = timedelta(seconds=15)
LATER: Final = timedelta(minutes=10)  # where somebody must set something right first
SOMEBODYS: Final = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "missing_scope",
        "restricted_action",
    }
)


class Noticing:
    """Sends the notices that wait. Without a channel or a messenger they are logged. `token` makes a name nobody else has."""

    def __init__(
        self, ledger: Ledger, messenger: Messenger | None, channel: str | None, clock: Callable[[], datetime], token: Callable[[], str]
    ) -> None:
        self._ledger, self._messenger, self._clock, self._token = ledger, messenger, clock, token
        self._channel = address(channel) if channel else None

    def tell(self) -> int:
        """Send what waits and return how much was sent; what Slack does not take now is sent later."""
        taken = troubles.take_untold(self._ledger.engine, self._clock(), self._token())
        return sum(map(self._tell, taken))

    def _tell(self, trouble: Trouble) -> bool:
        message = recovery_message(trouble) if trouble.recovered_at else failure_message(trouble)
        if self._messenger is None or self._channel is None:
            LOG.log(logging.INFO if trouble.recovered_at else logging.ERROR, "%s", message.text)
        else:
            try:
                self._messenger.post(self._channel, message)
            except NotSaidError as problem:
                LOG.error("a notice could not be posted to %s (%s) and is tried again: %s", self._channel, problem.error, message.text)
                troubles.not_told(self._ledger.engine, trouble, self._clock() + (LATER if problem.error in SOMEBODYS else AGAIN))
                return False
        troubles.told(self._ledger.engine, trouble, self._clock())
        return True


@dataclass(frozen=True)
class Words:
    """How the beginning, the end and the span of a trouble are told, and where to ask more."""

    begins: str
    ends: str
    lasted: str
    ask: str


def words_of(trouble: Trouble) -> Words:
    """Bills that differ from the estimate are no jobs, and are told in words of their own."""
    if trouble.job.startswith(BILL):
        return Words("differs from the estimate", "is within the tolerance again", "It differed", "/cost reconcile")
    return Words("fails", "works again", "It failed", f"/cost jobs {trouble.job}")


def failure_message(trouble: Trouble) -> Message:
    """Say which job fails, why, since when, and what happens next."""
    words = words_of(trouble)
    head = f"*{mrkdwn(trouble.job, 100)} {words.begins}*"
    block = section(f"{head}\n{mrkdwn(_sentence(trouble.error), 2000)}", "job.failure")
    more = [f"Since {_at(trouble.since)}", mrkdwn(trouble.next_step, 300), f"History: {code(words.ask)}"]
    text = f"{trouble.job} {words.begins} since {_at(trouble.since)}: {_sentence(trouble.error)} {trouble.next_step}"
    return Message(mrkdwn(text, TEXT), [block, context([one for one in more if one], "job.next")])


def recovery_message(trouble: Trouble) -> Message:
    """Say that a job works again; where its failure could not be told in time, say that too."""
    assert trouble.recovered_at is not None
    words = words_of(trouble)
    span = f"{words.lasted} from {_at(trouble.since)} to {_at(trouble.recovered_at)}"
    why = f"{span}: {_sentence(trouble.error)}" if trouble.told_at is None else f"{span}."
    block = section(f"*{mrkdwn(trouble.job, 100)} {words.ends}*\n{mrkdwn(why, 2000)}", "job.recovery")
    return Message(mrkdwn(f"{trouble.job} {words.ends}. {why}", TEXT), [block])


def address(channel: str) -> str:
    """Return a channel as Slack takes it: an id as it is, a name with its #."""
    is_id = channel[:1] in "CG" and len(channel) >= 9 and channel.isalnum() and channel == channel.upper()
    return channel if is_id or channel.startswith("#") else f"#{channel}"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
