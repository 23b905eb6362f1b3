/*
 * What follows from the values of the single sections, and what must fit
 * together within them.
 */
#include "config.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cron.h"
#include "base/cpus.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "conf/file.h"
#include "conf/load.h"

#define WEIGHT_MAX 1000
#define RATE_MAX 1e6      /* jobs a second */
#define RATE_MIN (1.0 / 864000)
#define PREFIX_MAX 64
#define LISTEN_FORM "is not address:port, [IPv6 address]:port or empty"

/* The contract's tables, largest first: from so many up, so many slots. */
static const struct {
	unsigned cores, slots;
} cpu_slots[] = { { 16, 8 }, { 8, 4 }, { 4, 2 }, { 0, 1 } };

static const struct {
	uint64_t bytes;
	unsigned inference, training;
} gpu_slots[] = {
	{ UINT64_C(16000000000), 4, 2 }, { UINT64_C(8000000000), 2, 1 },
	{ 0, 1, 1 }
};

unsigned
conf_cpu_slots(unsigned ncpus)
{
	unsigned i;

	for (i = 0; ncpus < cpu_slots[i].cores; i++)
		;
	return (cpu_slots[i].slots);
}

unsigned
conf_gpu_slots(uint64_t bytes, bool training)
{
	unsigned i;

	for (i = 0; bytes < gpu_slots[i].bytes; i++)
		;
	return (training ? gpu_slots[i].training : gpu_slots[i].inference);
}

static int
parse_weights(const char *text, unsigned w[3])
{
	const char *p = text;
	char *end;
	unsigned long v;
	int i;

	for (i = 0; i < 3; i++) {
		if (*p < '0' || *p > '9')
			return (-1);
		v = strtoul(p, &end, 10);
		if (v < 1 || v > WEIGHT_MAX || *end != (i < 2 ? ':' : '\0'))
			return (-1);
		w[i] = (unsigned)v;
		p = end + 1;
	}
	return (0);
}

/* auto, none or a list. */
static bool
housekeeping_ok(const char *text)
{
	struct cpus set;

	return (strcasecmp(text, "auto") == 0 || strcasecmp(text, "none") == 0 ||
	    (cpus_parse(text, &set) == 0 && cpus_count(&set) > 0));
}

void
resolve_supervisor(struct load *ld)
{
	struct conf_supervisor *s = &ld->c->supervisor;

	if (parse_weights(s->lane_weights, s->weights) != 0)
		load_problem(ld, CONF_S_supervisor, "", "lane_weights",
		    "\"%.80s\" is not HIGH:NORMAL:LOW, whole numbers from 1 to "
		    "1000", s->lane_weights);
	if (s->max_concurrent_jobs != CONF_AUTO)
		s->slots = (unsigned)s->max_concurrent_jobs;
	if (!housekeeping_ok(s->housekeeping_cpus))
		load_problem(ld, CONF_S_supervisor, "", "housekeeping_cpus",
		    "\"%.80s\" is not a list such as 0-1, auto or none",
		    s->housekeeping_cpus);
	if (s->retry_backoff_max < s->retry_backoff) {
		if (load_given(ld, CONF_S_supervisor, "", "retry_backoff_max"))
			load_problem(ld, CONF_S_supervisor, "",
			    "retry_backoff_max", "less than retry_backoff");
		else
			s->retry_backoff_max = s->retry_backoff;
	}
	if (s->job_timeout > s->max_job_timeout)
		s->job_timeout = s->max_job_timeout;
}

static void
read_secret(struct load *ld, enum conf_section section, const char *key,
    const char *path, char **secretp)
{
	const char *why;
	char *secret;

	if (path[0] == '\0')
		return;
	secret = file_read_secret(path, &why);
	if (secret == NULL)
		load_problem(ld, section, "", key, "could not read %.200s: %s",
		    path, why);
	else
		value_replace(secretp, secret);
}

static bool
tls_supported(void)
{
#ifdef HAVE_HIREDIS_SSL
	return (true);
#else
	return (false);
#endif
}

void
resolve_redis(struct load *ld)
{
	struct conf_redis *r = &ld->c->redis;
	char *password = xstrdup("");
	const char *why;

	if (strlen(r->prefix) > PREFIX_MAX || !str_id_ok(slice_of(r->prefix)))
		load_problem(ld, CONF_S_redis, "", "prefix",
		    "\"%.80s\" is not 1 to 64 of letters, digits and ._:-",
		    r->prefix);
	read_secret(ld, CONF_S_redis, "password_file", r->password_file,
	    &password);
	/* The text itself is not shown: it may hold a password. */
	if (redis_url_parse(r->url, &r->addr, &why) != 0) {
		load_problem(ld, CONF_S_redis, "", "url", "%s", why);
		free(password);
		return;
	}
	if (r->addr.tls && !tls_supported())
		load_problem(ld, CONF_S_redis, "", "url",
		    "rediss:// is not possible, this build has no TLS");
	if (r->addr.username[0] == '\0' && r->addr.password[0] == '\0')
		value_replace(&r->addr.username, xstrdup(r->username));
	if (r->addr.password[0] == '\0')
		value_replace(&r->addr.password, password);
	else {
		explicit_bzero(password, strlen(password));
		free(password);
	}
}

