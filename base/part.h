/*
 * Where the other files of Ganger lie. A program that runs in a build folder
 * uses what was built beside it, so that a tree can be tried before it is
 * installed, and never meets the parts of another version; an installed one
 * has none of them beside it.
 */
#ifndef BASE_PART_H
#define BASE_PART_H

/*
 * DIR/sub/name, DIR being the folder of the running program, if that can be
 * read; else installed/name. sub is "" or ends with a slash. The caller frees.
 */
char *part_path(const char *installed, const char *sub, const char *name);

#endif
