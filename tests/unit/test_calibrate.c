// SPDX-License-Identifier: MIT
/*
 * Calibration of a device whose every op takes exactly what op_seconds() says, by a clock that only
 * it moves; and the file in which figures are kept.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "calibrate.h"
#include "check.h"
#include "clock.h"

#define TYPE_BIT(type) (UINT64_C(1) << (type))

static const char *const families[] = {"vector", "lane", NULL};

static struct fake {
	struct device_rates rates;
	double slow_family; /* how much slower "vector" is */
	const char *fails;  /* the family that does not work */
	uint64_t now_ns;
	unsigned n_opened, n_runs, n_reports;
	unsigned fails_after; /* runs; 0: never */
	unsigned cancels_after;
	double factor;
	double frame_noise_s;			       /* in what says how long launches take */
	bool is_blind;				       /* to attention: deeper costs nothing */
	struct turns *turns;			       /* looked at, or NULL */
	uint64_t turn, turn_began_ns, longest_turn_ns; /* to where its last run began */
	atomic_bool *cancel;			       /* set after so many runs, or NULL */
	unsigned cancels_after_runs, n_all_runs;
} fake;

uint64_t __wrap_clock_now_ns(void);
uint64_t __wrap_clock_now_ns(void)
{
	return fake.now_ns;
}

static void pass(double seconds)
{
	fake.now_ns += (uint64_t)(seconds * 1e9 + 0.5);
}

/* ---- the device ---- */

static int fake_open(const struct device_params *params, struct device **ret_device)
{
	struct device *device = calloc(1, sizeof(*device));
	const char *family = params->kernel_family;

	fake.n_opened++;
	if (family && fake.fails && strcmp(family, fake.fails) == 0) {
		free(device);
		return log_error(params->log, ENODEV, "%s does not compile", family);
	}
	fake.factor = family && strcmp(family, "vector") == 0 ? fake.slow_family : 1;
	*device = (struct device){.ops = params->ops, .log = params->log, .name = "fake"};
	*ret_device = device;
	return 0;
}

static void fake_close(struct device *device)
{
	free(device);
}

static bool fake_supports(const struct device *device, const struct op *op)
{
	(void)device;
	return op->n_weights == 0 || op->weight[0]->type != TENSOR_Q6_K;
}

static int fake_buffer_create(struct device *device, const struct buffer_params *params,
			      struct buffer **ret_buffer)
{
	struct buffer *buffer = malloc(sizeof(*buffer));

	*buffer = (struct buffer){device, params->size_bytes};
	*ret_buffer = buffer;
	return 0;
}

static void fake_buffer_destroy(struct buffer *buffer)
{
	free(buffer);
}

static int fake_write(struct buffer *buffer, size_t offset, const void *from, size_t size_bytes)
{
	(void)buffer, (void)offset, (void)from;
	pass(link_seconds(&fake.rates, size_bytes));
	return 0;
}

static int fake_read(struct buffer *buffer, size_t offset, void *to, size_t size_bytes)
{
	(void)buffer, (void)offset;
	memset(to, 0, size_bytes);
	pass(link_seconds(&fake.rates, size_bytes));
	return 0;
}

struct fake_segment {
	struct segment base;
	struct segment_params params;
};

static int fake_segment_create(struct device *device, const struct segment_params *params,
			       struct segment **ret_segment)
{
	struct fake_segment *segment = calloc(1, sizeof(*segment));

	(void)device;
	segment->params = *params;
	*ret_segment = &segment->base;
	return 0;
}

static void fake_segment_destroy(struct segment *segment)
{
	free(segment);
}

static void look_at_turn(void)
{
	assert_int_equal(fake.turns->n_asked, fake.turns->n_given_back + 1);
	if (fake.turn != fake.turns->n_asked) {
		fake.turn = fake.turns->n_asked;
		fake.turn_began_ns = fake.now_ns;
	}
	fake.longest_turn_ns = MAX(fake.longest_turn_ns, fake.now_ns - fake.turn_began_ns);
}