/* host:port with host "localhost" or a numeric address; 0 or -1. */
static int
split_listen(const char *text, char **host, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	struct in6_addr any6;
	struct in_addr any4;
	int64_t v;
	bool good;
	char *h;

	if (n == 0 || str_int(colon + 1, &v) != 0 || v < 0 || v > UINT16_MAX)
		return (-1);
	if (text[0] == '[' && text[n - 1] == ']') {
		h = xstrndup(text + 1, n - 2);
		good = inet_pton(AF_INET6, h, &any6) == 1;
	} else {
		h = xstrndup(text, n);
		if (strcasecmp(h, "localhost") == 0)
			value_replace(&h, xstrdup("127.0.0.1"));
		good = inet_pton(AF_INET, h, &any4) == 1;
	}
	if (!good) {
		free(h);
		return (-1);
	}
	value_replace(host, h);
	*port = (uint16_t)v;
	return (0);
}

static bool
is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24 == 127);
	return (inet_pton(AF_INET6, host, &v6) == 1 &&
	    IN6_IS_ADDR_LOOPBACK(&v6));
}

void
resolve_http(struct load *ld)
{
	struct conf_http *h = &ld->c->http;

	read_secret(ld, CONF_S_http, "token_file", h->token_file, &h->token);
	if (h->listen[0] == '\0')
		return;
	if (split_listen(h->listen, &h->host, &h->port) != 0) {
		load_problem(ld, CONF_S_http, "", "listen", "\"%.80s\" "
		    LISTEN_FORM, h->listen);
		return;
	}
	h->loopback = is_loopback(h->host);
	if (!h->loopback && h->token_file[0] == '\0' && !h->open_read)
		load_problem(ld, CONF_S_http, "", "listen",
		    "%s is not a loopback address: token_file or open_read = "
		    "yes must be given too", h->host);
}

/* As base/log.c reads it. */
static bool
names_socket(const char *target)
{
	size_t n = strcspn(target, ":");

	return (((n == 6 && strncmp(target, "syslog", n) == 0) ||
	    (n == 7 && strncmp(target, "journal", n) == 0)) &&
	    (target[n] == '\0' || target[n + 1] == '/'));
}

void
resolve_log(struct load *ld)
{
	char **target = &ld->c->log.target;

	if ((*target)[0] == '\0')
		load_problem(ld, CONF_S_log, "", "target",
		    "empty, must be stderr, syslog, journal or a file");
	else if (strcmp(*target, "stderr") != 0 && !names_socket(*target))
		load_absolute(ld, target);
}

void
resolve_models(struct load *ld)
{
	struct conf_models *m = &ld->c->models;

	if (m->dir[0] == '\0')
		value_replace(&m->dir, str_fmt("%s/models",
		    ld->c->supervisor.state_dir));
}

static void
require_text(struct load *ld, const struct conf_schedule *s, const char *key,
    const char *value)
{
	if (value[0] == '\0')
		load_problem(ld, CONF_S_schedule, s->name, key,
		    "missing in [schedule %s]", s->name);
}

void
resolve_schedules(struct load *ld)
{
	const struct conf_schedule *s;
	struct cron cron;
	const char *why;
	unsigned i;

	for (i = 0; i < ld->c->nschedules; i++) {
		s = &ld->c->schedules[i];
		require_text(ld, s, "cron", s->cron);
		require_text(ld, s, "queue", s->queue);
		require_text(ld, s, "job", s->job);
		if (s->cron[0] != '\0' && cron_parse(s->cron, &cron, &why) != 0)
			load_problem(ld, CONF_S_schedule, s->name, "cron",
			    "%s", why);
	}
}

/* "100/s" as microseconds per job, and what may come at once. */
static int
parse_rate(const char *text, int64_t *usp, int64_t *burstp)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "/s", 1 }, { "/m", 60 }, { "/h", 3600 } };
	char *end;
	double n;
	size_t i;

	*usp = *burstp = 0;
	if (text[0] == '\0')
		return (0);
	n = strtod(text, &end);
	for (i = 0; i < NELEM(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		n /= units[i].seconds;
		if (!isfinite(n) || n < RATE_MIN || n > RATE_MAX)
			return (-1);
		*usp = (int64_t)(1e6 / n + 0.5);
		*burstp = n / 10 > 1 ? (int64_t)(n / 10) : 1;
		return (0);
	}
	return (-1);
}

static void
resolve_rate(struct load *ld, enum conf_section section, const char *name,
    const char *text, int64_t *usp, int64_t *burstp)
{
	if (parse_rate(text, usp, burstp) != 0)
		load_problem(ld, section, name, "rate", "\"%.80s\" is not "
		    "NUMBER/s, NUMBER/m or NUMBER/h, from one in 10 days to "
		    "a million a second", text);
}

void
resolve_rates(struct load *ld)
{
	struct conf *c = ld->c;
	unsigned i;

	for (i = 0; i < c->nqueues; i++)
		resolve_rate(ld, CONF_S_queue, c->queues[i].name,
		    c->queues[i].rate, &c->queues[i].rate_us,
		    &c->queues[i].burst);
	for (i = 0; i < c->nmodel_limits; i++)
		resolve_rate(ld, CONF_S_model, c->model_limits[i].name,
		    c->model_limits[i].rate, &c->model_limits[i].rate_us,
		    &c->model_limits[i].burst);
	for (i = 0; i < c->nhandlers; i++)
		resolve_rate(ld, CONF_S_handler, c->handlers[i].name,
		    c->handlers[i].rate, &c->handlers[i].rate_us,
		    &c->handlers[i].burst);
}
