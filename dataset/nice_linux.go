// SPDX-License-Identifier: Apache-2.0

package dataset

import "golang.org/x/sys/unix"

// loaderNice is the nice value of a loader's thread relative to the program. With it the engine's threads keep the
// cores when both want them, and other programs on a busy machine still leave the loader some time.
const loaderNice = 10

// beNice lowers the priority of the calling OS thread. On Linux a nice value belongs to a thread, not to the process.
func beNice() {
	id := unix.Gettid()
	if p, err := unix.Getpriority(unix.PRIO_PROCESS, id); err == nil { // 20 - nice, as the kernel counts
		_ = unix.Setpriority(unix.PRIO_PROCESS, id, min(19, 20-p+loaderNice))
	}
}
