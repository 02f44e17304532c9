/* SPDX-License-Identifier: MIT */
/*
 * SIGBUS. Models and packs are mapped: where one is cut short, or its disk fails, while it is in
 * use, the kernel has no bytes to give and no call to let fail. The program says so and ends with
 * EXIT_CODE_FAILED, instead of dying without a word.
 */
#ifndef SLM_PROGRAMS_LOST_FILE_H
#define SLM_PROGRAMS_LOST_FILE_H

void lost_file_init(void);

#endif
