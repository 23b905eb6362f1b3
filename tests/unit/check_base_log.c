/*
 * base/log: the two formats, levels, one line per event, the limit, rotation,
 * and a reader that does not read. Lines go to a file in a temporary folder.
 */
#include "config.h"

#include "base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "tests/check_run.h"

static char root[200], path[250], moved[250];
static char *text; /* owns; what the log held at the last read_log */
static mono_t fake_time = DUR_S;

static mono_t
fake_clock(void)
{
	return (fake_time);
}

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(root, sizeof(root), "%s/ganger-log-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/log", root);
	(void)snprintf(moved, sizeof(moved), "%s/log.1", root);
}

static void
teardown(void)
{
	log_close();
	free(text);
	text = NULL;
	ck_assert_int_eq(dir_remove(root), 0);
}

static void
open_log(enum log_format format, enum log_level level)
{
	ck_assert_int_eq(log_open("test", path, format, level), 0);
}

static const char *
read_log(const char *from)
{
	size_t n;

	free(text);
	ck_assert_int_eq(fd_slurp(from, 1 << 20, &text, &n), 0);
	return (text);
}

/* Past the time stamp, whose form it checks. */
static const char *
after_stamp(const char *line)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	size_t i;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == '0')
			ck_assert(line[i] >= '0' && line[i] <= '9');
		else
			ck_assert_int_eq(line[i], form[i]);
	return (line + i);
}

static unsigned
count_lines(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return (n);
}

START_TEST(t_text_line_has_its_form)
{
	open_log(LOG_TEXT, LOG_L_INFO);
	log_info("slot", "from=%s to=%s slot=%d", "IDLE", "BUSY", 3);
	ck_assert_str_eq(after_stamp(read_log(path)),
	    "info slot from=IDLE to=BUSY slot=3\n");
}
END_TEST

START_TEST(t_levels_below_are_not_written)
{
	open_log(LOG_TEXT, LOG_L_WARN);
	log_info("a", "hidden");
	log_debug("a", "hidden");
	ck_assert_str_eq(read_log(path), "");
	ck_assert(log_wants(LOG_L_ERR));
	ck_assert(!log_wants(LOG_L_INFO));
	log_set_level(LOG_L_DEBUG);
	log_debug("a", "shown");
	log_err("a", "shown");
	log_warn("a", "shown");
	log_bug("a", "shown");
	read_log(path);
	ck_assert_uint_eq(count_lines(text), 4);
	ck_assert_ptr_nonnull(strstr(text, " debug a shown\n"));
	ck_assert_ptr_nonnull(strstr(text, " error a shown\n"));
	ck_assert_ptr_nonnull(strstr(text, " warn a shown\n"));
	ck_assert_ptr_nonnull(strstr(text, " bug a shown\n"));
}
END_TEST

START_TEST(t_message_can_not_forge_a_line)
{
	open_log(LOG_TEXT, LOG_L_INFO);
	log_info("a", "%s", "one\ntwo\rthree\tfour\033[0m");
	ck_assert_str_eq(after_stamp(read_log(path)),
	    "info a one\\ntwo\\x0dthree\\tfour\\x1b[0m\n");
}
END_TEST

START_TEST(t_json_line_parses)
{
	json_t *o;

	open_log(LOG_JSON, LOG_L_INFO);
	log_warn("broker", "%s", "quote \" newline \n bad \xff");
	read_log(path);
	ck_assert_uint_eq(count_lines(text), 1);
	o = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(json_object_size(o), 4);
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(o, "ts"))),
	    24);
	ck_assert_str_eq(json_string_value(json_object_get(o, "level")),
	    "warn");
	ck_assert_str_eq(json_string_value(json_object_get(o, "area")),
	    "broker");
	ck_assert_str_eq(json_string_value(json_object_get(o, "msg")),
	    "quote \" newline \n bad \xef\xbf\xbd");
	json_decref(o);
}
END_TEST

START_TEST(t_long_lines_are_cut_to_one_write)
{
	char big[20000];
	json_t *o;

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	open_log(_i == 0 ? LOG_TEXT : LOG_JSON, LOG_L_INFO);
	log_info("a", "start %s", big);
	read_log(path);
	ck_assert_uint_eq(count_lines(text), 1);
	ck_assert_uint_le(strlen(text), PIPE_BUF);
	ck_assert_uint_gt(strlen(text), PIPE_BUF / 4);
	ck_assert_ptr_nonnull(strstr(text, "start "));
	if (_i == 1) {
		o = json_loads(text, 0, NULL);
		ck_assert_ptr_nonnull(o);
		json_decref(o);
	}
}
END_TEST

