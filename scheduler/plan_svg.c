// SPDX-License-Identifier: MIT
/*
 * Owns a plan as a picture: a lane for each phase, in it the layers from left to right, coloured by
 * device, with what crosses between devices above and the time of each segment below. Written as
 * SVG 1.1 by hand; needs no library and no font in particular.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "array.h"
#include "plan_report.h"

enum {
	MARGIN = 28,
	WIDTH_MIN = 860,
	WIDTH_WANTED = 1120, /* of all columns */
	COLUMN_MIN = 4,
	COLUMN_MAX = 96,
	BOX_HEIGHT = 44,
	TITLE_HEIGHT = 28,
	LEVELS = 3, /* of labels that would lie on each other */
	LEVEL_HEIGHT = 16,
	HEAD_HEIGHT = 84,
	LEGEND_LINE = 24,
	LINE = 18,
};

/* Widths of text are guessed: nobody knows the font. */
#define CHARACTER_WIDTH 6.4

/* Pale enough for black text, far enough apart for most eyes. */
static const char *const colours[PLAN_DEVICES_MAX] = {
	"#7cb7ec", "#f6b26b", "#8ed08e", "#e79ac6", "#c7b2f1", "#efdf6e", "#6dd0c6", "#f2988c",
	"#b6c6d6", "#c9a877", "#9fd8f0", "#cfe78e", "#f1b9d9", "#97a8ef", "#e1c9a1", "#8fb88f",
};

static const char *const phase_titles[PHASES] = {
	[PHASE_PREFILL] = "Prefill",
	[PHASE_DECODE] = "Decode",
};

struct picture {
	const struct plan_report *report;
	FILE *out;
	uint32_t n_columns; /* embedding, layers, head */
	double column;	    /* width */
	double left;
	uint32_t width, height;
};

/* ---- text ---- */

/* Everything that comes from outside goes through here. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*text, out);
		}
	}
}

static uint32_t n_characters(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void text_at(const struct picture *picture, double x, double y, const char *class,
		    const char *text)
{
	(void)fprintf(picture->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_text(picture->out, text);
	(void)fputs("</text>\n", picture->out);
}

enum { SHORT_MAX = 48 };

static const char *bytes_text(uint64_t bytes, char text[static SHORT_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(text, SHORT_MAX, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
		       units[unit]);
	return text;
}

static const char *time_text(double seconds, char text[static SHORT_MAX])
{
	if (seconds < 1e-3)
		(void)snprintf(text, SHORT_MAX, "%.0f \xc2\xb5s", seconds * 1e6);
	else if (seconds < 1)
		(void)snprintf(text, SHORT_MAX, seconds < 1e-2 ? "%.2f ms" : "%.1f ms",
			       seconds * 1e3);
	else
		(void)snprintf(text, SHORT_MAX, "%.2f s", seconds);
	return text;
}

static char key_of(uint32_t device)
{
	return (char)('A' + device);
}

/* ---- columns ---- */

static bool begins_column(const struct graph *graph, uint32_t op)
{
	return op == 0 || graph->ops[op].layer != graph->ops[op - 1].layer;
}

static uint32_t column_end(const struct graph *graph, uint32_t op)
{
	for (op++; op < graph->n_ops && !begins_column(graph, op); op++)
		continue;
	return op;
}

/* Where the op begins; ops of a layer share its column evenly. */
static double x_of(const struct picture *picture, uint32_t op)
{
	const struct graph *graph = picture->report->graph;
	double x = picture->left;
	uint32_t begin = 0;

	while (begin < graph->n_ops) {
		uint32_t end = column_end(graph, begin);

		if (op < end)
			return x + picture->column * (op - begin) / (end - begin);
		x += picture->column;
		begin = end;
	}
	return x;
}

static uint32_t segment_end(const struct plan_segment *segment)
{
	return segment->first_op + segment->n_ops;
}

/* ---- lanes ---- */

/* The highest of the levels where a label from BEGIN to END lies on no other; -1: there is none. */
static int find_level(double ends[static LEVELS], double begin, double end)
{
	for (int i = 0; i < LEVELS; i++) {
		if (begin < ends[i])
			continue;
		ends[i] = end + 8;
		return i;
	}
	return -1;
}

