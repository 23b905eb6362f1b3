# The frame of the tests. They run in automake's parallel harness.
#
# A test without a suffix is a libcheck program: CK_TAP_LOG_FILE_NAME makes it
# write TAP, so that every test case is counted. It ends with
# `return (check_run(suite));` of tests/check_run.h, or with check_skip(why)
# where something it needs is absent. A test with the suffix .sh or .py is
# judged by its exit status: 0 passed, 77 skipped, anything else failed.
#
# Tests find the tree by the variables below. None writes outside a temporary
# folder of its own.
TEST_EXTENSIONS = .sh .py
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_COMPILER = $(SHELL)
PY_LOG_COMPILER = $(SHELL) -c 'test -n "$$PYTHON3" || { echo no python3; exit 77; }; exec "$$PYTHON3" "$$@"' py
AM_TESTS_ENVIRONMENT = \
	CK_TAP_LOG_FILE_NAME=-; export CK_TAP_LOG_FILE_NAME; \
	CK_VERBOSITY=silent; export CK_VERBOSITY; \
	GANGER_SRCDIR='$(abs_top_srcdir)'; export GANGER_SRCDIR; \
	GANGER_BUILDDIR='$(abs_top_builddir)'; export GANGER_BUILDDIR; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; \
	REDIS_SERVER='$(REDIS_SERVER)'; export REDIS_SERVER; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	unset REDIS_URL WORKER_ID USE_GPU GPU_DEVICE JOB_TIMEOUT \
	    MAX_CONCURRENT_JOBS GANGER_TOKEN_FILE;

EXTRA_DIST += tests/check_run.h

include tests/unit/local.mk
include tests/fuzz/ini.mk
include tests/proto/local.mk
include tests/cli/local.mk
include tests/lua/local.mk
include tests/place/local.mk
include tests/child/local.mk
include tests/python/local.mk
include tests/gpu/local.mk
include tests/system/local.mk
include tests/chaos/local.mk
include tests/budget/local.mk
