// SPDX-License-Identifier: MIT
/*
 * What device.h promises of every device: memory, buffers, segments, refusals. The arithmetic of
 * single ops is the kernel test's.
 */
#include <errno.h>

#include "array.h"
#include "chosen_device.h"
#include "kernel_case.h"
#include "packed_type.h"

/* Runs CHECK on each chosen device, freshly opened. */
static void on_each(void (*check)(struct device *device))
{
	for (int i = 0; i < chosen.n; i++) {
		struct device *device = chosen_open(i);

		check(device);
		device_close(device);
	}
}

static void fill(uint8_t *bytes, size_t n, uint64_t seed)
{
	struct random random = {seed + 1};

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random_u32(&random);
}

static void expect_complaint(int r, int wanted)
{
	assert_int_equal(r, wanted);
	assert_true(chosen.kept.n > 0);
	assert_true(strlen(chosen.kept.text) > 10);
	chosen.kept.n = 0;
}

/* ---- memory ---- */

static void check_memory_info(struct device *device)
{
	struct memory_info info = {0};

	assert_int_equal(device_memory_info(device, &info), 0);
	assert_true(info.total_bytes >= 1 << 20);
	assert_true(info.available_bytes > 0 && info.available_bytes <= info.total_bytes);
	assert_true(info.max_buffer_bytes >= 1 << 20);
}

static void memory_is_told(void **state)
{
	(void)state;
	on_each(check_memory_info);
}

/* ---- buffers ---- */

static void check_size(struct device *device, size_t size)
{
	struct buffer *buffer = NULL, *neighbour = NULL;
	uint8_t *wrote = malloc(size), *read = malloc(size);
	size_t at = size / 3, n = size / 2;

	assert_int_equal(
		buffer_create(device, &(struct buffer_params){.size_bytes = size}, &buffer), 0);
	assert_int_equal(
		buffer_create(device, &(struct buffer_params){.size_bytes = size}, &neighbour), 0);
	fill(wrote, size, size);
	assert_int_equal(buffer_write(neighbour, 0, wrote, size), 0);
	assert_int_equal(buffer_write(buffer, 0, wrote, size), 0);
	fill(wrote + at, n, size + 1);
	assert_int_equal(buffer_write(buffer, at, wrote + at, n), 0);
	assert_int_equal(buffer_read(buffer, 0, read, size), 0);
	assert_memory_equal(read, wrote, size);
	assert_int_equal(buffer_read(buffer, at, read, n), 0);
	assert_memory_equal(read, wrote + at, n);
	fill(wrote, size, size);
	assert_int_equal(buffer_read(neighbour, 0, read, size), 0);
	assert_memory_equal(read, wrote, size);
	buffer_destroy(buffer);
	buffer_destroy(neighbour);
	free(wrote);
	free(read);
}

static void check_contents(struct device *device)
{
	static const size_t sizes[] = {1, 3, 64, 4095, 4096, 4097, 1 << 20, (1 << 20) + 7};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		check_size(device, sizes[i]);
}

static void buffers_keep_what_is_written(void **state)
{
	(void)state;
	on_each(check_contents);
}

static void check_initial(struct device *device)
{
	enum { SIZE = 3 * 4096 };
	uint8_t *initial = aligned_alloc(4096, SIZE), read[SIZE];

	fill(initial, SIZE, 5);
	for (int read_only = 0; read_only < 2; read_only++) {
		struct buffer_params params = {
			.size_bytes = SIZE - 5, .initial = initial, .read_only = read_only};
		struct buffer *buffer = NULL;

		assert_int_equal(buffer_create(device, &params, &buffer), 0);
		assert_int_equal(buffer_read(buffer, 0, read, SIZE - 5), 0);
		assert_memory_equal(read, initial, SIZE - 5);
		buffer_destroy(buffer);
	}
	free(initial);
}

static void buffers_begin_with_what_they_are_given(void **state)
{
	(void)state;
	on_each(check_initial);
}

