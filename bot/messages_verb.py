"""`/cost messages`: what was to be told and was not, or not for certain: what waits, what may have arrived, what was given up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError, close_to, meant
from finops.ledger.outbox_unsent import Pile, Piles, Unsent, unsent
from finops.telling.answer_json import moment
from finops.telling.delivery_words import FATES, help_for, many
from finops.telling.grids import Cell, Grid, name_cell
from finops.telling.names import clean, cut

TITLE: Final = "Messages that did not arrive"
ALL_WELL: Final = "Everything that was to be told has arrived."
HOW: Final = "finops-bot messages retry {0}, or retry --all, has them tried again; messages drop {0} lets one go that nobody needs."
HEAD: Final = ("message", "about", "to", "since", "tried", "how it stands")
WERE: Final = ("was given up", "were given up")  # one of them, and several
MAY: Final = ("may have arrived and is looked for", "may have arrived and are looked for")
WAIT: Final = ("waits", "wait")
LISTED: Final = 50
LONGEST: Final = 60
LONGEST_WHY: Final = 160
MAYBE: Final = "may have arrived: "
WORDS: Final = ("failed",)
NOTHING: Final = Piles(*(Pile((), 0),) * 3)


@dataclass(frozen=True)
class MessagesReply(TextReply):
    """The list in lines, and as it was found, for Slack lays it out with buttons for those who run the workspace."""

    piles: Piles = NOTHING


def messages_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """All that did not arrive; `messages failed` leaves out what may still do so by itself. Raises QueryError for other words."""
    word = rest.strip().lower()
    if word and word not in WORDS:
        raise QueryError(
            _not_of_messages(rest.strip()), suggestion="messages", did_you_mean=("messages failed",) * bool(close_to(word, WORDS))
        )
    return listed(tools, failed=bool(word))


def _not_of_messages(said: str) -> str:
    first = said.lower().split()[0]
    if close_to(first, ("retry", "again", "drop", "resend")):
        return f"messages only lists; to {first[:20]} one use its buttons, or finops-bot messages retry and drop in a terminal"
    return f"messages takes nothing, or 'failed', not '{said[:80]}'.{meant(said, WORDS)}"


def listed(tools: Tools, *, failed: bool = False) -> MessagesReply:
    """Return what did not arrive; with `failed` only what was given up."""
    piles = unsent(tools.ledger.engine, LISTED)
    lines = [summary(piles), *(line for one in piles.given_up.letters for line in _lines(one)), *_more(piles.given_up)]
    lines += [HOW.format(one.id) for one in piles.given_up.letters[:1]]
    going = () if failed else (*piles.ambiguous.letters, *piles.waiting.letters)
    grid = Grid("On their way", HEAD, tuple(map(_row, going))) if going else None
    return MessagesReply(TITLE, tuple(lines), document(piles, failed=failed), grid=grid, piles=piles)


def summary(piles: Piles) -> str:
    """Count them in a sentence."""
    told = ((piles.given_up, WERE), (piles.ambiguous, MAY), (piles.waiting, WAIT))
    said = [(pile.total, one if pile.total == 1 else more) for pile, (one, more) in told if pile.total]
    parts = [f"{many(number) if place == 0 else f'{number:,}'} {words}" for place, (number, words) in enumerate(said)]
    return f"{', '.join(parts)}." if parts else ALL_WELL


def _lines(one: Unsent) -> list[str]:
    """A message that was given up: what, why, and what to do."""
    told = f"{one.id}: {about(one)} → {one.route}, given up {_at(one.settled_at)} after {many(one.attempts, 'attempt')}: {clean(one.error)}"
    return [told, *(f"   {line}" for line in remarks(one))]


def remarks(one: Unsent) -> list[str]:
    """Say what to do about it, what was told instead, and what goes with it."""
    lines = [f"Not needed any more: {one.needless}." if one.needless else f"To do: {help_for(one.error, one.route)}."]
    lines += [f"Told instead by {route}{'' if state == 'sent' else f', which {FATES[state]}'}." for route, state in one.instead]
    lines += [f"{many(one.along, 'edit')} of it {'goes' if one.along == 1 else 'go'} with it."] if one.along else []
    return lines


def about(one: Unsent) -> str:
    """Name what a message tells of."""
    title = cut(clean(_plain(one.title)), 120).rstrip(".")
    return f"{clean(one.about)}{f' · {title}' if title else ''}{' (edit)' if one.kind == 'update' else ''}"


def _plain(text: str) -> str:
    """A text of ours is kept as Slack takes it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def how_it_stands(one: Unsent, clock: Callable[[datetime], str] | None = None) -> str:
    """Say what happens next with a message that is on its way; `clock` writes a moment."""
    told = clock or _at
    if one.state == "sending":
        return "is being sent"
    if not one.attempts and one.due_at:
        return f"waits for {told(one.due_at)}"
    again = [f"{'looked for' if one.state == 'ambiguous' else 'tried'} again {told(one.again_at)}"] if one.again_at else []
    why = [cut(clean(one.error), LONGEST_WHY)] if one.error else ["is looked for" if one.state == "ambiguous" else "waits for its turn"]
    return ", ".join(why + again)


def _row(one: Unsent) -> tuple[Cell, ...]:
    tried = Cell(str(one.attempts), float(one.attempts))
    return (
        Cell(one.id),
        name_cell(about(one), LONGEST),
        Cell(one.route),
        Cell(_at(one.at)),
        tried,
        Cell(f"{MAYBE if one.state == 'ambiguous' else ''}{how_it_stands(one)}"),
    )


def _more(pile: Pile) -> list[str]:
    return [f"… and {many(pile.rest)} more that were given up."] if pile.rest else []


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else "–"


def document(piles: Piles, *, failed: bool = False) -> dict[str, Any]:
    """The same for scripts: how many there are in all, and the first of them."""
    fates = {"given_up": piles.given_up} if failed else {"given_up": piles.given_up, "ambiguous": piles.ambiguous, "waiting": piles.waiting}
    return {"total": {name: pile.total for name, pile in fates.items()}} | {
        name: list(map(_one, pile.letters)) for name, pile in fates.items()
    }


def _one(one: Unsent) -> dict[str, Any]:
    is_given_up = one.state == "dead"
    return {
        "id": one.id,
        "key": one.key,
        "about": one.about,
        "title": clean(_plain(one.title)) or None,
        "kind": one.kind,
        "route": one.route,
        "state": one.state,
        "written_at": moment(one.at),
        "due_at": _moment(one.due_at),
        "again_at": None if is_given_up else _moment(one.again_at),
        "given_up_at": _moment(one.settled_at) if is_given_up else None,
        "attempts": one.attempts,
        "error": one.error or None,
        "help": help_for(one.error, one.route) if is_given_up and not one.needless else None,
        "needless": one.needless,
        "told_instead": [{"route": route, "state": state} for route, state in one.instead],
        "edits": one.along,
    }


def _moment(instant: datetime | None) -> str | None:
    return moment(instant) if instant else None
