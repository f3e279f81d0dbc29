"""One cause is one alert, told where it is most specific."""

from dataclasses import replace
from datetime import date, timedelta

from finops.insight.anomalies_events import Anomaly, name
from finops.insight.anomalies_groups import group, seen_from
from finops.insight.anomalies_nesting import Within
from finops.insight.anomalies_replaced import replaced
from finops.insight.panel import Key

START = date(2026, 5, 4)
TOTAL: Key = ()
ML: Key = (("team", "ml"),)
WEB: Key = (("team", "web"),)
OPUS: Key = (("model", "opus"), ("team", "ml"))
AWS: Key = (("provider", "aws"),)
BEDROCK: Key = (("service", "bedrock"),)


def anomaly(key: Key, excess: float, *, expected: float = 1000.0, day: int = 0) -> Anomaly:
    start = START + timedelta(days=day)
    end = start + timedelta(days=3)
    return Anomaly(name(key, start), key, "spike", "day", start, end, start, expected, expected + excess, "low", "open", 2.0, "USD")


def told(*anomalies: Anomaly) -> list[tuple[Key, list[Key]]]:
    return [(one.driver.key, [member.key for member in one.members]) for one in group(anomalies)]


def test_a_cause_seen_in_every_layer_is_told_once_where_it_is_most_specific() -> None:
    assert [(OPUS, [TOTAL, ML])] == told(anomaly(TOTAL, 100), anomaly(ML, 98), anomaly(OPUS, 95))


def test_a_part_that_explains_little_does_not_speak_for_the_whole() -> None:
    assert [(ML, [TOTAL, OPUS])] == told(anomaly(TOTAL, 100), anomaly(ML, 98), anomaly(OPUS, 15))


def test_two_causes_are_two_alerts_and_the_total_joins_the_larger() -> None:
    assert [(ML, [TOTAL]), (WEB, [])] == told(anomaly(TOTAL, 100), anomaly(ML, 55), anomaly(WEB, 45))


def test_many_small_parts_are_one_broad_cause() -> None:
    teams: list[Key] = [(("team", f"t{number}"),) for number in range(6)]
    ((driver, members),) = told(anomaly(TOTAL, 60), *(anomaly(key, 10) for key in teams))
    assert TOTAL == driver
    assert sorted(teams) == members


def test_one_cause_seen_from_two_sides_is_one_alert() -> None:
    """The team spends only on the model: both show all of it, and the team's own cost changed most."""
    model: Key = (("model", "opus"),)
    assert [(ML, [TOTAL, model])] == told(anomaly(TOTAL, 100), anomaly(model, 97, expected=5000), anomaly(ML, 97, expected=500))


def test_a_team_that_rises_while_its_model_drops_is_no_one_cause() -> None:
    assert 2 == len(group([anomaly(ML, 100), anomaly(OPUS, -95)]))


def test_what_happens_weeks_apart_is_not_one_cause() -> None:
    assert 2 == len(group([anomaly(ML, 100), anomaly(OPUS, 95, day=14)]))


def test_a_service_lies_in_its_provider_when_the_hierarchy_says_so() -> None:
    provider, service = anomaly(AWS, 100), anomaly(BEDROCK, 90)
    assert 2 == len(group([provider, service]))
    (one,) = group([provider, service], {BEDROCK: (AWS,)})
    assert (service, (provider,)) == (one.driver, one.members)


def test_every_anomaly_is_in_exactly_one_group() -> None:
    all_of_them = [anomaly(TOTAL, 100), anomaly(ML, 55), anomaly(WEB, 45), anomaly(OPUS, 50), anomaly(AWS, 80), anomaly(BEDROCK, -30)]
    gathered = [found.id for one in group(all_of_them) for found in (one.driver, *one.members)]
    assert sorted(found.id for found in all_of_them) == sorted(gathered)


SEARCH: Key = (("service", "ec2"), ("team", "search"))
PROD: Key = (("account", "prod"), ("service", "ec2"))


