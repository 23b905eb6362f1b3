/* Copying a folder where it can't be renamed. */
#ifndef CHILD_COPY_H
#define CHILD_COPY_H

/*
 * Copies files, folders and symbolic links below from into the new folder to,
 * with their modes, and syncs the files. Anything else (sockets, devices) is
 * left out. 0 or -ERR_SYSTEM; what was copied so far then stays.
 */
int copy_tree(const char *from, const char *to);

#endif
