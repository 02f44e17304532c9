// SPDX-License-Identifier: MIT
/*
 * Owns `slm perplexity`. The procedure is llama-perplexity's: the text is cut into chunks of a
 * context each, every chunk begins anew with BOS where the model wants it, and the second half of
 * its positions counts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "engine_setup.h"
#include "logits_file.h"
#include "output.h"
#include "score.h"
#include "session.h"
#include "terminal_log.h"
#include "text_input.h"
#include "vocabulary.h"

enum {
	CTX_DEFAULT = 512,
	CTX_MIN = 4,
	OUTPUTS = 64, /* rows of logits of a step: 64 MiB for the largest vocabularies */
};

struct perplexity_values {
	const char *file;
	const char *kl_base;
	const char *save_base;
	uint32_t n_chunks;
	bool json;
};

static const struct option_spec perplexity_specs[] = {
	{
		.letter = 'f',
		.name = "file",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct perplexity_values, file),
		.value = "TEXT",
		.help = "the text to predict",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "chunks",
		.kind = OPTION_U32,
		.offset = offsetof(struct perplexity_values, n_chunks),
		.value = "N",
		.help = "measure on the first N contexts of the text; 0: on all",
		.max = 1 << 20,
	},
	{
		.name = "kl-base",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct perplexity_values, kl_base),
		.value = "FILE",
		.help = "compare with the logits in FILE, which llama-perplexity or --save-base "
			"wrote, over the text and the context in FILE",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "save-base",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct perplexity_values, save_base),
		.value = "FILE",
		.help = "keep the logits in FILE for such a comparison",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct perplexity_values, json),
		.help = "print one JSON document",
	},
};

static const struct option_table perplexity_table = {
	.title = "Measurement",
	.specs = perplexity_specs,
	.n_specs = ARRAY_SIZE(perplexity_specs),
	.size_bytes = sizeof(struct perplexity_values),
};

const struct options perplexity_options = {
	.command = "perplexity",
	.synopsis = "{-f TEXT | --kl-base FILE} MODEL",
	.text = "Measures how well a model predicts a text, by the procedure of llama-perplexity, "
		"and how far its predictions are from those of another program. --ctx is 512 "
		"where nothing is said. Either --file or --kl-base must be given.",
	.tables = {&perplexity_table, &engine_options, &general_options},
	.min_arguments = 1,
	.max_arguments = 1,
	.arguments = {COMPLETE_MODELS},
};

struct measurement {
	const struct perplexity_values *values;
	const struct log *log;
	struct engine *engine;
	struct session *session;
	struct logits_head head; /* the tokens are ours unless BASE has them */
	struct logits_file base; /* what we compare with, or write */
	int32_t *chunk;		 /* [n_ctx], as it is evaluated */
	const int32_t *tokens;	 /* of the chunk, as they are in the text */
	struct score score;
	int error; /* of the observer */
};

static void measurement_finish(struct measurement *m)
{
	session_destroy(m->session);
	engine_destroy(m->engine);
	if (!m->values->kl_base)
		free(m->head.tokens);
	logits_file_finish(&m->base);
	free(m->chunk);
	score_finish(&m->score);
}

/* ---- the text ---- */

static int encode(const struct measurement *m, const char *text, size_t size,
		  struct token_list *tokens)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(engine_vocabulary(m->engine));
	struct encode_options options = {.add_special = true};
	int r = tokenizer_encode(tokenizer, text, size, &options, tokens);

	return r < 0 ? log_oom(m->log, "cutting the text into tokens") : 0;
}

/* N_CTX and the tokens of the text, as many as whole chunks take. */
static int read_text(struct measurement *m, uint32_t n_ctx)
{
	_cleanup_(token_list_finish) struct token_list tokens = {0};
	_cleanup_free_ char *text = NULL;
	size_t size = 0, n_chunks;
	int r;

	r = text_input_read(m->values->file, TOKENIZER_TEXT_MAX, m->log, &text, &size);
	if (r < 0)
		return r;
	if (size > 0 && text[size - 1] == '\n')
		size--; /* as the peer does */
	r = encode(m, text, size, &tokens);
	if (r < 0)
		return r;
	if (tokens.n < 2 * (size_t)n_ctx)
		return log_error(m->log, ENODATA,
				 "%s is too short: it has %zu tokens, and a context of %" PRIu32
				 " needs at least %" PRIu32,
				 m->values->file, tokens.n, n_ctx, 2 * n_ctx);
	n_chunks = tokens.n / n_ctx;
	if (m->values->n_chunks > 0)
		n_chunks = MIN(n_chunks, m->values->n_chunks);
	m->head = (struct logits_head){
		.n_ctx = n_ctx,
		.n_vocab = engine_model(m->engine)->n_vocab,
		.n_chunks = (uint32_t)n_chunks,
		.tokens = TAKE(tokens.ids),
	};
	return 0;
}