static void draw_boxes(const struct picture *picture, const struct plan_segment *segment, double y)
{
	const struct graph *graph = picture->report->graph;
	double gap = picture->column > 12 ? 1 : 0.3;

	for (uint32_t i = segment->first_op; i < segment_end(segment);) {
		uint32_t end = MIN(column_end(graph, i), segment_end(segment));
		double x = x_of(picture, i), x_end = x_of(picture, end);

		(void)fprintf(picture->out,
			      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"%d\" "
			      "fill=\"%s\"/>\n",
			      x + gap, y, fmax(x_end - x - 2 * gap, 0.5), BOX_HEIGHT,
			      picture->column > 12 ? 3 : 0, colours[segment->device]);
		i = end;
	}
}

static void draw_column_name(const struct picture *picture, uint32_t op, double x, double y)
{
	const struct graph *graph = picture->report->graph;
	double middle = x + picture->column / 2;
	int32_t layer = graph->ops[op].layer;
	uint32_t every = picture->column >= 24 ? 1 : picture->column >= 10 ? 5 : 10;
	char number[16];

	if (layer < 0 && picture->column >= 12) {
		(void)fprintf(
			picture->out,
			"<text transform=\"translate(%.1f %.1f)%s\" class=\"box\">%s</text>\n",
			middle + (picture->column < 70 ? 4 : 0),
			y + BOX_HEIGHT / 2.0 + (picture->column < 70 ? 0 : 4),
			picture->column < 70 ? " rotate(-90)" : "", op == 0 ? "embed" : "head");
	} else if (layer >= 0 && (uint32_t)layer % every == 0) {
		(void)snprintf(number, sizeof(number), "%" PRId32, layer);
		text_at(picture, middle, y + BOX_HEIGHT / 2.0 + 4, "box", number);
	}
}

static void draw_column_names(const struct picture *picture, double y)
{
	const struct graph *graph = picture->report->graph;
	double x = picture->left;

	for (uint32_t i = 0; i < graph->n_ops; i = column_end(graph, i)) {
		draw_column_name(picture, i, x, y);
		x += picture->column;
	}
}

static const char *crossing_text(const struct plan_report *report, enum phase phase, uint32_t i,
				 char text[static 3 * SHORT_MAX])
{
	const struct plan_segment *segment = &report->plan->phases[phase].segments[i];
	const struct segment_prediction *prediction = &report->prediction.phases[phase].segments[i];
	char size[SHORT_MAX], time[SHORT_MAX];

	if (report->has_prediction)
		(void)snprintf(text, (size_t)3 * SHORT_MAX, "%s, %s",
			       bytes_text(prediction->crossing_bytes, size),
			       time_text(prediction->crossing_s, time));
	else
		(void)snprintf(
			text, (size_t)3 * SHORT_MAX, "%s a token",
			bytes_text(report->graph->values[segment->input].n_cols * sizeof(float),
				   size));
	return text;
}

static double segment_width(const struct picture *picture, const struct plan_segment *segment)
{
	return x_of(picture, segment_end(segment)) - x_of(picture, segment->first_op);
}

/* An arrow over the border between two devices; what crosses it in a step is said above, where there
 * is room. Labels come after all arrows, so that they lie on them. */
static void draw_crossing(const struct picture *picture, enum phase phase, uint32_t i, double y,
			  bool labels, double ends[static LEVELS])
{
	const struct plan_report *report = picture->report;
	const struct plan_segment *segment = &report->plan->phases[phase].segments[i];
	double x = x_of(picture, segment->first_op), width, top, half;
	char label[3 * SHORT_MAX];
	int level;

	crossing_text(report, phase, i, label);
	width = CHARACTER_WIDTH * n_characters(label);
	level = find_level(ends, x - width / 2, x + width / 2);
	top = y - 24 - level * LEVEL_HEIGHT;
	if (labels && level >= 0) {
		text_at(picture, x, top, "small back", label);
		text_at(picture, x, top, "small", label);
	}
	if (labels)
		return;
	half = fmin(16, 0.42 * fmin(segment_width(picture, segment),
				    segment_width(picture, segment - 1)));
	(void)fprintf(picture->out,
		      "<path d=\"M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f\" class=\"arrow\" "
		      "marker-end=\"url(#head)\"><title>%s</title></path>\n",
		      x - half, y - 3, x - half, y - 22, x + half, y - 22, x + half, y - 4, label);
	if (level > 0)
		(void)fprintf(
			picture->out,
			"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"thin\"/>\n",
			x, y - 19, x, top + 2);
}