START_TEST(t_errno_survives)
{
	open_log(LOG_TEXT, LOG_L_INFO);
	errno = ENOENT;
	log_info("a", "why=%s", err_text(-ERR_SYSTEM));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(read_log(path), strerror(ENOENT)));
}
END_TEST

START_TEST(t_reopen_follows_a_rotation)
{
	open_log(LOG_TEXT, LOG_L_INFO);
	log_info("a", "first");
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("a", "second");
	ck_assert_int_eq(log_reopen(), 0);
	log_info("a", "third");
	ck_assert_uint_eq(count_lines(read_log(moved)), 2);
	ck_assert_str_eq(after_stamp(read_log(path)), "info a third\n");
}
END_TEST

START_TEST(t_failed_open_keeps_the_old_target)
{
	char bad[300];

	open_log(LOG_TEXT, LOG_L_INFO);
	(void)snprintf(bad, sizeof(bad), "%s/absent/log", root);
	ck_assert_int_eq(log_open("x", bad, LOG_JSON, LOG_L_BUG),
	    -ERR_SYSTEM);
	ck_assert_int_eq(errno, ENOENT);
	log_info("a", "still here");
	ck_assert_str_eq(after_stamp(read_log(path)), "info a still here\n");
}
END_TEST

START_TEST(t_limit_passes_a_burst_and_counts_the_rest)
{
	struct log_limit lim = LOG_LIMIT(2, 5 * DUR_S);
	int i, passed = 0;

	mono_set_source(fake_clock);
	open_log(LOG_TEXT, LOG_L_INFO);
	for (i = 0; i < 10; i++)
		if (log_limit(&lim)) {
			passed++;
			log_info("a", "n=%d", i);
		}
	ck_assert_int_eq(passed, 2);
	fake_time += 5 * DUR_S;
	ck_assert(log_limit(&lim));
	log_info("a", "later");
	log_info("a", "last");
	read_log(path);
	ck_assert_ptr_nonnull(strstr(text, " later suppressed=8\n"));
	ck_assert_ptr_nonnull(strstr(text, " last\n"));
	mono_set_source(NULL);
}
END_TEST

/*
 * The other end of a full pipe does not read: lines are dropped, counted and
 * told; the process goes on. If a write blocked, the test would time out.
 */
START_TEST(t_reader_that_stops_does_not_stop_us)
{
	char got[65536], *p;
	int fd, i;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	open_log(LOG_TEXT, LOG_L_INFO);
	for (i = 0; i < 3000; i++)
		log_info("a", "%0100d", i);
	while (read(fd, got, sizeof(got)) > 0)
		;
	log_info("a", "awake");
	i = (int)read(fd, got, sizeof(got) - 1);
	ck_assert_int_gt(i, 0);
	got[i] = '\0';
	p = strstr(got, " awake dropped=");
	ck_assert_ptr_nonnull(p);
	ck_assert_int_gt(atoi(p + strlen(" awake dropped=")), 1000);
	fd_close(&fd);
}
END_TEST

static unsigned
count_of(const char *s, const char *word)
{
	unsigned n = 0;

	for (; (s = strstr(s, word)) != NULL; s++)
		n++;
	return (n);
}

/* One line in a storm: a few pass, the rest is told as a number, and a line
 * that says something else is not held up by it. */
START_TEST(t_repeated_line_is_counted)
{
	int i;

	mono_set_source(fake_clock);
	open_log(LOG_TEXT, LOG_L_INFO);
	for (i = 0; i < 1000; i++) {
		log_warn("a", "again");
		if (i % 100 == 0)
			log_warn("a", "other %d", i);
	}
	ck_assert_uint_eq(count_of(read_log(path), "again"), 5);
	ck_assert_uint_eq(count_of(text, "other"), 10);
	log_tick();
	ck_assert_uint_eq(count_of(read_log(path), "repeated"), 0);
	fake_time += 11 * DUR_S;
	log_tick();
	ck_assert_ptr_nonnull(strstr(read_log(path),
	    " warn a last message repeated 995 more time(s): again\n"));
	log_warn("a", "again");
	ck_assert_uint_eq(count_of(read_log(path), "warn a again"), 6);
	mono_set_source(NULL);
}
END_TEST

/* What was held back is told at the end too. */
START_TEST(t_repeated_line_is_told_at_the_end)
{
	int i;

	mono_set_source(fake_clock);
	open_log(LOG_JSON, LOG_L_INFO);
	for (i = 0; i < 8; i++)
		log_err("b", "over");
	log_close();
	ck_assert_ptr_nonnull(strstr(read_log(path),
	    "\"msg\":\"last message repeated 3 more time(s): over\""));
	mono_set_source(NULL);
}
END_TEST

/* More different lines than there are rows: none is lost, and what was held
 * back of the row that had to go is told. */