static int fake_run(struct segment *base, const struct step *step)
{
	const struct graph *graph = ((struct fake_segment *)base)->params.graph;
	const struct step_shape shape = {step->n_tokens, 0,
					 fake.is_blind ? 0 : step->runs[0].first_position};
	double seconds = fake.rates.run_s;

	if (fake.turns)
		look_at_turn();
	if (++fake.n_all_runs == fake.cancels_after_runs)
		atomic_store(fake.cancel, true);
	if (fake.fails_after > 0 && ++fake.n_runs > fake.fails_after)
		return log_error(base->device->log, ENODEV, "the device is gone");
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		if (step_runs(step, graph->ops[i].when))
			seconds += op_seconds(graph, &graph->ops[i], &fake.rates, &shape);
	}
	if (graph->ops[1].kind == OP_ROPE && step->n_tokens == 1 && !step->adapter_scales)
		seconds += fake.frame_noise_s;
	pass(seconds * fake.factor);
	return 0;
}

static int fake_memory(struct device *device, struct memory_info *ret_info)
{
	(void)device;
	*ret_info = (struct memory_info){64 << 20, 64 << 20, 64 << 20, false};
	return 0;
}

static const struct device_ops fake_ops = {
	.name = "fake",
	.weight_form = WEIGHTS_PACKED,
	.open = fake_open,
	.close = fake_close,
	.supports = fake_supports,
	.buffer_create = fake_buffer_create,
	.buffer_destroy = fake_buffer_destroy,
	.buffer_write = fake_write,
	.buffer_read = fake_read,
	.segment_create = fake_segment_create,
	.segment_destroy = fake_segment_destroy,
	.segment_run = fake_run,
	.memory_info = fake_memory,
};

/* ---- a fixture ---- */

struct fixture {
	struct kept_log kept;
	struct device_entry entry;
	struct progress progress;
	struct calibrate_params params;
	char folder[64];
	char file[400];
};

static int count_report(void *data, const char *doing, uint64_t done, uint64_t total)
{
	(void)data;
	assert_non_null(doing);
	assert_true(done <= total);
	fake.n_reports++;
	return fake.cancels_after > 0 && fake.n_reports > fake.cancels_after;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&fake, 0, sizeof(fake));
	fake.factor = 1;
	fake.rates = (struct device_rates){
		.run_s = 50e-6,
		.launch_s = 8e-6,
		.attention_one_macs_s = 3e9,
		.attention_many_macs_s = 9e10,
		.values_bytes_s = 2e10,
		.link_s = 20e-6,
		.link_bytes_s = 5e9,
	};
	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		fake.rates.weights_bytes_s[i] = 1e10 + 1e9 * i;
		fake.rates.macs_s[i] = 1e11 + 1e10 * i;
	}
	kept_log_init(&f->kept);
	f->progress.report = count_report;
	f->entry = (struct device_entry){.ops = &fake_ops,
					 .selector = "fake",
					 .name = "Fake \xff 1",
					 .driver = "1.0",
					 .usable = true};
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_calibrate.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->params = (struct calibrate_params){
		.entry = &f->entry,
		.n_threads = 1,
		.types = TYPE_BIT(TENSOR_Q4_0) | TYPE_BIT(TENSOR_F16),
		.cache_dir = f->folder,
		.progress = &f->progress,
		.log = &f->kept.log,
	};
	*state = f;
	return 0;
}

/* The one file in the folder. */
static bool find_file(struct fixture *f)
{
	char folder[128];
	DIR *dir;
	struct dirent *entry;
	bool found = false;

	(void)snprintf(folder, sizeof(folder), "%s/calibration", f->folder);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(f->file, sizeof(f->file), "%s/%s", folder, entry->d_name);
		found = true;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char folder[128];

	(void)chmod(f->folder, 0700);
	while (find_file(f))
		(void)unlink(f->file);
	(void)snprintf(folder, sizeof(folder), "%s/calibration", f->folder);
	(void)rmdir(folder);
	(void)unlink(folder);
	(void)rmdir(f->folder);
	free(f);
	return 0;
}

static void assert_near(double got, double wanted)
{
	if (!(fabs(got / wanted - 1) < 0.01))
		fail_msg("%g instead of %g", got, wanted);
}

/* ---- measuring ---- */

