"""Makes large AWS bills of the CUR 2.0 form, as Parquet and as CSV: sparse where real ones are, the same rows every time."""

from pathlib import Path
from typing import Final

from finops.charges import COLUMNS

MONTH: Final = "2026-05-01"
DAYS: Final = 31
FORM: Final = 1  # raise it when the rows below change, so that kept bills are made anew

# Every ninth row or so belongs to a savings plan, every thirteenth to a reservation, the rest is plain usage.
_TYPE: Final = """CASE WHEN i % 5000 = 0 THEN 'SavingsPlanRecurringFee' WHEN i % 5000 = 1 THEN 'RIFee' WHEN i % 5000 = 2 THEN 'Tax'
    WHEN i % 1000 = 3 THEN 'Credit' WHEN i % 100 = 4 THEN 'EdpDiscount' WHEN i % 18 = 5 THEN 'SavingsPlanCoveredUsage'
    WHEN i % 18 = 6 THEN 'SavingsPlanNegation' WHEN i % 13 = 7 THEN 'DiscountedUsage' ELSE 'Usage' END"""
_RESERVATION: Final = "printf('arn:aws:ec2:us-east-1:112233445566:reserved-instances/%d', account % 9)"
_SAVINGS_PLAN: Final = "printf('arn:aws:savingsplans::112233445566:savingsplan/%d', account % 5)"
_TAGS: Final = """printf('{"user_team":"team-%02d","user_env":"prod","user_cost_center":"%d"}', team, 4000 + team)"""
_PLAN: Final = "kind LIKE 'SavingsPlan%'"
_RESERVED: Final = "kind IN ('DiscountedUsage', 'RIFee')"
_SERVICES: Final = (
    "['AmazonEC2', 'AmazonBedrock', 'AmazonS3', 'AmazonSageMaker', 'AmazonRDS', 'AWSLambda', 'AmazonCloudWatch', 'AmazonEKS']"
)
_NAMES: Final = """['Amazon Elastic Compute Cloud', 'Amazon Bedrock', 'Amazon Simple Storage Service', 'Amazon SageMaker',
    'Amazon Relational Database Service', 'AWS Lambda', 'AmazonCloudWatch', 'Amazon Elastic Container Service for Kubernetes']"""
_METERS: Final = """['USE1-BoxUsage:m6i.xlarge', 'USE1-Nova-Lite-input-tokens', 'USE1-TimedStorage-ByteHrs', 'USE1-Host:ml.g5.2xlarge',
    'USE1-InstanceUsage:db.r6g.large', 'USE1-Lambda-GB-Second', 'USE1-CW:MetricMonitorUsage', 'USE1-AmazonEKS-Hours:perCluster']"""

