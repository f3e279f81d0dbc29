"""Short-lived permissions: a `trigger_id` opens one view, a `response_url` takes five answers in half an hour."""

from collections.abc import Callable
from dataclasses import dataclass, field

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 30 * 60.0
RESPONSE_USES = 5


@dataclass
class Trigger:
    """Lets the app open a view for the user who just did something."""

    user: str
    expires: float
    used: bool = False


@dataclass
class ResponseUrl:
    """Lets the app answer where the user just did something; `original` is the message it may replace."""

    user: str
    channel: str
    expires: float
    original: str | None = None
    thread_ts: str | None = None
    uses: int = 0


@dataclass
class Tickets:
    """All tickets given out."""

    now: Callable[[], float]
    token: Callable[[], str]
    triggers: dict[str, Trigger] = field(default_factory=dict)
    urls: dict[str, ResponseUrl] = field(default_factory=dict)
    given: int = 0

    def trigger(self, user: str) -> str:
        """A new trigger id, shaped as Slack shapes them: numbers, then something secret."""
        self.given += 1
        name = f"{self.given}.{int(self.now())}.{self.token()}"
        self.triggers[name] = Trigger(user, self.now() + TRIGGER_SECONDS)
        return name

    def exchange(self, name: str) -> Trigger | str:
        """The trigger, now used; or the error that Slack gives."""
        trigger = self.triggers.get(name)
        if trigger is None:
            return "invalid_trigger_id"
        if trigger.used:
            return "exchanged_trigger_id"
        if self.now() > trigger.expires:
            return "expired_trigger_id"
        trigger.used = True
        return trigger

    def response_url(self, user: str, channel: str, original: str | None = None, thread_ts: str | None = None) -> str:
        """The secret part of a new response URL."""
        name = self.token()
        self.urls[name] = ResponseUrl(user, channel, self.now() + RESPONSE_SECONDS, original, thread_ts)
        return name

    def spend(self, name: str) -> ResponseUrl | str:
        """Count one use; or the error that Slack gives."""
        url = self.urls.get(name)
        if url is None or self.now() > url.expires:
            return "expired_url"
        if url.uses >= RESPONSE_USES:
            return "used_url"
        url.uses += 1
        return url