START_TEST(t_many_lines_share_the_rows)
{
	int i;

	mono_set_source(fake_clock);
	open_log(LOG_TEXT, LOG_L_INFO);
	for (i = 0; i < 7; i++)
		log_info("a", "first");
	fake_time += DUR_S;
	for (i = 0; i < 200; i++)
		log_info("a", "line=%d", i);
	ck_assert_uint_eq(count_of(read_log(path), "line="), 200);
	ck_assert_ptr_nonnull(strstr(text, "repeated 2 more time(s): first"));
	mono_set_source(NULL);
}
END_TEST

static int
listen_at(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	ck_assert_uint_lt(strlen(where), sizeof(sun.sun_path));
	strcpy(sun.sun_path, where);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return (fd);
}

static const char *
datagram(int fd)
{
	static char got[8192];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	return (got);
}

START_TEST(t_syslog_gets_priority_name_and_pid)
{
	char target[300], tail[100];
	const char *got;
	int fd = listen_at(path);

	(void)snprintf(target, sizeof(target), "syslog:%s", path);
	ck_assert_int_eq(log_open("test", target, LOG_TEXT, LOG_L_INFO), 0);
	log_err("redis", "gone");
	got = datagram(fd);
	ck_assert_int_eq(strncmp(got, "<27>", 4), 0);
	(void)snprintf(tail, sizeof(tail), " test[%d]: error redis gone",
	    (int)getpid());
	ck_assert_str_eq(got + strlen(got) - strlen(tail), tail);
	fd_close(&fd);
	/* the daemon was restarted: its socket is a new one */
	ck_assert_int_eq(unlink(path), 0);
	fd = listen_at(path);
	log_info("a", "after");
	ck_assert_ptr_nonnull(strstr(datagram(fd), "info a after"));
	fd_close(&fd);
}
END_TEST

START_TEST(t_journal_gets_fields)
{
	char target[300];
	const char *got;
	int fd = listen_at(path);

	(void)snprintf(target, sizeof(target), "journal:%s", path);
	ck_assert_int_eq(log_open("test", target, LOG_TEXT, LOG_L_INFO), 0);
	log_warn("redis", "one\nPRIORITY=0");
	got = datagram(fd);
	ck_assert_str_eq(got, "PRIORITY=4\nSYSLOG_FACILITY=3\n"
	    "SYSLOG_IDENTIFIER=test\nGANGER_AREA=redis\n"
	    "MESSAGE=warn redis one\\nPRIORITY=0\n");
	fd_close(&fd);
}
END_TEST

/* systemd names the stream it gave us; only that one gets prefixes. */
START_TEST(t_journal_stream_gets_priorities)
{
	char stream[64];
	struct stat sb;
	int fd, was;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_eq(fstat(fd, &sb), 0);
	was = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)sb.st_dev,
	    (unsigned long long)sb.st_ino + (_i == 0 ? 0 : 1));
	(void)setenv("JOURNAL_STREAM", stream, 1);
	ck_assert_int_eq(log_open("test", "stderr", LOG_TEXT, LOG_L_INFO), 0);
	log_warn("a", "here");
	log_close();
	(void)dup2(was, STDERR_FILENO);
	fd_close(&was);
	fd_close(&fd);
	(void)unsetenv("JOURNAL_STREAM");
	read_log(path);
	if (_i == 0)
		ck_assert_str_eq(text, "<4>warn a here\n");
	else
		ck_assert_str_eq(after_stamp(text), "warn a here\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base_log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, t_text_line_has_its_form);
	tcase_add_test(tc, t_levels_below_are_not_written);
	tcase_add_test(tc, t_message_can_not_forge_a_line);
	tcase_add_test(tc, t_json_line_parses);
	tcase_add_loop_test(tc, t_long_lines_are_cut_to_one_write, 0, 2);
	tcase_add_test(tc, t_errno_survives);
	tcase_add_test(tc, t_reopen_follows_a_rotation);
	tcase_add_test(tc, t_failed_open_keeps_the_old_target);
	tcase_add_test(tc, t_limit_passes_a_burst_and_counts_the_rest);
	tcase_add_test(tc, t_reader_that_stops_does_not_stop_us);
	tcase_add_test(tc, t_repeated_line_is_counted);
	tcase_add_test(tc, t_repeated_line_is_told_at_the_end);
	tcase_add_test(tc, t_many_lines_share_the_rows);
	tcase_add_test(tc, t_syslog_gets_priority_name_and_pid);
	tcase_add_test(tc, t_journal_gets_fields);
	tcase_add_loop_test(tc, t_journal_stream_gets_priorities, 0, 2);
	suite_add_tcase(s, tc);
	return (check_run(s));
}