static void check_ranges(struct device *device)
{
	uint8_t wrote[100], read[100], other[100];
	struct buffer *buffer = NULL;

	assert_int_equal(buffer_create(device, &(struct buffer_params){.size_bytes = 100}, &buffer),
			 0);
	fill(wrote, 100, 1);
	fill(other, 100, 2);
	assert_int_equal(buffer_write(buffer, 0, wrote, 100), 0);
	chosen.kept.n = 0;
	expect_complaint(buffer_write(buffer, 1, other, 100), -EINVAL);
	expect_complaint(buffer_write(buffer, 101, other, 1), -EINVAL);
	expect_complaint(buffer_write(buffer, SIZE_MAX, other, 2), -EINVAL);
	expect_complaint(buffer_read(buffer, 2, other, SIZE_MAX), -EINVAL);
	expect_complaint(buffer_read(buffer, 50, other, 51), -EINVAL);
	assert_int_equal(buffer_write(buffer, 100, other, 0), 0);
	assert_int_equal(buffer_read(buffer, 0, read, 100), 0);
	assert_memory_equal(read, wrote, 100);
	buffer_destroy(buffer);
	buffer_destroy(NULL);
}

static void ranges_outside_a_buffer_are_refused(void **state)
{
	(void)state;
	on_each(check_ranges);
}

static void check_impossible_sizes(struct device *device)
{
	struct buffer *buffer = NULL;
	struct memory_info info;

	chosen.kept.n = 0;
	expect_complaint(buffer_create(device, &(struct buffer_params){.size_bytes = 0}, &buffer),
			 -EINVAL);
	expect_complaint(buffer_create(device,
				       &(struct buffer_params){.size_bytes = 64, .read_only = true},
				       &buffer),
			 -EINVAL);
	assert_int_equal(device_memory_info(device, &info), 0);
	expect_complaint(buffer_create(device, &(struct buffer_params){.size_bytes = SIZE_MAX / 4},
				       &buffer),
			 -ENOMEM);
	assert_null(buffer);
	check_size(device, 1000);
}

static void impossible_buffers_are_refused(void **state)
{
	(void)state;
	on_each(check_impossible_sizes);
}

/* ---- segments ---- */

enum { WIDTH = 96, MIDDLE = 64, TOKENS = 5 };

/* norm + matmul, then another matmul onto the first's result. */
static void make_chain(struct kernel_case *c, int32_t *ret_in, int32_t *ret_out)
{
	int32_t in, middle, out;
	struct op *op;

	kernel_case_init(c, 42);
	c->max_tokens = TOKENS;
	in = case_value(c, ROWS_TOKENS, WIDTH);
	middle = case_value(c, ROWS_TOKENS, MIDDLE);
	out = case_value(c, ROWS_TOKENS, WIDTH);
	op = case_op(c, OP_MATMUL, in);
	op->norm = case_vector(c, WIDTH, 1, 0.3f);
	op->n_weights = 1;
	op->weight[0] = case_matrix(c, TENSOR_Q8_0, MIDDLE, WIDTH);
	op->out[0] = middle;
	op = case_op(c, OP_MATMUL, middle);
	op->n_weights = 1;
	op->weight[0] = case_matrix(c, TENSOR_F16, WIDTH, MIDDLE);
	op->add = in;
	op->out[0] = out;
	*ret_in = in;
	*ret_out = out;
}

static void run_chain(struct bound_case *bound, int32_t in, int32_t out, uint64_t seed,
		      float *result)
{
	float input[TOKENS * WIDTH];
	struct random random = {seed};
	struct case_step step;

	for (int i = 0; i < TOKENS * WIDTH; i++)
		input[i] = random_normal(&random);
	assert_int_equal(
		case_step_init(&step, bound->c, 1, (uint32_t[]){TOKENS}, (uint32_t[]){0}, 0), 0);
	assert_int_equal(bound_case_write(bound, in, input, TOKENS), 0);
	assert_int_equal(segment_run(bound->segment, &step.step), 0);
	if (result)
		assert_int_equal(bound_case_read(bound, out, result, TOKENS), 0);
	case_step_finish(&step);
}

