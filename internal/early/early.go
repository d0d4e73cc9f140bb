// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package early

/*
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

// The least limits with which Go starts, with some room: it reserves about 600 MiB of addresses, and with the threads
// of a C library about as much again. Package torch knows what the engine needs beyond that.
static const struct { int resource; char letter; unsigned long long mib; } least[] = {
	{RLIMIT_AS, 'v', 1350},
	{RLIMIT_DATA, 'd', 128},
};

// refuse runs before Go's runtime, because it is a constructor of the program.
__attribute__((constructor)) static void refuse(void) {
	for (unsigned i = 0; i < sizeof least / sizeof *least; i++) {
		struct rlimit limit;
		if (getrlimit(least[i].resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
				limit.rlim_cur < least[i].mib << 20) {
			char text[200];
			int n = snprintf(text, sizeof text,
				"parallax: not enough memory: ulimit -%c is %llu MiB, and the program alone needs %llu MiB: raise it\n",
				least[i].letter, (unsigned long long)limit.rlim_cur >> 20, least[i].mib);
			if (write(2, text, n) != n) { }
			_exit(71); // exit.Memory
		}
	}
}
*/
import "C"
