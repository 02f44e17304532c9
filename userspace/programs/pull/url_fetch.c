// SPDX-License-Identifier: MIT
/*
 * Owns the use of libcurl. A transfer that breaks off is taken up again by a range request; the
 * server is asked to send the whole file instead if it has changed (If-Range), and what it answers
 * is looked at, not trusted.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "cleanup.h"
#include "interrupt.h"
#include "path.h"
#include "source_file.h"
#include "url_fetch.h"

enum {
	NAME_BYTES_MAX = 200,
	ATTEMPTS_MAX = 5, /* in a row without a byte */
	REDIRECTS_MAX = 10,
	CONNECT_TIMEOUT_S = 30,
	STALL_TIMEOUT_S = 60,
	PAUSE_MS = 500, /* before the second attempt; doubled each time */
	MAGIC_BYTES = 4,
};

struct transfer {
	const char *url;
	const char *name; /* for the progress bar */
	const struct staging *staging;
	const struct log *log;
	struct progress_bar *bar;
	struct part_file *part;
	struct source source;
	CURL *curl;
	bool answered;	     /* the head of the present answer was looked at */
	uint64_t total;	     /* bytes; 0: unknown */
	uint64_t at_attempt; /* bytes there when the attempt began */
	int error;	     /* of ours, which ended the transfer */
	char curl_error[CURL_ERROR_SIZE];
};

bool url_is_one(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static bool name_may_be_used(const char *name)
{
	if (*name == '\0' || *name == '.' || strlen(name) > NAME_BYTES_MAX)
		return false;
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '/')
			return false;
	}
	return true;
}

int url_file_name(const char *url, const struct log *log, char **ret_name)
{
	_cleanup_free_ char *name = NULL;
	CURLU *parsed = curl_url();
	char *path = NULL;
	const char *slash;
	int r = -EINVAL;

	if (!parsed)
		return log_oom(log, "reading the URL");
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_PATH, &path, CURLU_URLDECODE) == CURLUE_OK) {
		slash = strrchr(path, '/');
		name = strdup(slash ? slash + 1 : path);
		r = name ? 0 : -ENOMEM;
	}
	curl_free(path);
	curl_url_cleanup(parsed);
	if (r == -ENOMEM)
		return log_oom(log, "reading the URL");
	if (r == 0 && name_may_be_used(name)) {
		*ret_name = TAKE(name);
		return 0;
	}
	return log_error(log, EINVAL, "%s has no file name in it: give one with --output", url);
}

int url_part_init(struct part_file *part, const char *url, const struct staging *staging)
{
	struct source source;
	int r;

	r = source_load(&source, staging);
	if (r < 0)
		return r;
	r = part_file_init(part, staging, source.url && strcmp(source.url, url) == 0);
	source_finish(&source);
	return r;
}

/* ---- the head of an answer ---- */

static const char *header(const struct transfer *transfer, const char *name)
{
	struct curl_header *found;

	if (curl_easy_header(transfer->curl, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	return found->value;
}

/* What tells one state of the file from another: a strong ETag, else the date. */
static const char *validator_of(const struct transfer *transfer)
{
	const char *etag = header(transfer, "ETag");

	if (etag && strncmp(etag, "W/", 2) != 0)
		return etag;
	return header(transfer, "Last-Modified");
}

static uint64_t content_length(const struct transfer *transfer)
{
	curl_off_t length = -1;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length > 0 ? (uint64_t)length : 0;
}

/* "bytes 100-199/200" must go on where we are. */
static bool range_fits(const struct transfer *transfer)
{
	const char *range = header(transfer, "Content-Range");
	uint64_t first, last, total;

	if (!range ||
	    sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &total) != 3)
		return false;
	return first == transfer->part->size &&
	       (transfer->source.total == 0 || total == transfer->source.total);
}

/* Decides whether the bytes that follow go on with what is there, or are the whole file. */
static int look_at_answer(struct transfer *transfer)
{
	long code = 0;
	int r;

	transfer->answered = true;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
	if (code == 206 && !range_fits(transfer)) {
		r = part_file_truncate(transfer->part);
		return r < 0 ? r : -EAGAIN;
	}
	if (code != 206) {
		r = part_file_truncate(transfer->part);
		if (r < 0)
			return r;
	}
	transfer->total = 0;
	if (content_length(transfer) > 0)
		transfer->total = transfer->part->size + content_length(transfer);
	r = source_save(&transfer->source, transfer->staging, transfer->url, validator_of(transfer),
			transfer->total);
	if (r < 0)
		return r;
	return staging_check_space(transfer->staging, transfer->total - transfer->part->size);
}

/* ---- what libcurl calls ---- */

static int check_magic(const struct transfer *transfer, const char *data, size_t size)
{
	if (transfer->part->size > 0 || size < MAGIC_BYTES || memcmp(data, "GGUF", 4) == 0)
		return 0;
	return log_error(transfer->log, EBADMSG,
			 "%s is no GGUF file: does the URL lead to a page about it?",
			 transfer->url);
}

static size_t take_bytes(char *data, size_t item, size_t n, void *user)
{
	struct transfer *transfer = user;

	if (!transfer->answered)
		transfer->error = look_at_answer(transfer);
	if (transfer->error == 0)
		transfer->error = check_magic(transfer, data, item * n);
	if (transfer->error == 0)
		transfer->error = part_file_write(transfer->part, data, item * n);
	return transfer->error == 0 ? item * n : 0;
}

static int show_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
			 curl_off_t up)
{
	struct transfer *transfer = user;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	progress_bar_show(transfer->bar, transfer->name, transfer->part->size, transfer->total);
	return *interrupt_flag() != 0;
}

