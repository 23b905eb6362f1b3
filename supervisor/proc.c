/*
 * The processes of one slot. The slot machine decides (slot.c); this file
 * carries out: it is the machine's struct slot_ops, and it turns frames, ends
 * of processes and timers into the machine's events.
 */
#include "config.h"

#include "supervisor/proc.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/err.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/xalloc.h"
#include "place/plan.h"
#include "proto/page.h"
#include "proto/startup.h"

#include "supervisor/credit.h"
#include "supervisor/death.h"
#include "supervisor/evidence.h"
#include "supervisor/finish.h"
#include "supervisor/gpu.h"
#include "supervisor/job.h"
#include "supervisor/lease.h"
#include "supervisor/limit.h"
#include "supervisor/pool.h"
#include "supervisor/route.h"
#include "supervisor/sup.h"

struct page_slot *
proc_words(const struct proc *p)
{
	return (&p->page->slot[0]);
}

static void
set_ask(struct proc *p, enum ask ask)
{
	struct buf b;

	atomic_store(&proc_words(p)->ask, ask);
	if (ask == ASK_NONE)
		return;
	buf_init(&b, 256);
	frame_put_ask(&b, p->slot.gen, ask);
	(void)route_send(p->sup->route, p->slot.index, p->slot.gen, &b);
	buf_fini(&b);
}

/* Nothing is left of the last child: what a reload gave the slot holds. */
static void
take_limits(struct proc *p)
{
	const struct conf_pool *c = p->pool->conf;
	const uint64_t limit[CAGE_N] = {
	    [CAGE_MEMORY] = c->memory_limit,
	    [CAGE_PIDS] = (uint64_t)c->pids_limit,
	    [CAGE_CPU] = (uint64_t)c->cpu_weight };

	if (memcmp(limit, p->cage.limit, sizeof(limit)) == 0)
		return;
	cage_fini(&p->cage);
	contain_fini(&p->contain);
	contain_init(&p->contain, p->sup->id, p->slot.index);
	cage_init(&p->cage, &p->contain, p->slot.index, limit);
}

static void
take_place(struct proc *p)
{
	if (p->where.pool == NULL || !plan_same(&p->where, &p->planned))
		plan_slot_copy(&p->where, &p->planned);
}

/* ---- effects of the slot machine ---- */

static int
op_spawn(struct slot *s)
{
	struct proc *p = s->owner;
	int r;

	if (p->pid != 0)
		return (-ERR_AGAIN);    /* KILL has not ended that one yet */
	take_limits(p);
	take_place(p);
	p->dead = false;
	guess_reset(p);
	p->models[0] = '\0';
	p->jobs_done = 0;
	p->resident = false;
	p->gpu_asked = 0;
	p->freed_since = 0;
	p->last_words[0] = '\0';
	atomic_store(&proc_words(p)->fence_at, MONO_NEVER);
	atomic_store(&proc_words(p)->ask, ASK_NONE);
	atomic_store(&proc_words(p)->gen, s->gen);
	if (contain_renew(&p->contain))
		cage_renew(&p->cage);
	pin_prepare(&p->pin, &p->where, p->pool->conf, &p->contain, s->index,
	    p->sup->place.topo->nnodes);
	if ((r = spawn_child_of(p)) != 0) {
		log_err("slot", "slot=%u could not start a child: %s",
		    s->index, err_text(r));
		return (r);
	}
	p->spawned = mono_now();
	p->sup->stat.n[STAT_CHILD_STARTS]++;
	return (0);
}

static void
op_ready(struct slot *s)
{
	struct proc *p = s->owner;

	p->sup->pending.again = true;   /* the intake phase comes this turn */
}

static void
op_quit(struct slot *s)
{
	struct proc *p = s->owner;
	struct buf b;

	buf_init(&b, 64);
	frame_put_quit(&b, s->gen);
	(void)route_send(p->sup->route, s->index, s->gen, &b);
	buf_fini(&b);
}

static enum ask
ask_for(enum slot_why why)
{
	return (why == WHY_CANCEL ? ASK_CANCEL : why == WHY_PREEMPT ?
	    ASK_PREEMPT : why == WHY_STOP ? ASK_STOP : ASK_TIMEOUT);
}

