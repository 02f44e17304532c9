// SPDX-License-Identifier: MIT
/*
 * What the OpenCL back end makes of every way in which a driver can fail: the error that device.h
 * promises, one message, nothing lost in the driver, and no wait that does not end.
 */
#include <errno.h>
#include <unistd.h>

#include "../device/chosen_device.h"
#include "array.h"
#include "clock.h"
#include "kernel_case.h"
#include "mock_icd.h"

enum {
	WIDTH = 96,
	MIDDLE = 64,
	TOKENS = 40,
	HANG_MS = 1000 /* a loaded machine takes its time too */
};

static struct device *open_mock(unsigned watchdog_ms, const char *cache_dir)
{
	struct device_params params = {
		.ops = chosen.entries[0]->ops,
		.driver_data = chosen.entries[0]->driver_data,
		.cache_dir = cache_dir,
		.watchdog_ms = watchdog_ms,
		.log = &chosen.kept.log,
	};
	struct device *device = NULL;

	assert_int_equal(device_open(&params, &device), 0);
	chosen.kept.n = 0;
	return device;
}

/* Two products, the second onto the input. */
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

struct work {
	struct kernel_case c;
	struct bound_case bound;
	int32_t in, out;
	struct case_step step;
	float input[TOKENS * WIDTH], result[TOKENS * WIDTH];
};

static int work_begin(struct work *work, struct device *device)
{
	struct random random = {7};
	int r;

	make_chain(&work->c, &work->in, &work->out);
	for (size_t i = 0; i < ARRAY_SIZE(work->input); i++)
		work->input[i] = random_normal(&random);
	r = bound_case_init(&work->bound, &work->c, device);
	assert_int_equal(case_step_init(&work->step, &work->c, 1, (uint32_t[]){TOKENS},
					(uint32_t[]){0}, 0),
			 0);
	return r;
}

static int work_do(struct work *work)
{
	int r = bound_case_write(&work->bound, work->in, work->input, TOKENS);

	if (r == 0)
		r = segment_run(work->bound.segment, &work->step.step);
	return r < 0 ? r : bound_case_read(&work->bound, work->out, work->result, TOKENS);
}

static void work_end(struct work *work)
{
	case_step_finish(&work->step);
	bound_case_finish(&work->bound);
	kernel_case_finish(&work->c);
}

/* Every later call is refused at once and without a word. */
static void expect_lost(struct device *device, struct work *work)
{
	struct memory_info info;
	struct buffer *buffer = NULL;

	chosen.kept.n = 0;
	assert_int_equal(work_do(work), -ENODEV);
	assert_int_equal(segment_run(work->bound.segment, &work->step.step), -ENODEV);
	assert_int_equal(bound_case_read(&work->bound, work->out, work->result, TOKENS), -ENODEV);
	assert_int_equal(device_memory_info(device, &info), -ENODEV);
	assert_int_equal(buffer_create(device, &(struct buffer_params){.size_bytes = 64}, &buffer),
			 -ENODEV);
	assert_int_equal(chosen.kept.n, 0);
}

/* A callback may still be on its way out of the driver, with its event. */
static void expect_none_live(void)
{
	for (int ms = 0; ms < 2000 && mock_live() > 0; ms++)
		(void)usleep(1000);
	assert_int_equal(mock_live(), 0);
}

/* Nothing is kept in the driver, and it works again for whoever opens it anew. */
static void expect_clean(void)
{
	struct device *device;
	struct work work;

	expect_none_live();
	assert_true(mock_arm(""));
	device = open_mock(0, getenv("SLM_CACHE_DIR"));
	assert_int_equal(work_begin(&work, device), 0);
	assert_int_equal(work_do(&work), 0);
	work_end(&work);
	device_close(device);
	expect_none_live();
}

/* FAULTS strike while a step runs, at any call; the device gives ERROR and says one thing. */
static void expect_run_fails(const char *faults, int error)
{
	struct device *device;
	struct work work;

	expect_clean();
	device = open_mock(0, getenv("SLM_CACHE_DIR"));
	assert_int_equal(work_begin(&work, device), 0);
	assert_int_equal(work_do(&work), 0);
	assert_int_equal(chosen.kept.n, 0);
	assert_true(mock_arm(faults));
	assert_int_equal(work_do(&work), error);
	assert_int_equal(chosen.kept.n, 1);
	if (error == -ENODEV)
		expect_lost(device, &work);
	work_end(&work);
	device_close(device);
}

