/* The fake supervisor. See fake.h. */
#include "config.h"

#include "tests/child/fake.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/xalloc.h"

#define LIMIT_MS 10000
#define FIRST_NUMBER 100

static char built[4096], script[4096];

const char *
fake_built(const char *path)
{
	const char *dir = getenv("GANGER_BUILDDIR");

	snprintf(built, sizeof(built), "%s/%s", dir != NULL ? dir : ".", path);
	return (built);
}

const char *
fake_script(struct fake *f, const char *name, const char *text)
{
	int fd;

	snprintf(script, sizeof(script), "%s/%s", f->dir, name);
	fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	return (script);
}

static char *
make_subdir(struct fake *f, const char *name)
{
	char *path = str_fmt("%s/%s", f->dir, name);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	return (path);
}

static void
make_page(struct fake *f)
{
	size_t size = sizeof(*f->page) + sizeof(f->page->slot[0]);

	f->page_fd = memfd_create("page", MFD_CLOEXEC);
	ck_assert_int_ge(f->page_fd, 0);
	ck_assert_int_eq(ftruncate(f->page_fd, (off_t)size), 0);
	f->page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    f->page_fd, 0);
	ck_assert_ptr_ne(f->page, MAP_FAILED);
	f->page->magic = PAGE_MAGIC;
	f->page->nslots = 1;
	atomic_store(&f->page->slot[0].fence_at, INT64_MAX);
	atomic_store(&f->page->slot[0].gen, FAKE_GEN);
}

void
fake_init(struct fake *f)
{

	memset(f, 0, sizeof(*f));
	/* what the child leaves behind comes to us, where it is seen */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	strcpy(f->dir, "/tmp/ganger-child-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	make_page(f);
	buf_init(&f->output, 16u << 20);
	buf_init(&f->log, 16u << 20);
	f->start_fd = f->out_fd = -1;
	f->start = (struct start){
		.slot = FAKE_SLOT,
		.gen = FAKE_GEN,
		.worker_id = xstrdup("w1"),
		.endpoint = str_fmt("ipc://%s/route", f->dir),
		.cpus = xstrdup("0"),
		.devices = xstrdup(""),
		.ncpus = 1,
		.work_dir = make_subdir(f, "work"),
		.state_dir = make_subdir(f, "state"),
		.model_dir = make_subdir(f, "models"),
		.max_models = 2,
		.max_result_size = 1u << 20,
		.kill_grace = 2 * DUR_S,
		.handlers = f->handlers,
	};
	f->ctx = zmq_ctx_new();
	f->router = zmq_socket(f->ctx, ZMQ_ROUTER);
	ck_assert_int_eq(zmq_bind(f->router, f->start.endpoint), 0);
}

static char **
copy_words(const char *const *argv)
{
	unsigned n = 0;
	char **v;

	while (argv[n] != NULL)
		n++;
	v = xcalloc(n + 1, sizeof(*v));
	while (n-- > 0)
		v[n] = xstrdup(argv[n]);
	return (v);
}

static struct start_handler *
add_handler(struct fake *f, enum handler_kind kind)
{
	struct start_handler *h = &f->handlers[f->start.nhandlers++];

	h->name = str_fmt("h%u", (unsigned)f->start.nhandlers);
	h->kind = kind;
	h->batch_size = 1;
	h->env = xcalloc(2, sizeof(*h->env));
	h->env[0] = xstrdup("COLOUR=green");
	return (h);
}

void
fake_command(struct fake *f, const char *const *argv)
{

	add_handler(f, HANDLER_COMMAND)->argv = copy_words(argv);
}

void
fake_runner(struct fake *f, const char *const *argv)
{

	add_handler(f, HANDLER_RUNNER)->argv = copy_words(argv);
}

void
fake_plugin(struct fake *f, const char *path)
{

	add_handler(f, HANDLER_PLUGIN)->path = xstrdup(path);
}

void
fake_selftest(struct fake *f)
{

	fake_plugin(f, fake_built(".libs/selftest.so"));
}

/*
 * In the child to be: 1 and 2 are the pipe, 3 and 4 as startup.h says. Only
 * system calls: libzmq's threads may have held any lock at the fork.
 */
static _Noreturn void
become_child(const char *path, int out, int start, int page, int extra)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	int fd;

	/* above the fixed numbers first, so that none is overwritten */
	out = fcntl(out, F_DUPFD, 20);
	start = fcntl(start, F_DUPFD, 20);
	page = fcntl(page, F_DUPFD, 20);
	if (extra >= 0)
		extra = fcntl(extra, F_DUPFD, 20);
	fd = open("/dev/null", O_RDONLY);
	dup2(fd, 0);
	dup2(out, 1);
	dup2(out, 2);
	dup2(start, START_FD);
	dup2(page, PAGE_FD);
	if (extra >= 0)
		dup2(extra, 9);
	for (fd = PAGE_FD + 1; fd < 256; fd++)
		if (fd != 9 || extra < 0)
			close(fd);
	execve(path, argv, environ);
	_exit(99);
}

