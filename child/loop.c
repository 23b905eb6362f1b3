/*
 * One turn: poll, the callbacks of what is ready, all frames that have come,
 * then as many steps of the credit as can go on at once.
 *
 *   IDLE --DO--> RUNNING --ended--> CLEANING --clean--> next step or IDLE
 *                                      |  5 s
 *                                      v
 *                                    STUCK --clean--> next step or IDLE
 *
 * A step is reported after its processes are gone. Where they would not go,
 * the results leave without `done`, and the slot waits for it, or for the
 * supervisor's release_timeout.
 */
#include "config.h"

#include "child/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "child/child.h"
#include "child/link.h"
#include "child/report.h"
#include "child/watchdog.h"

#define STUCK_AFTER (5 * DUR_S)
#define LOOK_AGAIN (20 * DUR_MS)
#define LOOK_SOON (2 * DUR_MS)
#define SOON (100 * DUR_MS)
#define LATE (50 * DUR_MS)
#define FRAMES_A_TURN 64
#define BRIEF (1 * DUR_MS)      /* a step whose results may wait, */
#define HELD_WAIT (2 * DUR_MS)  /* for a claim's answer, at once; */
#define HELD_LOOK (1 * DUR_MS)  /* after that, between looks */
#define PATIENT (100 * DUR_MS)  /* where no timeout is near */

/* 0, or the exit code with which the child has to leave. */
typedef int frame_f(struct child *, struct frame_reader *,
    struct link_frame **);

static int
refuse(struct child *c, const char *what, int r)
{
	struct buf b;

	buf_init(&b, 512);
	buf_printf(&b, "%s: %s", what, err_text(r));
	child_say("%s", buf_cstr(&b));
	report_bug(c, buf_cstr(&b));
	buf_fini(&b);
	return (CHILD_EXIT_PROTOCOL);
}

/* The credit that waits longest, if any, is the one at work. */
static void
next_credit(struct child *c)
{

	c->credit = c->next[0];
	if (c->nnext > 0)
		memmove(c->next, c->next + 1, --c->nnext * sizeof(c->next[0]));
	c->next[c->nnext] = NULL;
	c->from = 0;
	c->count = 0;
	if (c->credit != NULL)
		c->handler = &c->handlers[c->credit->handler];
}

static int
take_do(struct child *c, struct frame_reader *r, struct link_frame **frame)
{
	struct credit *cr;
	int rc;

	if (c->nnext == FRAME_CREDITS_MAX)
		return (refuse(c, "a credit too many", -ERR_REFUSED));
	rc = credit_read(r, frame, c->start->max_result_size, &cr);
	if (rc != 0)
		return (refuse(c, "a credit", rc));
	c->next[c->nnext++] = cr;
	if (cr->handler >= c->start->nhandlers)
		return (refuse(c, "a credit's handler", -ERR_RANGE));
	if (c->credit == NULL)
		next_credit(c);
	watchdog_busy(c->watchdog);
	FAILPOINT(CHILD_DO);
	return (0);
}

static int
take_ask(struct child *c, struct frame_reader *r, struct link_frame **frame)
{
	uint32_t why;
	int rc;

	if ((rc = frame_read_ask(r, &why)) != 0)
		return (refuse(c, "an ask frame", rc));
	if (c->credit != NULL && c->handler->kind->ask != NULL &&
	    why > ASK_NONE && why < ASK_N)
		c->handler->kind->ask(c, c->handler, (enum ask)why);
	return (0);
}

static int
take_term(struct child *c, struct frame_reader *r, struct link_frame **frame)
{
	uint32_t sig;
	int rc;

	if ((rc = frame_read_term(r, &sig)) != 0 || sig == 0 || sig >= NSIG)
		return (refuse(c, "a term frame", rc != 0 ? rc : -ERR_RANGE));
	if (c->credit == NULL)
		return (0);     /* it crossed the result */
	if (c->handler->kind->term != NULL)
		c->handler->kind->term(c, c->handler, (int)sig);
	tree_signal(&c->tree, (int)sig);
	return (0);
}

/* The folders belong to what this child runs or is to run: a later job. */
static bool
has_job(const struct child *c, struct slice id)
{
	const struct credit *cr = c->credit;
	unsigned i, k = 0;

	for (; cr != NULL; cr = k < c->nnext ? c->next[k++] : NULL)
		for (i = 0; i < cr->njobs; i++)
			if (slice_eq(cr->jobs[i].f.id, id))
				return (true);
	return (false);
}

