"""Everything the workspace knows: people, channels, messages, files and views. Changed by one thread only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Clock:
    """The time of this Slack: a given clock that can be moved."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._source() + self._offset

    def set(self, now: float) -> None:
        """Make it `now`; it goes on from there as its source does."""
        self._offset = now - self._source()

    def advance(self, seconds: float) -> None:
        """Move it on (or back)."""
        self._offset += seconds


@dataclass(frozen=True)
class User:
    """A person or the bot; `team` differs from the workspace's for people of another company."""

    id: str
    name: str
    real_name: str
    role: str  # admin | member | guest | external | bot
    team: str
    email: str = ""
    title: str = ""
    deleted: bool = False
    color: str = "4a7ba6"
    tz: str = "Europe/Zurich"


@dataclass
class Usergroup:
    """A named set of people, as `@handle` mentions it."""

    id: str
    handle: str
    name: str
    users: list[str]


@dataclass
class Channel:
    """A place to talk; `external` means people of another workspace are in it."""

    id: str
    name: str
    kind: str  # public | private | im
    members: list[str]
    topic: str = ""
    external: bool = False
    archived: bool = False
    created: float = 0.0
    read: dict[str, str] = field(default_factory=dict)  # user -> newest ts that user has acted after


@dataclass
class Message:
    """One message; `only_for` is set when it is ephemeral."""

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    edited: str | None = None
    only_for: str | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, dict[str, Any]] = field(default_factory=dict)  # user -> block_id -> action_id -> value

    def seen_by(self, user: str) -> bool:
        """Ephemeral messages exist for one person."""
        return self.only_for in (None, user)


@dataclass
class File:
    """An upload on its way from ticket to bytes to file."""

    id: str
    name: str
    length: int
    alt_txt: str
    upload_token: str
    owner: str
    title: str = ""
    content: bytes | None = None
    completed_at: float | None = None
    channels: list[str] = field(default_factory=list)


@dataclass
class View:
    """A modal or Home tab as one user has it before them."""

    id: str
    user: str
    payload: dict[str, Any]
    hash: str
    root: str
    previous: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """What Slack itself tells one user, in grey."""

    id: str
    user: str
    channel: str | None
    text: str
    at: float


@dataclass
class World:
    """The state of one workspace; `revision` grows with every visible change."""

    team_id: str
    team_name: str
    domain: str
    app_id: str
    bot_user: str
    bot_id: str
    clock: Clock
    users: dict[str, User] = field(default_factory=dict)
    usergroups: dict[str, Usergroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    stacks: dict[str, list[View]] = field(default_factory=dict)  # user -> modals, top last
    homes: dict[str, View] = field(default_factory=dict)
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)  # (channel, thread) -> "is thinking…"
    notices: list[Notice] = field(default_factory=list)
    revision: int = 0
    watchers: list[Callable[[], None]] = field(default_factory=list)
    counter: int = 0
    last_ts: float = 0.0

    def changed(self) -> None:
        """Tell whoever draws this world."""
        self.revision += 1
        for watcher in list(self.watchers):
            watcher()

    def new_id(self, prefix: str) -> str:
        """An id of Slack's form, never given twice."""
        self.counter += 1
        return f"{prefix}0BX{base36(self.counter).zfill(7)}"

    def new_ts(self) -> str:
        """The clock as a message's name: unique and growing, even when the clock stands."""
        self.last_ts = max(self.clock.now(), self.last_ts + 0.000001)
        return f"{self.last_ts:.6f}"

    def add(self, message: Message) -> Message:
        """Post it, with ids for the blocks and elements that have none."""
        name_blocks(self, message.blocks)
        self.messages.setdefault(message.channel, []).append(message)
        self.changed()
        return message

    def find(self, channel: str, ts: str) -> Message | None:
        """The message of that name."""
        return next((each for each in self.messages.get(channel, []) if each.ts == ts), None)

    def remove(self, message: Message) -> None:
        """Delete it."""
        self.messages[message.channel].remove(message)
        self.changed()

    def replies(self, channel: str, ts: str) -> list[Message]:
        """What stands in a thread under its first message, ephemerals aside."""
        return [each for each in self.messages.get(channel, []) if each.thread_ts == ts and each.ts != ts and each.only_for is None]

    def view(self, view_id: str) -> View | None:
        """A modal or Home tab by id."""
        return next((each for each in self.all_views() if each.id == view_id), None)

    def all_views(self) -> Iterator[View]:
        """Every open view of every user."""
        for stack in self.stacks.values():
            yield from stack
        yield from self.homes.values()

    def tell(self, user: str, channel: str | None, text: str) -> None:
        """Show a notice of Slack's own to one user."""
        self.notices.append(Notice(self.new_id("N"), user, channel, text, self.clock.now()))
        self.changed()

    def person(self, name: str) -> User:
        """A user by name, as tests and demos speak of them."""
        return next(each for each in self.users.values() if each.name == name)

    def dm(self, user: str) -> Channel | None:
        """The direct messages of a user with the bot."""
        return next((each for each in self.channels.values() if each.kind == "im" and set(each.members) == {user, self.bot_user}), None)


def base36(number: int) -> str:
    """A number in the alphabet of Slack's ids."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = ALPHABET[digit] + digits
    return digits or "0"


def name_blocks(world: World, blocks: list[dict[str, Any]]) -> None:
    """Give each block and interactive element the id that Slack gives when the app did not."""
    for block in blocks:
        block.setdefault("block_id", world.new_id("b"))
        name_blocks(world, block.get("child_blocks", []))
        for element in elements(block):
            if element.get("type") not in ("image", "plain_text", "mrkdwn"):
                element.setdefault("action_id", world.new_id("a"))


def elements(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The elements directly in a block that a person may act on, and the images beside them."""
    if block.get("type") in ("actions", "context_actions", "context"):
        yield from block.get("elements", [])
    for place in ("accessory", "element"):
        if isinstance(block.get(place), dict):
            yield block[place]
    if block.get("type") == "card":
        yield from block.get("actions", [])
    if block.get("type") == "carousel":
        for card in block.get("elements", []):
            yield from card.get("actions", [])
    if block.get("type") == "data_table":
        yield from (cell for row in block.get("rows", []) for cell in row if cell.get("type") == "button")
