// SPDX-License-Identifier: Apache-2.0
#include "trampoline.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>

// One arena serves all threads, so that what an evaluation has freed serves the lanes, too. A thread keeps the arena
// that it has, so this comes before there are threads.
__attribute__((constructor)) static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#endif

const plx_table *plx_ops;

char *plx_load(const char *path) {
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL) return strdup(dlerror());
	plx_open_fn open = (plx_open_fn)dlsym(lib, PLX_OPEN);
	const plx_table *table = open == NULL ? NULL : open(PLX_VERSION);
	if (table == NULL) {
		dlclose(lib);
		return strdup("it was built from another version of Parallax");
	}
	plx_ops = table;
	return NULL;
}

static _Thread_local int inside;

void plx_enter(void) { inside = 1; }

int plx_inside(void) { return inside; }