static struct device *open_reference(void)
{
	struct device_params params = {.n_threads = 1, .log = &chosen.kept.log};
	struct device *device = NULL;

	for (size_t i = 0; i < chosen.list->n_entries; i++) {
		if (strcmp(chosen.list->entries[i].selector, "reference") == 0)
			params.ops = chosen.list->entries[i].ops;
	}
	assert_int_equal(device_open(&params, &device), 0);
	return device;
}

static void wanted_result(uint64_t seed, float *ret_result)
{
	struct device *device = open_reference();
	struct kernel_case c;
	struct bound_case bound;
	int32_t in, out;

	make_chain(&c, &in, &out);
	assert_int_equal(bound_case_init(&bound, &c, device), 0);
	run_chain(&bound, in, out, seed, ret_result);
	bound_case_finish(&bound);
	kernel_case_finish(&c);
	device_close(device);
}

static void expect_result(const float *result, uint64_t seed)
{
	float wanted[TOKENS * WIDTH];

	wanted_result(seed, wanted);
	assert_true(nmse(wanted, result, TOKENS * WIDTH) < 1e-4);
}

/* Two segments with buffers of their own take turns; only the last results are read. */
static void check_turns(struct device *device)
{
	struct kernel_case c[2];
	struct bound_case bound[2];
	float result[TOKENS * WIDTH];
	int32_t in, out;

	for (int i = 0; i < 2; i++) {
		make_chain(&c[i], &in, &out);
		assert_int_equal(bound_case_init(&bound[i], &c[i], device), 0);
	}
	for (uint64_t seed = 1; seed < 20; seed++)
		run_chain(&bound[seed % 2], in, out, seed, NULL);
	run_chain(&bound[0], in, out, 20, result);
	expect_result(result, 20);
	assert_int_equal(bound_case_read(&bound[1], out, result, TOKENS), 0);
	expect_result(result, 19);
	for (int i = 0; i < 2; i++) {
		bound_case_finish(&bound[i]);
		kernel_case_finish(&c[i]);
	}
}

static void segments_take_turns(void **state)
{
	(void)state;
	on_each(check_turns);
}

static void check_refused_steps(struct device *device)
{
	struct kernel_case c;
	struct bound_case bound;
	struct case_step s;
	struct step step;
	float result[TOKENS * WIDTH];
	int32_t in, out;

	make_chain(&c, &in, &out);
	assert_int_equal(bound_case_init(&bound, &c, device), 0);
	assert_int_equal(case_step_init(&s, &c, 1, (uint32_t[]){TOKENS}, (uint32_t[]){0}, 0), 0);
	chosen.kept.n = 0;
	step = s.step;
	step.n_tokens = 0;
	expect_complaint(segment_run(bound.segment, &step), -EINVAL);
	step.n_tokens = TOKENS + 1;
	expect_complaint(segment_run(bound.segment, &step), -EINVAL);
	step = s.step;
	step.n_outputs = c.max_outputs + 1;
	expect_complaint(segment_run(bound.segment, &step), -EINVAL);
	step = s.step;
	step.n_runs = 0;
	expect_complaint(segment_run(bound.segment, &step), -EINVAL);
	step = s.step;
	step.page_stride = c.max_pages + 1;
	expect_complaint(segment_run(bound.segment, &step), -EINVAL);
	case_step_finish(&s);
	run_chain(&bound, in, out, 7, result);
	expect_result(result, 7);
	bound_case_finish(&bound);
	kernel_case_finish(&c);
}

static void steps_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	on_each(check_refused_steps);
}

