/*
 * ganger-gpuprobe --job: a command handler (docs/contract.md, section 6) that
 * uses the slot's GPU without any framework. For scripts/gpu-check and for
 * operators who want to see a GPU slot at work. input.op of the job:
 *
 *   test                  the device test on the slot's device
 *   hold  bytes, seconds  allocates, and keeps it
 *   spin  seconds         one kernel that runs so long; 0: until it is killed
 *   fault                 a kernel that writes to an address nobody has
 */
#ifndef GPU_JOB_H
#define GPU_JOB_H

int job_run(void);

#endif