static void assert_rates(const struct calibration *calibration, uint64_t types)
{
	const struct device_rates *rates = &calibration->rates;

	assert_int_equal(calibration->types, types);
	assert_near(rates->run_s, fake.rates.run_s);
	assert_near(rates->launch_s, fake.rates.launch_s);
	assert_near(rates->attention_one_macs_s, fake.rates.attention_one_macs_s);
	assert_near(rates->attention_many_macs_s, fake.rates.attention_many_macs_s);
	assert_near(rates->values_bytes_s, fake.rates.values_bytes_s);
	assert_near(rates->link_s, fake.rates.link_s);
	assert_near(rates->link_bytes_s, fake.rates.link_bytes_s);
	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (types & TYPE_BIT(i)) {
			assert_near(rates->weights_bytes_s[i], fake.rates.weights_bytes_s[i]);
			assert_near(rates->macs_s[i], fake.rates.macs_s[i]);
		} else {
			assert_true(rates->weights_bytes_s[i] == 0 && rates->macs_s[i] == 0);
		}
	}
}

static void what_a_device_does_is_found_out(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_rates(&calibration, f->params.types);
	assert_string_equal(calibration.kernel_family, "");
	assert_false(calibration.is_kept);
	assert_true(calibration.measured_s > 0);
	assert_int_equal(f->kept.n, 0);
}

static void a_slow_device_is_measured_in_small_steps(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		fake.rates.weights_bytes_s[i] /= 100;
		fake.rates.macs_s[i] /= 300;
	}
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_rates(&calibration, f->params.types);
	/* of its own time */
	assert_true(fake.now_ns < 5e9);
}

/* Plain C: even its attention is slow. */
static void a_slow_device_is_measured_soon(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		fake.rates.weights_bytes_s[i] = 1e9;
		fake.rates.macs_s[i] = 2e9;
	}
	fake.rates.attention_one_macs_s = fake.rates.attention_many_macs_s = 2e8;
	f->params.types |= TYPE_BIT(TENSOR_Q8_0) | TYPE_BIT(TENSOR_Q4_K);
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_rates(&calibration, f->params.types);
	assert_true(fake.now_ns < 3e9);
}

static void a_useless_device_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	for (int i = 0; i < TENSOR_TYPE_IDS; i++)
		fake.rates.weights_bytes_s[i] = 1e6;
	assert_int_equal(calibrate(&f->params, &calibration), -EIO);
	assert_non_null(strstr(f->kept.text, "too slow"));
	assert_true(fake.now_ns < 15e9);
}

static void what_is_kept_is_not_measured(void **state)
{
	struct fixture *f = *state;
	struct calibration first, second;
	uint64_t now;

	assert_int_equal(calibrate_read(&f->params, &second), -ENOENT);
	assert_int_equal(calibrate(&f->params, &first), 0);
	fake.n_opened = fake.n_reports = 0;
	now = fake.now_ns;
	assert_int_equal(calibrate(&f->params, &second), 0);
	assert_true(second.is_kept);
	assert_int_equal(fake.n_opened, 0);
	assert_int_equal(fake.n_reports, 0);
	assert_int_equal(fake.now_ns, now);
	assert_rates(&second, f->params.types);
	assert_int_equal(second.measured_s, first.measured_s);
	assert_int_equal(calibrate_read(&f->params, &second), 0);
	f->params.anew = true;
	assert_int_equal(calibrate(&f->params, &second), 0);
	assert_false(second.is_kept);
	assert_true(fake.now_ns > now);
}

static void only_missing_types_are_measured(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	uint64_t both = f->params.types;

	f->params.types = TYPE_BIT(TENSOR_F16);
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	fake.n_reports = 0;
	fake.rates.weights_bytes_s[TENSOR_F16] = 1e12; /* nobody sees it */
	f->params.types = both;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_int_equal(fake.n_reports, 2); /* the type, the end */
	fake.rates.weights_bytes_s[TENSOR_F16] = 1e10 + 1e9 * TENSOR_F16;
	assert_rates(&calibration, both);
}

static void a_type_that_a_device_lacks_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	f->params.types |= TYPE_BIT(TENSOR_Q6_K);
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_rates(&calibration, f->params.types & ~TYPE_BIT(TENSOR_Q6_K));
}

static void figures_belong_to_a_driver_and_threads(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	assert_int_equal(calibrate(&f->params, &calibration), 0);
	(void)snprintf(f->entry.driver, sizeof(f->entry.driver), "1.1");
	assert_int_equal(calibrate_read(&f->params, &calibration), -ENOENT);
	(void)snprintf(f->entry.driver, sizeof(f->entry.driver), "1.0");
	f->params.n_threads = 2;
	assert_int_equal(calibrate_read(&f->params, &calibration), -ENOENT);
	f->params.n_threads = 1;
	assert_int_equal(calibrate_read(&f->params, &calibration), 0);
}