/* ---- steps ---- */

static void a_launch_that_is_refused_is_an_error(void **state)
{
	static const char *const faults[] = {"resources",	  "resources@2",
					     "resources@4",	  "resources@write/1",
					     "resources@write/2", "resources@read/1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		expect_run_fails(faults[i], -EIO);
	expect_clean();
}

static void a_command_that_fails_later_is_an_error(void **state)
{
	char faults[40];

	(void)state;
	/* A write, the step's words, four launches, a read. */
	for (int i = 1; i <= 7; i++) {
		(void)snprintf(faults, sizeof(faults), "resources@run/%d", i);
		expect_run_fails(faults, -EIO);
	}
	assert_non_null(strstr(chosen.kept.text, "CL_OUT_OF_RESOURCES"));
	expect_clean();
}

static void a_device_that_is_gone_stays_gone(void **state)
{
	static const char *const kinds[] = {"unavailable", "removed"};
	char faults[40];

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (int i = 1; i <= 7; i++) {
			(void)snprintf(faults, sizeof(faults), "%s@run/%d", kinds[k], i);
			expect_run_fails(faults, -ENODEV);
		}
	}
	assert_non_null(strstr(chosen.kept.text, "CL_DEVICE_NOT_AVAILABLE"));
	expect_clean();
}

/* A short wait is no fault. */
static void a_slow_device_is_waited_for(void **state)
{
	struct device *device;
	struct work work;
	uint64_t begin;

	(void)state;
	expect_clean();
	device = open_mock(0, getenv("SLM_CACHE_DIR"));
	assert_int_equal(work_begin(&work, device), 0);
	assert_int_equal(work_do(&work), 0);
	assert_true(mock_arm("hang=100@run/1,hang=100@run/3,hang=100@run/7"));
	begin = clock_now_ns();
	assert_int_equal(work_do(&work), 0);
	assert_true(clock_now_ns() - begin >= 300000000);
	assert_true(mock_arm("slow=10"));
	begin = clock_now_ns();
	assert_int_equal(work_do(&work), 0);
	assert_true(clock_now_ns() - begin >= 20000000);
	assert_int_equal(chosen.kept.n, 0);
	work_end(&work);
	device_close(device);
	expect_clean();
}

/* What moves, even if all of it takes longer than the limit, does not hang. */
static void progress_is_no_hang(void **state)
{
	struct device *device;
	struct work work;
	uint64_t begin;

	(void)state;
	expect_clean();
	device = open_mock(HANG_MS, getenv("SLM_CACHE_DIR"));
	assert_int_equal(work_begin(&work, device), 0);
	assert_int_equal(work_do(&work), 0);
	assert_true(mock_arm("hang=500@launch/1,hang=500@launch/2,hang=500@launch/3"));
	begin = clock_now_ns();
	assert_int_equal(work_do(&work), 0);
	assert_true(clock_now_ns() - begin >= 1500000000);
	assert_int_equal(chosen.kept.n, 0);
	work_end(&work);
	device_close(device);
	expect_clean();
}

/* Objects are left to a driver that hangs, so these come last. */
static void a_device_that_hangs_is_given_up(void **state)
{
	unsigned left = 0;

	(void)state;
	expect_clean();
	for (int i = 1; i <= 7; i += 3) {
		uint64_t begin = clock_now_ns(), took;
		struct device *device = open_mock(HANG_MS, getenv("SLM_CACHE_DIR"));
		struct work work;
		char faults[40];

		(void)snprintf(faults, sizeof(faults), "hang@run/%d", i);
		assert_int_equal(work_begin(&work, device), 0);
		assert_int_equal(work_do(&work), 0);
		begin = clock_now_ns();
		assert_true(mock_arm(faults));
		assert_int_equal(work_do(&work), -ENODEV);
		assert_int_equal(chosen.kept.n, 1);
		assert_non_null(strstr(chosen.kept.text, "hangs"));
		expect_lost(device, &work);
		work_end(&work);
		device_close(device);
		took = (clock_now_ns() - begin) / 1000000;
		assert_in_range(took, HANG_MS - 1, HANG_MS + 3000);
		assert_true(mock_live() > left);
		left = mock_live();
		assert_true(mock_arm(""));
	}
}

