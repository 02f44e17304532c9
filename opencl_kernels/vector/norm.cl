/* SPDX-License-Identifier: MIT */
/* out = x / sqrt(mean(x^2) + eps) * norm (+ add), or about the mean and + bias; one work-item per row. */
__kernel ONE_ITEM void norm_rows(__global const uint *step, __global float *values,
				 __global const float *vectors, uint in, uint norm, uint bias, uint add,
				 uint out, uint n, float eps)
{
	uint t = get_global_id(0);
	__global const float *x = values + in + t * n;
	float mean = bias == NONE ? 0 : mean_of(x, n);
	float scale = bias == NONE ? norm_scale(x, n, eps) : layer_norm_scale(x, n, mean, eps);

	for (uint i = 0; i < n; i += 16) {
		uint left = min(n - i, 16u);
		vf y = (load_n(x + i, left) - mean) * scale * load_n(vectors + norm + i, left);

		if (bias != NONE)
			y += load_n(vectors + bias + i, left);
		if (add != NONE)
			y += load_n(values + add + t * n + i, left);
		store_n(y, values + out + t * n + i, left);
	}
}
