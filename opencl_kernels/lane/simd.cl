/* SPDX-License-Identifier: MIT */
/*
 * The lane family is for devices with many lanes: a work-group of LANES items (a power of two, 16 or
 * more) makes one tile, an item one element of it. Sums over a group go through local memory, because
 * no extension is required. Refuses assumptions on the width of a subgroup.
 */
#define GROUP __attribute__((reqd_work_group_size(LANES, 1, 1)))

/* The sum (or maximum) over the group, in every item. SCRATCH has LANES floats. */
static inline float group_sum(float x, __local float *scratch)
{
	uint lane = get_local_id(0);

	barrier(CLK_LOCAL_MEM_FENCE);
	scratch[lane] = x;
	for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (lane < half_)
			scratch[lane] += scratch[lane + half_];
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	return scratch[0];
}

static inline float group_max(float x, __local float *scratch)
{
	uint lane = get_local_id(0);

	barrier(CLK_LOCAL_MEM_FENCE);
	scratch[lane] = x;
	for (uint half_ = LANES / 2; half_ > 0; half_ /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (lane < half_)
			scratch[lane] = fmax(scratch[lane], scratch[lane + half_]);
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	return scratch[0];
}

/* An item's part of the sum of x */
static inline float part_of_sum(__global const float *x, uint n)
{
	float sum = 0;

	for (uint i = get_local_id(0); i < n; i += LANES)
		sum += x[i];
	return sum;
}

/* ... and of (x - MEAN)^2 */
static inline float part_of_squares(__global const float *x, uint n, float mean)
{
	float sum = 0;

	for (uint i = get_local_id(0); i < n; i += LANES)
		sum = fma(x[i] - mean, x[i] - mean, sum);
	return sum;
}

/*
 * 1 / sqrt(mean((x - MEAN)^2) + eps). No function, because Mesa 25's llvmpipe dies of a function with
 * barriers that is called by another.
 */
#define NORM_SCALE_ABOUT(x, n, mean, eps, scratch)                                                 \
	(1 / sqrt(group_sum(part_of_squares(x, n, mean), scratch) / (n) + (eps)))
#define NORM_SCALE(x, n, eps, scratch) NORM_SCALE_ABOUT(x, n, 0, eps, scratch)

/* acc + the sum over j of unsigned byte j of W times signed byte j of A */
static inline int dot(int acc, uint w, uint a)
{
#ifdef HAVE_DOT
	return acc + dot_4x8packed_us_int(w, a);
#else
	char4 c = as_char4(a);

	acc += (int)(w & 0xff) * c.x;
	acc += (int)(w >> 8 & 0xff) * c.y;
	acc += (int)(w >> 16 & 0xff) * c.z;
	return acc + (int)(w >> 24) * c.w;
#endif
}

/* What the host checks before it trusts dot(). One item. */
__kernel void self_test(__global const uint *w, __global const uint *a, __global int *out)
{
	for (uint r = 0; r < 16; r++)
		out[r] = dot(0, w[r], a[0]);
}
