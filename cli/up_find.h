/* Where the programs of `ganger up` are, and their environments. */
#ifndef CLI_UP_FIND_H
#define CLI_UP_FIND_H

struct up_paths {
	char *self;          /* this program, as one would type it; all owned */
	char *daemon;
	char *redis;
	char **daemon_env;   /* NULL-terminated */
	char **redis_env;
};

/*
 * GANGER_GANGERD, else gangerd beside this program (a build tree, or a prefix
 * that was moved), else the installed one. GANGER_REDIS_SERVER, else
 * redis-server or valkey-server on the PATH. Ends the program if one is
 * missing.
 */
void up_paths_find(struct up_paths *p);
void up_paths_fini(struct up_paths *p);

#endif
