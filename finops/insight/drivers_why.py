"""A change explained in full: what drives it, and by which effects, of all of it and of its first driver."""

from finops.insight.drivers import drivers, rest
from finops.insight.drivers_cube import Cube
from finops.insight.drivers_told import Why
from finops.insight.effects import effects, facts


def explain(cube: Cube, *, most: int = 5) -> Why:
    """Explain the change of a cube; drivers with `other`, and effects, both sum to it exactly."""
    found = drivers(cube, most=most)
    before, after = cube.totals
    first = cube.part(cube.inside(found[0].key)) if found else None
    return Why(
        before=before,
        after=after,
        drivers=found,
        other=rest(cube, found),
        effects=effects(cube),
        currency=cube.currency,
        because=effects(first) if first else None,
        facts=facts(first) if first else facts(cube),
    )
