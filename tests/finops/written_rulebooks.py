"""Writes rulebooks for hypothesis: whatever the documentation allows, as plain values of both files."""

from typing import Any

from hypothesis import strategies as st

from finops.configuration.rulebook_quotas import MATCHED
from finops.configuration.rulebook_times import DAYS, SPANS
from finops.configuration.rulebook_when import FIGURES, SEVERITIES

Fields = dict[str, Any]
BUDGET_NAMES = ("company", "ml", "search", "chat team")
PLAYBOOK_NAMES = ("brake", "page")

shares = st.integers(1, 300).map(lambda share: f"{share}%")
durations = st.builds("{}{}".format, st.integers(1, 30), st.sampled_from("mhd"))
amounts = st.integers(1, 10**9)
scopes = st.sampled_from(["", "team=ml", "env=prod,dev team=search", {"team": ["a b", "c"], "tag:cost-center": "042"}])
groups = st.sampled_from(["@ml-oncall", "S0123ABCD", {"group": "@finance", "quorum": 2}])
needs = st.lists(groups, min_size=1, max_size=3, unique_by=str)
places = st.lists(
    st.sampled_from(["owner", "channel", "#finops", "@ana", "pagerduty", "email:a@example.com", "webhook:erp"]), min_size=1, unique=True
)


def table(needed: Fields, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    return st.fixed_dictionaries(needed, optional=optional)


def tables(words: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Fields]:
    """One of several words, each with its own value."""
    return st.one_of(*(st.fixed_dictionaries({word: value}) for word, value in words.items()))


limits = tables({"above": amounts, "below": amounts})
windows = table({}, window=durations, scope=scopes)
of_budget = table({"above": shares}, budget=st.sampled_from(BUDGET_NAMES))


def merged(*parts: st.SearchStrategy[Fields]) -> st.SearchStrategy[Fields]:
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


conditions = st.one_of(
    tables(
        {
            "budget": st.one_of(shares, of_budget),
            "forecast": of_budget,
            "burn_rate": st.just({"fast": {"window": "1h", "above": 14}, "slow": {"window": "6h", "above": 6.5}}),
            "anomaly": st.one_of(
                st.sampled_from(SEVERITIES), table({}, severity=st.sampled_from(SEVERITIES), grain=st.sampled_from(["day", "hour"]))
            ),
            "queue_depth": merged(limits, windows),
            "gpu_utilisation": merged(tables({"above": shares, "below": shares}), windows),
            "growth": merged(
                tables({"service": st.just("Amazon S3"), "category": st.just("egress")}), table({"above": shares}, window=durations)
            ),
            "idle_gpu": durations,
            "oversized_model": st.just(True),
            "promql": merged(table({"query": st.just('sum(up{job="x"})')}), limits),
        }
    ),
    st.tuples(st.sampled_from([figure for figure in FIGURES if figure != "cache_hit_ratio"]), merged(limits, windows)).map(
        lambda pair: {pair[0]: pair[1]}
    ),
)
whens = st.recursive(
    conditions, lambda inner: tables({word: st.lists(inner, min_size=1, max_size=3) for word in ("all", "any")}), max_leaves=4
)

steps = st.one_of(
    tables({"notify": places, "tell": places, "war_room": st.sampled_from(["thread", "#incidents"])}),
    table(
        {"lever": st.just("gateway.fallback"), "fallback": st.sampled_from(["small", {"large": "small"}])},
        **{"for": durations, "risk": st.just("low")},
    ),
    tables({"propose": table({"lever": st.sampled_from(["gateway.block", "aws.stop_instances", "kubernetes.suspend"])}, scope=scopes)}),
    tables({"propose": table({"lever": st.just("kubernetes.scale"), "replicas": st.integers(0, 9)}, targets=st.just(["a/Deployment/b"]))}),
)
thens = st.lists(steps, min_size=1, max_size=3)
quiet = table({"from": st.just("22:00"), "to": st.just("7:00")}, days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True))


def rule(name: str) -> st.SearchStrategy[Fields]:
    return table(
        {"name": st.just(name), "when": whens},
        scope=scopes,
        severity=st.sampled_from(["info", "warning", "critical"]),
        who=st.one_of(st.just("owner"), needs),
        then=st.one_of(st.sampled_from(PLAYBOOK_NAMES), thens),
        at_most=st.builds("{} per {}".format, st.integers(1, 9), st.sampled_from(SPANS)),
        quiet_hours=quiet,
        **{"for": durations},
    )


def budget(name: str) -> st.SearchStrategy[Fields]:
    threshold = st.one_of(
        shares, table({"at": shares}, do=st.lists(st.sampled_from(["slack", "pagerduty", "webhook:erp"]), min_size=1, unique=True))
    )
    return table(
        {"name": st.just(name), "monthly": amounts},
        scope=scopes,
        owner=st.just("@ana"),
        channel=st.just("#ml"),
        thresholds=st.lists(threshold, min_size=1, max_size=4, unique_by=lambda each: each["at"] if isinstance(each, dict) else each),
        **({} if name == BUDGET_NAMES[0] else {"parent": st.just(BUDGET_NAMES[0])}),
        approvers=needs,
        split=st.just({"by": "project", "a": "60%", "b": "30%", "buffer": "10%"}),
        timezone=st.sampled_from(["UTC", "Asia/Tokyo"]),
    )


quotas = table(
    {"match": st.dictionaries(st.sampled_from(MATCHED), st.sampled_from(["a", "b*", "*"]), min_size=1), "tokens_per_day": amounts},
    requests_per_second=st.integers(10, 20),
    bounds=st.just({"min_rps": 0.5, "max_rps": 9}),
    circuit=st.just({"failures": "20%", "requests": 5, "within": "1m", "pause": "30s"}),
    max_output_tokens=amounts,
    fallback=st.just({"large": "small"}),
    when_unsure=st.sampled_from(["open", "closed"]),
)
guards = table(
    {},
    stop=st.booleans(),
    dry_run=st.booleans(),
    max_targets=st.integers(1, 9),
    protected_tags=st.just(["keep", "tier=gold"]),
    deny_scopes=st.just(["env=prod"]),
    approvals=st.lists(
        table({"lever": st.sampled_from(["gateway.*", "aws.*", "kubernetes.scale"]), "needs": needs}, step_up=st.booleans()),
        unique_by=lambda each: each["lever"],
    ),
)
events = merged(
    st.just({"name": "sale", "from": "2026-11-27"}),
    tables({"factor": st.sampled_from([0, 1.5, "2"]), "amount": st.integers(-500, 500)}),
    table({}, to=st.just("2026-11-30"), scope=scopes),
)
calendars = table(
    {}, countries=st.sampled_from(["US", ["DE", "CH-ZH"]]), holidays=st.just(["2026-12-24"]), events=st.lists(events, max_size=2)
)
budget_files = table(
    {"budgets": st.tuples(*map(budget, BUDGET_NAMES)).map(list)},
    quotas=st.lists(quotas, max_size=3, unique_by=lambda each: sorted(each["match"].items()).__repr__()),
    calendar=calendars,
)
rule_files = table(
    {"playbooks": st.fixed_dictionaries(dict.fromkeys(PLAYBOOK_NAMES, thens)), "rules": st.tuples(*map(rule, ("a", "b", "c"))).map(list)},
    guard=guards,
    maintenance=st.just([{"from": "2026-12-24", "to": "2026-12-26 12:00", "reason": "x"}]),
)
