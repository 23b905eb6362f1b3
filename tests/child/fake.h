/*
 * A supervisor for tests: it binds the ROUTER, makes the page and the
 * start-up packet, runs the real ganger-child and collects what it says. All
 * calls fail the running test case where something is not as it has to be,
 * and every wait has a deadline.
 */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "proto/cause.h"
#include "proto/frame.h"
#include "proto/page.h"
#include "proto/startup.h"

#define FAKE_SLOT 3
#define FAKE_GEN 7
#define FAKE_CREDIT 55          /* number of every credit */
#define FAKE_MAX 64             /* results, started jobs and frames kept */

struct fake_result {
	uint64_t number;
	enum cause cause;
	int exit_code, signal;
	char *result, *message; /* NUL-terminated; own */
};

struct fake {
	char dir[64];           /* everything of this test lies below */
	void *ctx, *router;
	struct page *page;
	int page_fd;
	int start_fd;           /* our end of the socket; -1: closed */
	int out_fd;             /* reading end of the child's 1 and 2 */
	pid_t pid;
	struct start start;     /* change it before fake_run */
	struct start_handler handlers[4];
	struct buf output;      /* what came on out_fd */
	bool deaf;              /* do not read out_fd now */

	bool hello, bug, done;
	char hello_cpus[256], hello_devices[256], bug_text[512];
	struct fake_result results[FAKE_MAX];
	unsigned nresults, nresult_frames;
	pid_t started[FAKE_MAX];
	unsigned nstarted, nloads, nprogress;
	double progress[FAKE_MAX];
	char progress_text[256];
	struct buf log;         /* text of LOG frames, a line each */
	char models[512];
};

/* One job of a credit. Numbers are 100, 101, ... by their place. */
struct fake_job {
	const char *id, *type, *model, *publish, *payload;
	uint32_t model_version;
	size_t size;            /* of the payload; 0: it is a string */
};

void fake_init(struct fake *f);
/* Adds a handler; argv: words for command and runner, or the path. */
void fake_command(struct fake *f, const char *const *argv);
void fake_runner(struct fake *f, const char *const *argv);
void fake_plugin(struct fake *f, const char *path);
void fake_selftest(struct fake *f);

/* A script below dir, executable; its path is static until the next call. */
const char *fake_script(struct fake *f, const char *name, const char *text);
/* A program or plugin of the build folder; static likewise. */
const char *fake_built(const char *path);

void fake_run(struct fake *f);          /* starts the child, awaits HELLO */
void fake_spawn(struct fake *f, int extra_fd); /* only starts it */

void fake_send_do(struct fake *f, unsigned handler,
    const struct fake_job *jobs, unsigned n);
void fake_send_ask(struct fake *f, enum ask why);
void fake_send_term(struct fake *f, int sig);
void fake_send_quit(struct fake *f);

/* Handles frames until cond is true of f. */
typedef bool fake_cond_f(const struct fake *f);
void fake_until(struct fake *f, fake_cond_f *cond, const char *what);
bool fake_is_done(const struct fake *f);
bool fake_is_started(const struct fake *f);

/* Sends a credit and awaits its end. */
void fake_do(struct fake *f, unsigned handler, const struct fake_job *jobs,
    unsigned n);
/* One job of that payload; gives its result. */
const struct fake_result *fake_one(struct fake *f, unsigned handler,
    const char *payload);

/* Awaits the child's end; its exit status, or minus the signal. Fails if any
 * process of the child is left. */
int fake_wait_exit(struct fake *f);
/* Another writing end of the child's log, non-blocking; the caller's. */
int fake_log_writer(const struct fake *f);
/* True if the process is there and no zombie. */
bool fake_alive(pid_t pid);

/* QUIT, end with status 0, nothing left of processes and private folders. */
void fake_stop(struct fake *f);
/* Frees everything; for tests whose child has ended already. */
void fake_fini(struct fake *f);

#endif
