"""`finops-bot messages`: what did not arrive, and having it tried again, for whoever runs it."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bot.told import Told
from finops.errors import UserError, meant

if TYPE_CHECKING:
    from bot.assemble import Tools
    from finops.ledger.outbox_again import Again

ACTOR: Final = "terminal"
DOING: Final = ("retry", "drop")
HOW: Final = "A finops-bot that runs sends it within seconds; finops-bot job deliver-outbox does so now."


def messages_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the list, `retry` and `drop`."""
    parser.add_argument("words", nargs="*", metavar="retry|drop M-17", help="have one tried again, or let one go that nobody needs")
    parser.add_argument("--failed", action="store_true", help="list only what was given up")
    parser.add_argument("--all", action="store_true", help="with retry: all that was given up")


def messages(options: argparse.Namespace, tools: "Tools") -> Told:
    """List, or do what was asked for. Raises UserError for what is neither."""
    doing = _doing(options.words, every=options.all, failed=options.failed)
    if doing is None:
        return _listed(tools, failed=options.failed)
    return _told(_done(tools, *doing))


def _doing(words: Sequence[str], *, every: bool, failed: bool) -> tuple[str, str | None] | None:
    """Return what is to be done with which message, None of them for all; None where they are only listed."""
    if not words:
        if every:
            raise UserError("--all says of what to try that it is all; write finops-bot messages retry --all")
        return None
    verb, *names = words
    if verb not in DOING:
        raise UserError(
            f"'{verb[:40]}' is nothing that can be done with messages; use retry or drop, or nothing to list them.{meant(verb, DOING)}"
        )
    if failed:
        raise UserError(f"--failed is for the list; {verb} takes a message, such as {verb} M-17")
    if every and (names or verb == "drop"):
        raise UserError("drop takes one message at a time" if verb == "drop" else f"retry takes --all or {names[0][:40]}, not both")
    if not every and len(names) != 1:
        many = "one message at a time" if names else "a message, such as M-17"
        raise UserError(f"{verb} takes {many}{', or --all' if verb == 'retry' else ''}; finops-bot messages lists them")
    return verb, None if every else names[0]


def _listed(tools: "Tools", *, failed: bool) -> Told:
    from bot.messages_verb import listed

    page = listed(tools, failed=failed)
    return Told((page.title, "", *page.lines, *(f"\n{text}" for text in page.tables())), page.document)


def _done(tools: "Tools", verb: str, name: str | None) -> "Again":
    """Raises UserError where nothing came of it."""
    from finops.ledger.outbox_again import let_go, try_again, try_all_again

    engine, now = tools.ledger.engine, tools.now()
    if name is None:
        return try_all_again(engine, now, now, ACTOR)
    done = (try_again if verb == "retry" else let_go)(engine, name, now, ACTOR)
    if done.late:
        raise UserError(f"{done.late}; only what was given up can be tried again or let go, and finops-bot messages lists that")
    return done


def _told(done: "Again") -> Told:
    from finops.telling.delivery_words import sentence

    lines = [sentence(done.said()), *([HOW] if done.again else [])]
    return Told(tuple(lines), {"again": done.again, "dropped": done.dropped, "left": done.left})
