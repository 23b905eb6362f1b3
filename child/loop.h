/* The child's loop: frames in, steps run, results out. */
#ifndef CHILD_LOOP_H
#define CHILD_LOOP_H

struct child;

/* Runs until asked to leave; an exit code of CHILD_EXIT_TABLE. */
int loop_run(struct child *c);

#endif
