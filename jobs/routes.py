"""What a route out is: it takes a parcel, and says where it stands, or in which of three ways it failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol

from finops.errors import FinopsError
from finops.ledger.outbox import Letter, Reference
from finops.telling.drawings import Drawing

LATE: Final = timedelta(minutes=5)  # later than this is told


class NotSentError(FinopsError):
    """It certainly did not go out, and may at another time: after `wait`, where the other side said so. `is_down`: nothing else would."""

    def __init__(self, why: str, *, wait: timedelta | None = None, is_down: bool = False) -> None:
        super().__init__(why)
        self.wait, self.is_down = wait, is_down


class LostError(FinopsError):
    """It was sent and the answer lost: it may be out. `is_down`: the answers of others would be lost too."""

    def __init__(self, why: str, *, is_down: bool = False) -> None:
        super().__init__(why)
        self.is_down = is_down


class RefusedError(FinopsError):
    """It will never go out this way. `plainly`: the place is right and what was to be said is not, so that its text alone may do."""

    def __init__(self, why: str, *, plainly: bool = False) -> None:
        super().__init__(why)
        self.plainly = plainly


@dataclass(frozen=True)
class Content:
    """What a message says: to everybody in `text`, to Slack in `blocks`, to machines in `event`.

    `event` may hold action (trigger, acknowledge, resolve), severity, dedup_key, summary, details and links; what is missing
    is made of the text. A `drawing` is posted to Slack as a picture below the first block.
    """

    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    event: Mapping[str, Any] = field(default_factory=dict)
    drawing: Drawing | None = None

    @property
    def plain(self) -> str:
        """The text for those who read no Slack: without its escapes."""
        return self.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@dataclass(frozen=True)
class Parcel:
    """A letter ready to go. `about` is the message it edits or replies to, `late` how much later than wanted it goes."""

    letter: Letter
    content: Content
    about: Reference | None = None
    late: timedelta = timedelta()

    def remarks(self, *, may_repeat: bool = False) -> list[str]:
        """Return what the reader must know of how this came: late, or perhaps twice."""
        said = [f"Delivered {span(self.late)} late."] if self.late >= LATE else []
        repeated = "This may be a repeat: the answer to the first attempt was lost."
        return said + ([repeated] if may_repeat else [])


class Route(Protocol):
    """A way out. A parcel whose letter has doubts may be out already: the route finds out, or says it so that a repeat is harmless.

    Raises NotSentError, LostError or RefusedError.
    """

    def send(self, parcel: Parcel) -> Reference | None: ...


def span(time: timedelta) -> str:
    """Tell how long: `12 min`, `2 h`, `3 days`."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
