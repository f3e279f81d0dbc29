"""Try again and Let it go, under the list of messages that did not arrive: for those who run the workspace."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from bot.assemble import Tools
from bot.blocks import Message
from bot.clicks import Click
from bot.deciding import Done
from bot.groups import Groups
from bot.messages_message import GIVEN_UP, page, page_for_others
from bot.proposal_words import people_in
from finops.errors import UserError
from finops.guard.approvals import NOT_A_MEMBER
from finops.ledger import outbox
from finops.ledger.audit import Stamp
from finops.ledger.outbox_again import Again, came_of, let_go, refuse, try_again, try_all_again
from finops.ledger.outbox_unsent import Piles, unsent
from finops.telling.delivery_words import sentence

VALUE: Final = re.compile(r"(M-[1-9][0-9]{0,8})\|([0-9]{1,9})")
OPEN: Final = frozenset(outbox.OPEN)
LOOKS, BETWEEN = 10, 0.15  # seconds between; other clicks wait meanwhile, so not for long
NO_BUTTON: Final = "this is no button of finops-bot, so nothing was done; /cost messages draws the list anew"
ADMINS_ONLY: Final = "only admins of this workspace have messages sent again, so nothing was done; ask one of them"


class Messages:
    """What a click on a message that did not arrive does; the list is drawn anew with what came of it."""

    def __init__(self, tools: Tools, groups: Groups, wake: Callable[[], None], sleep: Callable[[float], None] = time.sleep) -> None:
        self._tools, self._groups, self._wake, self._sleep = tools, groups, wake, sleep

    def shown_to(self, user: str, piles: Piles) -> Message:
        """Return the list for whoever asked: where Slack does not say who runs the workspace, without buttons."""
        return page(piles, self._tools.now()) if self._groups.clicker(user, ()).is_admin else page_for_others(piles)

    def again(self, click: Click, request: str) -> Done:
        return self._one(
            click, request, lambda name, seen, stamp: try_again(self._engine, name, self._tools.now(), click.user, seen=seen, stamp=stamp)
        )

    def drop(self, click: Click, request: str) -> Done:
        return self._one(
            click, request, lambda name, seen, stamp: let_go(self._engine, name, self._tools.now(), click.user, seen=seen, stamp=stamp)
        )

    def all_again(self, click: Click, request: str) -> Done:
        """Those that had been given up when the list was drawn."""
        until = _instant(click.value)
        if why := self._barred(click) or (None if until else NO_BUTTON):
            return self._refuse(click, why, request)
        assert until is not None
        return self._done(try_all_again(self._engine, until, self._tools.now(), click.user, stamp=_stamp(request)))

    def look(self, click: Click, request: str) -> Done:
        """Draw the list anew."""
        if why := self._barred(click):
            return self._refuse(click, why, request)
        return Done("", page=self._page())

    def _one(self, click: Click, request: str, work: Callable[[str, int, Stamp], Again]) -> Done:
        named = VALUE.fullmatch(click.value)
        if why := self._barred(click) or (None if named else NO_BUTTON):
            return self._refuse(click, why, request)
        assert named is not None
        try:
            return self._done(work(named[1], int(named[2]), _stamp(request)))
        except UserError as problem:  # it was settled so long ago that it was forgotten
            return Done(str(problem), page=self._page(str(problem)))

    def _done(self, came: Again) -> Done:
        """Send at once, and wait a moment: whoever clicked wants to know what came of it."""
        said = sentence(came.said(self._came_of(came.again) if came.again else {}))
        return Done(said, page=self._page(said))

    def _came_of(self, names: Sequence[str]) -> dict[str, str]:
        self._wake()
        for _ in range(LOOKS):
            states = came_of(self._engine, names)
            if not OPEN.intersection(states.values()):
                break
            self._sleep(BETWEEN)
        return states

    def _page(self, note: str = "") -> Message:
        return page(unsent(self._engine, GIVEN_UP), self._tools.now(), people_in(note))

    def _barred(self, click: Click) -> str | None:
        clicker = self._groups.clicker(click.user, ())
        if clicker.voter.account != "member":
            return NOT_A_MEMBER[clicker.voter.account]
        return None if clicker.is_admin else ADMINS_ONLY

    def _refuse(self, click: Click, why: str, request: str) -> Done:
        thing = click.value.partition("|")[0][:40] or "no message"
        detail = {"asked": click.action.rpartition(".")[2][:40], "value": click.value[:100]}
        refuse(self._engine, thing, self._tools.now(), click.user, detail, _stamp(request, why))
        return Done(why, is_refused=True)

    @property
    def _engine(self) -> Any:
        return self._tools.ledger.engine


def _stamp(request: str, why: str | None = None) -> Stamp:
    return Stamp("click", reason=why, request=request)


def _instant(value: str) -> datetime | None:
    """Return the instant a button carries; None for what none of ours does."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None
