"""How budgets.yaml and rules.yaml are read, problem by problem."""