static void check_refused_segments(struct device *device)
{
	struct buffer *none[CASE_MATRICES_MAX] = {0};
	uint64_t far[CASE_VALUES_MAX] = {UINT64_MAX - 8, 1 << 30};
	struct segment_params params;
	struct segment *segment = NULL;
	struct bound_case bound;
	struct kernel_case c;
	int32_t in, out;

	make_chain(&c, &in, &out);
	assert_int_equal(bound_case_init(&bound, &c, device), 0);
	chosen.kept.n = 0;
	params = bound_case_params(&bound);
	params.n_ops = 0;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params.n_ops = c.graph.n_ops + 1;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params.n_ops = 1;
	params.first_op = UINT32_MAX;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params = bound_case_params(&bound);
	params.max_tokens = 0;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params.max_tokens = 1 << 20;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params = bound_case_params(&bound);
	params.weights = none;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	params = bound_case_params(&bound);
	params.value_offsets = far;
	expect_complaint(segment_create(device, &params, &segment), -EINVAL);
	assert_null(segment);
	segment_destroy(NULL);
	bound_case_finish(&bound);
	kernel_case_finish(&c);
}

static void segments_that_cannot_be_are_refused(void **state)
{
	(void)state;
	on_each(check_refused_segments);
}

/* A part of the graph runs alone and leaves the rest untouched. */
static void check_part(struct device *device)
{
	struct kernel_case c;
	struct bound_case bound;
	struct segment_params params;
	struct segment *part = NULL;
	struct case_step s;
	float zeros[TOKENS * WIDTH] = {0}, result[TOKENS * WIDTH];
	int32_t in, out;

	make_chain(&c, &in, &out);
	assert_int_equal(bound_case_init(&bound, &c, device), 0);
	run_chain(&bound, in, out, 3, result);
	params = bound_case_params(&bound);
	params.first_op = 1;
	params.n_ops = 1;
	assert_int_equal(segment_create(device, &params, &part), 0);
	assert_int_equal(bound_case_write(&bound, out, zeros, TOKENS), 0);
	assert_int_equal(case_step_init(&s, &c, 1, (uint32_t[]){TOKENS}, (uint32_t[]){0}, 0), 0);
	assert_int_equal(segment_run(part, &s.step), 0);
	assert_int_equal(bound_case_read(&bound, out, result, TOKENS), 0);
	expect_result(result, 3);
	case_step_finish(&s);
	segment_destroy(part);
	bound_case_finish(&bound);
	kernel_case_finish(&c);
}

static void parts_of_a_graph_run_alone(void **state)
{
	(void)state;
	on_each(check_part);
}

/* ---- the device itself ---- */

static void one_result(struct device *device, uint64_t seed)
{
	struct kernel_case c;
	struct bound_case bound;
	float result[TOKENS * WIDTH];
	int32_t in, out;

	make_chain(&c, &in, &out);
	assert_int_equal(bound_case_init(&bound, &c, device), 0);
	run_chain(&bound, in, out, seed, result);
	expect_result(result, seed);
	bound_case_finish(&bound);
	kernel_case_finish(&c);
}

static void a_device_opens_twice(void **state)
{
	(void)state;
	for (int i = 0; i < chosen.n; i++) {
		struct device *first = chosen_open(i), *second = chosen_open(i);

		one_result(first, 1);
		one_result(second, 2);
		device_close(first);
		one_result(second, 3);
		device_close(second);
	}
	device_close(NULL);
}

static void all_devices_work_side_by_side(void **state)
{
	struct device *devices[CHOSEN_MAX];

	(void)state;
	for (int i = 0; i < chosen.n; i++)
		devices[i] = chosen_open(i);
	for (int i = 0; i < chosen.n; i++)
		one_result(devices[i], (uint64_t)i + 1);
	for (int i = 0; i < chosen.n; i++)
		device_close(devices[i]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_told),
		cmocka_unit_test(buffers_keep_what_is_written),
		cmocka_unit_test(buffers_begin_with_what_they_are_given),
		cmocka_unit_test(ranges_outside_a_buffer_are_refused),
		cmocka_unit_test(impossible_buffers_are_refused),
		cmocka_unit_test(segments_take_turns),
		cmocka_unit_test(steps_that_do_not_fit_are_refused),
		cmocka_unit_test(segments_that_cannot_be_are_refused),
		cmocka_unit_test(parts_of_a_graph_run_alone),
		cmocka_unit_test(a_device_opens_twice),
		cmocka_unit_test(all_devices_work_side_by_side),
	};

	return chosen_run(argc, argv, tests);
}