static int
take_forget(struct child *c, struct frame_reader *r, struct link_frame **frame)
{
	struct slice id;
	int rc;

	if ((rc = frame_read_forget(r, &id)) != 0 || !str_id_ok(id))
		return (refuse(c, "a forget frame", rc != 0 ? rc : -ERR_RANGE));
	if (!has_job(c, id))
		dirs_forget(c->start, id);
	return (0);
}

static int
take_quit(struct child *c, struct frame_reader *r, struct link_frame **frame)
{

	c->leaving = true;
	return (0);
}

static const struct {
	enum frame_type type;
	frame_f *fn;
} frames[] = {
	{ FRAME_DO, take_do },
	{ FRAME_ASK, take_ask },
	{ FRAME_TERM, take_term },
	{ FRAME_QUIT, take_quit },
	{ FRAME_FORGET, take_forget },
};

static int
take_frame(struct child *c, struct link_frame **frame)
{
	struct frame_reader r;
	struct frame_head head;
	unsigned i;
	int rc;

	if ((rc = frame_open(&r, (*frame)->p, (*frame)->n, &head)) != 0)
		return (refuse(c, "a frame", rc));
	if (head.gen != c->start->gen)
		return (0);     /* meant for the child before this one */
	for (i = 0; i < NELEM(frames); i++)
		if (head.type == (uint32_t)frames[i].type)
			return (frames[i].fn(c, &r, frame));
	return (0);             /* of a later version */
}

static bool
can_begin(const struct child *c)
{

	return (c->credit != NULL && c->phase == PHASE_IDLE && !c->waits);
}

/*
 * Takes what has come, at most as many as the turn has, and only until there
 * is work: each look that finds nothing costs two system calls.
 */
static int
take_frames(struct child *c)
{
	struct link_frame *f;
	unsigned n;
	int rc = 0;

	c->link_hinted = false;
	for (n = 0; n < FRAMES_A_TURN && rc == 0 && !can_begin(c); n++) {
		if ((f = link_recv(c->link)) == NULL)
			return (0);
		rc = take_frame(c, &f);
		link_frame_free(&f);
	}
	return (rc);
}

static void
end_credit(struct child *c)
{

	/* first: from the result on the fence is none of this credit's */
	if (c->nnext == 0)
		watchdog_idle(c->watchdog);
	report_results(c, true);
	FAILPOINT(CHILD_SENT);
	credit_free(&c->credit);
	c->phase = PHASE_IDLE;
	next_credit(c);
	if (c->tree.known != NULL)
		c->look_at = mono_now() + LATE;
}

/*
 * The supervisor sent the job before it was its own, and says on the page when
 * it is; that takes Redis some 100 us. The fence is set then, too.
 */
static bool
is_held(struct child *c)
{
	bool waited = c->waits;

	if (c->from > 0 || !page_wait(c->words, (uint32_t)c->credit->number,
	    0)) {
		if (waited)
			watchdog_busy(c->watchdog);
		c->waits = false;
		return (false);
	}
	c->waits = waited || page_wait(c->words,
	    (uint32_t)c->credit->number, HELD_WAIT);
	if (c->waits)
		child_alarm(c, mono_now() + HELD_LOOK);
	else
		watchdog_busy(c->watchdog);
	return (c->waits);
}

/* Begins the next step, or ends the credit: the supervisor may have taken
 * back all jobs that had not begun, or this process is not fit for them. */
static void
begin_step(struct child *c)
{
	const struct kind *k = c->handler->kind;

	if (is_held(c))
		return;
	c->count = k->count != NULL ? k->count(c, c->handler) : 1;
	ASSERT(c->count > 0 && c->from + c->count <= c->credit->njobs);
	if (c->spoilt)
		(void)page_recall(c->words, (uint32_t)c->credit->number);
	watchdog_begin(c->watchdog);
	if (!page_take(c->words, (uint32_t)c->credit->number, c->from,
	    c->count)) {
		c->count = 0;
		end_credit(c);
		return;
	}
	c->phase = PHASE_RUNNING;
	c->ended = false;
	c->ended_at = 0;
	k->begin(c, c->handler);
}

static void
finish_step(struct child *c)
{
	unsigned i;

	c->handler->kind->finish(c, c->handler);
	for (i = c->from; i < c->from + c->count; i++)
		ASSERT(c->credit->jobs[i].settled);
}

/* True: the step is over and nothing of it is left. */
static bool
clean_step(struct child *c)
{
	mono_t now;

	if (tree_clean(&c->tree))
		return (true);
	now = mono_now();
	if (c->ended_at == 0)
		c->ended_at = now;
	child_alarm(c, now +
	    (now - c->ended_at < SOON ? LOOK_SOON : LOOK_AGAIN));
	if (c->phase == PHASE_CLEANING && now - c->ended_at > STUCK_AFTER) {
		finish_step(c);
		report_results(c, false);
		child_say("processes of the last job would not die");
		c->phase = PHASE_STUCK;
	}
	return (false);
}

