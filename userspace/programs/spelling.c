// SPDX-License-Identifier: MIT
/* Owns the distance between words: insertions, deletions, changes and swaps of neighbours. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "spelling.h"

enum {
	WORD_MAX = 40,
	BEGINNING_MIN = 4, /* letters that say what a name begins with */
};

/* Rows of the usual table of distances, of which three are needed at a time. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > WORD_MAX || n_b > WORD_MAX)
		return WORD_MAX;
	for (size_t k = 0; k <= n_b; k++)
		rows[0][k] = (unsigned)k;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned *two_above = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= n_b; k++) {
			unsigned change = tolower((unsigned char)a[i - 1]) !=
					  tolower((unsigned char)b[k - 1]);

			row[k] = MIN(MIN(above[k], row[k - 1]) + 1, above[k - 1] + change);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[k] = MIN(row[k], two_above[k - 2] + 1);
		}
	}
	return rows[n_a % 3][n_b];
}

void spelling_init(struct spelling *spelling, const char *word)
{
	size_t n = strlen(word);

	/* A third of the letters may be wrong, but not all of a short word. */
	*spelling = (struct spelling){
		.word = word,
		.best_distance = UINT_MAX,
		.limit = (unsigned)MIN(MAX(n / 3, 1), WORD_MAX / 3),
	};
}

/* How far WORD is from the beginning of CANDIDATE, for those who know only how a name begins. */
static unsigned distance_to_beginning(const char *word, const char *candidate)
{
	char beginning[WORD_MAX + 1];
	size_t n = strlen(word);

	if (n < BEGINNING_MIN || n > WORD_MAX || strlen(candidate) <= n)
		return WORD_MAX;
	(void)snprintf(beginning, sizeof(beginning), "%.*s", (int)n, candidate);
	return distance(word, beginning);
}

void spelling_offer(struct spelling *spelling, const char *candidate)
{
	unsigned whole = distance(spelling->word, candidate);
	unsigned beginning = distance_to_beginning(spelling->word, candidate);
	/* Of two that are as near, the whole word is meant. */
	unsigned d = MIN(2 * whole, 2 * beginning + 1);

	if (MIN(whole, beginning) > spelling->limit || d >= spelling->best_distance)
		return;
	spelling->best = candidate;
	spelling->best_distance = d;
}
