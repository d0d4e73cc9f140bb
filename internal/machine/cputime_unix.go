// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package machine

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the time that this process has had on the cores, all its threads together.
func CPUTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
