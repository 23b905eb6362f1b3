# Tests of the Lua scripts: each is called by EVAL against a real Redis, with
# the KEYS and ARGV that its header documents.
LUA_TESTS = \
	tests/lua/test_claim.py tests/lua/test_commit.py \
	tests/lua/test_glance.py tests/lua/test_lease.py \
	tests/lua/test_permit.py tests/lua/test_pluck.py \
	tests/lua/test_requeue.py
TESTS += $(LUA_TESTS)
EXTRA_DIST += $(LUA_TESTS) tests/lua/case.py tests/lua/resp.py
