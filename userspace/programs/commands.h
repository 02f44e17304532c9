/* SPDX-License-Identifier: MIT */
/* One function and one description of options for each sub-command, each in the file of its name. */
#ifndef SLM_PROGRAMS_COMMANDS_H
#define SLM_PROGRAMS_COMMANDS_H

#include "command.h"

extern const struct options bench_options, devices_options, embed_options, graph_options,
	inspect_options, perplexity_options, plan_options, pull_options, quantize_options,
	run_options, tokenize_options;

enum exit_code bench_run(struct program *program, int argc, char **argv);
enum exit_code complete_run(struct program *program, int argc, char **argv);
enum exit_code devices_run(struct program *program, int argc, char **argv);
enum exit_code embed_run(struct program *program, int argc, char **argv);
enum exit_code graph_run(struct program *program, int argc, char **argv);
enum exit_code inspect_run(struct program *program, int argc, char **argv);
enum exit_code perplexity_run(struct program *program, int argc, char **argv);
enum exit_code plan_run(struct program *program, int argc, char **argv);
enum exit_code pull_run(struct program *program, int argc, char **argv);
enum exit_code quantize_run(struct program *program, int argc, char **argv);
enum exit_code run_run(struct program *program, int argc, char **argv);
enum exit_code tokenize_run(struct program *program, int argc, char **argv);

#endif
