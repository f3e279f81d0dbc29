"""Where in Slack a route leads: the channel's id, and whether figures may be told there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk import WebClient

from bot.people import FLAGS
from bot.slack_trouble import TROUBLES, failure
from finops.errors import meant
from jobs.routes import LostError, NotSentError, RefusedError

REMEMBERED: Final = 600.0  # seconds
MOST_PAGES: Final = 20
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Spot:
    """Where a message is posted; `id` where its history can be asked, None for direct messages that nobody opened yet."""

    channel: str
    id: str | None


class Channels:
    """Finds the channels the bot is in and the people it writes to, and remembers them for ten minutes. `clock` counts seconds."""

    def __init__(self, client: WebClient, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._known: dict[str, Found] = {}
        self._asked_at: float | None = None
        self._people: dict[str, float] = {}
        self._ids: dict[str, str] = {}

    def spot(self, name: str) -> Spot:
        """Return where `#channel`, `C…` or `@person` is. Raises RefusedError where no figures may be told, NotSentError."""
        if name.startswith("@"):
            return self._person(name[1:])
        found = self._channel(name.lstrip("#"))
        if found.get("is_ext_shared") is not False or found.get("is_pending_ext_shared"):
            raise RefusedError(f"{name} is shared with another company, or Slack does not say, so no figures go there")
        return Spot(str(found["id"]), str(found["id"]))

    def _channel(self, name: str) -> Found:
        if name not in self._known or self._asked_at is None or self._clock() - self._asked_at > REMEMBERED:
            self._look()
        if name not in self._known:
            near = meant(name, [known for known, found in self._known.items() if known == found.get("name")])
            raise RefusedError(f"finops-bot is in no channel {name}; invite it there, or set the route right.{near}")
        return self._known[name]

    def _look(self) -> None:
        known: dict[str, Found] = {}
        cursor = ""
        for _ in range(MOST_PAGES):
            kinds = "public_channel,private_channel"
            page = self._ask(self._client.users_conversations, types=kinds, limit=200, cursor=cursor)
            for found in page["channels"]:
                known |= {str(found.get("name")): found, str(found["id"]): found}
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        self._known, self._asked_at = known, self._clock()

    def _person(self, who: str) -> Spot:
        user = self._user(who)
        if self._clock() - self._people.get(user, float("-inf")) > REMEMBERED:
            found = self._ask(self._client.users_info, user=user)["user"]
            if any(found.get(flag) for flag in FLAGS):
                raise RefusedError(f"@{who} is no full, active member of this workspace, so no figures go there")
            self._people[user] = self._clock()
        return Spot(user, None)

    def _user(self, who: str) -> str:
        """Return a user's id; a handle is looked for among all members."""
        if who[:1] in "UW" and len(who) >= 9 and who.isalnum() and who == who.upper():
            return who
        if who not in self._ids:
            self._ids[who] = self._by_email(who) if "@" in who else self._by_handle(who)
        return self._ids[who]

    def _by_email(self, who: str) -> str:
        return str(self._ask(self._client.users_lookupByEmail, email=who)["user"]["id"])

    def _by_handle(self, who: str) -> str:
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self._ask(self._client.users_list, limit=200, cursor=cursor)
            ids = [str(each["id"]) for each in page["members"] if each.get("name") == who and not each.get("deleted")]
            if ids:
                return ids[0]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        raise RefusedError(f"nobody here is called @{who}; name the person by id, such as @U0123456789")

    def _ask(self, method: Callable[..., Any], **how: Any) -> Any:
        """Ask Slack something; an answer that was lost posted nothing. Raises NotSentError, RefusedError."""
        try:
            return method(**how)
        except TROUBLES as problem:
            raise unsent(failure(problem)) from problem


def unsent(problem: LostError | NotSentError | RefusedError) -> NotSentError | RefusedError:
    """Say of a question that failed what it means for the message: it did not go out."""
    return NotSentError(str(problem), is_down=problem.is_down) if isinstance(problem, LostError) else problem
