# What a job may cost; the numbers are in the file budgets. The counting uses
# bench/kit, which starts and ends the programs.
BUDGET_TESTS = tests/budget/check_benchmark.py tests/budget/check_budget.py
TESTS += $(BUDGET_TESTS)
EXTRA_DIST += tests/budget/budgets $(BUDGET_TESTS)
