# Whole-system tests: a real gangerd, a real redis-server. Each program owns
# its servers and folders, so they run side by side. GANGERD in the
# environment names another gangerd than this tree's; RIG_WRAP a tool to run
# it under; RIG_LIMIT the seconds that one wait may take.
check_LIBRARIES = tests/rig/librig.a
tests_rig_librig_a_SOURCES = \
	tests/rig/rig.c tests/rig/rig.h tests/rig/rig_cgroup.c \
	tests/rig/rig_http.c \
	tests/rig/rig_impl.h tests/rig/rig_main.c tests/rig/rig_redis.c \
	tests/rig/rig_util.c
rig_cppflags = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS) $(JANSSON_CFLAGS) \
	$(CHECK_CFLAGS) \
	-DRIG_GANGERD='"$(abs_top_builddir)/gangerd"' \
	-DRIG_CHILD='"$(abs_top_builddir)/ganger-child"' \
	-DRIG_PLUGIN_DIR='"$(abs_top_builddir)/.libs"' \
	-DRIG_CHILDREN_SRC='"$(abs_top_srcdir)/tests/children"' \
	-DRIG_CHILDREN_BIN='"$(abs_top_builddir)/tests/children"'
rig_ldadd = tests/rig/librig.a $(HIREDIS_LIBS) $(JANSSON_LIBS) $(CHECK_LIBS)
tests_rig_librig_a_CPPFLAGS = $(rig_cppflags)
EXTRA_DIST += tests/children/alone.sh tests/children/dump.sh \
	tests/children/end.sh tests/children/once.sh tests/children/sdk.py \
	tests/children/sdk_batch.py \
	tests/children/train.py \
	tests/children/steps.sh tests/children/stubborn.sh \
	tests/children/wait.sh

check_PROGRAMS += tests/children/runner
tests_children_runner_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS) \
	$(JANSSON_CFLAGS)
tests_children_runner_LDADD = $(MSGPACK_LIBS) $(JANSSON_LIBS)

check_PROGRAMS += tests/system/s_0_rig
tests_system_s_0_rig_CPPFLAGS = $(rig_cppflags)
tests_system_s_0_rig_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_a_start
tests_system_s_a_start_CPPFLAGS = $(rig_cppflags)
tests_system_s_a_start_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_handler
tests_system_s_b_handler_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_handler_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_invalid
tests_system_s_b_invalid_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_invalid_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_job
tests_system_s_b_job_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_job_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_python
tests_system_s_b_python_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_python_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_user
tests_system_s_b_user_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_user_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_b_runner
tests_system_s_b_runner_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_runner_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_c_many
tests_system_s_c_many_CPPFLAGS = $(rig_cppflags)
tests_system_s_c_many_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_c_sched
tests_system_s_c_sched_CPPFLAGS = $(rig_cppflags)
tests_system_s_c_sched_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_d_death
tests_system_s_d_death_CPPFLAGS = $(rig_cppflags)
tests_system_s_d_death_LDADD = $(rig_ldadd)

check_LTLIBRARIES += tests/children/gpu.la
tests_children_gpu_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
# a convenience library unless it has an installation folder
tests_children_gpu_la_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(pluginsdir)
tests_children_gpu_la_LIBADD =
tests_children_gpu_la_SOURCES = tests/children/gpu.c