static void
op_terminate(struct slot *s)
{
	struct proc *p = s->owner;
	struct buf b;

	p->ended_at = mono_now();
	if (s->why == WHY_TIMEOUT || s->why == WHY_NO_PROGRESS ||
	    s->why == WHY_LOAD)
		evidence_take(p);
	set_ask(p, ask_for(s->why));
	/* Whoever can be asked writes its checkpoint in peace; for a command
	 * TERM is the question. */
	if (s->why == WHY_PREEMPT && !TAILQ_EMPTY(&p->jobs) &&
	    p->sup->conf->handlers[TAILQ_FIRST(&p->jobs)->handler].kind !=
	    CONF_COMMAND)
		return;
	/* The child forwards TERM to its job; the rest of the tree gets it
	 * from us, whether or not the child can act. */
	buf_init(&b, 64);
	frame_put_term(&b, s->gen, SIGTERM);
	(void)route_send(p->sup->route, s->index, s->gen, &b);
	buf_fini(&b);
	(void)contain_signal(&p->contain, p->pid, SIGTERM, p->pid);
}

static void
op_kill(struct slot *s)
{
	struct proc *p = s->owner;

	p->sup->stat.n[STAT_CHILD_KILLS]++;
	(void)contain_signal(&p->contain, p->pid, SIGKILL, 0);
	if (p->pid > 0)
		(void)kill(p->pid, SIGKILL);
}

static void
look_later(struct proc *p)
{
	/* 1 2 4 ... 64 ms, and once a second when quarantined */
	unsigned ms = p->slot.state == SLOT_QUARANTINED ? 1000 :
	    1u << (p->looks < 6 ? p->looks : 6);
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	p->looks++;
	(void)event_add(p->look, &tv);
}

/* No process is left; the memory they had on the GPU is given back later. */
static void
release_gpu(struct proc *p)
{
	mono_t now = mono_now();

	if (p->freed_since == 0)
		p->freed_since = now;
	switch (gpu_released(p)) {
	case GPU_UNUSABLE:
		p->freed_since = 0;     /* that wait is the device's */
		look_later(p);
		slot_event(&p->slot, EV_UNFIT, now, WHY_NONE);
		return;
	case GPU_NOT_YET:
		look_later(p);
		return;
	case GPU_BACK:
		break;
	}
	(void)event_del(p->look);
	p->looks = 0;
	p->freed_in = now - p->freed_since;
	p->freed_since = 0;
	if (p->where.devices[0] != '\0')
		log_info("slot", "slot=%u gen=%" PRIu32 " GPU memory was back "
		    "%.3f s after its processes had ended", p->slot.index,
		    p->slot.gen, (double)p->freed_in / (double)DUR_S);
	slot_event(&p->slot, EV_RELEASED, now, WHY_NONE);
}

static void
op_release(struct slot *s)
{
	struct proc *p = s->owner;

	/* the child may be a zombie that we have not heard of yet */
	if (p->pid != 0 || contain_count(&p->contain, 0, NULL) > 0) {
		(void)contain_signal(&p->contain, p->pid, SIGKILL, 0);
		look_later(p);
	} else
		release_gpu(p);
}

static void
looked(evutil_socket_t fd, short what, void *priv)
{
	struct proc *p = priv;

	OBJ_CHECK(p, PROC_MAGIC);
	proc_look(p);
}

void
proc_look(struct proc *p)
{
	if (p->slot.state == SLOT_RELEASING ||
	    p->slot.state == SLOT_QUARANTINED)
		op_release(&p->slot);
}

static void
op_settle(struct slot *s)
{
	struct proc *p = s->owner;

	credit_settle(p);
	if (s->state == SLOT_QUARANTINED) {
		death_tell_held(p);
		look_later(p);
	}
}

static void
op_arm(struct slot *s, mono_t at)
{
	struct proc *p = s->owner;
	struct timeval tv;
	dur_t left;

	p->due = false;
	(void)event_del(p->timer);
	if (at == MONO_NEVER)
		return;
	left = at - mono_now();
	if (left < 0)
		left = 0;
	/* up to the next microsecond, never early */
	left += DUR_US - 1;
	tv.tv_sec = left / DUR_S;
	tv.tv_usec = left % DUR_S / DUR_US;
	(void)event_add(p->timer, &tv);
}