void
fake_spawn(struct fake *f, int extra_fd)
{
	const char *path;
	struct buf packet;
	int sock[2], out[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	ck_assert_int_eq(pipe(out), 0);
	buf_init(&packet, START_PACKET_MAX);
	start_put(&packet, &f->start);
	ck_assert(!packet.failed);
	ck_assert_int_eq(fd_write_all(sock[0], packet.data, packet.len), 0);
	buf_fini(&packet);
	setenv("CUDA_VISIBLE_DEVICES", "GPU-1", 1);
	setenv("OMP_NUM_THREADS", "1", 1);
	setenv("GANGER_WORKER_ID", "w1", 1);
	setenv("GANGER_SLOT", "3", 1);
	path = fake_built("ganger-child");
	f->pid = fork();
	ck_assert_int_ge(f->pid, 0);
	if (f->pid == 0)
		become_child(path, out[1], sock[1], f->page_fd, extra_fd);
	close(sock[1]);
	close(out[1]);
	f->start_fd = sock[0];
	f->out_fd = out[0];
	fcntl(f->start_fd, F_SETFD, FD_CLOEXEC);
	fcntl(f->out_fd, F_SETFD, FD_CLOEXEC);
	fd_nonblock(f->out_fd);
}

static char *
text_of(struct slice s)
{

	return (xstrndup(s.n > 0 ? s.p : "", s.n));
}

static void
copy_slice(char *out, size_t size, struct slice s)
{

	snprintf(out, size, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
}

static void
take_hello(struct fake *f, struct frame_reader *r)
{
	struct frame_hello h;

	ck_assert_int_eq(frame_read_hello(r, &h), 0);
	ck_assert_uint_eq(h.slot, FAKE_SLOT);
	ck_assert_int_eq(h.pid, f->pid);
	copy_slice(f->hello_cpus, sizeof(f->hello_cpus), h.cpus);
	copy_slice(f->hello_devices, sizeof(f->hello_devices), h.devices);
	f->hello = true;
}

static void
take_result(struct fake *f, struct frame_reader *r)
{
	struct frame_results s;
	struct frame_result x;
	struct slice models;
	unsigned i;

	ck_assert_int_eq(frame_read_results(r, &s), 0);
	for (i = 0; i < s.nresults; i++) {
		ck_assert_int_eq(frame_read_result(r, &x), 0);
		ck_assert_uint_lt(f->nresults, FAKE_MAX);
		f->results[f->nresults++] = (struct fake_result){ x.number,
		    x.cause, x.exit_code, x.signal, text_of(x.result),
		    text_of(x.message) };
	}
	ck_assert(!f->done);
	ck_assert_int_eq(frame_read_result_end(r, &f->done, &models), 0);
	copy_slice(f->models, sizeof(f->models), models);
	f->nresult_frames++;
}

static void
take_progress(struct fake *f, struct frame_reader *r)
{
	struct slice message;
	uint64_t number;
	double fraction;

	ck_assert_int_eq(frame_read_progress(r, &number, &fraction, &message),
	    0);
	f->progress[f->nprogress % FAKE_MAX] = fraction;
	f->nprogress++;
	copy_slice(f->progress_text, sizeof(f->progress_text), message);
}

static void
take_log(struct fake *f, struct frame_reader *r)
{
	struct slice text;
	uint64_t number;

	ck_assert_int_eq(frame_read_log(r, &number, &text), 0);
	buf_slice(&f->log, text);
	buf_putc(&f->log, '\n');
}

static void
take_started(struct fake *f, struct frame_reader *r)
{
	uint64_t number;
	uint32_t phase;
	int64_t pid;

	ck_assert_int_eq(frame_read_started(r, &number, &pid, &phase), 0);
	if (phase == FRAME_LOADS) {
		f->nloads++;
		return;
	}
	f->started[f->nstarted++ % FAKE_MAX] = (pid_t)pid;
}

static void
take_bug(struct fake *f, struct frame_reader *r)
{
	struct slice text;

	ck_assert_int_eq(frame_read_bug(r, &text), 0);
	copy_slice(f->bug_text, sizeof(f->bug_text), text);
	f->bug = true;
}

static void
take_frame(struct fake *f, const void *p, size_t n)
{
	struct frame_reader r;
	struct frame_head head;

	ck_assert_int_eq(frame_open(&r, p, n, &head), 0);
	ck_assert_uint_eq(head.gen, FAKE_GEN);
	switch (head.type) {
	case FRAME_HELLO: take_hello(f, &r); break;
	case FRAME_RESULT: take_result(f, &r); break;
	case FRAME_PROGRESS: take_progress(f, &r); break;
	case FRAME_LOG: take_log(f, &r); break;
	case FRAME_STARTED: take_started(f, &r); break;
	case FRAME_BUG: take_bug(f, &r); break;
	default: ck_abort_msg("frame of type %u", (unsigned)head.type);
	}
}

static void
read_output(struct fake *f)
{
	char text[4096];
	ssize_t n;

	while ((n = read(f->out_fd, text, sizeof(text))) > 0)
		buf_put(&f->output, text, (size_t)n);
	if (n == 0)
		fd_close(&f->out_fd);
}

/* False: nothing came in time. */
static bool
pump(struct fake *f, int ms)
{
	zmq_pollitem_t items[2] = {
		{ .socket = f->router, .events = ZMQ_POLLIN },
		{ .fd = f->out_fd, .events = ZMQ_POLLIN },
	};
	zmq_msg_t id, body;
	char expect[32];

	if (zmq_poll(items, f->out_fd >= 0 && !f->deaf ? 2 : 1, ms) <= 0)
		return (false);
	if (f->out_fd >= 0 && !f->deaf)
		read_output(f);
	if ((items[0].revents & ZMQ_POLLIN) == 0)
		return (true);
	zmq_msg_init(&id);
	zmq_msg_init(&body);
	ck_assert_int_ge(zmq_msg_recv(&id, f->router, 0), 0);
	ck_assert_int_ge(zmq_msg_recv(&body, f->router, 0), 0);
	start_identity(expect, FAKE_SLOT, FAKE_GEN);
	ck_assert_uint_eq(zmq_msg_size(&id), strlen(expect));
	take_frame(f, zmq_msg_data(&body), zmq_msg_size(&body));
	zmq_msg_close(&id);
	zmq_msg_close(&body);
	return (true);
}

void
fake_until(struct fake *f, fake_cond_f *cond, const char *what)
{
	mono_t until = mono_now() + LIMIT_MS * DUR_MS;

	while (!cond(f)) {
		if (mono_now() > until)
			ck_abort_msg("waited in vain for %s; output: %s", what,
			    buf_cstr(&f->output));
		pump(f, 50);
	}
}

static bool
has_said_hello(const struct fake *f)
{

	return (f->hello);
}

bool
fake_is_done(const struct fake *f)
{

	return (f->done);
}

bool
fake_is_started(const struct fake *f)
{

	return (f->nstarted > 0);
}

void
fake_run(struct fake *f)
{

	fake_spawn(f, -1);
	fake_until(f, has_said_hello, "hello");
}

static void
send_frame(struct fake *f, struct buf *b)
{
	char id[32];

	ck_assert(!b->failed);
	start_identity(id, FAKE_SLOT, FAKE_GEN);
	ck_assert_int_ge(zmq_send(f->router, id, strlen(id), ZMQ_SNDMORE), 0);
	ck_assert_int_ge(zmq_send(f->router, b->data, b->len, 0), 0);
	buf_fini(b);
}

static void
put_job(struct buf *b, const struct fake_job *job, unsigned i)
{
	struct frame_job j = {
		.number = FIRST_NUMBER + i,
		.attempt = 1,
		.id = slice_of(job->id != NULL ? job->id : "job"),
		.type = slice_of(job->type != NULL ? job->type : "inference"),
		.model = slice_of(job->model != NULL ? job->model : ""),
		.model_version = job->model_version,
		.publish = slice_of(job->publish != NULL ? job->publish : ""),
		.timeout = 60 * DUR_S,
		.payload = { job->payload, job->size > 0 ? job->size :
		    strlen(job->payload) },
	};

	frame_put_job(b, &j);
}

static void
forget_results(struct fake *f)
{
	unsigned i;

	for (i = 0; i < f->nresults; i++) {
		free(f->results[i].result);
		free(f->results[i].message);
	}
	f->nresults = f->nresult_frames = f->nprogress = 0;
	f->nstarted = f->nloads = 0;
	f->done = false;
	buf_reset(&f->log);
}

void
fake_send_do(struct fake *f, unsigned handler, const struct fake_job *jobs,
    unsigned n)
{
	struct frame_do d = { .credit = FAKE_CREDIT, .handler = handler, .njobs = n };
	struct buf b;
	unsigned i;

	forget_results(f);
	buf_init(&b, 64u << 20);
	page_offer(&f->page->slot[0], (uint32_t)d.credit);
	frame_put_do(&b, FAKE_GEN, &d);
	for (i = 0; i < n; i++)
		put_job(&b, &jobs[i], i);
	send_frame(f, &b);
}

void
fake_send_ask(struct fake *f, enum ask why)
{
	struct buf b;

	atomic_store(&f->page->slot[0].ask, (uint32_t)why);
	buf_init(&b, 4096);
	frame_put_ask(&b, FAKE_GEN, (uint32_t)why);
	send_frame(f, &b);
}

void
fake_send_term(struct fake *f, int sig)
{
	struct buf b;

	buf_init(&b, 4096);
	frame_put_term(&b, FAKE_GEN, (uint32_t)sig);
	send_frame(f, &b);
}

void
fake_send_quit(struct fake *f)
{
	struct buf b;

	buf_init(&b, 4096);
	frame_put_quit(&b, FAKE_GEN);
	send_frame(f, &b);
}

void
fake_do(struct fake *f, unsigned handler, const struct fake_job *jobs,
    unsigned n)
{

	fake_send_do(f, handler, jobs, n);
	fake_until(f, fake_is_done, "the end of a credit");
	ck_assert_uint_eq(f->nresults, n);
}

const struct fake_result *
fake_one(struct fake *f, unsigned handler, const char *payload)
{
	struct fake_job job = { .payload = payload };

	fake_do(f, handler, &job, 1);
	ck_assert_uint_eq(f->results[0].number, FIRST_NUMBER);
	return (&f->results[0]);
}

int
fake_log_writer(const struct fake *f)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)f->pid);
	return (open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

bool
fake_alive(pid_t pid)
{
	char path[64], text[256], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return (false);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return (false);
	text[n] = '\0';
	p = strrchr(text, ')');
	return (p != NULL && p[2] != 'Z' && p[2] != 'X');
}

/* Everything below us must end by itself: we only look. */
static void
expect_nothing_left(void)
{
	mono_t until = mono_now() + 2000 * DUR_MS;
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) != 0) {
			ck_assert_int_eq(errno, ECHILD);
			return;
		}
		if (mono_now() > until)
			ck_abort_msg("a process of the child is left");
		if (si.si_pid == 0)
			poll(NULL, 0, 5);
	}
}

