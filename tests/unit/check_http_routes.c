/*
 * Which way a request goes and whether it may: the table of routes and the
 * rules of access, without a server.
 */
#include "config.h"

#include "supervisor/http_route.h"

#include <stdio.h>
#include <string.h>

#include "base/obj.h"
#include "supervisor/http_tbl.h"
#include "tests/check_run.h"

#define X(method, path, class, func, help) \
	{ #method, path, HTTP_##class, NULL, help },
static const struct http_route routes[] = { HTTP_ROUTES(X) };
#undef X

static struct http_match m;

static int
find(const char *method, const char *path)
{
	return (http_route_find(routes, NELEM(routes), method, path, &m));
}

START_TEST(t_each_route_leads_to_itself)
{
	char path[64];
	size_t i;

	for (i = 0; i < NELEM(routes); i++) {
		const char *star = strchr(routes[i].path, '*');

		if (star == NULL)
			(void)snprintf(path, sizeof(path), "%s",
			    routes[i].path);
		else
			(void)snprintf(path, sizeof(path), "%.*sa:1%s",
			    (int)(star - routes[i].path), routes[i].path,
			    star + 1);
		ck_assert_int_eq(find(routes[i].method, path), 200);
		ck_assert_ptr_eq(m.route, &routes[i]);
		ck_assert_str_eq(m.arg, star == NULL ? "" : "a:1");
	}
}
END_TEST

START_TEST(t_head_goes_where_get_goes)
{
	ck_assert_int_eq(find("HEAD", "/queues"), 200);
	ck_assert_str_eq(m.route->path, "/queues");
	ck_assert_int_eq(find("HEAD", "/jobs"), 405);
}
END_TEST

/* What changes something asks for the token; what reads must not change. */
START_TEST(t_class_follows_the_method)
{
	size_t i;

	for (i = 0; i < NELEM(routes); i++)
		ck_assert_int_eq(routes[i].class == HTTP_CHANGE,
		    strcmp(routes[i].method, "GET") != 0);
}
END_TEST

START_TEST(t_other_paths_lead_nowhere)
{
	static const char *const paths[] = { "", "/x", "/jobs/", "/jobs//log",
	    "/jobs/a/", "/jobs/a/logs", "/jobs/a/log/", "/queues/",
	    "/queue", "queues", "/QUEUES", "/jobs/%", "/jobs/%4",
	    "/jobs/%zz", "/jobs/%00", "/jobs/a%00b", "/jobs/a%2Fb",
	    "/jobs/a b", "/jobs/\xc3\xa4" };
	char path[160] = "/jobs/";
	size_t i;

	for (i = 0; i < NELEM(paths); i++)
		ck_assert_msg(find("GET", paths[i]) == 404, "%s", paths[i]);
	memset(path + 6, 'a', HTTP_ARG_MAX);
	ck_assert_int_eq(find("GET", path), 200);
	path[6 + HTTP_ARG_MAX] = 'a';
	ck_assert_int_eq(find("GET", path), 404);
}
END_TEST

START_TEST(t_id_is_decoded)
{
	ck_assert_int_eq(find("GET", "/jobs/a%3A1%2d/log"), 200);
	ck_assert_str_eq(m.arg, "a:1-");
}
END_TEST

START_TEST(t_wrong_method_says_what_is_allowed)
{
	ck_assert_int_eq(find("PUT", "/jobs/a"), 405);
	ck_assert_str_eq(m.allow, "GET, HEAD, DELETE");
	ck_assert_ptr_null(m.route);
	ck_assert_int_eq(find("GET", "/jobs"), 405);
	ck_assert_str_eq(m.allow, "POST");
	ck_assert_int_eq(find("get", "/queues"), 405);
}
END_TEST

/* loopback, open_read, token configured, token sent: open, read, change. */
START_TEST(t_access)
{
	static const struct {
		bool loopback, open_read, token;
		const char *sent;
		int want[3];
	} rows[] = {
		{ true, false, false, NULL, { 0, 0, 403 } },
		{ true, false, false, "Bearer t", { 0, 0, 403 } },
		{ true, false, true, NULL, { 0, 0, 401 } },
		{ true, false, true, "Bearer x", { 0, 0, 401 } },
		{ true, false, true, "Bearer t", { 0, 0, 0 } },
		{ false, false, true, NULL, { 0, 401, 401 } },
		{ false, false, true, "Bearer x", { 0, 401, 401 } },
		{ false, false, true, "Bearer t", { 0, 0, 0 } },
		{ false, true, false, NULL, { 0, 0, 403 } },
		{ false, true, true, NULL, { 0, 0, 401 } },
		{ false, false, false, "Bearer ", { 0, 403, 403 } },
	};
	struct http_access a;
	size_t i, k;

	for (i = 0; i < NELEM(rows); i++)
		for (k = 0; k < 3; k++) {
			a = (struct http_access){ rows[i].loopback,
			    rows[i].open_read, rows[i].token ? "t" : "" };
			ck_assert_msg(http_access_check(&a,
			    (enum http_class)k, rows[i].sent) ==
			    rows[i].want[k], "row %zu class %zu", i, k);
		}
}
END_TEST

START_TEST(t_only_the_whole_token_opens)
{
	const struct http_access a = { true, false, "sesame" };
	static const char *const good[] = { "Bearer sesame",
	    "bearer sesame", "BEARER   sesame" };
	static const char *const bad[] = { "", "Bearer", "Bearer ",
	    "Bearersesame", "sesame", "Basic sesame", "Bearer sesam",
	    "Bearer sesamE", "Bearer sesamesesame", "Bearer sesame ",
	    "Bearer  esame" };
	size_t i;

	for (i = 0; i < NELEM(good); i++)
		ck_assert_int_eq(http_access_check(&a, HTTP_CHANGE,
		    good[i]), 0);
	for (i = 0; i < NELEM(bad); i++)
		ck_assert_msg(http_access_check(&a, HTTP_CHANGE, bad[i]) ==
		    401, "%s", bad[i]);
}
END_TEST

START_TEST(t_hosts)
{
	static const char *const good[] = { "localhost", "LOCALHOST:8000",
	    "127.0.0.1", "127.0.0.1:8000", "10.1.2.3:80", "[::1]:8000",
	    "[::1]", "a.localhost:1", "localhost.", "" };
	static const char *const bad[] = { "evil.example",
	    "evil.example:8000", "localhost.evil.example", "notlocalhost",
	    "127.0.0.1.evil.example", "[::1].evil", "1", ".evil" };
	char longest[400];
	size_t i;

	ck_assert(http_host_ok(NULL));
	for (i = 0; i < NELEM(good); i++)
		ck_assert_msg(http_host_ok(good[i]), "%s", good[i]);
	for (i = 0; i < NELEM(bad); i++)
		ck_assert_msg(!http_host_ok(bad[i]), "%s", bad[i]);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert(!http_host_ok(longest));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http_routes");
	TCase *tc = tcase_create("http_routes");

	suite_add_tcase(s, tc);
	tcase_add_test(tc, t_each_route_leads_to_itself);
	tcase_add_test(tc, t_head_goes_where_get_goes);
	tcase_add_test(tc, t_class_follows_the_method);
	tcase_add_test(tc, t_other_paths_lead_nowhere);
	tcase_add_test(tc, t_id_is_decoded);
	tcase_add_test(tc, t_wrong_method_says_what_is_allowed);
	tcase_add_test(tc, t_access);
	tcase_add_test(tc, t_only_the_whole_token_opens);
	tcase_add_test(tc, t_hosts);
	return (check_run(s));
}