FILLED: Final[dict[str, str]] = {
    "bill_bill_type": "'Anniversary'",
    "bill_billing_entity": "'AWS'",
    "bill_billing_period_end_date": f"TIMESTAMP '{MONTH}' + INTERVAL 1 MONTH",
    "bill_billing_period_start_date": f"TIMESTAMP '{MONTH}'",
    "bill_invoice_id": "'1234567890'",
    "bill_invoicing_entity": "'Amazon Web Services, Inc.'",
    "bill_payer_account_id": "'112233445566'",
    "bill_payer_account_name": "'Example payer'",
    "cost_category": "'{}'",
    "discount": "'{}'",
    "identity_line_item_id": "md5(i::VARCHAR)",
    "identity_time_interval": "strftime(start, '%Y-%m-%dT%H:00:00Z/') || strftime(start + INTERVAL 1 HOUR, '%Y-%m-%dT%H:00:00Z')",
    "line_item_availability_zone": "CASE WHEN service IN (1, 5) THEN 'us-east-1' || chr(97 + account % 3) END",
    "line_item_blended_cost": "cost",
    "line_item_blended_rate": "(cost / amount)::DECIMAL(18, 10)::VARCHAR",
    "line_item_currency_code": "'USD'",
    "line_item_legal_entity": "'Amazon Web Services, Inc.'",
    "line_item_line_item_description": "printf('$%.4f per unit of %s in US East (N. Virginia)', cost / amount, names[service])",
    "line_item_line_item_type": "kind",
    "line_item_normalization_factor": "CASE WHEN service = 1 THEN 8.0 ELSE 0.0 END",
    "line_item_normalized_usage_amount": "CASE WHEN service = 1 THEN 8.0 * amount ELSE 0.0 END",
    "line_item_operation": "CASE WHEN service = 1 THEN 'RunInstances' ELSE 'Invoke' END",
    "line_item_product_code": "services[service]",
    "line_item_resource_id": "printf('arn:aws:service-%d:us-east-1:4455%08d:thing/i-%012x', service, account, resource)",
    "line_item_tax_type": "CASE WHEN kind = 'Tax' THEN 'VAT' END",
    "line_item_unblended_cost": "CASE WHEN kind IN ('Credit', 'EdpDiscount', 'SavingsPlanNegation') THEN -cost ELSE cost END",
    "line_item_unblended_rate": "(cost / amount)::DECIMAL(18, 10)::VARCHAR",
    "line_item_usage_account_id": "printf('4455%08d', account)",
    "line_item_usage_account_name": "printf('account-%03d', account)",
    "line_item_usage_amount": "amount",
    "line_item_usage_end_date": "start + INTERVAL 1 HOUR",
    "line_item_usage_start_date": "start",
    "line_item_usage_type": "meters[service]",
    "pricing_currency": "'USD'",
    "pricing_public_on_demand_cost": "cost * 1.25",
    "pricing_public_on_demand_rate": "(cost * 1.25 / amount)::DECIMAL(18, 10)::VARCHAR",
    "pricing_rate_code": "printf('RATE%06d.JRTCKXETXF.6YS6EN2CT7', service * 7)",
    "pricing_rate_id": "printf('%d', 9000000 + service)",
    "pricing_term": "'OnDemand'",
    "pricing_unit": "CASE WHEN service = 2 THEN '1K tokens' ELSE 'Hrs' END",
    "product": """printf('{"product_name":"%s","region":"us-east-1"}', names[service])""",
    "product_instance_type": "CASE WHEN service = 1 THEN 'm6i.xlarge' END",
    "product_location": "'US East (N. Virginia)'",
    "product_location_type": "'AWS Region'",
    "product_operation": "CASE WHEN service = 1 THEN 'RunInstances' ELSE 'Invoke' END",
    "product_product_family": "printf('Family %d', service)",
    "product_region_code": "'us-east-1'",
    "product_servicecode": "services[service]",
    "product_sku": "printf('SKU%09d', service * 31)",
    "product_usagetype": "meters[service]",
    "reservation_effective_cost": f"CASE WHEN {_RESERVED} THEN cost * 0.6 ELSE 0.0 END",
    "reservation_reservation_a_r_n": f"CASE WHEN {_RESERVED} THEN {_RESERVATION} END",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "CASE WHEN kind = 'RIFee' THEN cost * 0.1 ELSE 0.0 END",
    "reservation_unused_recurring_fee": "CASE WHEN kind = 'RIFee' THEN cost * 0.2 ELSE 0.0 END",
    "resource_tags": f"CASE WHEN i % 4 < 3 THEN {_TAGS} ELSE '{{}}' END",
    "savings_plan_savings_plan_a_r_n": f"CASE WHEN {_PLAN} THEN {_SAVINGS_PLAN} END",
    "savings_plan_savings_plan_effective_cost": "CASE WHEN kind = 'SavingsPlanCoveredUsage' THEN cost * 0.7 ELSE 0.0 END",
    "savings_plan_total_commitment_to_date": "CASE WHEN kind = 'SavingsPlanRecurringFee' THEN cost ELSE 0.0 END",
    "savings_plan_used_commitment": "CASE WHEN kind = 'SavingsPlanRecurringFee' THEN cost * 0.9 ELSE 0.0 END",
}

