/* SPDX-License-Identifier: MIT */
/*
 * The vector family is for devices that are processors: a work-item does what a thread would, on
 * vectors of 512 bits written out, and work-groups have one item. Refuses local memory, barriers and
 * anything the compiler would have to vectorise by itself.
 *
 * Integer dot products come in three forms, chosen by the host: HAVE_VNNI by assembly (the compilers
 * inside drivers know the instruction, but not that this processor has it), HAVE_MADDUBS by builtins,
 * else plain C. All give the same sums.
 */
#define ONE_ITEM __attribute__((reqd_work_group_size(1, 1, 1)))
#define UNROLL	 _Pragma("clang loop unroll(full)")

typedef float16 vf;
typedef int16 vi;

static inline vi load_codes(__global const uchar *p)
{
	return vload16(0, (__global const int *)p);
}

static inline vf load_half(__global const uchar *p)
{
	return vload_half16(0, (__global const half *)p);
}

static inline vf load_u8(__global const uchar *p)
{
	return convert_float16(vload16(0, p));
}

static inline vf load_i8(__global const uchar *p)
{
	return convert_float16(vload16(0, (__global const char *)p));
}

static inline vf load_bfloat16(__global const uchar *p)
{
	return as_float16(convert_uint16(vload16(0, (__global const ushort *)p)) << 16);
}

static inline vi load_uint8(__global const uchar *p)
{
	return convert_int16(vload16(0, p));
}

static inline vi load_int8(__global const uchar *p)
{
	return convert_int16(vload16(0, (__global const char *)p));
}

#if defined(HAVE_VNNI) || defined(HAVE_MADDUBS)

typedef char bytes64 __attribute__((ext_vector_type(64)));

/* What each byte of NIBBLES stands for. */
static inline vi look_up(__constant const uchar *values, vi nibbles)
{
	uint4 table = as_uint4(vload16(0, values));
	uint8 twice = (uint8)(table, table);

	return __builtin_astype(
		__builtin_ia32_pshufb512(__builtin_astype((uint16)(twice, twice), bytes64),
					 __builtin_astype(nibbles, bytes64)),
		vi);
}

#else

static inline vi look_up(__constant const uchar *values, vi nibbles)
{
	union {
		vi words;
		uchar bytes[64];
	} x;

	x.words = nibbles;
	for (int i = 0; i < 64; i++)
		x.bytes[i] = values[x.bytes[i]];
	return x.words;
}

#endif

#if defined(HAVE_VNNI)

/* acc[r] += sum over j of (unsigned) byte j of w[r] times a[j] */
static inline vi dot(vi acc, vi w, __global const char *a)
{
	__asm__("vpdpbusd %2%{1to16%}, %1, %0"
		: "+v"(acc)
		: "v"(w), "m"(*(__global const int *)a));
	return acc;
}

/* For codes of eight bits, which have been made unsigned. */
static inline vi dot_q8(vi acc, vi w, __global const char *a)
{
	return dot(acc, w, a);
}

#elif defined(HAVE_MADDUBS)

typedef short shorts32 __attribute__((ext_vector_type(32)));

static inline vi dot(vi acc, vi w, __global const char *a)
{
	vi four = *(__global const int *)a;
	shorts32 pairs = __builtin_ia32_pmaddubsw512(__builtin_astype(w, bytes64),
						     __builtin_astype(four, bytes64));

	return acc + __builtin_astype(__builtin_ia32_pmaddwd512(pairs, (shorts32)(1)), vi);
}

/* 255 * 127 * 2 does not fit the 16 bits between the two steps; the nibbles do. */
static inline vi dot_q8(vi acc, vi w, __global const char *a)
{
	return dot(acc + 16 * dot((vi)(0), w >> 4 & 0x0f0f0f0f, a), w & 0x0f0f0f0f, a);
}

#else

static inline vi dot(vi acc, vi w, __global const char *a)
{
	acc += (w & 0xff) * (int)a[0];
	acc += (w >> 8 & 0xff) * (int)a[1];
	acc += (w >> 16 & 0xff) * (int)a[2];
	return acc + (w >> 24 & 0xff) * (int)a[3];
}

static inline vi dot_q8(vi acc, vi w, __global const char *a)
{
	return dot(acc, w, a);
}

#endif

/* exp(x) to a few ulp for x in [-87, 88], held at the ends. */
static inline vf exp_16(vf x)
{
	vf n, r, p;

	x = fmax(fmin(x, 88.0f), -87.0f);
	n = rint(x * 1.44269504f);
	r = fma(n, (vf)(-0.693145752f), x);
	r = fma(n, (vf)(-1.42860677e-6f), r);
	p = (vf)(1.98756912e-4f);
	p = fma(p, r, (vf)(1.39819994e-3f));
	p = fma(p, r, (vf)(8.33345177e-3f));
	p = fma(p, r, (vf)(4.16657962e-2f));
	p = fma(p, r, (vf)(1.66666654e-1f));
	p = fma(p, r, (vf)(5.00000010e-1f));
	p = fma(p * r, r, r + 1.0f);
	return p * as_float16((convert_int16(n) + 127) << 23);
}

static inline float sum_16(vf x)
{
	float8 a = x.lo + x.hi;
	float4 b = a.lo + a.hi;
	float2 c = b.lo + b.hi;

	return c.x + c.y;
}

static inline float max_16(vf x)
{
	float8 a = fmax(x.lo, x.hi);
	float4 b = fmax(a.lo, a.hi);
	float2 c = fmax(b.lo, b.hi);

	return fmax(c.x, c.y);
}

/* The first N lanes; the others are 0. */
static inline vf load_n(__global const float *p, uint n)
{
	float lanes[16] = {0};

	if (n >= 16)
		return vload16(0, p);
	for (uint i = 0; i < n; i++)
		lanes[i] = p[i];
	return vload16(0, lanes);
}

static inline void store_n(vf x, __global float *p, uint n)
{
	float lanes[16];

	if (n >= 16) {
		vstore16(x, 0, p);
		return;
	}
	vstore16(x, 0, lanes);
	for (uint i = 0; i < n; i++)
		p[i] = lanes[i];
}

/* 1 / sqrt(mean(x^2) + eps) */
static inline float norm_scale(__global const float *x, uint n, float eps)
{
	vf sum = 0;
	uint i = 0;

	for (; i + 16 <= n; i += 16) {
		vf a = vload16(0, x + i);

		sum = fma(a, a, sum);
	}
	if (i < n) {
		vf a = load_n(x + i, n - i);

		sum = fma(a, a, sum);
	}
	return 1 / sqrt(sum_16(sum) / n + eps);
}

static inline float mean_of(__global const float *x, uint n)
{
	vf sum = 0;

	for (uint i = 0; i < n; i += 16)
		sum += load_n(x + i, min(n - i, 16u));
	return sum_16(sum) / n;
}

/* 1 / sqrt(mean((x - MEAN)^2) + eps) */
static inline float layer_norm_scale(__global const float *x, uint n, float mean, float eps)
{
	const vf lane = (vf)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	vf sum = 0;

	for (uint i = 0; i < n; i += 16) {
		uint left = min(n - i, 16u);
		vf a = load_n(x + i, left) - mean;

		a = select(a, (vf)(0), lane >= (float)left);
		sum = fma(a, a, sum);
	}
	return 1 / sqrt(sum_16(sum) / n + eps);
}

/* What the host checks before it trusts the forms above. */
__kernel ONE_ITEM void self_test(__global const uchar *w, __global const char *a,
				 __global int *out)
{
	vstore16(dot((vi)(0), load_codes(w), a), 0, out);
}
