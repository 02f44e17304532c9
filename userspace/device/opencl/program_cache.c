// SPDX-License-Identifier: MIT
/* Owns the files of compiled programs. Refuses to hand a driver bytes that are not the ones it gave. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cursor.h"
#include "file_map.h"
#include "hash.h"
#include "path.h"
#include "program_cache.h"

static const char program_magic[8] = "SLMCLBIN";

struct program_header {
	char magic[8];
	uint64_t size_bytes;
	uint64_t hash;
};

int program_cache_store(cl_program program, const char *path)
{
	struct new_file file __attribute__((cleanup(new_file_finish))) = NEW_FILE_NONE;
	_cleanup_free_ unsigned char *binary = NULL;
	struct program_header header;
	size_t size = 0;
	int r;

	if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, NULL) !=
		    CL_SUCCESS ||
	    size == 0)
		return -ENOTSUP;
	binary = malloc(size);
	if (!binary)
		return -ENOMEM;
	if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(binary), &binary, NULL) !=
	    CL_SUCCESS)
		return -ENOTSUP;
	header = (struct program_header){.size_bytes = size, .hash = hash_bytes(binary, size)};
	memcpy(header.magic, program_magic, sizeof(header.magic));
	r = new_file_init(&file, path);
	if (r == 0)
		r = write_all(file.fd, &header, sizeof(header));
	if (r == 0)
		r = write_all(file.fd, binary, size);
	return r < 0 ? r : new_file_publish(&file);
}

static cl_program load(cl_context context, cl_device_id device, const struct file_map *map,
		       const char *options)
{
	struct program_header header;
	const unsigned char *binary;
	cl_program program;
	cl_int code, status;
	size_t size;

	if (map->size < sizeof(header))
		return NULL;
	memcpy(&header, map->data, sizeof(header));
	binary = map->data + sizeof(header);
	size = map->size - sizeof(header);
	if (memcmp(header.magic, program_magic, sizeof(header.magic)) != 0 ||
	    header.size_bytes != size || header.hash != hash_bytes(binary, size))
		return NULL;
	program = clCreateProgramWithBinary(context, 1, &device, &size, &binary, &status, &code);
	if (code != CL_SUCCESS)
		return NULL;
	if (clBuildProgram(program, 1, &device, options, NULL, NULL) == CL_SUCCESS)
		return program;
	(void)clReleaseProgram(program);
	return NULL;
}

int program_cache_load(cl_context context, cl_device_id device, const char *path,
		       const char *options, cl_program *ret_program)
{
	struct file_map map __attribute__((cleanup(file_map_finish)));
	cl_program program;
	int r;

	r = file_map_init(&map, path, NULL);
	if (r < 0) {
		map = (struct file_map){0};
		return -ENOENT;
	}
	program = load(context, device, &map, options);
	if (!program)
		return -ENOENT;
	*ret_program = program;
	return 0;
}
