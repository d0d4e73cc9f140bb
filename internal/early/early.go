// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package early

/*
#define _GNU_SOURCE // O_DIRECTORY
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

// The least limits with which Go starts, with some room: it reserves about 600 MiB of addresses, and with the threads
// of a C library about as much again. Package torch knows what the engine needs beyond that.
static const struct { int resource; char letter; unsigned long long mib; } least[] = {
	{RLIMIT_AS, 'v', 1350},
	{RLIMIT_DATA, 'd', 256},
};

// files is how many more files Go and the start of the program open.
enum { files = 6 };

static void end(const char *text, int length, int status) {
	if (write(2, text, length) != length) { }
	_exit(status);
}

// refuse runs before Go's runtime, because it is a constructor of the program.
__attribute__((constructor)) static void refuse(void) {
	char text[200];
	struct rlimit limit;
	for (unsigned i = 0; i < sizeof least / sizeof *least; i++) {
		if (getrlimit(least[i].resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
				limit.rlim_cur < least[i].mib << 20) {
			end(text, snprintf(text, sizeof text,
				"parallax: not enough memory: ulimit -%c is %llu MiB, and the program alone needs %llu MiB: raise it\n",
				least[i].letter, (unsigned long long)limit.rlim_cur >> 20, least[i].mib), 71); // exit.Memory
		}
	}
	int opened[files];
	for (int i = 0; i < files; i++) {
		opened[i] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (opened[i] < 0 && errno == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
			end(text, snprintf(text, sizeof text, "parallax: too many open files: ulimit -n is %llu: raise it\n",
				(unsigned long long)limit.rlim_cur), 1); // exit.Failure
		}
	}
	for (int i = 0; i < files; i++) {
		if (opened[i] >= 0) {
			close(opened[i]);
		}
	}
}
*/
import "C"
