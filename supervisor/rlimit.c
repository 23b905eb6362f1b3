/* Resource limits. See rlimit.h. */
#include "config.h"

#include "supervisor/rlimit.h"

#include <sys/resource.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/obj.h"
#include "conf/conf.h"

static const struct {
	const char *key;
	__rlimit_resource_t resource;
	size_t offset;          /* in struct conf_pool */
} limits[] = {
#define ROW(key, id) { #key, RLIMIT_##id, offsetof(struct conf_pool, key) }
	ROW(limit_nofile, NOFILE),
	ROW(limit_core, CORE),
	ROW(limit_as, AS),
	ROW(limit_memlock, MEMLOCK),
	ROW(limit_stack, STACK),
	ROW(limit_fsize, FSIZE),
	ROW(limit_nproc, NPROC),
#undef ROW
};

/* False: it is to stay as it is. */
static bool
wanted(const struct conf_pool *conf, size_t i, rlim_t *lim)
{
	uint64_t value;

	memcpy(&value, (const char *)conf + limits[i].offset, sizeof(value));
	*lim = value == CONF_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
	return (value != CONF_INHERIT);
}

void
rlimit_check(const struct conf_pool *conf)
{
	struct rlimit have, want;
	rlim_t lim;
	size_t i;

	for (i = 0; i < NELEM(limits); i++) {
		if (!wanted(conf, i, &lim) ||
		    getrlimit(limits[i].resource, &have) != 0 ||
		    lim <= have.rlim_max)
			continue;
		/* the kernel knows best whether we may: try, and undo */
		want = (struct rlimit){ have.rlim_cur, lim };
		if (setrlimit(limits[i].resource, &want) == 0)
			(void)setrlimit(limits[i].resource, &have);
		else
			log_warn("slot", "[pool %s] %s is more than we may "
			    "have: it is %llu", conf->name, limits[i].key,
			    (unsigned long long)have.rlim_max);
	}
}

void
rlimit_apply(const struct conf_pool *conf)
{
	struct rlimit have, want;
	size_t i;

	for (i = 0; i < NELEM(limits); i++) {
		if (!wanted(conf, i, &want.rlim_max))
			continue;
		want.rlim_cur = want.rlim_max;
		if (setrlimit(limits[i].resource, &want) == 0 ||
		    getrlimit(limits[i].resource, &have) != 0)
			continue;
		have.rlim_cur = have.rlim_max;
		(void)setrlimit(limits[i].resource, &have);
	}
}