static const struct slot_ops ops = {
	.spawn = op_spawn, .ready = op_ready, .quit = op_quit,
	.terminate = op_terminate, .kill = op_kill, .release = op_release,
	.settle = op_settle, .arm = op_arm,
};

/* ---- events for the slot machine ---- */

static void
timer_fired(evutil_socket_t fd, short what, void *priv)
{
	struct proc *p = priv;

	OBJ_CHECK(p, PROC_MAGIC);
	p->due = true;          /* answers that are here already come first */
}

void
proc_exited(struct proc *p, int status)
{
	struct death d;

	output_drain(p, true);
	output_close(p);
	fd_close(&p->start_fd);
	p->status = status;
	p->dead = true;
	death_of_child(p, &d);
	if (p->slot.state == SLOT_STARTING && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL)
		spawn_died_at_birth(p->sup);
	if (d.unasked) {
		p->sup->stat.n[STAT_CHILD_DEATHS]++;
		log_warn("slot", "slot=%u gen=%" PRIu32 " pid=%d state=%s %s%s%s",
		    p->slot.index, p->slot.gen, (int)p->pid,
		    slot_state_name(p->slot.state), d.text,
		    p->last_words[0] != '\0' ? " last_words=" : "",
		    p->last_words);
	}
	p->pid = 0;
	p->looks = 0;
	slot_event(&p->slot, EV_EXIT, mono_now(), WHY_NONE);
}

/* Memory that is bound elsewhere is a misfit; that it is not preferred from the
 * node is the host's doing, and said. */
static bool
memory_fits(struct proc *p, const struct frame_hello *h)
{
	char before[sizeof(p->memory)];
	struct buf want;
	bool fit;

	buf_init(&want, 64u << 10);
	pin_put_memory(&p->pin, &want);
	memcpy(before, p->memory, sizeof(before));
	(void)snprintf(p->memory, sizeof(p->memory), "%.*s",
	    (int)h->memory.n, h->memory.n > 0 ? h->memory.p : "");
	fit = want.len == 0 || h->memory.n == 0 ||
	    slice_is(h->memory, buf_cstr(&want));
	if (!fit && p->pin.strict)
		(void)snprintf(p->misfit, sizeof(p->misfit), "has the memory "
		    "policy %.80s, not %.80s", p->memory, buf_cstr(&want));
	else if (!fit && strcmp(before, p->memory) != 0)
		log_warn("pin", "slot=%u has the memory policy %s, not %s: "
		    "this host allows no other", p->slot.index, p->memory,
		    buf_cstr(&want));
	buf_fini(&want);
	return (fit || !p->pin.strict);
}

static bool
fits(struct proc *p, const struct frame_hello *h)
{
	char *why = p->misfit;
	size_t size = sizeof(p->misfit);

	why[0] = '\0';
	if (h->pid != p->pid)
		(void)snprintf(why, size, "HELLO of pid %" PRId64 ", not %d",
		    h->pid, (int)p->pid);
	else if (!slice_is(h->cpus, p->where.cpus_text))
		(void)snprintf(why, size, "runs on CPUs %.*s, not %.100s",
		    (int)(h->cpus.n < 100 ? h->cpus.n : 100), h->cpus.p,
		    p->where.cpus_text);
	else if (!slice_is(h->devices, p->where.devices))
		(void)snprintf(why, size, "sees devices \"%.*s\", not "
		    "\"%.100s\"",
		    (int)(h->devices.n < 100 ? h->devices.n : 100),
		    h->devices.p, p->where.devices);
	return (why[0] == '\0' && memory_fits(p, h));
}

void
proc_hello(struct proc *p, const struct frame_hello *h)
{
	if (p->slot.state != SLOT_STARTING)
		return;
	if (fits(p, h))
		slot_event(&p->slot, EV_HELLO, mono_now(), WHY_NONE);
	else {
		/* it would be no better the next time: quarantine */
		log_err("slot", "slot=%u is refused, it %s", p->slot.index,
		    p->misfit);
		p->slot.early_deaths = p->slot.limits->early_max;
		slot_event(&p->slot, EV_FENCE, mono_now(), WHY_MISFIT);
	}
}

