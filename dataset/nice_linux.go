// SPDX-License-Identifier: Apache-2.0

package dataset

import "golang.org/x/sys/unix"

// loaderNice is by how much a loader's thread is nicer than the program. It is enough for the engine's threads to keep
// the cores when both want them, and not so much that other programs on a busy machine leave the loader nothing.
const loaderNice = 10

// beNice lowers the priority of the calling OS thread. On Linux a nice value belongs to a thread, not to the process.
func beNice() {
	id := unix.Gettid()
	if p, err := unix.Getpriority(unix.PRIO_PROCESS, id); err == nil { // 20 - nice, as the kernel counts
		_ = unix.Setpriority(unix.PRIO_PROCESS, id, min(19, 20-p+loaderNice))
	}
}
