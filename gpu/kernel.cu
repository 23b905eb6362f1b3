/*
 * The kernels of the device test and of the prober's jobs. Each is written so
 * that the host can tell exactly what must come out: integers, and floating
 * point that IEEE 754 defines to the last bit.
 */

extern "C" __global__ void
ganger_fill(unsigned *p, unsigned long long n, unsigned seed)
{
	unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x +
	    threadIdx.x, step = (unsigned long long)gridDim.x * blockDim.x;

	for (; i < n; i += step)
		p[i] = ((unsigned)i ^ seed) * 2654435761u;
}

/* found[0]: words that differ, found[1]: the complement of the lowest one. */
extern "C" __global__ void
ganger_compare(const unsigned *p, unsigned long long n, unsigned seed,
    unsigned long long *found)
{
	unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x +
	    threadIdx.x, step = (unsigned long long)gridDim.x * blockDim.x;

	for (; i < n; i += step)
		if (p[i] != ((unsigned)i ^ seed) * 2654435761u) {
			atomicAdd(&found[0], 1ull);
			atomicMax(&found[1], ~i);
		}
}

/* Thread i leaves in out[i] what test_arithmetic computes for i. */
extern "C" __global__ void
ganger_arithmetic(unsigned *out, unsigned rounds)
{
	unsigned i = blockIdx.x * blockDim.x + threadIdx.x, k;
	unsigned x = i * 2654435761u + 1u;
	float y = 0.0f;

	for (k = 0; k < rounds; k++) {
		x = x * 1664525u + 1013904223u;
		y = __fmaf_rn(y, 0.5f, (float)(x >> 24));
	}
	out[i] = x ^ __float_as_uint(y);
}

/* Runs until a clock cycle count has passed; 0 is for ever. */
extern "C" __global__ void
ganger_spin(unsigned *out, unsigned long long cycles)
{
	long long from = clock64();

	while (cycles == 0 ||
	    (unsigned long long)(clock64() - from) < cycles)
		out[0] = (unsigned)clock64();
}

/* Writes where it is told. To an address that nobody has: the driver ends
 * this context, and only this. */
extern "C" __global__ void
ganger_trespass(unsigned long long address)
{
	((unsigned *)address)[threadIdx.x] = 1;
}
