"""The arrows between rooms, what thinking files may touch, where each library lives, and what a start may load."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A room and the rooms it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "finops": set(),
    "jobs": {"finops"},
    "api": {"finops"},
    "bot": {"api", "finops", "jobs"},
    "slackbox": set(),
    "gateway": set(),
}
EXCEPTIONS = {
    ("bot/demo.py", "slackbox"),  # the demo shows the bot in the local Slack
    ("api/guard.py", "gateway"),  # what decides inside a gateway also decides for those that ask over HTTP: one core, never two
}

THINKING_ROOMS = ("configuration", "language", "telling", "pricing", "insight", "savings", "guard", "reports")
DOING = ("finops.ledger", "finops.sources", "finops.guard.levers")
READERS = {"finops/config_files.py", "finops/policy_files.py", "finops/yamlfile.py"}
FORBIDDEN = {
    "clock": ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "time"),
    "environment": ("os.environ", "os.getenv", "os.putenv", "sys.argv", "getpass", "platform", "socket.gethostname"),
    "network and processes": (
        "socket",
        "ssl",
        "http.client",
        "urllib.request",
        "requests",
        "httpx",
        "websockets",
        "subprocess",
        "multiprocessing",
    ),
    "chance": ("secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom", "random.random", "random.choice", "random.randint", "random.shuffle"),
}
READING = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "rglob"}

# A library and the only places that import it.
HOMES: dict[str, tuple[str, ...]] = {
    "slack_bolt": ("bot/",),
    "slack_sdk": ("bot/",),
    "apscheduler": ("jobs/scheduler.py",),
    "sqlalchemy": ("finops/ledger/",),
    "sqlalchemy_bigquery": ("finops/ledger/",),
    "alembic": ("finops/ledger/",),
    "psycopg": ("finops/ledger/",),
    "cryptography": ("finops/ledger/checkpoints.py",),
    "boto3": ("finops/sources/", "finops/guard/levers/", "finops/ledger/bigquery.py"),
    "google.cloud": ("finops/sources/", "finops/guard/levers/", "finops/ledger/bigquery.py"),
    "azure": ("finops/sources/", "finops/guard/levers/", "finops/ledger/bigquery.py"),
    "anthropic": ("bot/conversation.py", "finops/sources/anthropic.py"),
    "openai": ("finops/sources/openai.py",),
    "genai_prices": ("finops/pricing/",),
    "opentelemetry": ("finops/sources/",),
    "fastapi": ("api/",),
    "msgspec": ("api/", "finops/sources/", "finops/ledger/"),
    "httpx": ("finops/sources/",),
    "pyarrow": ("finops/sources/", "finops/ledger/"),
    "matplotlib": ("finops/charts",),
    "yaml": ("finops/yamlfile.py", "finops/configuration/yaml"),
    "duckdb": ("finops/ledger/", "finops/sources/", "finops/sample/"),
    "kubernetes": ("finops/guard/levers/",),
    "regopy": ("finops/guard/policy_engine.py",),
    "pandas": ("finops/insight/forecast",),
    "prophet": ("finops/insight/forecast",),
    "sklearn": ("finops/insight/forecast",),
    "torch": ("finops/insight/forecast",),
    "holidays": ("finops/insight/planned.py",),
}
HEAVY = {
    "alembic", "anthropic", "azure", "boto3", "duckdb", "fastapi", "genai_prices", "google.cloud.bigquery", "httpx", "kubernetes", "openai",
    "pyarrow", "matplotlib", "numpy", "pandas", "prophet", "regopy", "rich", "sklearn", "torch",
    "slack_bolt", "slack_sdk", "sqlalchemy", "starlette", "uvicorn",
}  # fmt: skip


def test_rooms_import_only_what_lies_to_their_right() -> None:
    turned_back = [
        f"{file} imports {name}"
        for file in files()
        for name in imported(file)
        if (room := name.partition(".")[0]) in MAY_IMPORT
        and room not in MAY_IMPORT[home(file)] | {home(file)}
        and (file, room) not in EXCEPTIONS
    ]
    assert turned_back == []


def test_thinking_files_do_not_know_the_doing_rooms() -> None:
    known = [
        f"{file} imports {name}" for file in filter(thinks, files()) for name in imported(file) if any(within(name, part) for part in DOING)
    ]
    assert known == []


def test_thinking_files_take_clock_environment_network_and_chance_as_arguments() -> None:
    reached = [
        f"{file} reaches the {what} by {name}"
        for file in filter(thinks, files())
        for name in sorted(used(source(file), file))
        for what, names in FORBIDDEN.items()
        if any(within(name, forbidden) for forbidden in names)
    ]
    assert reached == []


def test_thinking_files_open_no_files_except_the_readers() -> None:
    assert [
        f"{file} calls {call}" for file in filter(thinks, files()) if file not in READERS for call in sorted(called(file) & READING)
    ] == []


def test_each_library_is_imported_only_at_home() -> None:
    strays = [
        f"{file} imports {name}"
        for file in files()
        for name in imported(file)
        for library, homes in HOMES.items()
        if within(name, library) and not file.startswith(homes)
    ]
    assert strays == []


def test_the_command_line_starts_without_heavy_libraries() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import bot.cli, sys; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert loaded.stderr == ""
    assert set() == HEAVY & set(loaded.stdout.split())


def test_the_gateway_needs_nothing_but_python() -> None:
    """LiteLLM's own modules are loaded by name where they are used, so that the core runs in any gateway."""
    foreign = [
        f"{file} imports {name}"
        for file in files()
        if home(file) == "gateway"
        for name in imported(file)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names | {"gateway"}
        and not (top == "litellm" and file == "gateway/litellm_plugin.py")
    ]
    assert foreign == []


