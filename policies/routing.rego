# Which tier of models answers a route? Tier 0 is the best; higher ones are cheaper.
#
# The faster the budget burns, the cheaper the tier that is wanted; a tier must meet the route's objectives, be healthy,
# and lie within what a person has approved. What `input` holds is in docs/policies.md; it was checked before it came here.
package finops.routing

import rego.v1

exhausted if input.budget_share >= 1

exhausted if {
	input.burn_rate.fast >= 6
	input.burn_rate.slow >= 3
}

strained if input.budget_share >= 0.9

strained if {
	input.burn_rate.fast >= 2
	input.burn_rate.slow >= 1
}

# Two windows, so that neither a short peak nor a peak long over decides alone.
wanted := 0 if {
	input.sensitive
} else := 2 if {
	exhausted
} else := 1 if {
	strained
} else := 0

fits contains tier.level if {
	some tier in input.tiers
	tier.healthy
	tier.quality >= input.slo.quality
	tier.latency_ms <= input.slo.latency_ms
}

approved contains level if {
	some level in fits
	level <= input.approved_level
}

# The cheapest tier that is not cheaper than wanted; where there is none, the best of the others.
chosen(levels) := level if {
	some level in levels
	level <= wanted
	count({other | some other in levels; other <= wanted; other > level}) == 0
}

chosen(levels) := level if {
	count({near | some near in levels; near <= wanted}) == 0
	some level in levels
	count({other | some other in levels; other < level}) == 0
}

name(level) := tier.name if {
	some tier in input.tiers
	tier.level == level
}

tier := name(chosen(approved))

# What would be taken if a person approved it: a proposal waits where it differs from `tier`.
wish := name(chosen(fits))

deny contains reason if {
	count(fits) == 0
	reason := {
		"rule": "no_tier_fits",
		"message": sprintf("no tier of route '%v' is healthy and meets quality %v within %v ms", [input.route, input.slo.quality, input.slo.latency_ms]),
		"values": {"quality": input.slo.quality, "latency_ms": input.slo.latency_ms},
	}
}

deny contains reason if {
	count(fits) > 0
	count(approved) == 0
	reason := {
		"rule": "not_approved",
		"message": sprintf("route '%v' could only be answered by a tier cheaper than the approved level %v", [input.route, input.approved_level]),
		"values": {"approved_level": input.approved_level},
	}
}
