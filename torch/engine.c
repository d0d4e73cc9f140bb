// SPDX-License-Identifier: Apache-2.0
#include "shim/trampoline.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

uint64_t plx_thread(void) { return (uint64_t)(uintptr_t)pthread_self(); }
