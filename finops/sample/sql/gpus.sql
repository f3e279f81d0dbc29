-- GPU instances sized from the Helios cluster (MIT): three of its virtual clusters, 11-31 May 2020, three whole weeks from Monday
-- to Sunday, repeated over the calendar. Instance-hours are the minutes in which the jobs of that minute needed the instance.
-- Prices: AWS on-demand, Linux, us-east-1, from the public price list (https://aws.amazon.com/ec2/pricing/on-demand/, 2026).

CREATE TABLE pools AS
FROM (VALUES
    ('training', 'g5.12xlarge', 4, 5.672000, 'us-east-1', '333333333333', 'example-training', '{"team":"search","project":"ranking","env":"prod"}'),
    ('serving', 'g5.xlarge', 1, 1.006000, 'us-east-1', '444444444444', 'example-serving', NULL),
    ('lab', 'p4d.24xlarge', 8, 21.957642, 'us-east-1', '555555555555', 'example-ml-lab', '{"env":"dev"}')
) AS p(pool, instance, gpus, price, region, account_id, account_name, tags);

-- How many instances each minute needs. Serving is the large cluster at a thirteenth: 208 GPUs become 16 instances.
CREATE TABLE minutes AS
SELECT 'training' AS pool, time, ceil(running_gpu_num / 4.0)::INTEGER AS instances
FROM read_csv(getvariable('raw') || '/helios/vc8Sj.csv.gz')
UNION ALL
SELECT 'serving', time, ceil(running_gpu_num / 13.0)::INTEGER FROM read_csv(getvariable('raw') || '/helios/vc6YE.csv.gz')
UNION ALL
-- One of the two nodes that the third cluster holds day and night, whether or not a job runs.
SELECT 'lab', time, total_gpu_num // 16 FROM read_csv(getvariable('raw') || '/helios/vcJkd.csv.gz');

CREATE TABLE instance_days AS
SELECT
    m.pool, number, (m.time::DATE - DATE '2020-05-11')::INTEGER AS day,
    round(count(*) / 60.0, 6)::DECIMAL(18, 6) AS hours
FROM minutes AS m, unnest(range(1, m.instances + 1)) AS numbers(number)
WHERE m.time >= DATE '2020-05-11'
GROUP BY ALL;

-- The tenant's real savings plan: what covered usage costs under it, as a share of on-demand.
CREATE TABLE plan AS
SELECT
    'sp-example-compute' AS id, 12 AS instances,
    round(
        1.006 * sum("savingsPlan/SavingsPlanEffectiveCost"::DOUBLE) / sum("pricing/publicOnDemandCost"::DOUBLE), 4
    )::DECIMAL(18, 4) AS rate
FROM read_parquet(getvariable('raw') || '/optscale/raw_aws_cnr.parquet')
WHERE "lineItem/LineItemType" = 'SavingsPlanCoveredUsage';

CREATE TABLE gpu_days AS
SELECT
    c.day, p.*, d.number, d.hours, (p.pool = 'serving' AND d.number <= plan.instances) AS covered,
    d.hours * p.price::DECIMAL(12, 6) AS on_demand,
    CASE WHEN covered THEN d.hours * plan.rate ELSE on_demand END AS effective
FROM calendar AS c
JOIN instance_days AS d ON d.day = c.n % 21
JOIN pools AS p USING (pool)
CROSS JOIN plan
-- Story "idle GPUs": the lab's node is started on day 78, the last Tuesday but two, and never does any work.
WHERE p.pool <> 'lab' OR c.n >= 78;

CREATE TABLE gpu_bill AS
SELECT
    day::TIMESTAMP AS ChargePeriodStart, 'Usage' AS ChargeCategory, 'Usage-Based' AS ChargeFrequency,
    instance || ' Linux, per hour' AS ChargeDescription,
    CASE WHEN covered THEN 0 ELSE on_demand END::amount AS BilledCost, effective::amount AS EffectiveCost,
    on_demand::amount AS ContractedCost, on_demand::amount AS ListCost,
    price::amount AS ContractedUnitPrice, price::amount AS ListUnitPrice,
    CASE WHEN covered THEN 'Committed' ELSE 'Standard' END AS PricingCategory,
    hours::amount AS PricingQuantity, 'Hours' AS PricingUnit, hours::amount AS ConsumedQuantity, 'Hours' AS ConsumedUnit,
    CASE WHEN covered THEN 'sp-example-compute' END AS CommitmentDiscountId, CASE WHEN covered THEN 'Used' END AS CommitmentDiscountStatus,
    'i-' || invented_id(pool || number, 17) AS ResourceId, pool || '-' || lpad(number::VARCHAR, 2, '0') AS ResourceName,
    'Virtual machine' AS ResourceType, account_id AS SubAccountId, account_name AS SubAccountName, tags AS Tags,
    region AS RegionId, instance AS SkuMeter,
    json_object('InstanceType', instance, 'GpuCount', gpus)::VARCHAR AS SkuPriceDetails
FROM gpu_days;

-- The plan is paid by the day, used or not: per day, used + unused = purchased.
CREATE TABLE plan_days AS
SELECT
    c.day::TIMESTAMP AS ChargePeriodStart, any_value(24 * plan.instances * plan.rate)::amount AS bought,
    coalesce(sum(g.EffectiveCost), 0)::amount AS used, bought - used AS unused
FROM calendar AS c
CROSS JOIN plan
LEFT JOIN gpu_bill AS g ON g.ChargePeriodStart = c.day AND g.CommitmentDiscountStatus = 'Used'
GROUP BY c.day;

INSERT INTO gpu_bill BY NAME
SELECT
    ChargePeriodStart, 'Usage' AS ChargeCategory, 'Recurring' AS ChargeFrequency,
    'Unused part of the compute savings plan' AS ChargeDescription,
    0 AS BilledCost, unused AS EffectiveCost, unused AS ContractedCost, unused AS ListCost,
    'Committed' AS PricingCategory, 'sp-example-compute' AS CommitmentDiscountId, 'Unused' AS CommitmentDiscountStatus,
    '999999999999' AS SubAccountId, 'example-payer' AS SubAccountName
FROM plan_days;

INSERT INTO gpu_bill BY NAME
SELECT
    ChargePeriodStart, 'Purchase' AS ChargeCategory, 'Recurring' AS ChargeFrequency,
    'Compute savings plan, 1 year, no upfront' AS ChargeDescription,
    bought AS BilledCost, 0 AS EffectiveCost, bought AS ContractedCost, bought AS ListCost,
    'Standard' AS PricingCategory, 'sp-example-compute' AS CommitmentDiscountId,
    '999999999999' AS SubAccountId, 'example-payer' AS SubAccountName
FROM plan_days;

INSERT INTO bill BY NAME
SELECT
    * EXCLUDE (CommitmentDiscountId), 'aws' AS source, ChargePeriodStart + INTERVAL 1 DAY AS ChargePeriodEnd, CommitmentDiscountId,
    CASE WHEN CommitmentDiscountId IS NOT NULL THEN 'Example compute plan' END AS CommitmentDiscountName,
    CASE WHEN CommitmentDiscountId IS NOT NULL THEN 'Spend' END AS CommitmentDiscountCategory,
    CASE WHEN CommitmentDiscountId IS NOT NULL THEN 'Compute Savings Plan' END AS CommitmentDiscountType,
    '999999999999' AS BillingAccountId, 'Example Ltd' AS BillingAccountName, 'USD' AS BillingCurrency, 'USD' AS PricingCurrency,
    'AWS' AS ProviderName, 'AWS' AS PublisherName, 'AWS' AS InvoiceIssuerName,
    'Amazon Elastic Compute Cloud' AS ServiceName, 'Compute' AS ServiceCategory
FROM gpu_bill
WHERE EffectiveCost > 0 OR BilledCost > 0;