def test_a_clock_is_recognised_under_every_name() -> None:
    code = "from datetime import datetime as d\nimport datetime as t\nimport os.path\nd.now(); t.date.today(); os.environ; time.hour"
    reached = used(code, "finops/any.py")
    assert {"datetime.datetime.now", "datetime.date.today", "os.environ"} <= reached
    assert "time.hour" not in reached  # a variable of that name is not the module


def test_an_import_is_seen_inside_a_function_and_when_relative() -> None:
    code = "def late():\n    from .ledger import facts\n    import_module('slackbox.rig')"
    assert {"finops.ledger.facts", "slackbox.rig"} <= used(code, "finops/any.py")


def files() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def home(file: str) -> str:
    return file.partition("/")[0]


def source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def thinks(file: str) -> bool:
    room, *rest = file.split("/")
    return room == "finops" and (len(rest) == 1 or rest[0] in THINKING_ROOMS) and not file.startswith("finops/guard/levers/")


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def imported(file: str) -> list[str]:
    return [name for name, _, _ in imports(ast.parse(source(file), file), file)]


def called(file: str) -> set[str]:
    calls = [node.func for node in ast.walk(ast.parse(source(file), file)) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else chain(call) for call in calls}


def used(code: str, file: str) -> set[str]:
    """Return all that is imported, and all that is reached through it, spelled in full whatever it is called here."""
    tree = ast.parse(code, file)
    meaning = {alias: full for _, alias, full in imports(tree, file)}
    chains = {chain(node).partition(".") for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {f"{meaning[first]}.{rest}" for first, _, rest in chains if first in meaning} | {name for name, _, _ in imports(tree, file)}


def imports(tree: ast.Module, file: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is imported, the name it gets here, and what that name then stands for."""
    package = ".".join(Path(file).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                first = item.name.partition(".")[0]
                yield item.name, item.asname or first, item.name if item.asname else first
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from ((full := f"{origin}.{item.name}", item.asname or item.name, full) for item in node.names)
        elif isinstance(node, ast.Call) and chain(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
            yield from ((item.value, "", "") for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str))


def chain(node: ast.expr) -> str:
    """Return `a.b.c` for a chain of attributes that begins at a name, and nothing for any other expression."""
    if isinstance(node, ast.Attribute):
        return f"{start}.{node.attr}" if (start := chain(node.value)) else ""
    return node.id if isinstance(node, ast.Name) else ""