int
fake_wait_exit(struct fake *f)
{
	mono_t until = mono_now() + LIMIT_MS * DUR_MS;
	int status = 0;

	while (waitpid(f->pid, &status, WNOHANG) == 0) {
		if (mono_now() > until)
			ck_abort_msg("the child did not end; output: %s",
			    buf_cstr(&f->output));
		pump(f, 5);
	}
	while (pump(f, 0))
		;
	f->pid = -1;
	expect_nothing_left();
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void
expect_empty_dir(const char *path)
{
	struct dirent *e;
	DIR *d;

	ck_assert_ptr_nonnull(d = opendir(path));
	while ((e = readdir(d)) != NULL)
		ck_assert_msg(e->d_name[0] == '.', "%s was left in %s",
		    e->d_name, path);
	closedir(d);
}

void
fake_stop(struct fake *f)
{

	fake_send_quit(f);
	ck_assert_int_eq(fake_wait_exit(f), 0);
	expect_empty_dir(f->start.work_dir);
	fake_fini(f);
}

static void
free_words(char **v)
{
	unsigned i;

	for (i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

void
fake_fini(struct fake *f)
{
	unsigned i;

	forget_results(f);
	for (i = 0; i < f->start.nhandlers; i++) {
		free(f->handlers[i].name);
		free(f->handlers[i].path);
		free_words(f->handlers[i].argv);
		free_words(f->handlers[i].env);
	}
	zmq_setsockopt(f->router, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
	zmq_close(f->router);
	zmq_ctx_term(f->ctx);
	fd_close(&f->start_fd);
	fd_close(&f->out_fd);
	fd_close(&f->page_fd);
	free(f->start.worker_id);
	free(f->start.endpoint);
	free(f->start.cpus);
	free(f->start.devices);
	free(f->start.work_dir);
	free(f->start.state_dir);
	free(f->start.model_dir);
	buf_fini(&f->output);
	buf_fini(&f->log);
	dir_remove(f->dir);
}
