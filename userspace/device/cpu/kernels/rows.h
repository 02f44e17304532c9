/* SPDX-License-Identifier: MIT */
/* Template: quantising, norms, activations, rotation: what works on single rows. */

/* exp(x) to about 2 ulp for x in [-87, 88]; below, 0 or nearly; above, held at exp(88). */
SIMD vf vf_exp(vf x)
{
	vf n, r, p;

	x = vf_max(vf_min(x, vf_set1(88.0f)), vf_set1(-87.0f));
	n = vf_round(vf_mul(x, vf_set1(1.44269504f)));
	r = vf_fma(n, vf_set1(-0.693145752f), x);
	r = vf_fma(n, vf_set1(-1.42860677e-6f), r);
	p = vf_set1(1.98756912e-4f);
	p = vf_fma(p, r, vf_set1(1.39819994e-3f));
	p = vf_fma(p, r, vf_set1(8.33345177e-3f));
	p = vf_fma(p, r, vf_set1(4.16657962e-2f));
	p = vf_fma(p, r, vf_set1(1.66666654e-1f));
	p = vf_fma(p, r, vf_set1(5.00000010e-1f));
	p = vf_fma(vf_mul(p, r), r, vf_add(r, vf_set1(1.0f)));
	return vf_mul(p, vf_exp2_whole(n));
}

/* One block of 32: codes, and the sums of both halves. Returns d. */
SIMD float quantize_block(const float *x, uint32_t n, int8_t *codes, int32_t sums[2])
{
	vf a = vf_load_n(x, n < 16 ? n : 16), b = vf_load_n(x + 16, n < 16 ? 0 : n - 16);
	float largest = vf_largest(vf_max(vf_abs(a), vf_abs(b)));
	float inverse = 127.0f / largest;

	if (!(inverse <= 0x1.fffffep127f)) {
		largest = 0;
		inverse = 0;
	}
	vf_store_i8(codes, vf_mul(a, vf_set1(inverse)));
	vf_store_i8(codes + 16, vf_mul(b, vf_set1(inverse)));
	sum_halves_i8(codes, sums);
	return largest / 127.0f;
}

static void quantize_row(const float *x, uint32_t n_cols, uint32_t needs, uint32_t t,
			 const struct activation_tile *a)
{
	uint32_t width = a->width, n_blocks = (n_cols + 63) / 64 * 2;

	for (uint32_t b = 0; b < n_blocks; b++) {
		uint32_t at = b * width + t, left = n_cols > 32 * b ? n_cols - 32 * b : 0;
		int32_t sums[2];
		float d =
			quantize_block(x + 32 * b, left < 32 ? left : 32, a->codes + 32 * at, sums);
		int32_t sum = sums[0] + sums[1];

		a->d[at] = d;
		if (needs & NEED_SUM)
			a->s[at] = d * (float)sum;
		if (needs & NEED_INIT_8)
			a->init_8[at] = -8 * sum;
		if (needs & NEED_INIT_16)
			a->init_16[at] = -16 * sum;
		if (needs & NEED_INIT_128)
			a->init_128[at] = -128 * sum;
		if (needs & NEED_HALVES)
			a->halves[at] = (int32_t)((uint32_t)sums[1] << 16 | (sums[0] & 0xffff));
		if (needs & NEED_INIT_32) {
			a->init_32[2 * b * width + t] = -32 * sums[0];
			a->init_32[(2 * b + 1) * width + t] = -32 * sums[1];
		}
	}
}

static void norm_row(const float *x, const float *norm, uint32_t n, float eps, const float *add,
		     float *out)
{
	vf sums[2] = {vf_zero(), vf_zero()}, scale, y;
	uint32_t i = 0;

	for (; i + 32 <= n; i += 32) {
		vf a = vf_load(x + i), b = vf_load(x + i + 16);

		sums[0] = vf_fma(a, a, sums[0]);
		sums[1] = vf_fma(b, b, sums[1]);
	}
	for (; i < n; i += 16) {
		vf a = vf_load_n(x + i, n - i < 16 ? n - i : 16);

		sums[0] = vf_fma(a, a, sums[0]);
	}
	scale = vf_set1(1 / sqrtf(vf_sum(vf_add(sums[0], sums[1])) / (float)n + eps));
	for (i = 0; i < n; i += 16) {
		uint32_t left = n - i < 16 ? n - i : 16;

		y = vf_mul(vf_mul(vf_load_n(x + i, left), scale), vf_load_n(norm + i, left));
		if (add)
			y = vf_add(y, vf_load_n(add + i, left));
		vf_store_n(out + i, y, left);
	}
}

