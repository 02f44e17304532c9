// SPDX-License-Identifier: MIT
/* Owns the order of turns, which a mutex does not promise. Refuses to end anybody's turn. */
#include "turns.h"

void turns_init(struct turns *turns)
{
	*turns = (struct turns){0};
	(void)pthread_mutex_init(&turns->lock, NULL);
	(void)pthread_cond_init(&turns->changed, NULL);
}

void turns_finish(struct turns *turns)
{
	(void)pthread_cond_destroy(&turns->changed);
	(void)pthread_mutex_destroy(&turns->lock);
}

void turns_take(struct turns *turns)
{
	uint64_t ours;

	(void)pthread_mutex_lock(&turns->lock);
	ours = turns->n_asked++;
	while (turns->n_given_back != ours)
		(void)pthread_cond_wait(&turns->changed, &turns->lock);
	(void)pthread_mutex_unlock(&turns->lock);
}

void turns_give(struct turns *turns)
{
	(void)pthread_mutex_lock(&turns->lock);
	turns->n_given_back++;
	(void)pthread_cond_broadcast(&turns->changed);
	(void)pthread_mutex_unlock(&turns->lock);
}
