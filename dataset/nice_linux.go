// SPDX-License-Identifier: Apache-2.0

package dataset

import "golang.org/x/sys/unix"

// beNice gives the calling OS thread the lowest priority. On Linux a nice value belongs to a thread, not to the
// process, so the engine's threads keep the cores when both want them.
func beNice() { unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19) }