static int check_base(const struct measurement *m)
{
	const struct logits_head *head = &m->base.head;
	uint32_t n_vocab = engine_model(m->engine)->n_vocab;

	if (head->n_vocab != n_vocab)
		return log_error(m->log, EBADMSG,
				 "%s is of another model: it has %" PRIu32
				 " tokens in its vocabulary and this one has %" PRIu32,
				 m->base.path, head->n_vocab, n_vocab);
	return 0;
}

/* A --file beside a base can only be the base's own text. */
static int compare_text(struct measurement *m)
{
	struct logits_head base = m->base.head, read;
	size_t n;
	int r = read_text(m, base.n_ctx);

	if (r < 0)
		return r;
	read = m->head;
	n = (size_t)MIN(read.n_chunks, base.n_chunks) * base.n_ctx;
	if (memcmp(read.tokens, base.tokens, n * sizeof(*base.tokens)) != 0)
		log_warning(m->log,
			    "%s gives other tokens than those in %s; those in %s are measured",
			    m->values->file, m->base.path, m->base.path);
	free(read.tokens);
	return 0;
}

static int take_base(struct measurement *m)
{
	int r = check_base(m);

	if (r == 0 && m->values->file)
		r = compare_text(m);
	if (r < 0)
		return r;
	m->head = m->base.head;
	if (m->values->n_chunks > 0)
		m->head.n_chunks = MIN(m->head.n_chunks, m->values->n_chunks);
	return 0;
}

/* Text and shape come from the base file, or from the text itself. */
static int take_text(struct measurement *m, uint32_t n_ctx)
{
	int r;

	if (m->values->kl_base)
		return take_base(m);
	r = read_text(m, n_ctx);
	if (r == 0 && m->values->save_base)
		r = logits_writer_init(&m->base, m->values->save_base, &m->head, m->log);
	return r;
}

/* ---- measuring ---- */

static int take_row(struct measurement *m, uint32_t position, const float *logits)
{
	int32_t token = m->tokens[position + 1];
	struct base_row row;
	int r = 0;

	if (!m->values->kl_base) {
		(void)score_add(&m->score, logits, m->head.n_vocab, token);
		return m->values->save_base ? logits_writer_add(&m->base, logits) : 0;
	}
	r = logits_reader_next(&m->base, &row);
	if (r == 0 && score_add_compared(&m->score, logits, m->head.n_vocab, token, &row) < 0)
		r = log_oom(m->log, "comparing logits");
	return r;
}

static void observe(void *data, uint32_t position, const float *logits)
{
	struct measurement *m = data;

	if (m->error == 0 && position + 1 < m->head.n_ctx)
		m->error = take_row(m, position, logits);
}

/* A chunk shares nothing with the one before it, even where both are the same text. */
static int begin_anew(struct measurement *m)
{
	int32_t other = m->chunk[0] == 0 ? 1 : 0;

	return session_sync(m->session, &other, 1, NULL);
}

static int measure_chunk(struct measurement *m, uint32_t index)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(engine_vocabulary(m->engine));
	uint32_t n_ctx = m->head.n_ctx;
	int r;

	m->tokens = m->head.tokens + (size_t)index * n_ctx;
	memcpy(m->chunk, m->tokens, n_ctx * sizeof(*m->chunk));
	if (tokenizer_adds_bos(tokenizer))
		m->chunk[0] = tokenizer_role(tokenizer, TOKEN_BOS);
	r = begin_anew(m);
	if (r == 0)
		r = session_sync(m->session, m->chunk, n_ctx, NULL);
	if (r == 0)
		r = session_evaluate(m->session, NULL);
	return r < 0 ? r : m->error;
}

static void show_progress(const struct measurement *m, uint32_t done)
{
	char line[128];

	(void)snprintf(line, sizeof(line),
		       "%" PRIu32 " of %" PRIu32 " chunks, perplexity so far %.4f", done,
		       m->head.n_chunks, score_perplexity(&m->score).mean);
	terminal_status(line);
}

static int measure(struct measurement *m)
{
	int r;

	m->chunk = malloc(m->head.n_ctx * sizeof(*m->chunk));
	if (!m->chunk)
		return log_oom(m->log, "measuring");
	r = session_create(m->engine, &m->session);
	if (r == 0)
		session_observe(m->session, m->head.n_ctx / 2, observe, m);
	for (uint32_t i = 0; i < m->head.n_chunks && r == 0; i++) {
		r = measure_chunk(m, i);
		show_progress(m, i + 1);
	}
	terminal_status(NULL);
	if (r == 0 && m->values->save_base)
		r = logits_writer_publish(&m->base);
	return r;
}

/* ---- results ---- */

static json_t *compared_json(struct measurement *m)
{
	struct estimate kld = score_kld(&m->score), top = score_same_top(&m->score);

	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "ppl_base",
			 score_base_perplexity(&m->score).mean, "kld_mean", kld.mean, "kld_error",
			 kld.error, "kld_p99", score_kld_percentile(&m->score, 0.99), "kld_max",
			 score_kld_percentile(&m->score, 1), "top1", top.mean, "top1_error",
			 top.error);
}