def test_scopes_that_cross_are_one_cause_where_they_share_a_pair_the_time_and_the_size() -> None:
    assert [(PROD, [SEARCH])] == told(anomaly(PROD, -600), anomaly(SEARCH, -580))
    other: list[Anomaly] = [anomaly(PROD, -300), anomaly(PROD, 600), anomaly(PROD, -600, day=2), anomaly((("account", "prod"),), -590)]
    assert [2, 2, 2, 2] == [len(told(each, anomaly(SEARCH, -580))) for each in other]
    assert 2 == len(told(anomaly((("service", "ec2"), ("team", "ads")), -590), anomaly(SEARCH, -580)))


def test_what_a_pair_is_known_to_lie_in_counts_for_scopes_of_several_pairs_too() -> None:
    wide: Key = (("provider", "aws"), ("service", "ec2"))
    found = group([anomaly(SEARCH, -580), anomaly(wide, -700)], {(("service", "ec2"),): (AWS,)})
    assert [(SEARCH, [wide])] == [(one.driver.key, [member.key for member in one.members]) for one in found]


MACHINES: list[Key] = [(("resource", f"m{number}"),) for number in range(4)]
IN_ONE_TEAM: Within = dict.fromkeys(MACHINES, (ML,))


def test_machines_of_one_team_that_all_move_on_a_day_are_one_cause_though_nothing_wider_is() -> None:
    (one,) = group([anomaly(key, -70 - place) for place, key in enumerate(MACHINES)], IN_ONE_TEAM)
    assert (MACHINES[3], sorted(MACHINES[:3])) == (one.driver.key, sorted(member.key for member in one.members))


def test_machines_of_other_teams_other_days_or_the_other_way_are_causes_of_their_own() -> None:
    drops = [anomaly(key, -70) for key in MACHINES[:3]]
    assert 3 == len(group(drops))
    assert 2 == len(group([*drops, anomaly(MACHINES[3], 70)], IN_ONE_TEAM))
    assert 2 == len(group([*drops, anomaly(MACHINES[3], -70, day=2)], IN_ONE_TEAM))
    assert 2 == len(group(drops[:2], IN_ONE_TEAM))


def test_what_a_machine_costs_of_two_services_is_one_cause_under_the_machine() -> None:
    machine, hours, disk = MACHINES[0], (("service", "hours"), ("team", "ml")), (("service", "disk"), ("team", "ml"))
    found = group([anomaly(ML, -100), anomaly(machine, -99), anomaly(hours, -71), anomaly(disk, -29)], IN_ONE_TEAM)
    assert [(machine, sorted([ML, hours, disk]))] == [(one.driver.key, sorted(member.key for member in one.members)) for one in found]


def lasting(key: Key, excess: float, day: int = 0) -> Anomaly:
    return replace(anomaly(key, excess, day=day), end=START + timedelta(days=28))


def test_a_spike_within_a_shift_is_a_cause_of_its_own_in_every_layer() -> None:
    found = group([lasting(ML, 900), lasting(OPUS, 890), anomaly(ML, 100, day=10), anomaly(OPUS, 98, day=10)])
    assert [(OPUS, 890, [900]), (OPUS, 98, [100])] == [(one.driver.key, one.excess, [each.excess for each in one.members]) for one in found]


def test_what_begins_while_a_broad_cause_goes_on_is_a_cause_of_its_own() -> None:
    assert [(TOTAL, [WEB]), (OPUS, [])] == told(lasting(TOTAL, 900), anomaly(WEB, 100, day=2), anomaly(OPUS, 150, day=14))


def test_parts_that_lie_in_different_services_add_up() -> None:
    machine: Key = (("resource", "lab"),)
    parts = [lasting(TOTAL, 150), lasting(machine, 90, day=4), lasting(BEDROCK, 40, day=6)]
    found = group(parts, {machine: ((("service", "compute"),),)})
    assert [(machine, [TOTAL]), (BEDROCK, [])] == [(one.driver.key, [each.key for each in one.members]) for one in found]


SONNET: Key = (("model", "sonnet"), ("team", "ml"))
API: Key = (("service", "claude"), ("team", "ml"))
IN_ONE_SERVICE: Within = {(("model", model),): ((("service", "claude"),),) for model in ("opus", "sonnet")}