EMPTY: Final[dict[str, str]] = {
    "discount_bundled_discount": "DOUBLE",
    "discount_total_discount": "DOUBLE",
    "pricing_lease_contract_length": "VARCHAR",
    "pricing_offering_class": "VARCHAR",
    "pricing_purchase_option": "VARCHAR",
    "product_comment": "VARCHAR",
    "product_fee_code": "VARCHAR",
    "product_fee_description": "VARCHAR",
    "product_from_location": "VARCHAR",
    "product_from_location_type": "VARCHAR",
    "product_from_region_code": "VARCHAR",
    "product_instance_family": "VARCHAR",
    "product_instancesku": "VARCHAR",
    "product_pricing_unit": "VARCHAR",
    "product_to_location": "VARCHAR",
    "product_to_location_type": "VARCHAR",
    "product_to_region_code": "VARCHAR",
    "reservation_amortized_upfront_cost_for_usage": "DOUBLE",
    "reservation_availability_zone": "VARCHAR",
    "reservation_end_time": "VARCHAR",
    "reservation_modification_status": "VARCHAR",
    "reservation_number_of_reservations": "VARCHAR",
    "reservation_recurring_fee_for_usage": "DOUBLE",
    "reservation_start_time": "VARCHAR",
    "reservation_subscription_id": "VARCHAR",
    "reservation_upfront_value": "DOUBLE",
    "savings_plan_end_time": "VARCHAR",
    "savings_plan_offering_type": "VARCHAR",
    "savings_plan_payment_option": "VARCHAR",
    "savings_plan_purchase_term": "VARCHAR",
    "savings_plan_region": "VARCHAR",
    "savings_plan_start_time": "VARCHAR",
}


def made_bill(data: Path, rows: int, ending: str) -> Path:
    """Return a bill of `rows` rows ending in .parquet or .csv.gz kept under `data`, making it first where it is not there yet."""
    import duckdb

    path = data / f"cur-{FORM}-{rows}{ending}"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished" + ending)
        written = "FORMAT parquet, COMPRESSION snappy" if ending == ".parquet" else "FORMAT csv, HEADER, COMPRESSION gzip"
        with duckdb.connect() as con:
            con.execute(f"COPY ({_rows(rows)}) TO '{unfinished}' ({written})")
        unfinished.replace(path)
    return path


def as_many_as_the_ledger() -> list[str]:
    """Return the bill's columns, at most as many as a ledger file has, those with something in them first."""
    return [*FILLED, *EMPTY][: len(COLUMNS)]


def _rows(rows: int) -> str:
    columns = ", ".join(
        [f"{sql} AS {name}" for name, sql in FILLED.items()] + [f"NULL::{type_} AS {name}" for name, type_ in EMPTY.items()]
    )
    return f"""SELECT {columns} FROM (
        SELECT *, {_SERVICES} AS services, {_NAMES} AS names, {_METERS} AS meters, {_TYPE} AS kind,
            TIMESTAMP '{MONTH}' + INTERVAL 1 HOUR * (i * {DAYS * 24} // {rows}) AS start,
            1 + (hash(i, 1) % 8)::INTEGER AS service, {_zipf(200, 2)} AS account, {_zipf(20_000, 3)} AS resource, {_zipf(40, 4)} AS team,
            round(exp(9 * {_uniform(5)} - 7), 8) AS cost, round(1 + 100 * {_uniform(6)}, 4) AS amount
        FROM range({rows}) t(i))"""


def _uniform(salt: int) -> str:
    return f"((hash(i, {salt}) >> 11) / 9007199254740992.0)"


def _zipf(size: int, salt: int) -> str:
    return f"CAST(floor(power({size + 1}, {_uniform(salt)})) AS INTEGER)"
