// SPDX-License-Identifier: MIT
/* Owns libedit and the history file. Refuses to fail for want of either. */
#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "array.h"
#include "cleanup.h"
#include "interrupt.h"
#include "line_editor.h"
#include "path.h"

enum { HISTORY_MAX = 1000 };

/* What we call of libedit, by the types of its header. */
struct libedit {
	void *library;
	__typeof__(el_init) *el_init;
	__typeof__(el_end) *el_end;
	__typeof__(el_set) *el_set;
	__typeof__(el_gets) *el_gets;
	__typeof__(el_line) *el_line;
	__typeof__(el_insertstr) *el_insertstr;
	__typeof__(el_source) *el_source;
	__typeof__(history_init) *history_init;
	__typeof__(history_end) *history_end;
	__typeof__(history) *history;
};

struct line_editor {
	struct line_editor_params params;
	struct libedit lib; /* library NULL: not there */
	EditLine *edit;
	History *history;
	const char *prompt;
	bool was_empty; /* the line, when it was interrupted */
	bool history_changed;
	char *line;
	size_t line_capacity;
};

/* ---- the library ---- */

static bool find_functions(struct libedit *lib)
{
	struct {
		const char *name;
		void *to;
	} functions[] = {
		{"el_init", &lib->el_init},	    {"el_end", &lib->el_end},
		{"el_set", &lib->el_set},	    {"el_gets", &lib->el_gets},
		{"el_line", &lib->el_line},	    {"el_insertstr", &lib->el_insertstr},
		{"el_source", &lib->el_source},	    {"history_init", &lib->history_init},
		{"history_end", &lib->history_end}, {"history", &lib->history},
	};

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(lib->library, functions[i].name);

		if (!function)
			return false;
		/* POSIX's way to make a function out of what dlsym() gives. */
		memcpy(functions[i].to, &function, sizeof(function));
	}
	return true;
}

static bool load_library(struct libedit *lib)
{
	static const char *const names[] = {"libedit.so.2", "libedit.so.0", "libedit.so"};

	for (size_t i = 0; i < ARRAY_SIZE(names) && !lib->library; i++)
		lib->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib->library)
		return false;
	if (find_functions(lib))
		return true;
	(void)dlclose(lib->library);
	lib->library = NULL;
	return false;
}

/* ---- what libedit calls ---- */

/* libedit's callbacks know the EditLine alone, and asking it for more needs its functions, which
 * are ours to hold. There is one terminal. */
static struct line_editor *active;

static char *give_prompt(EditLine *edit)
{
	(void)edit;
	return (char *)active->prompt;
}

static bool is_line_empty(void)
{
	const LineInfo *line = active->lib.el_line(active->edit);

	return line->lastchar == line->buffer;
}

/* One byte: 1, 0 at the end, -1 when a SIGINT came. Others (a resized window) do not end it. */
static int read_byte(int fd, char *byte)
{
	for (;;) {
		ssize_t n = *interrupt_flag() ? -1 : read(fd, byte, 1);

		if (n >= 0)
			return (int)n;
		if (*interrupt_flag() || errno != EINTR)
			return -1;
	}
}

/* libedit's own would go on after an interrupt. */
static int read_character(EditLine *edit, wchar_t *ret_character)
{
	mbstate_t state = {0};
	char byte;

	(void)edit;
	for (;;) {
		int n = read_byte(STDIN_FILENO, &byte);
		size_t size;

		if (n < 0)
			active->was_empty = is_line_empty();
		if (n <= 0)
			return n;
		size = mbrtowc(ret_character, &byte, 1, &state);
		if (size <= 1)
			return 1;
		if (size == (size_t)-1)
			state = (mbstate_t){0}; /* no character of this locale: left out */
	}
}

/* Tab: the word of the list that begins like the line, if it is the only one. */
static unsigned char complete_word(EditLine *edit, int character)
{
	const LineInfo *line = active->lib.el_line(edit);
	size_t n = (size_t)(line->cursor - line->buffer);
	const char *found = NULL;

	(void)character;
	for (const char *const *word = active->params.words; *word; word++) {
		if (n == 0 || strncmp(*word, line->buffer, n) != 0)
			continue;
		if (found)
			return CC_ERROR;
		found = *word;
	}
	if (!found || active->lib.el_insertstr(edit, found + n) < 0 ||
	    active->lib.el_insertstr(edit, " ") < 0)
		return CC_ERROR;
	return CC_REFRESH;
}

/* ---- history ---- */

static void load_history(struct line_editor *editor)
{
	HistEvent event;

	if (editor->params.history_path && access(editor->params.history_path, R_OK) == 0)
		(void)editor->lib.history(editor->history, &event, H_LOAD,
					  editor->params.history_path);
}

