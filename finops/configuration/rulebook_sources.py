"""The sources section of budgets.yaml: where bills come from, by name, and what each kind of source may be told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from finops.configuration.fields import Fields, Reader, WrongError, as_hours, as_text, entries, fields, nearest, one_of
from finops.configuration.problems import Problems, shown
from finops.yamlfile import Node, Table

LONGEST_WAIT: Final = 90 * 24
NAME: Final = re.compile(r"[^\s/\\:<>&]{1,100}")
ACCOUNT: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
WEB: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


@dataclass(frozen=True)
class SourceSettings:
    """One source by name: its kind, its `location` (`from` in the file) and its options; a name alone may say when its days are whole.

    A day's charges are all there `complete_after_hours` after the day ends; None leaves the source's own habit.
    """

    name: str
    complete_after_hours: int | None = None
    kind: str | None = None
    location: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)


@dataclass(frozen=True)
class SourceKind:
    """What a kind of source may be told: `example` of a location (None: it takes none), and its options."""

    about: str
    example: str | None
    options: Mapping[str, Reader[str]]
    places: tuple[str, ...] = ()  # how a location may begin; a folder is always one where anything is
    needs_place: bool = True


def as_web(node: Node) -> str:
    if not WEB.fullmatch(node.text):
        raise WrongError("a web address without a password, such as https://prometheus.example.com")
    return node.text.rstrip("/")


def as_role(node: Node) -> str:
    if not ACCOUNT.fullmatch(node.text):
        raise WrongError("the ARN of a role, such as arn:aws:iam::123456789012:role/finops-read")
    return node.text


def as_whole(node: Node) -> str:
    if not re.fullmatch("[1-9][0-9]{0,17}", node.text):
        raise WrongError("a whole number above 0")
    return node.text


_AWS: Final[dict[str, Reader[str]]] = {"region": as_text, "profile": as_text, "role": as_role, "endpoint": as_web}
_COPY: Final[dict[str, Reader[str]]] = {"export": as_text, "origin": as_text}
_BUCKETS: Final = ("s3://", "az://", "gs://", "https://")

# Every kind of source and what it may be told; a new connector adds its row here and its factory to finops.sources.connect.
SOURCE_KINDS: Final[dict[str, SourceKind]] = {
    "aws": SourceKind("AWS CUR 2.0, legacy CUR or FOCUS in S3", "s3://bucket/prefix", _AWS | _COPY, ("s3://",)),
    "azure": SourceKind(
        "Azure Cost Management exports in Blob Storage",
        "az://account/container/path",
        {"endpoint": as_web, **_COPY},
        ("az://", "https://"),
    ),
    "gcp": SourceKind(
        "GCP billing export in BigQuery",
        "project.dataset.table",
        {"project": as_text, "location": as_text, "max_bytes": as_whole, "endpoint": as_web},
        ("bigquery://", "gs://"),
        needs_place=False,
    ),
    "focus": SourceKind("FOCUS files in a folder or bucket", "s3://bucket/prefix", _AWS | _COPY, _BUCKETS),
    "cost-explorer": SourceKind("AWS Cost Explorer, where there is no export", None, _AWS),
    "anthropic": SourceKind("Anthropic's cost report", None, {}),
    "openai": SourceKind("OpenAI's costs", None, {}),
    "prometheus": SourceKind("GPU and capacity metrics of Prometheus", None, {"url": as_web, "query": as_text, "step": as_text}),
}

COMMON_FIELDS: Final = ("complete_after", "kind", "from")
SOURCE_FIELDS: Final = (*COMMON_FIELDS, *dict.fromkeys(name for kind in SOURCE_KINDS.values() for name in kind.options))


def sources_of(section: Node | None, problems: Problems) -> tuple[SourceSettings, ...]:
    found = [(_source(entry.name, entry.value, problems), entry.value) for entry in entries(section, problems, "sources")]
    _same_money(found, problems)
    return tuple(sorted((source for source, _ in found), key=lambda source: source.name))


def _source(name: str, node: Node, problems: Problems) -> SourceSettings:
    if not isinstance(node.value, Table):
        fields(node, COMMON_FIELDS, problems, f"source {shown(name)}")
        return SourceSettings(name)
    row = Fields(node.value, node, None, problems, f"source {shown(name)}")
    hours, kind = row.get("complete_after", as_hours), row.get("kind", one_of(tuple(SOURCE_KINDS)))
    if hours is not None and hours > LONGEST_WAIT:
        row.wrong(f"'complete_after' is longer than {LONGEST_WAIT // 24} days; bills settle sooner", at="complete_after")
    known = SOURCE_KINDS.get(kind or "")
    _unknown(node.value, kind, known, problems)
    if known is None:
        if row.raw("kind") is None and row.raw("from") is not None:
            row.wrong(f"source {shown(name)} says where its bills are but not what they are; add 'kind', one of {', '.join(SOURCE_KINDS)}")
        return SourceSettings(name, hours, kind)
    if not NAME.fullmatch(name):
        row.wrong(f"{shown(name)} is no name for a source that is read; give one of at most 100 letters without spaces, / or :")
    location = _location(row, kind or "", known)
    options = tuple((each, value) for each, reader in known.options.items() if (value := row.get(each, reader)) is not None)
    return SourceSettings(name, hours, kind, location, tuple(sorted(options)))


def _unknown(table: Table, kind: str | None, known: SourceKind | None, problems: Problems) -> None:
    allowed = (*COMMON_FIELDS, *known.options) if known else SOURCE_FIELDS
    for entry in table:
        if entry.name in allowed:
            continue
        other = kind and entry.name in SOURCE_FIELDS
        hint = f"; a source of kind '{kind}' takes {', '.join(sorted(allowed))}" if other else nearest(entry.name, allowed)
        problems.note(entry.key.file, entry.key.line, f"unknown field {shown(entry.name)}{hint}")


def _location(row: Fields, kind: str, known: SourceKind) -> str | None:
    if known.example is None:
        if row.raw("from") is not None:
            row.wrong(f"a source of kind '{kind}' takes no 'from'; it asks the provider itself", at="from")
        return None
    place = row.get("from", as_text) if not known.needs_place else row.need("from", as_text)
    if place is None:
        return None
    scheme = place.partition("://")[0] + "://" if "://" in place else ""
    if scheme and scheme not in known.places:
        row.wrong(f"'from' of a source of kind '{kind}' cannot begin with {shown(scheme)}; give one such as {known.example}", at="from")
    if scheme and ("@" in place or "?" in place):
        row.wrong("'from' holds a password or a signature; keep those in the environment, see docs/connectors.md", at="from")
    return place


def _same_money(found: list[tuple[SourceSettings, Node]], problems: Problems) -> None:
    """Two sources that read the same place would count its money twice, unless each takes an export of its own."""
    before: list[SourceSettings] = []
    for source, node in found:
        twin = next((each for each in before if _overlap(each, source)), None)
        if twin:
            sentence = f"source {shown(source.name)} would count the money of source {shown(twin.name)} again: both read {_place(twin)}"
            problems.note(node.file, node.line, f"{sentence}; keep one, or give each its own 'export'")
        before.append(source)


def _overlap(one: SourceSettings, other: SourceSettings) -> bool:
    if one.kind is None or other.kind is None or one.kind == "prometheus" or other.kind == "prometheus":
        return False
    exports = one.option("export"), other.option("export")
    if all(exports) and exports[0] != exports[1]:
        return False
    if one.location is None or other.location is None:
        return (one.kind, one.location, one.options) == (other.kind, other.location, other.options)
    first, second = (f"{_place(each)}/" for each in (one, other))
    return first.startswith(second) or second.startswith(first)


def _place(source: SourceSettings) -> str:
    return (source.location or f"{source.kind} with the same account").rstrip("/")