static json_t *not_compared_json(void)
{
	return json_pack("{s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "ppl_base", "kld_mean", "kld_error",
			 "kld_p99", "kld_max", "top1", "top1_error");
}

static enum exit_code print_json(struct measurement *m)
{
	struct estimate ppl = score_perplexity(&m->score);
	json_t *root = json_pack("{s:I, s:i, s:i, s:o, s:o}", "positions", (json_int_t)m->score.n,
				 "chunks", (int)m->head.n_chunks, "ctx", (int)m->head.n_ctx, "ppl",
				 json_number(ppl.mean), "ppl_error", json_number(ppl.error));
	json_t *compared = m->values->kl_base ? compared_json(m) : not_compared_json();

	if (root)
		json_object_update(root, compared);
	json_decref(compared);
	return output_json(root, m->log);
}

static void print_text(struct measurement *m)
{
	struct estimate ppl = score_perplexity(&m->score), kld = score_kld(&m->score);
	struct estimate top = score_same_top(&m->score);

	(void)printf("perplexity  %.4f +/- %.4f  (%zu positions, %" PRIu32 " chunks of %" PRIu32
		     ")\n",
		     ppl.mean, ppl.error, m->score.n, m->head.n_chunks, m->head.n_ctx);
	if (!m->values->kl_base)
		return;
	(void)printf("of the base %.4f\n", score_base_perplexity(&m->score).mean);
	(void)printf("divergence  mean %.6f +/- %.6f, median %.6f, 99 %% %.6f, max %.6f\n",
		     kld.mean, kld.error, score_kld_percentile(&m->score, 0.5),
		     score_kld_percentile(&m->score, 0.99), score_kld_percentile(&m->score, 1));
	(void)printf("same top    %.3f +/- %.3f %%\n", top.mean, top.error);
}

static int check_values(const struct perplexity_values *values,
			const struct engine_values *engine_values, const struct log *log)
{
	if (values->kl_base && values->save_base)
		return log_error(log, EINVAL, "--kl-base and --save-base exclude each other");
	if (!values->file && !values->kl_base)
		return log_error(log, EINVAL, "perplexity wants a text: --file TEXT, or --kl-base");
	if (engine_values->n_ctx > 0 && engine_values->n_ctx < CTX_MIN)
		return log_error(log, EINVAL, "--ctx must be at least %d here", CTX_MIN);
	return 0;
}

static int open_base(struct measurement *m, uint32_t n_ctx)
{
	int r;

	if (!m->values->kl_base)
		return 0;
	r = logits_reader_init(&m->base, m->values->kl_base, m->log);
	if (r < 0 || n_ctx == 0 || n_ctx == m->base.head.n_ctx)
		return r;
	return log_error(m->log, EINVAL,
			 "--ctx %" PRIu32 " cannot be compared with %s, whose context is %" PRIu32,
			 n_ctx, m->values->kl_base, m->base.head.n_ctx);
}

static enum exit_code load(struct measurement *m, const struct program *program,
			   const struct engine_values *engine_values, const char *model)
{
	_cleanup_(engine_setup_finish) struct engine_setup setup = {0};
	enum exit_code code = engine_setup_init(&setup, program, engine_values, model);

	if (code != EXIT_CODE_DONE)
		return code;
	if (m->values->kl_base)
		setup.params.n_ctx = m->base.head.n_ctx;
	else if (setup.params.n_ctx == 0)
		setup.params.n_ctx = CTX_DEFAULT;
	setup.params.n_outputs = OUTPUTS;
	return engine_setup_load(&setup, &m->engine);
}

static enum exit_code perplexity(struct measurement *m, const struct program *program,
				 const struct engine_values *engine_values, const char *model)
{
	enum exit_code code;
	int r = open_base(m, engine_values->n_ctx);

	if (r < 0)
		return exit_code_of(r == -EINVAL ? STAGE_OPTIONS : STAGE_FILE, r);
	code = load(m, program, engine_values, model);
	if (code != EXIT_CODE_DONE)
		return code;
	r = take_text(m, engine_n_ctx(m->engine));
	if (r < 0)
		return exit_code_of(STAGE_FILE, r);
	r = measure(m);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	if (m->values->json)
		return print_json(m);
	print_text(m);
	return EXIT_CODE_DONE;
}

enum exit_code perplexity_run(struct program *program, int argc, char **argv)
{
	struct perplexity_values values;
	struct engine_values engine_values;
	struct general_values general;
	struct measurement m __attribute__((cleanup(measurement_finish))) = {.values = &values,
									     .log = &program->log};
	struct arguments arguments;
	enum exit_code code;

	values = (struct perplexity_values){0};
	if (!command_parse(program, &perplexity_options,
			   (void *[]){&values, &engine_values, &general}, argc, argv, &arguments,
			   &code))
		return code;
	if (check_values(&values, &engine_values, &program->log) < 0)
		return EXIT_CODE_USAGE;
	return perplexity(&m, program, &engine_values, arguments.items[0]);
}
