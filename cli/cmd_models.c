/*
 * ganger models: what lies in the model store, NAME/VERSION/ with whole
 * numbers as versions. Only reads; needs no Redis.
 */
#include "config.h"

#include "cli/cli.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"

#include "cli/out.h"

/* nftw hands its visitor no argument of ours. */
static double tree_bytes;

static int
add_bytes(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_F)
		tree_bytes += (double)st->st_size;
	return (0);
}

static int
visible(const struct dirent *e)
{
	return (e->d_name[0] != '.');
}

static int
is_version(const struct dirent *e)
{
	size_t n = strspn(e->d_name, "0123456789");

	return (n > 0 && e->d_name[n] == '\0');
}

static void
list_version(struct cli *cli, struct table *t, const char *dir,
    const char *name, const char *version, bool newest)
{
	char *path = str_fmt("%s/%s/%s", dir, name, version);
	char size[24], when[32];
	struct stat st;
	json_t *o;

	tree_bytes = 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		nftw(path, add_bytes, 16, FTW_PHYS);
		o = json_pack("{s:s, s:I, s:b, s:I}", "model", name,
		    "version", (json_int_t)strtoll(version, NULL, 10),
		    "newest", newest, "bytes", (json_int_t)tree_bytes);
		if (cli_json(cli))
			out_json(o);
		json_decref(o);
		table_put(t, "%s", name);
		table_put(t, "%s%s", version, newest ? " *" : "");
		table_put(t, "%s", out_size(size, tree_bytes));
		table_put(t, "%s", out_time(when, 1000.0 *
		    (double)st.st_mtime));
	}
	free(path);
}

static void
list_model(struct cli *cli, struct table *t, const char *dir,
    const char *name)
{
	char *path = str_fmt("%s/%s", dir, name);
	struct dirent **v;
	int i, n = scandir(path, &v, is_version, versionsort);

	for (i = n - 1; i >= 0; i--) {
		list_version(cli, t, dir, name, v[i]->d_name, i == n - 1);
		free(v[i]);
	}
	if (n >= 0)
		free(v);
	free(path);
}

int
cmd_models(struct cli *cli)
{
	const char *dir = cli_text(cli, OPT_DIR);
	struct dirent **v;
	struct table t;
	int i, n;

	if (dir == NULL)
		dir = cli_conf(cli)->models.dir;
	n = scandir(dir, &v, visible, alphasort);
	if (n < 0)
		cli_die(CLI_FAILED, "could not read the model store %s: %s",
		    dir, strerror(errno));
	table_begin(&t, "MODEL VERSION >SIZE CHANGED");
	for (i = 0; i < n; i++) {
		list_model(cli, &t, dir, v[i]->d_name);
		free(v[i]);
	}
	free(v);
	table_end(&t, cli_json(cli) ? NULL : stdout);
	return (CLI_OK);
}