def test_a_model_in_place_of_another_is_one_cause_with_the_service_beneath_it() -> None:
    """The service moves by the difference; the one that moved more tells, and names the other."""
    (one,) = group([lasting(OPUS, 2500), lasting(SONNET, -900, day=1), lasting(API, 1600)], IN_ONE_SERVICE)
    assert (OPUS, [API, SONNET]) == (one.driver.key, [each.key for each in one.members])
    assert SONNET == (taken.key if (taken := replaced(one.driver, one.members)) else None)


def test_a_cheaper_model_in_place_of_another_is_told_by_the_drop() -> None:
    (one,) = group([lasting(OPUS, 300), lasting(SONNET, -900), lasting(API, -600)], IN_ONE_SERVICE)
    assert (SONNET, [API, OPUS]) == (one.driver.key, [each.key for each in one.members])


def test_models_of_two_teams_two_weeks_or_very_different_size_replace_nothing() -> None:
    other_team: Key = (("model", "sonnet"), ("team", "web"))
    apart = [lasting(other_team, -900), lasting(SONNET, -900, day=4), lasting(SONNET, -100), anomaly(SONNET, -900), anomaly(WEB, -900)]
    assert [2, 2, 2, 2, 2] == [len(group([lasting(OPUS, 1000), each], IN_ONE_SERVICE)) for each in apart]


def test_a_model_that_rose_by_a_tenth_took_over_from_none() -> None:
    busier = anomaly(OPUS, 900, expected=9000)
    assert 2 == len(group([busier, anomaly(SONNET, -900)], IN_ONE_SERVICE))


def test_machines_that_others_took_over_from_are_one_cause_under_the_largest() -> None:
    changes = [anomaly(key, excess, expected=100) for key, excess in zip(MACHINES, (-95, -90, 105, 80), strict=True)]
    (one,) = group(changes, IN_ONE_TEAM)
    assert (MACHINES[2], 3) == (one.driver.key, len(one.members))
    assert 4 == len(group(changes))


def test_what_nobody_owns_is_no_place_to_have_something_in_common() -> None:
    nowhere: Within = dict.fromkeys(MACHINES, ((("team", "none"),), (("provider", "aws"),)))
    assert 4 == len(group([anomaly(key, excess, expected=100) for key, excess in zip(MACHINES, (-95, -90, 105, 80), strict=True)], nowhere))


def test_four_equal_parts_are_one_broad_cause_though_three_explain_most_of_it() -> None:
    assert [(ML, sorted(MACHINES))] == told_within(IN_ONE_TEAM, anomaly(ML, 100), *(anomaly(key, 25) for key in MACHINES))


def test_a_drift_is_explained_by_what_began_while_its_weeks_were_compared() -> None:
    crept = replace(lasting(AWS, 900, day=12), kind="drift")
    machine: Within = {MACHINES[0]: (AWS,)}
    assert [(MACHINES[0], [AWS])] == told_within(machine, lasting(MACHINES[0], 2000), crept)
    assert 2 == len(told_within(machine, lasting(MACHINES[0], 2000), replace(crept, kind="shift")))


def told_within(within: Within, *anomalies: Anomaly) -> list[tuple[Key, list[Key]]]:
    return [(one.driver.key, sorted(member.key for member in one.members)) for one in group(anomalies, within)]


def test_seen_from_a_team_a_wider_cause_is_what_of_it_lies_there() -> None:
    groups = group([lasting(TOTAL, 900), lasting(WEB, 100, day=2)])
    assert [(WEB, ())] == [(one.driver.key, one.members) for one in seen_from(groups, lambda key: key == WEB)]
    assert [TOTAL] == [one.driver.key for one in seen_from(groups, lambda key: True)]
    assert [] == list(seen_from(groups, lambda key: key == ML))


def test_a_day_far_beyond_a_shift_is_a_cause_of_its_own_in_every_layer() -> None:
    both = [(ML, 400.0, 160.0), (TOTAL, 404.0, 160.0)]
    found = [event for key, shift, spike in both for event in (lasting(key, shift), anomaly(key, spike, day=3))]
    groups = group(found)
    assert [(400.0, [404.0]), (160.0, [160.0])] == [(one.excess, [member.excess for member in one.members]) for one in groups]


def test_two_events_of_one_series_are_two_causes_however_alike() -> None:
    assert [(ML, []), (ML, [])] == told(lasting(ML, 561), anomaly(ML, 420, day=3))