/* ---- families ---- */

static void the_fastest_kernels_are_chosen(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	f->entry.kernel_families = families;
	fake.slow_family = 3;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_string_equal(calibration.kernel_family, "lane");
	assert_rates(&calibration, f->params.types);
	assert_int_equal(calibrate_read(&f->params, &calibration), 0);
	assert_string_equal(calibration.kernel_family, "lane");
	fake.slow_family = 0.5;
	f->params.anew = true;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_string_equal(calibration.kernel_family, "vector");
}

static void kernels_that_fail_are_not_chosen(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	f->entry.kernel_families = families;
	fake.slow_family = 0.5;
	fake.fails = "vector";
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_string_equal(calibration.kernel_family, "lane");
	assert_int_equal(f->kept.n, 0);
}

/* ---- failures ---- */

static void a_device_that_goes_away_says_so(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	for (unsigned i = 1; i < 150; i += 19) {
		fake.n_runs = 0;
		fake.fails_after = i;
		assert_int_equal(calibrate(&f->params, &calibration), -ENODEV);
		assert_string_equal(f->kept.text, "the device is gone");
		assert_false(find_file(f));
	}
}

static void figures_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	fake.is_blind = true;
	assert_int_equal(calibrate(&f->params, &calibration), -EIO);
	assert_non_null(strstr(f->kept.text, "cannot be"));
	assert_false(find_file(f));
}

static void what_noise_has_spoilt_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	fake.frame_noise_s = 0.1;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_true(calibration.is_rough);
	assert_non_null(strstr(f->kept.text, "rough"));
	assert_false(find_file(f));
}

static void measuring_can_be_ended(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;

	for (fake.cancels_after = 1; fake.cancels_after < 4; fake.cancels_after++) {
		fake.n_reports = 0;
		f->params.anew = true;
		assert_int_equal(calibrate(&f->params, &calibration), -ECANCELED);
	}
	assert_int_equal(f->kept.n, 0);
}

/* At once, whatever is measured: a conversation may be at its end. */
static void measuring_ends_before_the_next_run(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	atomic_bool cancel;

	f->params.anew = true;
	f->params.cancel = fake.cancel = &cancel;
	for (fake.cancels_after_runs = 1; fake.cancels_after_runs < 9000;
	     fake.cancels_after_runs += 500) {
		atomic_init(&cancel, false);
		fake.n_all_runs = 0;
		if (calibrate(&f->params, &calibration) == 0)
			break;
		assert_int_equal(fake.n_all_runs, fake.cancels_after_runs);
	}
	assert_true(fake.cancels_after_runs > 2000);
	assert_int_equal(f->kept.n, 0);
}

/* A slow device's runs take long; between them whoever computes beside us has a turn. */
static void others_have_their_turns(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	struct turns turns;

	turns_init(&turns);
	f->params.turns = fake.turns = &turns;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_rates(&calibration, f->params.types);
	assert_true(turns.n_asked > 20);
	assert_int_equal(turns.n_asked, turns.n_given_back);
	assert_true(fake.longest_turn_ns > 0 && fake.longest_turn_ns <= 20000000);
	turns_finish(&turns);
}

static void a_folder_that_cannot_be_written_is_a_warning(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/calibration", f->folder);
	file = fopen(path, "we"); /* a file where the folder should be */
	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_non_null(strstr(f->kept.text, "cannot keep"));
	f->params.cache_dir = NULL;
	f->kept.n = 0;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_int_equal(f->kept.n, 0);
}

/* ---- the file ---- */

static size_t read_file(const struct fixture *f, char *text, size_t size)
{
	FILE *file = fopen(f->file, "re");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	(void)fclose(file);
	return n;
}

static void write_file(const struct fixture *f, const char *text, size_t n)
{
	FILE *file = fopen(f->file, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, n, file), n);
	(void)fclose(file);
}

static void a_file_cut_short_is_measured_anew(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	char text[8192];
	size_t n;

	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_true(find_file(f));
	n = read_file(f, text, sizeof(text));
	for (size_t i = 0; i < n - 1; i += 13) {
		write_file(f, text, i);
		assert_int_equal(calibrate_read(&f->params, &calibration), -ENOENT);
	}
	f->kept.log.max_level = LOG_LEVEL_INFO;
	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_false(calibration.is_kept);
	assert_int_equal(calibrate_read(&f->params, &calibration), 0);
}

