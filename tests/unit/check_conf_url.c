/* conf/redis_url: every accepted form, and that nothing else is accepted. */
#include "config.h"

#include "conf/redis_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "tests/check_run.h"

#define SOCKET_108 "unix:/123456789/123456789/123456789/123456789/123456789" \
	"/123456789/123456789/123456789/123456789/123456789/1234567"

static const struct good {
	const char *text;
	const char *host;
	unsigned port;
	const char *path;
	unsigned db;
	const char *username, *password;
	bool tls;
	const char *shown;
} good[] = {
	{ "redis://h", "h", 6379, NULL, 0, "", "", false, "redis://h:6379/0" },
	{ "redis://h/", "h", 6379, NULL, 0, "", "", false,
	    "redis://h:6379/0" },
	{ "REDIS://10.0.0.1:1/65535", "10.0.0.1", 1, NULL, 65535, "", "",
	    false, "redis://10.0.0.1:1/65535" },
	{ "redis://[::1]:7000/2", "::1", 7000, NULL, 2, "", "", false,
	    "redis://[::1]:7000/2" },
	{ "redis://[fe80::2]", "fe80::2", 6379, NULL, 0, "", "", false,
	    "redis://[fe80::2]:6379/0" },
	{ "rediss://u:p@h:6380/1", "h", 6380, NULL, 1, "u", "p", true,
	    "rediss://u:(set)@h:6380/1" },
	{ "redis://:only@h", "h", 6379, NULL, 0, "", "only", false,
	    "redis://:(set)@h:6379/0" },
	{ "redis://user@h", "h", 6379, NULL, 0, "user", "", false,
	    "redis://user@h:6379/0" },
	{ "redis://u:a%40b%2Fc@h", "h", 6379, NULL, 0, "u", "a@b/c", false,
	    "redis://u:(set)@h:6379/0" },
	{ "redis://u:a@b@h", "h", 6379, NULL, 0, "u", "a@b", false,
	    "redis://u:(set)@h:6379/0" },
	{ "unix:/run/r.sock", NULL, 0, "/run/r.sock", 0, "", "", false,
	    "unix:///run/r.sock" },
	{ "unix:///run/r.sock?db=3", NULL, 0, "/run/r.sock", 3, "", "", false,
	    "unix:///run/r.sock?db=3" },
	{ "unix:/a%20b?db=0", NULL, 0, "/a b", 0, "", "", false,
	    "unix:///a%20b" },
	{ "unix://u:p@/s", NULL, 0, "/s", 0, "u", "p", false,
	    "unix://u:(set)@/s" },
};

static const char *const bad[] = {
	"", "redis", "redis:", "redis://", "redis:///1", "redis://:6379",
	"redis://h:", "redis://h:0", "redis://h:65536", "redis://h:6379x",
	"redis://h:-1", "redis://h/x", "redis://h/-1", "redis://h/65536",
	"redis://h/1/2", "redis://h/1?x=y", "redis://h?db=1", "redis://h x",
	"redis://[::1", "redis://[::1]x", "redis://[]:1", "redis://u:%zz@h",
	"redis://u:%4@h", "redis://u:%00@h", "redis://u:p@", "http://h:1/0",
	"unix:", "unix:r.sock", "unix://r.sock", "unix:/r?", "unix:/r?db=",
	"unix:/r?db=x", "unix:/r?db=1&x=2", "unix:/r?password=x",
	"unix:/r%00s", SOCKET_108, " redis://h", "redis://h\n",
};

static void
check_str(const char *is, const char *should)
{
	if (should == NULL)
		ck_assert_ptr_null(is);
	else
		ck_assert_str_eq(is, should);
}

START_TEST(t_good_forms_are_taken_apart)
{
	const struct good *g = &good[_i];
	struct redis_url u;
	const char *why = "unset";
	char *shown;

	ck_assert_int_eq(redis_url_parse(g->text, &u, &why), 0);
	ck_assert_ptr_null(why);
	check_str(u.host, g->host);
	check_str(u.path, g->path);
	ck_assert_uint_eq(u.port, g->port);
	ck_assert_uint_eq(u.db, g->db);
	ck_assert_str_eq(u.username, g->username);
	ck_assert_str_eq(u.password, g->password);
	ck_assert_int_eq(u.tls, g->tls);
	shown = redis_url_text(&u, false);
	ck_assert_str_eq(shown, g->shown);
	free(shown);
	redis_url_fini(&u);
	ck_assert_ptr_null(u.password);
}
END_TEST

/* With secrets the text means the same again. */
START_TEST(t_text_with_secrets_reads_back)
{
	struct redis_url u, v;
	char *text, *again;

	ck_assert_int_eq(redis_url_parse(good[_i].text, &u, NULL), 0);
	text = redis_url_text(&u, true);
	ck_assert_int_eq(redis_url_parse(text, &v, NULL), 0);
	again = redis_url_text(&v, true);
	ck_assert_str_eq(again, text);
	ck_assert_str_eq(v.password, u.password);
	ck_assert_uint_eq(v.db, u.db);
	free(text);
	free(again);
	redis_url_fini(&u);
	redis_url_fini(&v);
}
END_TEST

START_TEST(t_anything_else_is_refused)
{
	struct redis_url u;
	const char *why = NULL;

	memset(&u, 0xff, sizeof(u));
	ck_assert_msg(redis_url_parse(bad[_i], &u, &why) < 0, "%s", bad[_i]);
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_nonnull(strstr(why, "accepted are redis://"));
	ck_assert_ptr_null(u.host);
	ck_assert_ptr_null(u.path);
	ck_assert_ptr_null(u.username);
	ck_assert_ptr_null(u.password);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_url");
	TCase *tc = tcase_create("url");

	tcase_add_loop_test(tc, t_good_forms_are_taken_apart, 0, NELEM(good));
	tcase_add_loop_test(tc, t_text_with_secrets_reads_back, 0,
	    NELEM(good));
	tcase_add_loop_test(tc, t_anything_else_is_refused, 0, NELEM(bad));
	suite_add_tcase(s, tc);
	return (check_run(s));
}
