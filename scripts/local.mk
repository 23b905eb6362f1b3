# Checks of the tree itself, and the targets that wrap a tool.
SCRIPT_TESTS = scripts/check_layers.sh scripts/check_magic.sh \
	scripts/check_tree.sh scripts/check_checks.sh
TESTS += $(SCRIPT_TESTS)
# By name: a folder that the build writes to would be packed with its logs.
EXTRA_DIST += $(SCRIPT_TESTS) scripts/benchmark scripts/coverage.sh scripts/gpu-check scripts/cppcheck.cfg \
	scripts/cppcheck.supp scripts/files.sh scripts/format.sh \
	scripts/lint.sh scripts/fuzz scripts/setup scripts/test scripts/variant.sh \
	.clang-format .clang-tidy proto/.clang-tidy \
	supervisor/.clang-tidy tests/.clang-tidy

# One level of the tests.
.PHONY: check-unit check-proto check-system check-scripts
check-unit check-proto check-system:
	$(MAKE) check TESTS='$(filter tests/$(@:check-%=%)/%,$(TESTS))'
check-scripts:
	$(MAKE) check-TESTS TESTS='$(SCRIPT_TESTS)'

# The whole suite in an instrumented build of its own, in _build/VARIANT.
.PHONY: asan ubsan tsan coverage memcheck
asan ubsan tsan:
	$(SHELL) $(srcdir)/scripts/variant.sh $@ --enable-$@
	$(MAKE) -C _build/$@ check
coverage:
	$(SHELL) $(srcdir)/scripts/variant.sh $@ --enable-coverage
	find _build/coverage -name '*.gcda' -exec rm -f {} +
	status=0; $(MAKE) -C _build/coverage check || status=$$?; \
	    $(SHELL) $(srcdir)/scripts/coverage.sh _build/coverage && \
	    exit $$status

# Unit and protocol tests under valgrind. Cases that end by a signal leave
# memory behind by design; only definite leaks of the others count.
MEMCHECK = valgrind -q --error-exitcode=99 --leak-check=full \
	--show-leak-kinds=definite --errors-for-leak-kinds=definite
memcheck:
	CK_TIMEOUT_MULTIPLIER=20 $(MAKE) check LOG_COMPILER='$(MEMCHECK)' \
	    TESTS='$(filter-out %.sh %.py,$(filter tests/unit/% tests/proto/%,$(TESTS)))'

.PHONY: lint format format-check
LINT_CPPFLAGS = $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) \
	$(ZMQ_CFLAGS) $(HIREDIS_CFLAGS) $(MSGPACK_CFLAGS) $(EVENT_CFLAGS) \
	$(JANSSON_CFLAGS) $(CHECK_CFLAGS) $(ONNXRUNTIME_CFLAGS) \
	$(libconf_a_CPPFLAGS) $(libsup_a_CPPFLAGS) $(rig_cppflags) \
	$(cli_cppflags) $(gangerd_CPPFLAGS) $(libchild_a_CPPFLAGS) \
	$(PLUGIN_CPPFLAGS)
lint: all
	$(SHELL) $(srcdir)/scripts/lint.sh $(abs_top_srcdir) $(LINT_CPPFLAGS)
format format-check:
	$(SHELL) $(srcdir)/scripts/format.sh $@ $(abs_top_srcdir)

dist-hook:
	find $(distdir) -name __pycache__ -prune -exec rm -rf {} +
