# Fuzzing of ganger.ini: the replay of the corpus is part of the suite; with
# --enable-fuzzing (CC=clang) the libFuzzer target is built as well.
check_PROGRAMS += tests/fuzz/replay_ini
TESTS += tests/fuzz/replay_ini
tests_fuzz_replay_ini_SOURCES = tests/fuzz/fuzz_ini.c
tests_fuzz_replay_ini_LDADD = libconf.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/ini

if ENABLE_FUZZING
check_PROGRAMS += tests/fuzz/fuzz_ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz_ini.c
tests_fuzz_fuzz_ini_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_LIBFUZZER
tests_fuzz_fuzz_ini_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_fuzz_ini_LDADD = libconf.a libbase.a
endif
