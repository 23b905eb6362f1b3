/* Memory policies. See mempol.h. */
#include "config.h"

#include "base/mempol.h"

#include <sys/syscall.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"

int
mempol_get(struct mempol *m)
{
	memset(m, 0, sizeof(*m));
	return (syscall(SYS_get_mempolicy, &m->mode, m->nodes,
	    8 * sizeof(m->nodes), NULL, 0ul) == 0 ? 0 : -ERR_SYSTEM);
}

void
mempol_put(struct buf *b, const struct mempol *m)
{
	/* the kernel's words; the last one's name came with Linux 5.15 */
	static const char *const names[] = { "default", "prefer", "bind",
		"interleave", "local", "prefer (many)" };
	const unsigned bits = 8 * sizeof(m->nodes[0]);
	struct cpus set;
	unsigned i;

	(void)buf_puts(b, m->mode >= 0 && (size_t)m->mode < NELEM(names) ?
	    names[m->mode] : "?");
	cpus_clear(&set);
	for (i = 0; i < bits * NELEM(m->nodes) && i < CPUS_MAX; i++)
		if (m->nodes[i / bits] >> i % bits & 1)
			cpus_add(&set, i);
	if (cpus_count(&set) == 0)
		return;
	(void)buf_putc(b, ':');
	(void)cpus_put(b, &set);
}
