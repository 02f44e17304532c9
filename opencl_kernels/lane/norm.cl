/* SPDX-License-Identifier: MIT */
/* out = x / sqrt(mean(x^2) + eps) * norm (+ add), or about the mean and + bias; one group per row. */
__kernel GROUP void norm_rows(__global const uint *step, __global float *values,
			      __global const float *vectors, uint in, uint norm, uint bias, uint add,
			      uint out, uint n, float eps)
{
	__local float scratch[LANES];
	uint t = get_group_id(0);
	__global const float *x = values + in + t * n;
	float mean = bias == NONE ? 0 : group_sum(part_of_sum(x, n), scratch) / n;
	float scale = NORM_SCALE_ABOUT(x, n, mean, eps, scratch);

	for (uint i = get_local_id(0); i < n; i += LANES) {
		float y = (x[i] - mean) * scale * vectors[norm + i];

		if (bias != NONE)
			y += vectors[bias + i];
		values[out + t * n + i] = add == NONE ? y : y + values[add + t * n + i];
	}
}
