"""The company a fresh local Slack begins with: Lumen Labs, eight people, six channels and three user groups."""

from slackbox.settings import App
from slackbox.world import Channel, Clock, User, Usergroup, World

TEAM = "T0LUMENLAB"
ACME = "T0ACMECORP"
BOT = "U0FINOPSBT"

PEOPLE = [
    ("U0ANA00001", "ana", "Ana Keller", "admin", TEAM, "Finance", False, "9f69e7"),
    ("U0BRUNO001", "bruno", "Bruno Rossi", "member", TEAM, "ML", False, "4bbe2e"),
    ("U0CHEN0001", "chen", "Chen Li", "member", TEAM, "Search", False, "e7392d"),
    ("U0DORA0001", "dora", "Dora Novak", "member", TEAM, "Platform on-call", False, "3c989f"),
    ("U0GUS00001", "gus", "Gus Meier", "guest", TEAM, "Contractor", False, "674b1b"),
    ("U0EVE00001", "eve", "Eve Stone", "external", ACME, "Partner at Acme", False, "e96699"),
    ("U0OLDTOM01", "old-tom", "Tom Frei", "member", TEAM, "Left in spring", True, "5b89d5"),
]
STAFF = ["U0ANA00001", "U0BRUNO001", "U0CHEN0001", "U0DORA0001"]
GUEST, PARTNER = "U0GUS00001", "U0EVE00001"
CHANNELS = [
    ("C0AICOSTS1", "ai-costs", "public", [BOT, *STAFF, GUEST], "What our AI costs", False, False),
    ("C0ML000001", "ml", "public", [BOT, "U0ANA00001", "U0BRUNO001", "U0DORA0001"], "Models and training", False, False),
    ("C0SEARCH01", "search", "public", [BOT, "U0CHEN0001", "U0DORA0001"], "Ranking and retrieval", False, False),
    ("C0GENERAL1", "general", "public", [BOT, *STAFF], "Everyone", False, False),
    ("C0FINANCE1", "finance", "private", ["U0ANA00001", "U0DORA0001"], "Invoices and budgets", False, False),
    ("C0PARTNER1", "partner-acme", "public", [BOT, "U0ANA00001", "U0CHEN0001", PARTNER], "With Acme", True, False),
    ("C0OLDPROJ1", "old-project", "public", [BOT, "U0ANA00001"], "Closed", False, True),
]
GROUPS = [
    ("S0FINOPSAP", "finops-approvers", "FinOps approvers", ["U0ANA00001", "U0DORA0001"]),
    ("S0MLLEADS1", "ml-leads", "ML leads", ["U0BRUNO001"]),
    ("S0PLATONCL", "platform-oncall", "Platform on-call", ["U0DORA0001"]),
]


def seed(app: App, clock: Clock) -> World:
    """A new workspace with the app installed."""
    world = World(TEAM, "Lumen Labs", "lumen-labs", "A0FINOPSAP", BOT, "B0FINOPSBT", clock)
    for id_, name, real_name, role, team, title, deleted, color in PEOPLE:
        domain = "acme.example" if team == ACME else "lumen.example"
        world.users[id_] = User(id_, name, real_name, role, team, f"{name}@{domain}", title, deleted, color)
    world.users[BOT] = User(BOT, app.bot_name, app.bot_name, "bot", TEAM, color="1d9bd1")
    for id_, name, kind, members, topic, external, archived in CHANNELS:
        world.channels[id_] = Channel(id_, name, kind, list(members), topic, external, archived, clock.now())
    for person in [*STAFF, GUEST]:
        direct = "D" + person[1:]
        world.channels[direct] = Channel(direct, "", "im", [person, BOT], created=clock.now())
    for id_, handle, name, users in GROUPS:
        world.usergroups[id_] = Usergroup(id_, handle, name, list(users))
    return world