/* A bracket under the segment with its device and time. */
static void draw_time(const struct picture *picture, enum phase phase, uint32_t i, double y,
		      double ends[static LEVELS])
{
	const struct plan_report *report = picture->report;
	const struct plan_segment *segment = &report->plan->phases[phase].segments[i];
	double x = x_of(picture, segment->first_op), x_end = x_of(picture, segment_end(segment));
	double measured = report->measured ? report->measured->segment_s[phase][i] : 0;
	double middle = (x + x_end) / 2, width;
	char time[SHORT_MAX], label[3 * SHORT_MAX];
	int n, level;

	n = snprintf(label, sizeof(label), "%c", key_of(segment->device));
	if (report->has_prediction)
		n += snprintf(label + n, sizeof(label) - (size_t)n, " %s",
			      time_text(report->prediction.phases[phase].segments[i].run_s, time));
	if (measured > 0 && isfinite(measured))
		(void)snprintf(label + n, sizeof(label) - (size_t)n, " (measured %s)",
			       time_text(measured, time));
	width = CHARACTER_WIDTH * n_characters(label);
	level = find_level(ends, middle - width / 2, middle + width / 2);
	(void)fprintf(
		picture->out,
		"<path d=\"M%.1f %.1f v4 H%.1f v-4\" class=\"thin\"><title>%s</title></path>\n",
		x + 1.5, y + 4, x_end - 1.5, label);
	if (level < 0)
		return;
	text_at(picture, middle, y + 22.0 + level * LEVEL_HEIGHT, "small", label);
}

/* Room for labels only where there may be some. */
static double lane_top(const struct picture *picture, enum phase phase)
{
	bool has_crossings = picture->report->plan->phases[phase].n_segments > 1;

	return TITLE_HEIGHT + (has_crossings ? 24 + LEVELS * LEVEL_HEIGHT : 0);
}

static double lane_height(const struct picture *picture, enum phase phase)
{
	uint32_t n = picture->report->plan->phases[phase].n_segments;

	return lane_top(picture, phase) + BOX_HEIGHT + 34 + (MIN(n, LEVELS) - 1) * LEVEL_HEIGHT +
	       MARGIN;
}

static void draw_lane(const struct picture *picture, enum phase phase, double y)
{
	const struct plan_report *report = picture->report;
	const struct phase_plan *plan = &report->plan->phases[phase];
	const struct phase_prediction *prediction = &report->prediction.phases[phase];
	double arrows[LEVELS] = {0}, labels[LEVELS] = {0}, below[LEVELS] = {0},
	       boxes = y + lane_top(picture, phase);
	char time[SHORT_MAX], title[4 * SHORT_MAX];

	if (report->has_prediction && prediction->n_steps > 0)
		(void)snprintf(title, sizeof(title),
			       "%s: %.1f tokens per second predicted, %s a %s", phase_titles[phase],
			       prediction->tokens_s,
			       time_text(prediction->total_s / prediction->n_steps, time),
			       phase == PHASE_DECODE ? "token" : "batch");
	else
		(void)snprintf(title, sizeof(title), "%s", phase_titles[phase]);
	text_at(picture, MARGIN, y + 14, "title", title);
	for (uint32_t i = 0; i < plan->n_segments; i++) {
		draw_boxes(picture, &plan->segments[i], boxes);
		draw_time(picture, phase, i, boxes + BOX_HEIGHT, below);
		if (i > 0)
			draw_crossing(picture, phase, i, boxes, false, arrows);
	}
	for (uint32_t i = 1; i < plan->n_segments; i++)
		draw_crossing(picture, phase, i, boxes, true, labels);
	draw_column_names(picture, boxes);
}

/* ---- around the lanes ---- */

/* The layers' caches that change devices between the phases. */
static void draw_cache_move(const struct picture *picture, double y)
{
	const struct plan_prediction *prediction = &picture->report->prediction;
	char bytes[SHORT_MAX], time[SHORT_MAX], label[3 * SHORT_MAX];

	if (!picture->report->has_prediction || prediction->kv_bytes == 0)
		return;
	(void)snprintf(label, sizeof(label), "cache there and back: %s, %s a turn",
		       bytes_text(prediction->kv_bytes, bytes), time_text(prediction->kv_s, time));
	(void)fprintf(picture->out,
		      "<path d=\"M%d %.1f V%.1f\" class=\"arrow\" marker-start=\"url(#head)\" "
		      "marker-end=\"url(#head)\"/>\n",
		      MARGIN + 12, y - 40, y - 12);
	text_at(picture, MARGIN + 26, y - 22, "small left", label);
}

