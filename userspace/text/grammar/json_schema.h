/* SPDX-License-Identifier: MIT */
/*
 * JSON Schema as a grammar of the JSON texts that satisfy it.
 *
 * Every text of the grammar satisfies the schema; not every text that does is in the grammar:
 *   - properties come in the schema's order, those that are required but not described last; others
 *     than the described ones only where additionalProperties says so, or nothing is described
 *   - a schema without type that has keywords of some types stands for those types only
 *   - tuples (prefixItems) are written out; at most one blank or one or two newlines with indentation
 *     between tokens; keys without escapes; numbers of at most 18 digits, bounded ones without exponent
 *
 * Known: type, enum, const, properties, required, additionalProperties, minProperties and
 * maxProperties where they can be counted, items, prefixItems, minItems, maxItems, minLength,
 * maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (whole
 * numbers), anyOf, oneOf whose alternatives exclude each other, allOf that can be joined, $ref inside
 * the document (also recursive), true, false, nullable (OpenAPI). Of format, date, time, date-time,
 * uuid, email, hostname, ipv4 and uri are followed; others are annotations, as the specification
 * has it. Keywords that no specification knows are ignored, as it has that too. What is known and
 * cannot be enforced is refused with its place.
 */
#ifndef SLM_TEXT_JSON_SCHEMA_H
#define SLM_TEXT_JSON_SCHEMA_H

#include "grammar.h"

/*
 * The grammar of TEXT, a schema of at most GRAMMAR_TEXT_MAX bytes. {} is any JSON value,
 * {"type": "json_object"} any object. 0; -EINVAL for what is no schema or nothing satisfies;
 * -ENOTSUP for what cannot be enforced; -E2BIG past a limit; -ENOMEM; each logged.
 */
int grammar_from_schema(const char *text, size_t size_bytes, const struct log *log,
			struct grammar **ret_grammar);

#endif
