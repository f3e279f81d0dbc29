"""What a click on a proposal does: who clicked is looked up anew, the ledger judges and records, and the answer is a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.assemble import Tools
from bot.blocks import Message
from bot.clicks import Click
from bot.groups import Clicker, Groups
from finops.errors import UserError
from finops.guard.approvals import Ballot, Decision
from finops.guard.ending import may_end, may_renew
from finops.guard.quorum import needs_of, told
from finops.ledger.alert_rows import Alert
from finops.ledger.anomaly_rows import Stored
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.proposals import Change, Proposal, proposal, standing
from finops.ledger.renewing import renew
from finops.ledger.state import writing
from finops.ledger.voting import cancel, vote

NOT_OURS = "this is no button of finops-bot, so nothing was counted; open the proposal in the channel or on the Home tab"


@dataclass(frozen=True)
class Acting:
    """What moves levers, by a proposal's id; calling it twice does nothing twice. `end` also takes who says so, and why."""

    carry_out: Callable[[str], Change]
    end: Callable[[str, str, str], Change]


@dataclass(frozen=True)
class Done:
    """What became of a click: a sentence for whoever clicked, what it was about after it, and whether that is now to be carried out.

    A `page` takes the place of the one that was clicked, and holds the sentence.
    """

    said: str
    proposal: Proposal | None = None
    is_refused: bool = False
    is_approved: bool = False
    alert: Alert | None = None
    anomaly: Stored | None = None
    page: Message | None = None


class Deciding:
    """Votes, withdrawals and early ends. `acting` is None in a process that moves no levers."""

    def __init__(self, tools: Tools, groups: Groups, acting: Acting | None) -> None:
        self._tools, self._groups, self._acting = tools, groups, acting

    def found(self, click: Click) -> Proposal | None:
        """Return the proposal whose very plan the clicked button showed."""
        if click.named is None:
            return None
        try:
            one = proposal(self._tools.ledger.engine, click.named[0])
        except UserError:
            return None
        return one if one.digest == click.named[1] else None

    def vote(self, click: Click, decision: Decision, request: str, *, phrase: str | None = None, reason: str | None = None) -> Done:
        """Take a vote. Raises UserError where there is no such proposal."""
        if click.named is None:
            return self._refuse(click, NOT_OURS, request)
        if why := self._outsiders(click):
            return self._refuse(click, why, request)
        ballot = Ballot(self._clicker(click).voter, decision, click.named[1], phrase, reason)
        voted = vote(self._tools.ledger.engine, click.named[0], ballot, self._tools.now(), request=request)
        return Done(voted.said, voted.proposal, voted.outcome == "refused", voted.outcome == "approved")

    def cancel(self, click: Click, request: str) -> Done:
        """Take a request back."""

        def move(one: Proposal, clicker: Clicker) -> Done:
            engine, now = self._tools.ledger.engine, self._tools.now()
            change = cancel(engine, one.id, clicker.voter, now, admin=clicker.is_admin, request=request)
            return Done(change.said, change.proposal, not change.happened)

        return self._moved(click, request, move)

    def end(self, click: Click, request: str, reason: str) -> Done:
        """Put back before its time what is in force."""

        def move(one: Proposal, clicker: Clicker) -> Done:
            why = may_end(one.policy, one.request, clicker.voter, admin=clicker.is_admin)
            if why is None and self._acting is None:
                why = f"nothing in this process moves levers, so {one.id} stays; see docs/actions.md"
            if why or self._acting is None:
                return self._refuse(click, why or "", request)
            change = self._acting.end(one.id, click.user, reason)
            return Done(change.said, change.proposal, is_refused=not change.happened)

        return self._moved(click, request, move)

    def renew(self, click: Click, request: str, reason: str) -> Done:
        """Ask that what is in force goes on; those who decided about it decide again, and not whoever asks."""

        def move(one: Proposal, clicker: Clicker) -> Done:
            if why := may_renew(one.policy, one.request, clicker.voter):
                return self._refuse(click, why, request)
            try:
                person = clicker.voter
                change = renew(self._tools.ledger.engine, one.id, click.user, self._tools.now(), reason, actor_identity=person.identity)
            except UserError as problem:
                return self._refuse(click, str(problem), request)
            if not change.happened:
                return self._refuse(click, change.said, request)
            needed = told(needs_of(one.policy, one.owner))
            said = f"{change.proposal.id} is proposed, so that {one.id} goes on; it takes {needed}, and somebody else than you"
            return Done(said, proposal(self._tools.ledger.engine, one.id))

        return self._moved(click, request, move)

    def barred_from_renewing(self, click: Click, request: str) -> Done | None:
        """Return why no form is to be opened for this click; None where one is."""

        def look(one: Proposal, clicker: Clicker) -> Done:
            why = may_renew(one.policy, one.request, clicker.voter)
            return self._refuse(click, why, request) if why else Done("")

        done = self._moved(click, request, look)
        return done if done.is_refused else None

    def late(self, click: Click, request: str) -> Done:
        """Refuse what fits the state no more, and say how it stands."""
        return self._moved(click, request, lambda one, _: self._refuse(click, f"{standing(one)}; your click changed nothing", request))

    def unknown(self, click: Click, request: str) -> Done:
        return self._refuse(click, NOT_OURS, request)

    def carry_out(self, identity: str) -> str | None:
        """Carry an approved proposal out, and return what came of it; None where something else does it."""
        return self._acting.carry_out(identity).said if self._acting else None

    def _moved(self, click: Click, request: str, move: Callable[[Proposal, Clicker], Done]) -> Done:
        """Do `move` for a click on this very plan by somebody of ours; anything else is refused and recorded."""
        one = self.found(click)
        if click.named is None or one is None:
            return self._refuse(click, NOT_OURS, request)
        if why := self._outsiders(click):
            return self._refuse(click, why, request)
        return move(one, self._clicker(click))

    def _outsiders(self, click: Click) -> str | None:
        return self._groups.outsiders(click.place.channel) if click.place else None

    def _clicker(self, click: Click) -> Clicker:
        return self._groups.clicker(click.user, self._deciding(click))

    def _deciding(self, click: Click) -> tuple[str, ...]:
        """Return the names of all whom the proposal lets decide, or keeps from it."""
        one = self.found(click)
        if one is None:
            return ()
        owner = (one.owner,) if one.owner and one.policy.excludes_owner else ()
        return (*(need.group for need in needs_of(one.policy, one.owner)), *owner)

    def _refuse(self, click: Click, why: str, request: str) -> Done:
        """Put on record a click that no vote came of."""
        thing = click.named[0] if click.named else click.value[:40] or "no proposal"
        detail = {"asked": click.action.rpartition(".")[2][:40], "value": click.value[:100]}
        with writing(self._tools.ledger.engine) as tx:
            record(tx, self._tools.now(), click.user, "proposal.refused", thing, detail, Stamp("click", reason=why, request=request))
        return Done(why, self.found(click), is_refused=True)