/* The next one is likely to be as short; so results may wait for each other.
 * Nobody can say for sure: where it takes long, the watchdog sends them. */
static bool
was_brief(const struct child *c)
{
	const struct cjob *j;
	unsigned i;

	if (c->handler->kind != &kind_plugin ||
	    mono_now() - atomic_load(&c->words->begun_at) > BRIEF)
		return (false);
	for (i = c->from; i < c->from + c->count; i++) {
		j = &c->credit->jobs[i];
		if (j->cause != CAUSE_NONE || j->f.timeout < PATIENT)
			return (false);
	}
	return (true);
}

static void
next_step(struct child *c)
{
	bool brief = was_brief(c);

	c->from += c->count;
	c->count = 0;
	if (c->from < c->credit->njobs) {
		if (brief)
			report_hold(c);
		else
			report_results(c, false);
		begin_step(c);
	} else {
		end_credit(c);
	}
}

/*
 * A process that a runner's job started may lose its parent a moment after
 * the runner was done; so there is one more look when that moment is over.
 */
static void
clean_idle(struct child *c)
{

	if (c->look_at != 0 && mono_now() >= c->look_at) {
		c->look_at = 0;
		c->dirty = true;
	}
	if (c->dirty && tree_clean(&c->tree))
		c->dirty = false;
	if (c->dirty)
		child_alarm(c, mono_now() + LOOK_AGAIN);
	if (c->look_at != 0)
		child_alarm(c, c->look_at);
}

static void
advance(struct child *c)
{

	while (c->credit != NULL) {
		if (c->phase == PHASE_IDLE)
			begin_step(c);
		if (c->waits)
			return;
		if (c->phase == PHASE_IDLE)
			continue;       /* all of it was taken back */
		if (c->phase == PHASE_RUNNING) {
			if (!c->ended)
				return;
			c->phase = PHASE_CLEANING;
			FAILPOINT(CHILD_ENDED);
		}
		if (!clean_step(c))
			return;
		if (c->phase == PHASE_CLEANING)
			finish_step(c);
		FAILPOINT(CHILD_CLEANED);
		next_step(c);
	}
	clean_idle(c);
}

/* NULL: for ever. In nanoseconds: poll's milliseconds would be waited for. */
static const struct timespec *
poll_timeout(const struct child *c, bool more, struct timespec *ts)
{
	dur_t left = 0;

	if (!more && c->alarm == MONO_NEVER)
		return (NULL);
	if (!more)
		left = c->alarm - mono_now();
	if (left < 0)
		left = 0;
	ts->tv_sec = left / DUR_S;
	ts->tv_nsec = left % DUR_S;
	return (ts);
}

/* SIGCHLD interrupts the poll, and then there is something to reap. */
static void
wait_for_work(struct child *c, struct pollfd *p, bool more)
{
	struct timespec ts;
	struct watch *w;
	unsigned i;
	int n;

	for (i = 0; i < c->nwatches; i++)
		p[i] = (struct pollfd){ .fd = c->watches[i]->fd,
		    .events = c->watches[i]->events };
	n = ppoll(p, c->nwatches, poll_timeout(c, more, &ts), NULL);
	c->alarm = MONO_NEVER;
	if (n < 0)
		tree_reap(&c->tree);
	for (i = 0; n > 0 && i < c->nwatches; i++) {
		w = c->watches[i];
		/* a callback may have closed or replaced it */
		if (p[i].revents != 0 && w->fd == p[i].fd)
			w->fn(c, w->arg, p[i].revents);
	}
}

static void
tick_kinds(struct child *c)
{
	unsigned i;

	for (i = 0; i < c->start->nhandlers; i++)
		if (c->handlers[i].kind->tick != NULL)
			c->handlers[i].kind->tick(c, &c->handlers[i]);
}

int
loop_run(struct child *c)
{
	struct pollfd *p;
	int rc = 0;

	OBJ_CHECK(c, CHILD_MAGIC);
	p = xcalloc(c->nwatches, sizeof(*p));
	while (rc == 0 && !(c->leaving && c->credit == NULL)) {
		wait_for_work(c, p, link_unsure(c->link) || can_begin(c));
		tick_kinds(c);
		if (c->link_hinted || link_unsure(c->link))
			rc = take_frames(c);
		if (rc != 0)
			break;
		advance(c);
		if (c->credit != NULL)
			report_progress_due(c);
		/* each send may have hidden a frame's arrival: look again */
		if (link_unsure(c->link))
			rc = take_frames(c);
	}
	free(p);
	return (rc);
}
