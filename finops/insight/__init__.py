"""What the figures say: unit costs, reconciliation of estimates with invoices, shares of a cluster."""