/* ---- making ---- */

/* A second segment on a device that works fails with ERROR, and the first goes on if it can. */
static void expect_segment_fails(const char *faults, int error, const char *cache_dir)
{
	struct segment *segment = NULL;
	struct segment_params params;
	struct device *device;
	struct work work;

	expect_clean();
	device = open_mock(0, cache_dir);
	assert_int_equal(work_begin(&work, device), 0);
	params = bound_case_params(&work.bound);
	assert_true(mock_arm(faults));
	chosen.kept.n = 0;
	assert_int_equal(segment_create(device, &params, &segment), error);
	assert_null(segment);
	assert_int_equal(chosen.kept.n, 1);
	if (error != -ENODEV) {
		assert_true(mock_arm(""));
		assert_int_equal(work_do(&work), 0);
	}
	work_end(&work);
	device_close(device);
}

static void memory_that_is_short_is_an_error(void **state)
{
	struct mock_counts before, after;
	struct buffer *buffer = NULL;
	struct device *device;
	char faults[40];

	(void)state;
	for (int i = 1; i <= 7; i++) {
		(void)snprintf(faults, sizeof(faults), "memory@%d", i);
		expect_segment_fails(faults, -ENOMEM, getenv("SLM_CACHE_DIR"));
	}
	expect_clean();
	device = open_mock(0, NULL);
	mock_counts(0, &before);
	assert_true(mock_arm("memory"));
	assert_int_equal(buffer_create(device, &(struct buffer_params){.size_bytes = 100}, &buffer),
			 -ENOMEM);
	assert_int_equal(chosen.kept.n, 1);
	mock_counts(0, &after);
	assert_int_equal(after.buffers, before.buffers + 1);
	assert_int_equal(after.live_bytes, 0);
	device_close(device);
}

static void a_device_that_goes_while_it_is_prepared_is_gone(void **state)
{
	char faults[40];

	(void)state;
	for (int i = 1; i <= 7; i++) {
		(void)snprintf(faults, sizeof(faults), "unavailable@buffer/%d", i);
		expect_segment_fails(faults, -ENODEV, getenv("SLM_CACHE_DIR"));
	}
	expect_clean();
}

static void a_compiler_that_fails_fails_the_segment(void **state)
{
	(void)state;
	expect_segment_fails("build@1+", -ENODEV, NULL);
	expect_segment_fails("unavailable@build/1", -ENODEV, NULL);
	/* The self-test's launch and its read. */
	expect_segment_fails("resources@launch/1", -EIO, NULL);
	expect_segment_fails("resources@read/1", -EIO, NULL);
	expect_segment_fails("resources@run/1", -EIO, NULL);
	expect_clean();
}

static void a_self_test_that_hangs_is_given_up(void **state)
{
	struct device *device = open_mock(HANG_MS, NULL);
	struct work work;

	(void)state;
	assert_true(mock_arm("hang@run/1"));
	assert_int_equal(work_begin(&work, device), -ENODEV);
	assert_int_equal(chosen.kept.n, 1);
	assert_non_null(strstr(chosen.kept.text, "hangs"));
	work_end(&work);
	device_close(device);
	assert_true(mock_arm(""));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_launch_that_is_refused_is_an_error),
		cmocka_unit_test(a_command_that_fails_later_is_an_error),
		cmocka_unit_test(a_device_that_is_gone_stays_gone),
		cmocka_unit_test(a_slow_device_is_waited_for),
		cmocka_unit_test(progress_is_no_hang),
		cmocka_unit_test(memory_that_is_short_is_an_error),
		cmocka_unit_test(a_device_that_goes_while_it_is_prepared_is_gone),
		cmocka_unit_test(a_compiler_that_fails_fails_the_segment),
		cmocka_unit_test(a_device_that_hangs_is_given_up),
		cmocka_unit_test(a_self_test_that_hangs_is_given_up),
	};

	return chosen_run(argc, argv, tests);
}