static bool is_used(const struct plan_report *report, uint32_t device)
{
	for (enum phase phase = 0; phase < PHASES; phase++) {
		for (uint32_t i = 0; i < report->plan->phases[phase].n_segments; i++) {
			if (report->plan->phases[phase].segments[i].device == device)
				return true;
		}
	}
	return false;
}

static double device_step_s(const struct plan_report *report, enum phase phase, uint32_t device)
{
	const struct phase_plan *plan = &report->plan->phases[phase];
	double seconds = 0;

	for (uint32_t i = 0; i < plan->n_segments; i++) {
		if (plan->segments[i].device == device)
			seconds += report->prediction.phases[phase].segments[i].run_s;
	}
	return seconds;
}

enum { DETAIL_MAX = 5 * SHORT_MAX };

/* "6.0 MiB, 37.7 ms a batch, 469 us a token" */
static void describe_device(const struct plan_report *report, uint32_t device,
			    char detail[static DETAIL_MAX])
{
	char text[SHORT_MAX];
	int n = 0;

	detail[0] = '\0';
	if (!report->has_prediction)
		return;
	n = snprintf(detail, DETAIL_MAX, "%s",
		     bytes_text(report->prediction.device_bytes[device], text));
	for (enum phase phase = 0; phase < PHASES; phase++) {
		double seconds = device_step_s(report, phase, device);

		if (seconds > 0)
			n += snprintf(detail + n, (size_t)(DETAIL_MAX - n), ", %s a %s",
				      time_text(seconds, text),
				      phase == PHASE_DECODE ? "token" : "batch");
	}
}

static void draw_legend_line(const struct picture *picture, uint32_t device, double y)
{
	const struct plan_report *report = picture->report;
	char name[PLAN_NAME_SIZE], label[PLAN_NAME_SIZE + 8];
	char detail[DETAIL_MAX] = "not used";

	(void)snprintf(label, sizeof(label), "%c  %s", key_of(device),
		       plan_device_name(report, device, name, NULL));
	if (is_used(report, device))
		describe_device(report, device, detail);
	(void)fprintf(
		picture->out,
		"<rect x=\"%d\" y=\"%.1f\" width=\"16\" height=\"16\" rx=\"3\" fill=\"%s\"/>\n",
		MARGIN, y - 12, colours[device]);
	text_at(picture, MARGIN + 26, y, "name", label);
	text_at(picture, MARGIN + 360, y, "small left", detail);
}

/* The words of TEXT in lines as wide as the picture. Gives the number of lines; draws with DRAW. */
static uint32_t wrap(const struct picture *picture, const char *text, double y, bool draw)
{
	uint32_t most = (uint32_t)((picture->width - 2 * MARGIN) / CHARACTER_WIDTH), n_lines = 0;

	while (*text) {
		char line[PLAN_REASON_MAX];
		size_t end = 0, last_blank = 0;

		for (uint32_t n = 0; text[end] && n <= most; end++) {
			n += ((unsigned char)text[end] & 0xc0) != 0x80;
			if (text[end] == ' ')
				last_blank = end;
		}
		if (text[end] && last_blank > 0)
			end = last_blank;
		while (((unsigned char)text[end] & 0xc0) == 0x80)
			end++;
		(void)snprintf(line, sizeof(line), "%.*s", (int)end, text);
		if (draw)
			text_at(picture, MARGIN, y + n_lines * LINE, "name", line);
		n_lines++;
		text += end;
		while (*text == ' ')
			text++;
	}
	return n_lines;
}