check_PROGRAMS += tests/children/bad
tests_children_bad_CPPFLAGS = $(AM_CPPFLAGS)
check_PROGRAMS += tests/system/s_e_children
tests_system_s_e_children_CPPFLAGS = $(rig_cppflags)
tests_system_s_e_children_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_e_limits
tests_system_s_e_limits_CPPFLAGS = $(rig_cppflags)
tests_system_s_e_limits_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_e_timeout
tests_system_s_e_timeout_CPPFLAGS = $(rig_cppflags)
tests_system_s_e_timeout_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_f_reload
tests_system_s_f_reload_CPPFLAGS = $(rig_cppflags)
tests_system_s_f_reload_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_f_redis
tests_system_s_f_redis_CPPFLAGS = $(rig_cppflags)
tests_system_s_f_redis_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_f_reshape
tests_system_s_f_reshape_CPPFLAGS = $(rig_cppflags)
tests_system_s_f_reshape_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_f_storm
tests_system_s_f_storm_CPPFLAGS = $(rig_cppflags)
tests_system_s_f_storm_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_g_place
tests_system_s_g_place_CPPFLAGS = $(rig_cppflags)
tests_system_s_g_place_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_h_redis
tests_system_s_h_redis_CPPFLAGS = $(rig_cppflags)
tests_system_s_h_redis_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_i_control
tests_system_s_i_control_CPPFLAGS = $(rig_cppflags)
tests_system_s_i_control_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_j_stop
tests_system_s_j_stop_CPPFLAGS = $(rig_cppflags)
tests_system_s_j_stop_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/system/s_m_preempt
tests_system_s_m_preempt_CPPFLAGS = $(rig_cppflags)
tests_system_s_m_preempt_LDADD = $(rig_ldadd)
check_LTLIBRARIES += tests/children/batch.la
tests_children_batch_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
tests_children_batch_la_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath $(pluginsdir)
tests_children_batch_la_LIBADD =
tests_children_batch_la_SOURCES = tests/children/batch.c
check_PROGRAMS += tests/system/s_n_batch
tests_system_s_n_batch_CPPFLAGS = $(rig_cppflags)
tests_system_s_n_batch_LDADD = $(rig_ldadd)
check_PROGRAMS += tests/system/s_n_limits
tests_system_s_n_limits_CPPFLAGS = $(rig_cppflags)
tests_system_s_n_limits_LDADD = $(rig_ldadd)
check_PROGRAMS += tests/system/s_l_schedule
tests_system_s_l_schedule_CPPFLAGS = $(rig_cppflags)
tests_system_s_l_schedule_LDADD = $(rig_ldadd)
check_PROGRAMS += tests/system/s_k_fleet tests/system/s_k_http
web_sources = tests/system/web.c tests/system/web.h
tests_system_s_k_fleet_SOURCES = tests/system/s_k_fleet.c $(web_sources)
tests_system_s_k_fleet_CPPFLAGS = $(rig_cppflags)
tests_system_s_k_fleet_LDADD = $(rig_ldadd)
tests_system_s_k_http_SOURCES = tests/system/s_k_http.c $(web_sources)
tests_system_s_k_http_CPPFLAGS = $(rig_cppflags)
tests_system_s_k_http_LDADD = $(rig_ldadd)

check_PROGRAMS += tests/children/box
tests_children_box_LDADD = -lpthread
check_PROGRAMS += tests/system/s_b_box
tests_system_s_b_box_CPPFLAGS = $(rig_cppflags)
tests_system_s_b_box_LDADD = $(rig_ldadd)
check_PROGRAMS += tests/system/s_n_upgrade
tests_system_s_n_upgrade_CPPFLAGS = $(rig_cppflags)
tests_system_s_n_upgrade_LDADD = $(rig_ldadd)
check_PROGRAMS += tests/system/s_n_life
tests_system_s_n_life_CPPFLAGS = $(rig_cppflags)
tests_system_s_n_life_LDADD = $(rig_ldadd)

include tests/system/gpu.mk

TESTS += tests/system/s_n_life tests/system/s_n_upgrade tests/system/s_b_box tests/system/s_0_rig tests/system/s_a_start \
	tests/system/s_b_handler tests/system/s_b_invalid \
	tests/system/s_b_job tests/system/s_b_python \
	tests/system/s_b_runner tests/system/s_b_user tests/system/s_c_many \
	tests/system/s_c_sched tests/system/s_d_death \
	tests/system/s_e_children tests/system/s_e_limits \
	tests/system/s_e_timeout tests/system/s_f_reload tests/system/s_f_reshape \
	tests/system/s_f_redis tests/system/s_f_storm \
	tests/system/s_g_place tests/system/s_h_redis tests/system/s_i_control \
	tests/system/s_l_schedule tests/system/s_m_preempt \
	tests/system/s_n_batch tests/system/s_n_limits \
	tests/system/s_j_stop tests/system/s_k_fleet tests/system/s_k_http

# The long way: 20,000 jobs where make check runs 2,000; each way to misbehave
# 1,000 times. RIG_LIMIT: the time that one test may take goes with it.
.PHONY: check-slow
check-slow:
	RIG_JOBS=20000 RIG_REPEAT=1000 RIG_LIMIT=300 $(MAKE) check \
	    TESTS='tests/system/s_c_many tests/system/s_e_children'

# A thousand reloads under load; RELOAD_SEED=N for others.
.PHONY: check-reload
check-reload:
	RELOAD_HUPS=1000 RIG_LIMIT=120 $(MAKE) check \
	    TESTS=tests/system/s_f_storm
check-slow: check-reload
