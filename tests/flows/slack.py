"""People in front of a local Slack that the real bot is connected to."""

import html
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bot.assemble import Tools
from bot.demo import with_slack
from bot.manifest import manifest
from bot.serve import Service
from slackbox.server import Slackbox, start
from slackbox.settings import Settings

Message = dict[str, Any]
ANA, BRUNO, CHEN, DORA = "U0ANA00001", "U0BRUNO001", "U0CHEN0001", "U0DORA0001"
GUEST, EVE, TOM, BOT = "U0GUS00001", "U0EVE00001", "U0OLDTOM01", "U0FINOPSBT"
COSTS, ML, SEARCH, GENERAL, FINANCE, PARTNER = "C0AICOSTS1", "C0ML000001", "C0SEARCH01", "C0GENERAL1", "C0FINANCE1", "C0PARTNER1"
PATIENCE = 20.0


@dataclass
class Slack:
    """What people do and see; every call is one of the page's own."""

    box: Slackbox
    service: Service

    def call(self, name: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.box.url}/_box/{name}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return fetch(request)

    def call_state(self, user: str) -> dict[str, Any]:
        """All that somebody sees."""
        return fetch(urllib.request.Request(f"{self.box.url}/_box/state?user={user}"))

    def messages(self, user: str = BRUNO, channel: str = COSTS) -> list[Message]:
        found: list[Message] = fetch(urllib.request.Request(f"{self.box.url}/_box/state?user={user}"))["messages"].get(channel, [])
        return found

    def home(self, user: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = fetch(urllib.request.Request(f"{self.box.url}/_box/state?user={user}"))["home"]["blocks"]
        return found

    def log(self, kind: str = "", method: str = "") -> list[dict[str, Any]]:
        return [line for line in list(self.box.rig.log) if kind in ("", line["kind"]) and method in ("", line.get("method"))]

    def fault(self, method: str, **how: Any) -> None:
        assert self.call("fault", method=method, **how)["ok"]

    def type(self, text: str, user: str = BRUNO, channel: str = COSTS) -> Message:
        """Type a command and return what is then seen for the first time."""
        with self.new(user, channel) as seen:
            assert self.call("command", user=user, channel=channel, text=text)["acked"]
        return seen[0]

    def ask(self, text: str, user: str = BRUNO, channel: str = COSTS) -> str:
        """What `/cost TEXT` answers, as text."""
        return words(self.type(f"/cost {text}", user, channel))

    def click(self, message: Message, action: str, user: str = BRUNO, channel: str = COSTS, **more: Any) -> dict[str, Any]:
        block = next(block for block in message["blocks"] if block["type"] == "actions")
        where = {"channel": channel, "ts": message["ts"]}
        answer = self.call("interact", user=user, message=where, block_id=block["block_id"], action_id=action, **more)
        if "acked" in answer or not (again := self._moved(message, action, user, channel)):
            return answer
        return self.call("interact", user=user, message=where, block_id=again, action_id=action, **more)

    def _moved(self, message: Message, action: str, user: str, channel: str) -> str | None:
        """Return where a button stands now, if the message was edited between a look and the click."""
        now = next((each for each in self.messages(user, channel) if each["ts"] == message["ts"]), message)
        held = (block for block in now["blocks"] if any(each.get("action_id") == action for each in block.get("elements", ())))
        return next((str(block["block_id"]) for block in held), None)

    def choose(self, message: Message, action: str, label: str, user: str = BRUNO) -> Message:
        """Choose an option of a menu and return the message as it stands after that."""
        menu = next(each for block in message["blocks"] for each in block.get("elements", ()) if each.get("action_id") == action)
        option = next(each for each in menu["options"] if each["text"]["text"] == label)
        assert self.click(message, action, user, selected_option=option)["acked"]
        changed: Message = eventually(
            lambda: next((each for each in self.messages(user) if each["ts"] == message["ts"] and each != message), None)
        )
        return changed

    def share(self, message: Message, user: str = BRUNO, channel: str = COSTS) -> str:
        """Click Share and return what the person is told."""
        with self.new(user, channel, only=lambda each: each["ephemeral"]) as seen:
            assert self.click(message, "share", user, channel)["acked"]
        return words(seen[0])

    @contextmanager
    def new(self, user: str, channel: str = COSTS, only: Callable[[Message], bool] = lambda _: True) -> Iterator[list[Message]]:
        """Yield a list that holds, afterwards, what came to be seen meanwhile."""
        before = {message["ts"] for message in self.messages(user, channel)}
        seen: list[Message] = []
        yield seen
        seen += eventually(lambda: [each for each in self.messages(user, channel) if each["ts"] not in before and only(each)])

    @contextmanager
    def becoming(self, user: str, **changed: Any) -> Iterator[None]:
        """Change a person for a while."""
        users = self.box.world.users
        before = users[user]
        users[user] = replace(before, **changed)
        yield
        users[user] = before

    def again(self, line: dict[str, Any], **how: Any) -> None:
        """Deliver something a second time and wait until the bot has nothing to do any more."""
        self.call("deliver", log_id=line["id"], **how)
        self.settle()

    def settle(self) -> None:
        desk = self.service.slack.desk
        assert eventually(lambda: not desk._open.total())


def fetch(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return {**json.load(error), "status": error.code}


def eventually(question: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true answer; it is a failure when none comes."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, f"nothing within {seconds:g} s"
        time.sleep(0.01)
    return answer


def words(message: Message) -> str:
    """All that is written in a message, as it is read."""
    return html.unescape("\n".join([message["text"], *texts(message["blocks"])]))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["text"]] if isinstance(value.get("text"), str) else [text for each in value.values() for text in texts(each)]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def kinds(message: Message) -> list[str]:
    return [block["type"] for block in message["blocks"]]


def question_id(message: Message) -> str:
    """The id in the small print."""
    return next(str(word) for word in words(message).split() if word.startswith("Q-"))


@contextmanager
def connected(tools: Tools, **settings: Any) -> Iterator[Slack]:
    """The bot on a local Slack of its own, by Socket Mode."""
    kept = tools.settings
    with start(Settings(manifest(), **{"rate_limits": False, **settings})) as box:
        service = Service(with_slack(tools, box), http=False)
        try:
            service.start()
            yield Slack(box, service)
        finally:
            service.stop()
            tools.settings = replace(kept)
