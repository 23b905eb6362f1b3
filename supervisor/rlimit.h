/*
 * Resource limits of a pool's processes, as setrlimit(2) has them: kept for
 * each process by the kernel. What holds for a slot as a whole is in cage.h.
 */
#ifndef SUPERVISOR_RLIMIT_H
#define SUPERVISOR_RLIMIT_H

struct conf_pool;

/* Warns of limits that we may not raise so far. */
void rlimit_check(const struct conf_pool *conf);
/* In the new child before exec. Async-signal-safe. */
void rlimit_apply(const struct conf_pool *conf);

#endif