static float mean_of(const float *x, uint32_t n)
{
	vf sum = vf_zero();

	for (uint32_t i = 0; i < n; i += 16)
		sum = vf_add(sum, vf_load_n(x + i, n - i < 16 ? n - i : 16));
	return vf_sum(sum) / (float)n;
}

/* The mean goes first: what is left of large, nearly equal numbers is not lost in their squares. */
static void layer_norm_row(const float *x, const float *norm, const float *bias, uint32_t n,
			   float eps, const float *add, float *out)
{
	vf mean = vf_set1(mean_of(x, n)), squares = vf_zero(), scale, y;
	float tail[16] = {0};

	for (uint32_t i = 0; i < n; i += 16) {
		uint32_t left = n - i < 16 ? n - i : 16;

		y = vf_sub(vf_load_n(x + i, left), mean);
		vf_store_n(tail, y, left);
		y = left < 16 ? vf_load_n(tail, left) : y;
		squares = vf_fma(y, y, squares);
	}
	scale = vf_set1(1 / sqrtf(vf_sum(squares) / (float)n + eps));
	for (uint32_t i = 0; i < n; i += 16) {
		uint32_t left = n - i < 16 ? n - i : 16;

		y = vf_mul(vf_sub(vf_load_n(x + i, left), mean), scale);
		y = vf_fma(y, vf_load_n(norm + i, left), vf_load_n(bias + i, left));
		if (add)
			y = vf_add(y, vf_load_n(add + i, left));
		vf_store_n(out + i, y, left);
	}
}

static void store_rows(const float from[TILE_FLOATS], const struct tile_output *out)
{
	vf bias = out->bias ? vf_load_n(out->bias, out->n) : vf_zero();

	for (uint32_t t = 0; t < out->n_rows; t++) {
		vf y = vf_load(from + PACKED_ROWS * t);

		if (out->bias)
			y = vf_add(y, bias);
		if (out->scale != 1)
			y = vf_mul(y, vf_set1(out->scale));
		if (out->add)
			y = vf_add(y, vf_load_n(out->add + t * out->stride, out->n));
		vf_store_n(out->to + t * out->stride, y, out->n);
	}
}

/* silu(x) = x sigmoid(x); gelu(x) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3) */
SIMD vf activate(enum activation activation, vf x)
{
	vf z = vf_sub(vf_zero(), x);

	if (activation == ACTIVATION_GELU_TANH)
		z = vf_mul(vf_mul(x, vf_set1(-1.59576912f)),
			   vf_fma(vf_mul(x, x), vf_set1(0.044715f), vf_set1(1.0f)));
	return vf_div(x, vf_add(vf_set1(1.0f), vf_exp(z)));
}

static void glu_rows(enum activation activation, const float gate[TILE_FLOATS],
		     const float up[TILE_FLOATS], const struct tile_output *out)
{
	for (uint32_t t = 0; t < out->n_rows; t++) {
		vf y = activate(activation, vf_load(gate + PACKED_ROWS * t));

		vf_store_n(out->to + t * out->stride, vf_mul(y, vf_load(up + PACKED_ROWS * t)),
			   out->n);
	}
}

static void rotate_scalar(float x, float y, const float *cs, float *ret_x, float *ret_y)
{
	*ret_x = x * cs[0] - y * cs[1];
	*ret_y = x * cs[1] + y * cs[0];
}

static void rotate_pairs(const float *x, const float *table, uint32_t n_dims, float *out)
{
	uint32_t i = 0;

	for (; i + 16 <= n_dims; i += 16)
		vf_store(out + i, vf_rotate_pairs(vf_load(x + i), vf_load(table + i)));
	for (; i < n_dims; i += 2)
		rotate_scalar(x[i], x[i + 1], table + i, out + i, out + i + 1);
}

static void rotate_halves(const float *x, const float *table, uint32_t n_dims, float *out)
{
	uint32_t half = n_dims / 2, i = 0;

	for (; i + 16 <= half; i += 16) {
		vf a = vf_load(x + i), b = vf_load(x + half + i), c, s;

		vf_load_split(table + 2 * i, &c, &s);
		vf_store(out + i, vf_sub(vf_mul(a, c), vf_mul(b, s)));
		vf_store(out + half + i, vf_fma(a, s, vf_mul(b, c)));
	}
	for (; i < half; i++)
		rotate_scalar(x[i], x[half + i], table + 2 * i, out + i, out + half + i);
}

static void rotate_head(enum rope_style style, const float *x, const float *table, uint32_t n_dims,
			float *out)
{
	if (style == ROPE_PAIRS)
		rotate_pairs(x, table, n_dims, out);
	else
		rotate_halves(x, table, n_dims, out);
}