/* ---- attempts ---- */

static struct curl_slist *if_range(const struct transfer *transfer)
{
	_cleanup_free_ char *line = NULL;

	if (transfer->part->size == 0 || !transfer->source.validator)
		return NULL;
	line = path_format("If-Range: %s", transfer->source.validator);
	return line ? curl_slist_append(NULL, line) : NULL;
}

static void set_options(struct transfer *transfer, struct curl_slist *headers)
{
	CURL *curl = transfer->curl;

	(void)curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "slm/" SLM_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->curl_error);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
}

/* Without knowing that the file is still the same there is nothing to go on with. */
static bool can_resume(const struct transfer *transfer)
{
	return transfer->part->size > 0 &&
	       (transfer->source.validator || transfer->source.total > 0);
}

static CURLcode attempt(struct transfer *transfer)
{
	char range[32];
	struct curl_slist *headers;
	CURLcode code;

	transfer->answered = false;
	transfer->curl_error[0] = '\0';
	transfer->at_attempt = transfer->part->size;
	headers = if_range(transfer);
	curl_easy_reset(transfer->curl);
	set_options(transfer, headers);
	if (can_resume(transfer)) {
		(void)snprintf(range, sizeof(range), "%" PRIu64 "-", transfer->part->size);
		(void)curl_easy_setopt(transfer->curl, CURLOPT_RANGE, range);
	}
	code = curl_easy_perform(transfer->curl);
	curl_slist_free_all(headers);
	return code;
}

static long status_of(const struct transfer *transfer)
{
	long status = 0;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Is it worth another attempt? Where nothing ever came, only when the server says so. */
static bool may_pass(const struct transfer *transfer, CURLcode code)
{
	long status = status_of(transfer);

	switch (code) {
	case CURLE_HTTP_RETURNED_ERROR:
		return status >= 500 || status == 429;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_SSL_CONNECT_ERROR:
		return transfer->part->size > 0;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

static int explain(const struct transfer *transfer, CURLcode code)
{
	const char *detail = *transfer->curl_error ? transfer->curl_error
						   : curl_easy_strerror(code);

	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
		return log_error(transfer->log, ENETUNREACH,
				 "%s cannot be reached: %s; is there a network?", transfer->url,
				 detail);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return log_error(transfer->log, EIO, "%s was refused with status %ld",
				 transfer->url, status_of(transfer));
	return log_error(transfer->log, EIO,
			 "%s broke off after %" PRIu64 " bytes: %s; the same command goes on there",
			 transfer->url, transfer->part->size, detail);
}

static void pause_before(unsigned failures)
{
	unsigned ms = PAUSE_MS << (failures - 1);
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&pause, NULL);
}

/* 416: the range begins at the end, so all is there, or the file has become shorter. */
static int take_range_refused(struct transfer *transfer)
{
	if (transfer->source.total > 0 && transfer->part->size == transfer->source.total)
		return 0;
	return part_file_truncate(transfer->part) < 0 ? -EIO : -EAGAIN;
}

/* 0 when the file is there, -EAGAIN for another attempt, else -errno (logged). */
static int judge(struct transfer *transfer, CURLcode code)
{
	if (*interrupt_flag())
		return -ECANCELED;
	if (transfer->error < 0)
		return transfer->error;
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_HTTP_RETURNED_ERROR && status_of(transfer) == 416)
		return take_range_refused(transfer);
	return may_pass(transfer, code) ? -EAGAIN : explain(transfer, code);
}

static int transfer_all(struct transfer *transfer)
{
	unsigned failures = 0;

	for (;;) {
		CURLcode code = attempt(transfer);
		int r = judge(transfer, code);

		if (r != -EAGAIN)
			return r;
		transfer->error = 0;
		failures = transfer->part->size > transfer->at_attempt ? 1 : failures + 1;
		if (failures >= ATTEMPTS_MAX)
			return explain(transfer, code);
		log_info(transfer->log, "the transfer broke off at %" PRIu64 " bytes: once more",
			 transfer->part->size);
		pause_before(failures);
	}
}

int url_fetch(const char *url, const struct staging *staging, struct progress_bar *bar,
	      struct part_file *part)
{
	struct transfer transfer = {
		.url = url,
		.name = strrchr(staging->target, '/') + 1,
		.staging = staging,
		.log = staging->log,
		.bar = bar,
		.part = part,
	};
	int r;

	r = source_load(&transfer.source, staging);
	if (r < 0)
		return r;
	transfer.curl = curl_easy_init();
	r = transfer.curl ? transfer_all(&transfer) : log_oom(staging->log, "pulling");
	if (r == 0 && part->size < MAGIC_BYTES)
		r = log_error(staging->log, EBADMSG, "%s is no GGUF file: it is empty", url);
	curl_easy_cleanup(transfer.curl);
	source_finish(&transfer.source);
	return r;
}
