/* Reading the result file that a command leaves behind. */
#ifndef CHILD_RESULT_H
#define CHILD_RESULT_H

struct cjob;

/*
 * Takes the file's JSON as the job's result; no file or an empty one is null.
 * Settles the job with its error where that fails. 0 or a negative code.
 */
int result_read(struct cjob *j, const char *path);

#endif