static void draw_head(const struct picture *picture)
{
	const struct plan_report *report = picture->report;
	const struct plan_work *work = &report->params->work;
	char title[128];

	(void)snprintf(title, sizeof(title), "Plan: %s, %" PRIu32 " layer%s",
		       report->graph->model->arch, report->graph->model->n_layers,
		       report->graph->model->n_layers == 1 ? "" : "s");
	text_at(picture, MARGIN, MARGIN + 14, "large", title);
	if (!report->has_prediction)
		return;
	(void)snprintf(title, sizeof(title),
		       "for %" PRIu32 " tokens of prompt in batches of %" PRIu32 " and %" PRIu32
		       " of answer: %.2f s a turn",
		       work->n_prompt, work->n_batch, work->n_answer, report->prediction.total_s);
	text_at(picture, MARGIN, MARGIN + 34, "small left", title);
}

/* The card is opaque, so that the page below it, dark or light, does not matter. */
static void begin(const struct picture *picture)
{
	(void)fprintf(
		picture->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRIu32 "\" height=\"%" PRIu32
		"\" viewBox=\"0 0 %" PRIu32 " %" PRIu32 "\" role=\"img\">\n"
		"<title>Where each part of the model runs</title>\n"
		"<style>\n"
		".card{fill:#ffffff;stroke:#c8ccd2}\n"
		"text{font-family:system-ui,'DejaVu Sans','Noto Sans',sans-serif;font-size:12px;"
		"fill:#1c2126}\n"
		".large{font-size:18px;font-weight:600}.title{font-size:13px;font-weight:600}\n"
		".box{font-size:11px;fill:#10151a;text-anchor:middle}\n"
		".small{font-size:11px;text-anchor:middle}.left{text-anchor:start}\n"
		".back{stroke:#ffffff;stroke-width:4px}\n"
		".arrow{fill:none;stroke:#4a535d;stroke-width:1.4px}\n"
		".thin{fill:none;stroke:#8a939d;stroke-width:1px}.point{fill:#4a535d}\n"
		"@media (prefers-color-scheme:dark){.card{fill:#1b1f24;stroke:#3b434c}"
		"text{fill:#e6e9ec}.box{fill:#10151a}.back{stroke:#1b1f24}"
		".arrow{stroke:#b4bcc5}.thin{stroke:#7b848e}.point{fill:#b4bcc5}}\n"
		"</style>\n"
		"<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" "
		"markerWidth=\"6\" markerHeight=\"6\" orient=\"auto-start-reverse\">"
		"<path d=\"M0 0 L8 4 L0 8 z\" class=\"point\"/></marker></defs>\n"
		"<rect x=\"0.5\" y=\"0.5\" width=\"%" PRIu32 "\" height=\"%" PRIu32
		"\" rx=\"8\" class=\"card\"/>\n",
		picture->width, picture->height, picture->width, picture->height,
		picture->width - 1, picture->height - 1);
}

static void measure(struct picture *picture)
{
	const struct graph *graph = picture->report->graph;
	const struct plan_report *report = picture->report;
	double columns, lanes = 0;

	for (uint32_t i = 0; i < graph->n_ops; i = column_end(graph, i))
		picture->n_columns++;
	picture->column = fmax(COLUMN_MIN,
			       fmin(COLUMN_MAX, floor((double)WIDTH_WANTED / picture->n_columns)));
	columns = picture->column * picture->n_columns;
	picture->left = MARGIN;
	picture->width = MAX(WIDTH_MIN, (uint32_t)columns + 2 * MARGIN);
	for (enum phase phase = 0; phase < PHASES; phase++)
		lanes += lane_height(picture, phase);
	picture->height = HEAD_HEIGHT + (uint32_t)lanes + MARGIN +
			  report->params->n_devices * LEGEND_LINE + MARGIN +
			  wrap(picture, report->reason, 0, false) * LINE;
}

int plan_print_svg(const struct plan_report *report, FILE *out)
{
	struct picture picture = {.report = report, .out = out};
	double y = HEAD_HEIGHT;

	measure(&picture);
	begin(&picture);
	draw_head(&picture);
	for (enum phase phase = 0; phase < PHASES; phase++) {
		draw_lane(&picture, phase, y);
		y += lane_height(&picture, phase);
		if (phase == PHASE_PREFILL)
			draw_cache_move(&picture, y);
	}
	y += LINE;
	for (uint32_t d = 0; d < report->params->n_devices; d++)
		draw_legend_line(&picture, d, y + d * LEGEND_LINE);
	y += report->params->n_devices * LEGEND_LINE + LINE;
	(void)wrap(&picture, report->reason, y, true);
	(void)fputs("</svg>\n", out);
	return ferror(out) ? -EIO : 0;
}