void
proc_bug(struct proc *p, struct slice message)
{
	log_err("slot", "slot=%u gen=%" PRIu32 " child says: %.*s",
	    p->slot.index, p->slot.gen, (int)message.n, message.p);
	(void)snprintf(p->last_words, sizeof(p->last_words), "%.*s",
	    (int)message.n, message.p);
}

struct job *
proc_job(struct proc *p, uint64_t number)
{
	struct job *j;

	TAILQ_FOREACH(j, &p->jobs, ready)
		if (j->number == number)
			return (j);
	return (NULL);
}

void
proc_end(struct proc *p, enum slot_why why, dur_t grace)
{
	struct slot_arg arg = { .now = mono_now(), .deadline = MONO_NEVER,
		.why = why, .grace = grace };

	if (p->slot.state != SLOT_BUSY && p->slot.state != SLOT_DRAINING)
		return;
	(void)credit_withdraw(p, NULL);
	slot_post(&p->slot, EV_END, &arg);
}

/* ---- life ---- */

static int
open_page(struct proc *p)
{
	size_t n = sizeof(struct page) + sizeof(struct page_slot);

	p->page_fd = memfd_create("ganger-page", MFD_CLOEXEC);
	if (p->page_fd < 0 || ftruncate(p->page_fd, (off_t)n) != 0)
		return (-ERR_SYSTEM);
	p->page = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED,
	    p->page_fd, 0);
	if (p->page == MAP_FAILED)
		return (-ERR_SYSTEM);
	p->page->magic = PAGE_MAGIC;
	p->page->nslots = 1;
	atomic_store(&p->page->slot[0].fence_at, MONO_NEVER);
	return (0);
}

void
proc_plan(struct proc *p, const struct plan_slot *where)
{
	plan_slot_copy(&p->planned, where);
	if (p->where.pool == NULL)
		take_place(p);  /* the first one: what the status shows */
}

struct proc *
proc_new(struct sup *sup, struct pool *pool, unsigned index,
    const struct plan_slot *where)
{
	struct proc *p = xcalloc(1, sizeof(*p));

	p->magic = PROC_MAGIC;
	p->sup = sup;
	p->pool = pool;
	p->start_fd = p->out[0].fd = p->out[1].fd = -1;
	proc_plan(p, where);
	TAILQ_INIT(&p->jobs);
	slot_init(&p->slot, index, &ops, &sup->limits, p);
	/* frames of a slot that had this number before must not fit */
	p->slot.gen = sup->gen_floor;
	contain_init(&p->contain, sup->id, index);
	cage_init(&p->cage, &p->contain, index, (uint64_t[CAGE_N]){
	    [CAGE_MEMORY] = pool->conf->memory_limit,
	    [CAGE_PIDS] = (uint64_t)pool->conf->pids_limit,
	    [CAGE_CPU] = (uint64_t)pool->conf->cpu_weight });
	p->timer = evtimer_new(sup->base, timer_fired, p);
	p->look = evtimer_new(sup->base, looked, p);
	ASSERT(p->timer != NULL && p->look != NULL);
	if (open_page(p) != 0) {
		log_err("slot", "slot=%u no shared page: %s", index,
		    strerror(errno));
		abort();
	}
	return (p);
}

void
proc_free(struct proc **pp)
{
	struct proc *p = *pp;

	if (p == NULL)
		return;
	OBJ_CHECK(p, PROC_MAGIC);
	ASSERT(TAILQ_EMPTY(&p->jobs));
	if (p->pid != 0)
		log_err("slot", "slot=%u is given up, and its child %d is "
		    "still there", p->slot.index, (int)p->pid);
	*pp = NULL;
	guess_reset(p);
	output_close(p);
	fd_close(&p->start_fd);
	event_free(p->timer);
	event_free(p->look);
	cage_fini(&p->cage);
	contain_fini(&p->contain);
	(void)munmap(p->page, sizeof(struct page) + sizeof(struct page_slot));
	fd_close(&p->page_fd);
	pin_fini(&p->pin);
	plan_slot_fini(&p->where);
	plan_slot_fini(&p->planned);
	p->magic = 0;
	free(p);
}
