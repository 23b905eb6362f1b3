/* The files that `ganger up` writes for its two programs. */
#ifndef CLI_UP_CONF_H
#define CLI_UP_CONF_H

#include <stdbool.h>

/* What the generated files say; all borrowed. */
struct up_conf {
	const char *dir;      /* absolute */
	const char *socket;   /* of the private Redis */
	const char *user;     /* text of the user's configuration, "" if none */
	const char *user_path;
	const char *listen;   /* NULL: the user's, which must have one */
};

/* DIR/redis.conf, DIR/ganger.ini, mode 0600. 0 or -ERR_SYSTEM. */
int up_write_redis(const struct up_conf *c, const char *path);
int up_write_ini(const struct up_conf *c, const char *path);

/*
 * The value of a key in a text of sections, in buf; false if it is not there.
 * Only as good as needed to see what the user set: gangerd checks the file.
 */
bool up_ini_get(const char *text, const char *section, const char *key,
    char *buf, unsigned size);

#endif