static void damage_does_no_harm(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	char text[8192], damaged[8192];
	size_t n;

	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_true(find_file(f));
	n = read_file(f, text, sizeof(text));
	for (size_t i = 0; i < n; i++) {
		memcpy(damaged, text, n);
		damaged[i] ^= (char)(1 + i % 255);
		write_file(f, damaged, n);
		if (calibrate_read(&f->params, &calibration) == 0) {
			assert_true(calibration.rates.link_bytes_s > 0);
			assert_true(isfinite(calibration.rates.launch_s));
		}
	}
}

/* The value of KEY, at its first place, becomes VALUE. */
static void change_value(const struct fixture *f, const char *key, const char *value)
{
	char text[8192], changed[8400];
	char *at, *end;

	read_file(f, text, sizeof(text));
	at = strstr(text, key);
	assert_non_null(at);
	at = strchr(at, ':') + 1;
	end = at + strcspn(at, ",\n");
	(void)snprintf(changed, sizeof(changed), "%.*s %s%s", (int)(at - text), text, value, end);
	write_file(f, changed, strlen(changed));
}

static void absurd_figures_are_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = {
		{"\"run_s\"", "-1e-6"},
		{"\"run_s\"", "1e6"},
		{"\"launch_s\"", "null"},
		{"\"launch_s\"", "\"1\""},
		{"\"link_bytes_s\"", "0.0"},
		{"\"link_bytes_s\"", "1e300"},
		{"\"link_bytes_s\"", "1e999"},
		{"\"link_bytes_s\"", "NaN"},
		{"\"attention_one_macs_s\"", "0.0"},
		{"\"attention_many_macs_s\"", "-5.0"},
		{"\"values_bytes_s\"", "1.0"},
		{"\"weights_bytes_s\"", "0.0"},
		{"\"macs_s\"", "Infinity"},
		{"\"measured_s\"", "-7"},
		{"\"measured_s\"", "0.5"},
		{"\"of\"", "\"another device\""},
		{"\"kernel_family\"", "\"tensor\""},
		{"\"kernel_family\"", "3"},
		{"\"types\"", "{}}"},
	};
	struct fixture *f = *state;
	struct calibration calibration;

	f->entry.kernel_families = families;
	fake.slow_family = 3;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->params.anew = true;
		assert_int_equal(calibrate(&f->params, &calibration), 0);
		assert_int_equal(calibrate_read(&f->params, &calibration), 0);
		assert_true(find_file(f));
		change_value(f, cases[i].key, cases[i].value);
		if (calibrate_read(&f->params, &calibration) != -ENOENT)
			fail_msg("%s %s was taken", cases[i].key, cases[i].value);
	}
}

static void a_large_file_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct calibration calibration;
	char text[8192], *large = malloc(1 << 17);
	size_t n;

	assert_int_equal(calibrate(&f->params, &calibration), 0);
	assert_true(find_file(f));
	n = read_file(f, text, sizeof(text));
	memset(large, ' ', 1 << 17);
	memcpy(large, text, n);
	write_file(f, large, 1 << 17);
	assert_int_equal(calibrate_read(&f->params, &calibration), -ENOENT);
	free(large);
}

#define test_case(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_case(what_a_device_does_is_found_out),
		test_case(a_slow_device_is_measured_in_small_steps),
		test_case(a_slow_device_is_measured_soon),
		test_case(a_useless_device_is_given_up),
		test_case(what_is_kept_is_not_measured),
		test_case(only_missing_types_are_measured),
		test_case(a_type_that_a_device_lacks_is_left_out),
		test_case(figures_belong_to_a_driver_and_threads),
		test_case(the_fastest_kernels_are_chosen),
		test_case(kernels_that_fail_are_not_chosen),
		test_case(a_device_that_goes_away_says_so),
		test_case(figures_that_cannot_be_are_refused),
		test_case(what_noise_has_spoilt_is_not_kept),
		test_case(measuring_can_be_ended),
		test_case(measuring_ends_before_the_next_run),
		test_case(others_have_their_turns),
		test_case(a_folder_that_cannot_be_written_is_a_warning),
		test_case(a_file_cut_short_is_measured_anew),
		test_case(damage_does_no_harm),
		test_case(absurd_figures_are_refused),
		test_case(a_large_file_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
