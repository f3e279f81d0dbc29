"""A change explained in full: what drives it, and by which effects, of all of it and of its first driver."""

from collections.abc import Sequence

from finops.insight.drivers import drivers, rest
from finops.insight.drivers_cube import Cube
from finops.insight.drivers_told import Why
from finops.insight.effects import effects, facts


def explain(cube: Cube, *, most: int = 5, among: Sequence[str] = ()) -> Why:
    """Explain the change of a cube; drivers with `other`, and effects, both sum to it exactly.

    `among` names the dimensions whose values may be drivers; effects are told apart by all that the cube has.
    """
    found = drivers(cube.by(among) if among else cube, most=most)
    before, after = cube.totals
    inside = cube.inside(found[0].key) if found else None
    return Why(
        before=before,
        after=after,
        drivers=found,
        other=rest(cube, found),
        effects=effects(cube),
        currency=cube.currency,
        because=None if inside is None else effects(cube, inside),
        facts=facts(cube if inside is None else cube.part(inside)),
    )
