"""The legacy AWS Cost and Usage Report, its headers written `lineItem/UnblendedCost` or as Athena spells them."""

from dataclasses import replace
from typing import Final

from finops.sources.aws import AWS, PRODUCT_NAME
from finops.sources.mapping import LeftOut, Mark, understood_names

_PRODUCT_COLUMN: Final = "{product_product_name?}"
_GROUPS: Final = {
    "bill_": "bill/",
    "identity_": "identity/",
    "line_item_": "lineItem/",
    "pricing_": "pricing/",
    "product_": "product/",
    "reservation_": "reservation/",
    "savings_plan_": "savingsPlan/",
}
_NO_LINE_ITEM: Final = (
    "{line_item_line_item_type} IS NULL AND {line_item_unblended_cost:text?} IS NULL AND {line_item_currency_code} IS NULL"
    " AND {line_item_usage_start_date:text?} IS NULL"
)


def _by_column(expression: str) -> str:
    """The same expression with the product's name read from its own column."""
    return expression.replace(PRODUCT_NAME, _PRODUCT_COLUMN)


def _slashed(name: str) -> dict[str, str]:
    """The legacy header of a raw column; case and underscores do not count."""
    return {slash + name.removeprefix(begin): name for begin, slash in _GROUPS.items() if name.startswith(begin)}


_COLUMNS: Final = {column: tuple(map(_by_column, some)) for column, some in AWS.columns.items()} | {"Tags": ("{resource_tags}",)}
_NAMES: Final = understood_names(_COLUMNS) | {"line_item_operation", "line_item_line_item_type"}

AWS_LEGACY: Final = replace(
    AWS,
    name="aws-legacy",
    about="AWS Cost and Usage Report, legacy",
    version=1,
    required=(
        ("line_item_usage_start_date",),
        ("line_item_unblended_cost",),
        ("line_item_currency_code",),
        ("line_item_line_item_type",),
        ("product_product_name", "product_servicecode", "line_item_product_code"),
    ),
    columns=_COLUMNS,
    aliases={slash: name for each in sorted(_NAMES) for slash, name in _slashed(each).items()},
    # `user:Team` is what everybody calls `Team`; keys AWS sets itself (`aws:…`) keep their prefix.
    gathers={"resource_tags": ("resourceTags/user:", "resourceTags/", "resource_tags_user_", "resource_tags_")},
    quiet=(*AWS.quiet, *_GROUPS.values(), "costCategory/", "discount/", "resourceTags/", "splitLineItem/", "year", "month"),
    left_out=(
        *AWS.left_out,
        LeftOut(name="blank", when=_NO_LINE_ITEM, note="rows that hold no line item were left out"),
    ),
    marks=tuple(Mark(each.name, _by_column(each.when), each.note) for each in AWS.marks),
)
