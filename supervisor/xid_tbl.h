/*
 * The one table of what a GPU's error means for us. XID(number, class, text)
 * for the driver's Xid events, FAULT(name, class, text) for what samples and
 * tests show. A number without a row is a NOTE.
 *
 *   NOTE     counted and shown, nothing else
 *   APP      a program's own doing; its job is judged as any other. Children
 *            that share a process with it (plugins, runners) are replaced
 *            after their job, for the context is broken
 *   RESTART  what runs on the device is ended and runs again, not charged
 *   DEVICE   the same, and the device is quarantined until a test passes
 *   HOST     the same, and the worker drains: the next device would follow
 *
 * Source: NVIDIA, "Analyzing Xid Errors with the Xid Catalog" (docs.nvidia.com,
 * deploy/xid-errors), by the immediate action it names: RESTART_APP is APP
 * where a program is at fault and RESTART where the hardware is, RESET_GPU is
 * DEVICE, IGNORE is NOTE, a new start or a cold reset of the machine is HOST.
 * One row differs: 79 (RESTART_BM) takes the device alone, because the other
 * GPUs of the host go on working; it stays lost until it answers again.
 */
#define XID_TABLE(XID) \
	XID(8, RESTART, "GPU stopped processing") \
	XID(11, APP, "invalid or corrupted push buffer stream") \
	XID(13, APP, "graphics engine exception") \
	XID(31, APP, "GPU memory page fault") \
	XID(32, RESTART, "invalid or corrupted push buffer stream") \
	XID(38, RESTART, "driver firmware error") \
	XID(43, APP, "GPU stopped processing after a program's fault") \
	XID(44, RESTART, "graphics engine fault during context switch") \
	XID(45, NOTE, "preemptive cleanup after an earlier error") \
	XID(46, DEVICE, "GPU stopped processing") \
	XID(48, DEVICE, "double bit ECC error") \
	XID(54, DEVICE, "auxiliary power is not connected") \
	XID(56, NOTE, "display engine error") \
	XID(57, DEVICE, "error programming video memory interface") \
	XID(58, DEVICE, "unstable video memory interface") \
	XID(61, DEVICE, "internal micro-controller breakpoint or warning") \
	XID(62, DEVICE, "internal micro-controller halt") \
	XID(63, NOTE, "row remapping or page retirement recorded") \
	XID(64, DEVICE, "row remapping or page retirement failed") \
	XID(65, DEVICE, "video processor exception") \
	XID(66, APP, "illegal access by driver") \
	XID(67, APP, "illegal access by driver") \
	XID(68, RESTART, "video processor exception") \
	XID(69, APP, "graphics engine class error") \
	XID(74, DEVICE, "NVLink error") \
	XID(78, DEVICE, "vGPU start error") \
	XID(79, DEVICE, "GPU has fallen off the bus") \
	XID(92, NOTE, "high single-bit ECC error rate") \
	XID(94, RESTART, "contained ECC error") \
	XID(95, DEVICE, "uncontained ECC error") \
	XID(109, DEVICE, "context switch timeout") \
	XID(110, HOST, "security fault error") \
	XID(119, DEVICE, "GSP remote call timed out") \
	XID(120, DEVICE, "GSP error") \
	XID(121, NOTE, "C2C link corrected error") \
	XID(136, DEVICE, "link training failed") \
	XID(137, APP, "NVLink privilege error of a remote access") \
	XID(140, DEVICE, "unrecovered ECC error") \
	XID(143, DEVICE, "GPU initialisation failure") \
	XID(151, HOST, "key rotation error") \
	XID(154, NOTE, "recovery action changed, see the Xid before it") \
	XID(156, DEVICE, "resource retirement event") \
	XID(157, NOTE, "resource retirement failure") \
	XID(158, DEVICE, "GPU fatal timeout")

#define FAULT_TABLE(FAULT) \
	FAULT(LOST, DEVICE, "it is lost") \
	FAULT(ECC, RESTART, "uncorrected ECC errors") \
	FAULT(REMAP, DEVICE, "row remapping failed") \
	FAULT(TEST, DEVICE, "the device test failed")
