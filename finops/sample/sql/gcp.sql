-- 98 consecutive real days of mybinder.org's Google Cloud cost (MIT), 2018-09-24 to 2018-12-30, Monday to Sunday, amounts as they are.
-- The source gives cost by category and cost by project; a category's cost is split over the two projects in the day's proportion.

CREATE TABLE binder_days AS
SELECT
    (c.date - DATE '2018-09-24')::INTEGER AS n, category, c.cost::amount AS cost,
    p."binder-prod" / (p."binder-prod" + p."binder-staging") AS prod_share
FROM (
    UNPIVOT (FROM read_csv(getvariable('raw') || '/binder-gcp-billing/daily_cost_by_category_to_2018-12.csv'))
    ON COLUMNS(* EXCLUDE (date)) INTO NAME category VALUE cost
) AS c
JOIN read_csv(getvariable('raw') || '/binder-gcp-billing/daily_cost_by_project_to_2018-12.csv') AS p USING (date)
WHERE c.date BETWEEN DATE '2018-09-24' AND DATE '2018-12-30' AND c.cost > 0;

CREATE TABLE binder_split AS
SELECT *, round(cost * prod_share, 6)::amount AS prod, cost - prod AS staging FROM binder_days;

INSERT INTO bill BY NAME
SELECT
    'gcp' AS source, c.day::TIMESTAMP AS ChargePeriodStart, (c.day + 1)::TIMESTAMP AS ChargePeriodEnd,
    'EXAMPLE-00000-000001' AS BillingAccountId, 'Example Ltd' AS BillingAccountName, 'USD' AS BillingCurrency,
    'Usage' AS ChargeCategory, 'Usage-Based' AS ChargeFrequency, names.service AS ChargeDescription,
    CASE env WHEN 'prod' THEN s.prod ELSE s.staging END AS BilledCost, BilledCost AS EffectiveCost, 'Standard' AS PricingCategory,
    'Google Cloud' AS ProviderName, 'Google Cloud' AS PublisherName, 'Google Cloud' AS InvoiceIssuerName,
    names.service AS ServiceName, names.kind AS ServiceCategory,
    'data-' || env AS SubAccountId, 'data-' || env AS SubAccountName
FROM binder_split AS s
JOIN calendar AS c USING (n)
JOIN (VALUES
    ('compute-engine', 'Compute Engine', 'Compute'), ('cloud-storage', 'Cloud Storage', 'Storage'),
    ('cloud-sql', 'Cloud SQL', 'Databases'), ('com.googleapis', 'Cloud Operations', 'Management and Governance')
) AS names(category, service, kind) USING (category)
CROSS JOIN (VALUES ('prod'), ('staging')) AS envs(env)
WHERE BilledCost > 0;
