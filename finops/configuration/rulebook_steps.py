"""What a rule does once it fires: steps in order, and playbooks, which are such steps under a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from finops.configuration import shapes
from finops.configuration.fields import Fields, as_text, as_texts, entries, fields, nearest, one_of, read
from finops.configuration.levers import GATEWAY, LEVERS, RISKS, SHORT_LEVERS, LeverForm
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_channel, as_duration, as_place, many
from finops.configuration.rulebook_sections import Once, Scope, scope_of
from finops.configuration.shapes import Shape, Shapes
from finops.guard.plans import Risk
from finops.yamlfile import Node, Table

LASTS: Final = timedelta(hours=24)
LONGEST: Final = timedelta(days=31)
WORDS: Final = (*LEVERS, GATEWAY, *SHORT_LEVERS)
PLACES: Final = shapes.one_or_many(shapes.TEXT)

PROPOSE: Final[Shapes] = {
    "lever": Shape(shapes.one_of(WORDS), "What is to be moved.", needed=True),
    "for": Shape(shapes.DURATION, "How long the effect stays; 24h without it."),
    "risk": Shape(shapes.one_of(RISKS), "How much it may harm; the lever's own without it."),
    "targets": Shape(shapes.one_or_many(shapes.TEXT), "The exact things to move; those of the finding without it."),
    "scope": Shape(shapes.SCOPE, "Whose requests, for a gateway lever; those of the finding without it."),
}
PARAMETERS: Final[Shapes] = {
    name: Shape(parameter.schema, f"{lever}: {parameter.about}")
    for lever, form in LEVERS.items()
    for name, parameter in form.parameters.items()
}
NOTIFY: Final[Shapes] = {
    "to": Shape(PLACES, 'Whom: owner, channel, "#name", "@name", pagerduty, email:ADDRESS, webhook:NAME.', needed=True),
}
WAR_ROOM: Final[Shapes] = {
    "channel": Shape(shapes.TEXT, "The channel to open the thread in, in quotes."),
    "thread": Shape(shapes.FLAG, "true opens it under the alert's own message."),
}
STEP: Final[Shapes] = {
    "notify": Shape(shapes.either(PLACES, shapes.table(NOTIFY)), "Tell somebody."),
    "tell": Shape(PLACES, "The same as notify."),
    "propose": Shape(shapes.table({**PROPOSE, **PARAMETERS}), "Propose an action; it waits until enough people agree."),
    "war_room": Shape(shapes.either(shapes.TEXT, shapes.table(WAR_ROOM)), "Open a thread to work in: a channel, or thread."),
    "playbook": Shape(shapes.TEXT, "The steps of a playbook, at this place."),
}
ONE_STEP: Final = shapes.either(shapes.table(STEP, single=True), shapes.table({**PROPOSE, **PARAMETERS}))
STEPS: Final = shapes.either(shapes.TEXT, ONE_STEP, shapes.list_of(shapes.either(shapes.TEXT, ONE_STEP)))


@dataclass(frozen=True)
class Notify:
    """Tell each of `to`: owner, channel (the budget's), #name, @name, pagerduty, email, email:ADDRESS or webhook:NAME."""

    kind: ClassVar[str] = "notify"
    to: tuple[str, ...]


@dataclass(frozen=True)
class Propose:
    """Propose to move `lever`; `parameters` are plain JSON, decimals as texts.

    Without `targets` they are those of the finding. A gateway lever works on `scope`, else on the finding's. The effect
    ends by itself after `lasts`.
    """

    kind: ClassVar[str] = "propose"
    lever: str
    parameters: Mapping[str, Any]
    lasts: timedelta = LASTS
    risk: Risk = "medium"
    targets: tuple[str, ...] = ()
    scope: Scope = ()


@dataclass(frozen=True)
class WarRoom:
    """Open one thread to work in: in `channel`, else under the alert's own message."""

    kind: ClassVar[str] = "war_room"
    channel: str | None = None


Step = Notify | Propose | WarRoom


@dataclass(frozen=True)
class Playbook:
    """Steps by a name, for rules and budgets that do the same."""

    name: str
    steps: tuple[Step, ...]


Playbooks = Mapping[str, Playbook]


def playbooks_of(section: Node | None, problems: Problems) -> tuple[Playbook, ...]:
    """Read playbooks by name; one cannot hold another, so that what happens is read in one place."""
    once = Once(problems)
    read_in = []
    for entry in entries(section, problems, "playbooks"):
        once.add(entry.name.casefold(), entry.key, f"a playbook named {shown(entry.name)}")
        if entry.value.value in (None, ()):
            problems.note(entry.key.file, entry.key.line, f"the playbook {shown(entry.name)} has no steps")
            continue
        steps, _ = steps_of(entry.value, None, problems)
        read_in.append(Playbook(entry.name, steps))
    return tuple(sorted(read_in, key=lambda playbook: playbook.name))


def steps_of(node: Node, playbooks: Playbooks | None, problems: Problems) -> tuple[tuple[Step, ...], str | None]:
    """Return the steps in order, and the name of the playbook where they are those of one; None as `playbooks` allows none."""
    if isinstance(node.value, tuple):
        return tuple(step for item in node.value for step in steps_of(item, playbooks, problems)[0]), None
    named = node if not isinstance(node.value, Table) else node.value.get("playbook")
    if named is None:
        step = _step(node, problems)
        return ((step,) if step else ()), None
    if isinstance(node.value, Table):
        Fields(node.value, node, ("playbook",), problems, "a step")
    name = read(named, as_text, "a playbook", problems)
    return (_from_playbook(named, name, playbooks, problems) if name else ()), name


def _from_playbook(node: Node, name: str, playbooks: Playbooks | None, problems: Problems) -> tuple[Step, ...]:
    if playbooks is None:
        problems.note(node.file, node.line, f"a playbook cannot hold another one; write the steps of {shown(name)} out")
        return ()
    if name.casefold() not in playbooks:
        problems.note(
            node.file, node.line, f"no playbook is named {shown(name)}{nearest(name, [each.name for each in playbooks.values()])}"
        )
        return ()
    return playbooks[name.casefold()].steps


def _step(node: Node, problems: Problems) -> Step | None:
    """Read one step: a word for what to do, or the fields of a proposal by themselves."""
    if isinstance(node.value, Table) and node.value.get("lever"):
        return _propose(node, problems)
    row = fields(node, STEP, problems, "a step")
    if row is None:
        return None
    given = [name for name in STEP if row.raw(name)]
    if len(given) != 1:
        said = f"says both '{given[0]}' and '{given[1]}'; write two steps" if given else f"needs one of {', '.join(STEP)}"
        row.wrong(f"a step {said}{_lost_hash(row)}")
        return None
    inner = row.raw(given[0])
    return READERS[given[0]](inner, problems) if inner else None


def _lost_hash(row: Fields) -> str:
    empty = next((name for name in STEP if row.is_empty(name)), None)
    return f"; '{empty}' is empty, and a name that begins with '#' needs quotes" if empty else ""


def _notify(node: Node, problems: Problems) -> Notify | None:
    places: tuple[str, ...] | None
    if isinstance(node.value, Table):
        places = Fields(node.value, node, NOTIFY, problems, "'notify'").need("to", many(as_place))
    else:
        places = read(node, many(as_place), "'notify'", problems)
    return Notify(places) if places else None


def _war_room(node: Node, problems: Problems) -> WarRoom | None:
    if not isinstance(node.value, Table):
        if node.text == "thread":
            return WarRoom()
        channel = read(node, as_channel, "'war_room'", problems)
        return WarRoom(channel) if channel else None
    row = Fields(node.value, node, WAR_ROOM, problems, "'war_room'")
    if row.raw("channel") and row.raw("thread"):
        row.wrong("'war_room' opens one thread: give 'channel' or 'thread', not both")
    return WarRoom(row.get("channel", as_channel))


def _propose(node: Node, problems: Problems) -> Propose | None:
    given = fields(node, None, problems, "'propose'")
    word = given.need("lever", one_of(WORDS)) if given else None
    lever = _lever(given, word) if given and word else None
    if lever is None:
        return None
    form = LEVERS[lever]
    row = fields(node, (*PROPOSE, *form.parameters), problems, "'propose'")
    assert row is not None  # `given` was read from the same table
    parameters = {name: value for name, each in form.parameters.items() if (value := row.get(name, each.read)) is not None}
    _tell_missing(row, lever, form)
    lasts = row.get("for", as_duration) or LASTS
    if lasts > LONGEST:
        row.wrong(f"'for' is longer than {LONGEST.days} days; an effect that stays is a decision of its own", at="for")
    risk = cast(Risk, row.get("risk", one_of(RISKS)) or form.risk)
    targets, scope = row.get("targets", as_texts) or (), scope_of(row.raw("scope"), problems)
    if targets and lever.startswith("gateway."):
        row.wrong("a gateway lever works on requests, not on 'targets'; give it a 'scope'", at="targets")
    return Propose(lever, parameters, lasts, risk, targets, scope)


def _lever(row: Fields, word: str) -> str | None:
    """Return the lever's full name; `gateway` is the one its parameters belong to."""
    if word != GATEWAY:
        return SHORT_LEVERS.get(word, word)
    known = {name: lever for lever, form in LEVERS.items() if lever.startswith("gateway.") for name in form.parameters}
    lever = next((lever for name, lever in known.items() if row.raw(name)), None)
    if lever is None:
        row.wrong(f"'gateway' needs one of {', '.join(known)}; to refuse every request write 'lever: gateway.block'", at="lever")
    return lever


def _tell_missing(row: Fields, lever: str, form: LeverForm) -> None:
    if form.needs and not any(row.raw(name) for name in form.needs):
        wanted = f"'{form.needs[0]}'" if len(form.needs) == 1 else f"one of {', '.join(form.needs)}"
        row.wrong(f"'{lever}' needs {wanted}", at="lever")


READERS: Final[Mapping[str, Callable[[Node, Problems], Step | None]]] = {
    "notify": _notify,
    "tell": _notify,
    "propose": _propose,
    "war_room": _war_room,
}
