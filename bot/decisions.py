"""Buttons and forms of proposals and alerts: acknowledged at once, done at a desk of their own, and always answered."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.alert_clicks import Alerts
from bot.alert_message import render as render_alert
from bot.anomaly_clicks import ANOMALY, Anomalies
from bot.anomaly_message import render as render_anomaly
from bot.assemble import Tools
from bot.blocks import Message, busy_message
from bot.clicks import Click, click_of, sent_of
from bot.deciding import Acting, Deciding, Done
from bot.decision_forms import PHRASE, REASON, approve_form, deny_form, end_form, missing_in, renew_form, snooze_form, written
from bot.deliveries import delivery_key
from bot.desk import Afterwards, Desk
from bot.groups import TROUBLES, Groups
from bot.message_clicks import Messages
from bot.messenger import Messenger, NotSaidError, reason
from bot.people import Us
from bot.proposal_message import needs_phrase
from bot.proposal_message import render as render_proposal
from bot.proposal_words import people_in
from bot.references import References
from bot.slack_text import Block, section
from finops.errors import UserError
from finops.guard.approvals import phrase_for
from finops.ledger.alert_rows import Alert, message_key
from finops.ledger.alerts import alert
from finops.ledger.anomalies import anomaly
from finops.ledger.outbox import Reference, reference_of
from finops.ledger.proposals import beside_of, proposal
from finops.ledger.taken import take

LOG = logging.getLogger("finops.slack.decisions")
Body = dict[str, Any]
OURS: Final = re.compile(r"(proposal|alert|anomaly|message)\..+")
CLICKS: Final = 4  # at once; they must not wait behind questions, since a form opens within three seconds of its click or never
ACTIONS: Final = 2
LOOKS: Final = 3


@dataclass(frozen=True)
class Surroundings:
    """What decisions work with. `failure` makes a message of a mistake of ours, `show_home` draws the Home tab with a note on it."""

    tools: Tools
    client: WebClient
    us: Us
    messenger: Messenger
    wake: Callable[[], None]
    failure: Callable[[Exception], Message]
    show_home: Callable[[str, str], None]


@dataclass(frozen=True)
class Shown:
    """What a message shows: its id and version now, and the key in the outbox under which its own message stands."""

    id: str
    version: int
    key: str


def shown_of(found: Alert) -> Shown:
    """A listed alert has no message of its own."""
    return Shown(found.id, found.version, message_key(found.number, 0, ""))


class Decisions:
    """Listens to what people decide. One delivery is worked on once, and whoever clicked hears what became of it."""

    def __init__(self, around: Surroundings, acting: Acting | None = None) -> None:
        self.around = around
        self.groups = Groups(around.client, around.us)
        self.deciding = Deciding(around.tools, self.groups, acting)
        self.alerts = Alerts(around.tools, self.groups)
        self.anomalies = Anomalies(around.tools, self.groups)
        self.messages = Messages(around.tools, self.groups, around.wake)
        self.desk = Desk(CLICKS)
        self.acting = Desk(ACTIONS, each=50)
        self.porter = Desk(1, waiting=20, each=1)
        self._refer = References(around.tools.ledger, around.client)
        self._clicks: Mapping[str, Callable[[Click, str], Done | None]] = {
            "proposal.approve": self._approve,
            "proposal.deny": self._deny,
            "proposal.cancel": self.deciding.cancel,
            "proposal.end": self._end,
            "proposal.renew": self._renew,
            "alert.ack": self.alerts.acknowledge,
            "alert.snooze": self._snooze,
            "anomaly.ack": self.anomalies.acknowledge,
            "anomaly.expect": self._expect,
            "anomaly.useless": self.anomalies.useless,
            "anomaly.investigate": self.anomalies.investigate,
            "message.again": self.messages.again,
            "message.all": self.messages.all_again,
            "message.drop": self.messages.drop,
            "message.look": self.messages.look,
        }

    def register(self, bolt: App) -> None:
        bolt.action(OURS)(self.clicked)
        bolt.view(OURS)(self.sent)

    def close(self) -> None:
        self.desk.close()
        self.acting.close()
        self.porter.close(0.5)

    def clicked(self, ack: Ack, body: Body, action: Body) -> None:
        ack()
        click = click_of(body, action)
        self._take(click, delivery_key(body), self._clicks.get(click.action, self.deciding.unknown))

    def sent(self, ack: Ack, body: Body) -> None:
        """A form: what is wrong with it is said in the form itself, while it is still open."""
        view = body["view"]
        click = sent_of(body, str(view["callback_id"]))
        if wrong := missing_in(view) or self._wrong(click, view):
            ack(response_action="errors", errors=wrong)
            return
        ack()
        self._take(click, delivery_key(body), lambda click, request: self._sent(click, view, request))

    def _sent(self, click: Click, view: Body, request: str) -> Done:
        why = written(view, REASON)
        if click.action == "proposal.approve":
            return self.deciding.vote(click, "approve", request, phrase=written(view, PHRASE))
        if click.action == "proposal.deny":
            return self.deciding.vote(click, "deny", request, reason=why)
        if click.action == "proposal.end":
            return self.deciding.end(click, request, why)
        if click.action == "proposal.renew":
            return self.deciding.renew(click, request, why)
        if click.action == "anomaly.expect":
            return self.anomalies.expect(click, request, view)
        return self.alerts.snooze(click, request, view)

    def _wrong(self, click: Click, view: Body) -> dict[str, str]:
        return self.anomalies.wrong_in(view) if click.action == "anomaly.expect" else _wrong_phrase(click, view)

    def _approve(self, click: Click, request: str) -> Done | None:
        found = self.deciding.found(click)
        if found and found.state == "pending" and found.is_intact and needs_phrase(found):
            return self._open(click, approve_form(click, found))
        return self.deciding.vote(click, "approve", request)

    def _deny(self, click: Click, request: str) -> Done | None:
        found = self.deciding.found(click)
        if found and found.state in ("pending", "approved") and found.is_intact:
            return self._open(click, deny_form(click, found))
        return self.deciding.vote(click, "deny", request)

    def _end(self, click: Click, request: str) -> Done | None:
        found = self.deciding.found(click)
        if found and found.state == "active" and found.is_intact:
            return self._open(click, end_form(click, found))
        return self.deciding.late(click, request)

    def _renew(self, click: Click, request: str) -> Done | None:
        found = self.deciding.found(click)
        if found is None or found.state != "active" or not found.is_intact:
            return self.deciding.late(click, request)
        return self.deciding.barred_from_renewing(click, request) or self._open(click, renew_form(click, found))

    def _snooze(self, click: Click, request: str) -> Done | None:
        return self.alerts.wants_form(click, request) or self._open(click, snooze_form(click, click.value))

    def _expect(self, click: Click, request: str) -> Done | None:
        found = self.anomalies.wants_form(click, request)
        return found if isinstance(found, Done) else self._open(click, self.anomalies.form(click, found))

    def _open(self, click: Click, form: Block) -> Done | None:
        """Raises UserError where Slack opens no form any more, so that the click can be repeated."""
        try:
            self.around.client.views_open(trigger_id=click.trigger, view=form)
        except TROUBLES as problem:
            raise UserError(f"Slack did not open the form ({reason(problem)}), so nothing was done; click again") from problem
        return None

    def _take(self, click: Click, request: str, work: Callable[[Click, str], Done | None]) -> None:
        if not self.desk.take(click.user, lambda: self._once(click, request, work)):
            self.porter.take(click.user, lambda: self._tell(click, busy_message()))

    def _once(self, click: Click, request: str, work: Callable[[Click, str], Done | None]) -> None:
        """Do what a click asks for, unless the same delivery came before. Whatever goes wrong, the person hears of it."""
        try:
            if not take(self.around.tools.ledger.engine, request, self.around.tools.now()):
                LOG.info("a click was delivered again; nothing done")
                return
            done = work(click, request)
        except UserError as problem:
            self._tell(click, _message(str(problem)))
        except Exception as problem:  # whatever it was
            self._tell(click, self.around.failure(problem))
        else:
            if done is not None:
                self._finish(click, done)

    def _finish(self, click: Click, done: Done) -> None:
        """Act first, then bring messages up to date, then answer: acting is what somebody waits for."""
        answers = Afterwards()
        if done.is_approved and done.proposal:
            self._act(click, done.proposal.id, answers)
        self.around.wake()
        answers.first(lambda: self._tell(click, done.page or _message(done.said), edits=done.page is not None))
        if done.proposal:
            self._refresh(click, Shown(done.proposal.id, done.proposal.version, f"proposal:{done.proposal.id}"), done)
        elif done.alert:
            self._refresh(click, shown_of(done.alert), done)
        elif done.anomaly:
            self._refresh(click, Shown(done.anomaly.id, done.anomaly.version, done.anomaly.message), done)

    def _act(self, click: Click, identity: str, answers: Afterwards) -> None:
        """Where nobody is free, the job that settles actions carries it out. What came of it is told after the vote's own answer."""

        def act() -> None:
            if came_of_it := self._carry_out(identity):
                answers.then(lambda: self._tell(click, came_of_it))

        if not self.acting.take(click.user, act):
            LOG.warning("%s is left to settle-actions: too much is being carried out at once", identity)

    def _carry_out(self, identity: str) -> Message | None:
        try:
            said = self.deciding.carry_out(identity)
        except UserError as problem:
            return _message(str(problem))
        except Exception as problem:  # whatever it was
            return self.around.failure(problem)
        finally:
            self.around.wake()
        return _message(said) if said else None

    def _tell(self, click: Click, message: Message, *, edits: bool = False) -> None:
        """Tell whoever clicked: where they clicked, or else in a direct message."""
        try:
            if click.place is None:
                return self.around.show_home(click.user, message.text)
            return self.around.messenger.answer(click.place, message, edits=edits)
        except (NotSaidError, *TROUBLES) as problem:
            LOG.warning("a click could not be answered where it was made (%s); answered in a direct message", problem)
        try:
            self.around.messenger.post(click.user, message)
        except NotSaidError as problem:
            LOG.error("a click could not be answered (%s)", problem)

    def _refresh(self, click: Click, shown: Shown, done: Done) -> None:
        """Bring the clicked copy up to date where the outbox does not: a copy of its own, or one whose update was lost.

        What is shown is read again afterwards, so that a newer message is never left under an older one.
        """
        if click.place is None or click.ts is None or click.version is None:
            return
        here = Reference(click.place.channel, click.ts)
        if click.version == shown.version or (not done.is_refused and reference_of(self._engine, shown.key) == here):
            return
        version = None
        for _ in range(LOOKS):
            if (current := self._version(shown.id)) == version:
                return
            version = current
            self._redraw(here, shown.id)

    def _shown_at(self, where: Reference, identity: str) -> str:
        """A proposal may stand in its alert's message, which is then drawn as a whole."""
        alert = beside_of(self._engine, identity) if identity.startswith("P-") else None
        return alert if alert and reference_of(self._engine, f"proposal:{identity}") == where else identity

    def _version(self, identity: str) -> int:
        if ANOMALY.fullmatch(identity):
            return anomaly(self._engine, identity).version
        one = proposal(self._engine, identity) if identity.startswith("P-") else alert(self._engine, identity)
        return one.version

    def _redraw(self, where: Reference, identity: str) -> None:
        shown = self._shown_at(where, identity)
        render = render_anomaly if ANOMALY.fullmatch(shown) else render_proposal if shown.startswith("P-") else render_alert
        content = render(self.around.tools, shown, self._refer)
        blocks = [dict(block) for block in content.blocks]
        try:
            self.around.client.chat_update(channel=where.channel, ts=where.ts, text=content.text, blocks=blocks)
        except TROUBLES as problem:
            LOG.warning("a copy of %s could not be brought up to date (%s)", identity, reason(problem))

    @property
    def _engine(self) -> Any:
        return self.around.tools.ledger.engine


def _wrong_phrase(click: Click, view: Mapping[str, Any]) -> dict[str, str]:
    """Say in the form that the phrase is not the one; the ledger looks at it once more."""
    if click.action != "proposal.approve" or click.named is None:
        return {}
    wanted = phrase_for(*click.named)
    typed = " ".join(written(view, PHRASE).split()).casefold()
    return {} if typed == wanted.casefold() else {PHRASE: f"That is not it. Type: {wanted}"}


def _message(said: str) -> Message:
    text = people_in(f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '!', '?')) else '.'}")
    return Message(text, [section(text, "decision")])
