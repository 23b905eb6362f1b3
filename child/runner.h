/* Handlers of kind runner; all else goes through kind_runner. */
#ifndef CHILD_RUNNER_H
#define CHILD_RUNNER_H

struct buf;
struct child;

/* Appends the models that the runners say they hold, comma separated. */
void runner_put_models(const struct child *c, struct buf *b);

#endif
