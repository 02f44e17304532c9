// SPDX-License-Identifier: MIT
/* Owns slm_generate: an answer's params in, its figures out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "generate.h"
#include "grammar_text.h"
#include "json_schema.h"
#include "library.h"

DEFINE_CLEANUP(struct grammar, grammar_destroy)

_Static_assert((int)SLM_END_TOKEN == (int)GENERATE_END_TOKEN &&
		       (int)SLM_END_STOP == (int)GENERATE_END_STOP &&
		       (int)SLM_END_LENGTH == (int)GENERATE_END_LENGTH &&
		       (int)SLM_END_CANCELED == (int)GENERATE_END_CANCELED,
	       "ends are the same");

void slm_generate_params_init(struct slm_generate_params *params, size_t size_bytes)
{
	struct slm_generate_params defaults = {
		.temperature = sampler_defaults.temperature,
		.top_p = sampler_defaults.top_p,
		.min_p = sampler_defaults.min_p,
		.repeat_penalty = sampler_defaults.repeat_penalty,
		.frequency_penalty = sampler_defaults.frequency_penalty,
		.presence_penalty = sampler_defaults.presence_penalty,
		.top_k = sampler_defaults.top_k,
		.penalty_last_n = sampler_defaults.penalty_last_n,
		.seed = sampler_defaults.seed,
		.max_tokens = -1,
	};

	params->size_bytes = size_bytes;
	(void)struct_give(params, &defaults, sizeof(defaults));
}

static int copy_biases(const struct slm_generate_params *caller, const struct log *log,
		       struct logit_bias **ret_biases)
{
	struct logit_bias *biases;

	if (caller->n_biases > SAMPLER_BIASES_MAX)
		return log_error(log, EINVAL, "%zu biases are too many: at most %d",
				 caller->n_biases, SAMPLER_BIASES_MAX);
	biases = calloc(caller->n_biases + 1, sizeof(*biases));
	if (!biases)
		return log_oom(log, "starting an answer");
	for (size_t i = 0; i < caller->n_biases; i++)
		biases[i] = (struct logit_bias){caller->biases[i].token, caller->biases[i].bias};
	*ret_biases = biases;
	return 0;
}

static struct sampler_params sampler_of(const struct slm_generate_params *caller,
					const struct logit_bias *biases)
{
	return (struct sampler_params){
		.temperature = caller->temperature,
		.top_k = caller->top_k,
		.top_p = caller->top_p,
		.min_p = caller->min_p,
		.repeat_penalty = caller->repeat_penalty,
		.frequency_penalty = caller->frequency_penalty,
		.presence_penalty = caller->presence_penalty,
		.penalty_last_n = caller->penalty_last_n,
		.seed = caller->seed,
		.biases = biases,
		.n_biases = (uint32_t)caller->n_biases,
	};
}

static int give_result(const struct generate_result *result, struct slm_result *ret_result)
{
	if (!ret_result)
		return 0;
	return struct_give(ret_result,
			   &(struct slm_result){
				   .n_prompt = result->n_prompt,
				   .n_kept = result->n_kept,
				   .n_generated = result->n_generated,
				   .prompt_ns = result->prompt_ns,
				   .answer_ns = result->answer_ns,
				   .end = (uint32_t)result->end,
				   .is_complete = result->is_complete,
			   },
			   sizeof(*ret_result));
}

/* NULL through RET_GRAMMAR where the answer is free. */
static int read_grammar(const struct slm_generate_params *caller, const struct log *log,
			struct grammar **ret_grammar)
{
	if (caller->json_schema && caller->grammar)
		return log_error(log, EINVAL, "a schema and a grammar exclude each other");
	if (caller->json_schema)
		return grammar_from_schema(caller->json_schema, strlen(caller->json_schema), log,
					   ret_grammar);
	if (caller->grammar)
		return grammar_from_text(caller->grammar, strlen(caller->grammar), log,
					 ret_grammar);
	return 0;
}

static int check_flags(const struct slm_generate_params *caller, const struct log *log)
{
	uint32_t unknown = caller->flags & ~(SLM_GENERATE_IGNORE_END | SLM_GENERATE_SHOW_SPECIAL);

	return unknown ? log_error(log, EINVAL, "there is no flag %#x of an answer", unknown) : 0;
}

int slm_generate(struct slm_session *session, const int32_t *tokens, size_t n,
		 const struct slm_generate_params *params, struct slm_result *ret_result)
{
	const struct log *log = &session->engine->log.log;
	_cleanup_(grammar_destroy_p) struct grammar *grammar = NULL;
	_cleanup_free_ struct logit_bias *biases = NULL;
	struct slm_generate_params caller;
	struct generate_params inner;
	struct generate_result result;
	int r;

	slm_generate_params_init(&caller, sizeof(caller));
	r = struct_take(&caller, sizeof(caller), params, log);
	if (r == 0)
		r = check_flags(&caller, log);
	if (r == 0)
		r = copy_biases(&caller, log, &biases);
	if (r == 0)
		r = read_grammar(&caller, log, &grammar);
	if (r < 0)
		return r;
	inner = (struct generate_params){
		.sampler = sampler_of(&caller, biases),
		.max_tokens = caller.max_tokens,
		.stops = caller.stops,
		.n_stops = caller.n_stops,
		.grammar = grammar,
		.show_control = caller.flags & SLM_GENERATE_SHOW_SPECIAL,
		.ignore_end = caller.flags & SLM_GENERATE_IGNORE_END,
		.write = caller.write,
		.data = caller.write_data,
		.cancel = &session->cancel,
	};
	r = generate(session->session, tokens, n, &inner, &result);
	if (r < 0)
		return r;
	if (result.end == GENERATE_END_CANCELED)
		(void)session_end_call(session, -ECANCELED);
	return give_result(&result, ret_result);
}