static int write_history(const struct line_editor *editor, const char *path)
{
	struct new_file file = NEW_FILE_NONE;
	HistEvent event;
	FILE *out;
	int r;

	r = new_file_init(&file, path);
	if (r < 0)
		return r;
	out = fdopen(dup(file.fd), "w");
	if (!out || editor->lib.history(editor->history, &event, H_SAVE_FP, out) < 0)
		r = -EIO;
	if (out && fclose(out) != 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = new_file_publish(&file);
	new_file_finish(&file);
	return r;
}

static void save_history(const struct line_editor *editor)
{
	const char *path = editor->params.history_path;
	_cleanup_free_ char *folder = NULL;
	int r;

	if (!path || !editor->history_changed)
		return;
	folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	r = folder ? path_make_dirs(folder) : -ENOMEM;
	if (r == 0)
		r = write_history(editor, path);
	if (r < 0)
		log_warning(editor->params.log, "cannot write %s, ignoring: %s", path,
			    strerror(-r));
}

void line_editor_remember(struct line_editor *editor, const char *text)
{
	HistEvent event;

	if (!editor->edit)
		return;
	(void)editor->lib.history(editor->history, &event, H_ENTER, text);
	editor->history_changed = true;
}

/* ---- life ---- */

static void prepare(struct line_editor *editor)
{
	const struct libedit *lib = &editor->lib;
	EditLine *edit = editor->edit;
	HistEvent event;

	(void)lib->history(editor->history, &event, H_SETSIZE, HISTORY_MAX);
	(void)lib->history(editor->history, &event, H_SETUNIQUE, 1);
	(void)lib->el_set(edit, EL_PROMPT, give_prompt);
	(void)lib->el_set(edit, EL_EDITOR, "emacs");
	(void)lib->el_set(edit, EL_SIGNAL, 1);
	(void)lib->el_set(edit, EL_GETCFN, read_character);
	(void)lib->el_set(edit, EL_HIST, lib->history, editor->history);
	(void)lib->el_set(edit, EL_ADDFN, "slm-complete", "completes a command", complete_word);
	(void)lib->el_set(edit, EL_BIND, "^I", "slm-complete", NULL);
	(void)lib->el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	(void)lib->el_source(edit, NULL); /* the user's ~/.editrc */
	load_history(editor);
}

int line_editor_create(const struct line_editor_params *params, struct line_editor **ret_editor)
{
	struct line_editor *editor = calloc(1, sizeof(*editor));

	if (!editor)
		return log_oom(params->log, "preparing the terminal");
	editor->params = *params;
	active = editor;
	if (load_library(&editor->lib)) {
		editor->history = editor->lib.history_init();
		editor->edit = editor->lib.el_init("slm", stdin, params->out, stderr);
	}
	if (editor->edit && editor->history)
		prepare(editor);
	else
		log_info(params->log, "there is no libedit for this terminal: lines are read as "
				      "they come");
	*ret_editor = editor;
	return 0;
}

void line_editor_destroy(struct line_editor *editor)
{
	if (!editor)
		return;
	if (editor->edit) {
		save_history(editor);
		editor->lib.el_end(editor->edit);
	}
	if (editor->history)
		editor->lib.history_end(editor->history);
	free(editor->line);
	free(editor);
	active = NULL;
}

/* ---- reading ---- */

static enum line_result interrupted(const struct line_editor *editor)
{
	return editor->was_empty ? LINE_ABANDONED : LINE_INTERRUPTED;
}

static enum line_result read_edited(struct line_editor *editor, const char **ret_line)
{
	int n = 0;
	const char *line = editor->lib.el_gets(editor->edit, &n);

	if (interrupt_take())
		return interrupted(editor);
	if (!line || n <= 0)
		return LINE_END;
	if (line[n - 1] == '\n')
		n--;
	if (array_reserve(&editor->line, &editor->line_capacity, (size_t)n + 1, 1) < 0)
		return LINE_END;
	memcpy(editor->line, line, (size_t)n);
	editor->line[n] = '\0';
	*ret_line = editor->line;
	return LINE_TEXT;
}

static enum line_result read_plain(struct line_editor *editor, const char **ret_line)
{
	size_t n = 0;
	char byte = 0;

	(void)fputs(editor->prompt, editor->params.out);
	(void)fflush(editor->params.out);
	while (byte != '\n') {
		int r = read_byte(STDIN_FILENO, &byte);

		editor->was_empty = n == 0;
		if (r < 0 && interrupt_take())
			return interrupted(editor);
		if (r <= 0 && n == 0)
			return LINE_END;
		if (r <= 0)
			break;
		if (array_reserve(&editor->line, &editor->line_capacity, n + 2, 1) < 0)
			return LINE_END;
		if (byte != '\n')
			editor->line[n++] = byte;
	}
	if (n == 0 && array_reserve(&editor->line, &editor->line_capacity, 1, 1) < 0)
		return LINE_END;
	editor->line[n] = '\0';
	*ret_line = editor->line;
	return LINE_TEXT;
}

enum line_result line_editor_read(struct line_editor *editor, const char *prompt,
				  const char **ret_line)
{
	enum line_result result;

	editor->prompt = prompt;
	result = editor->edit ? read_edited(editor, ret_line) : read_plain(editor, ret_line);
	if (result != LINE_TEXT)
		(void)fputc('\n', editor->params.out);
	(void)fflush(editor->params.out);
	return result;
}
