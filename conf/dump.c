/*
 * The effective configuration as an ini file that conf_load reads back to the
 * same values. Never shows a secret: what stands for one is "(set)".
 */
#include "config.h"

#include "conf/dump.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"
#include "conf/conf.h"

#define TEXT_MAX_LEN (1u << 20)

static void
put_url(const char *text, struct buf *b)
{
	struct redis_url u;
	char *shown;

	if (redis_url_parse(text, &u, NULL) != 0)
		return;
	if (u.password[0] == '\0')
		(void)buf_puts(b, text);
	else {
		shown = redis_url_text(&u, false);
		(void)buf_puts(b, shown);
		free(shown);
	}
	redis_url_fini(&u);
}

void
dump_value(const struct conf_row *row, const void *p, struct buf *b)
{
	if (row->section == CONF_S_redis && strcmp(row->key, "url") == 0)
		put_url(((const struct conf_redis *)p)->url, b);
	else
		value_put(row, p, b);
}

/* One line for each variable. */
static void
dump_pairs(const struct conf_row *row, const void *p, FILE *out)
{
	char **pairs, *const *w;

	memcpy(&pairs, (const char *)p + row->offset, sizeof(pairs));
	for (w = pairs; *w != NULL; w++)
		fprintf(out, "%s.%.*s = %s\n", row->key,
		    (int)strcspn(*w, "="), *w, strchr(*w, '=') + 1);
}

static void
dump_row(const struct conf_row *row, const void *p, FILE *out)
{
	struct buf b;

	if (row->type == CONF_TYPE_pairs) {
		dump_pairs(row, p, out);
		return;
	}
	/* what it read is part of the dump */
	if (row->section == CONF_S_supervisor &&
	    strcmp(row->key, "include") == 0)
		return;
	buf_init(&b, TEXT_MAX_LEN);
	dump_value(row, p, &b);
	fprintf(out, "%s =%s%s\n", row->key, b.len == 0 ? "" : " ",
	    buf_cstr(&b));
	buf_fini(&b);
}

static void
dump_default_pool(const struct conf_pool *p, FILE *out)
{
	char *const *q;

	fputs("\n; no [pool NAME] is given: one pool of ", out);
	if (p->nslots == 0)
		fputs("as many slots as fit", out);
	else
		fprintf(out, "%u slot%s", p->nslots, p->nslots == 1 ? "" : "s");
	fprintf(out, " %s takes\n", p->ndevices > 0 ? "on GPUs" : "on CPUs");
	for (q = p->queues; *q != NULL; q++)
		fprintf(out, ";   %s\n", *q);
}

static void
dump_section(const struct conf *c, enum conf_section section, FILE *out)
{
	const struct conf_row *row;
	const void *p;
	unsigned i;

	for (i = 0; i < conf_instances(c, section); i++) {
		p = conf_instance(c, section, i);
		if (conf_sections[section].named)
			fprintf(out, "\n[%s %s]\n", conf_sections[section].name,
			    conf_instance_name(section, p));
		else
			fprintf(out, "\n[%s]\n", conf_sections[section].name);
		for (row = conf_rows; row < conf_rows + conf_nrows; row++)
			if (row->section == section)
				dump_row(row, p, out);
	}
}

void
conf_dump(const struct conf *c, FILE *out)
{
	unsigned s;

	OBJ_CHECK(c, CONF_MAGIC);
	fprintf(out, "; effective configuration, from %s and the environment\n",
	    c->path == NULL ? "defaults" : c->path);
	if (c->http.token[0] != '\0')
		fputs("; http token: (set)\n", out);
	if (c->redis.addr.password[0] != '\0')
		fputs("; redis password: (set)\n", out);
	for (s = 0; s < CONF_NSECTIONS; s++)
		if (s == CONF_S_pool && c->pools[0].line == 0)
			dump_default_pool(&c->pools[0], out);
		else
			dump_section(c, (enum conf_section)s, out);
}
