/*
 * The only list of frames between supervisor and child.
 *   FRAME(id, number, direction, body)   DOWN: to the child, UP: from it
 * Every frame is one msgpack array [PROTO_VERSION, number, generation, body...]
 * in one ZeroMQ message part. Arrays may grow at their end in later versions;
 * readers skip what they do not know. Numbers are never used again for
 * something else. docs/protocol.md describes each body.
 */
#define FRAME_TABLE(FRAME) \
	FRAME(HELLO,    1, UP,   "slot, pid, version, cpus, devices") \
	FRAME(DO,       2, DOWN, "credit, handler, jobs[number, attempt, id, type, model, model_version, publish, timeout_ns, payload]") \
	FRAME(RESULT,   3, UP,   "credit, results[number, cause, result, message, exit_code, signal], done, models") \
	FRAME(PROGRESS, 4, UP,   "number, fraction, message") \
	FRAME(LOG,      5, UP,   "number, text") \
	FRAME(STARTED,  6, UP,   "number, pid of the job's process, phase") \
	FRAME(ASK,      7, DOWN, "why") \
	FRAME(TERM,     8, DOWN, "signal number for the job's tree") \
	FRAME(QUIT,     9, DOWN, "") \
	FRAME(BUG,     10, UP,   "message: what the child can't go on with") \
	FRAME(FORGET,  11, DOWN, "id of a job whose kept folders go")
