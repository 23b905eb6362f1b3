/* Giving back memory that only start-up needed. */
#ifndef CHILD_TRIM_H
#define CHILD_TRIM_H

/*
 * Drops from this process what it can read again from its files: the code
 * pages of libraries that ran during start-up (constructors, the loader) and
 * would be counted as resident for as long as the child idles.
 */
void trim_memory(void);

#endif
