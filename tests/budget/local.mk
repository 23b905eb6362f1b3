# What a job may cost; the numbers are in the file budgets. The counting uses
# bench/kit, which starts and ends the programs.
TESTS += tests/budget/check_budget.py
EXTRA_DIST += tests/budget/budgets tests/budget/check_budget.py
