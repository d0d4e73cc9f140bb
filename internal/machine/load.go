// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"strconv"
	"strings"
)

// Load returns how many programs' threads ran or waited for a core of the machine in the last minute, on average, those
// of every container included. ok is false where the system does not say.
func Load() (average float64, ok bool) { return here().load() }

func (s system) load() (average float64, ok bool) {
	first, _, _ := strings.Cut(s.line("/proc/loadavg"), " ")
	average, err := strconv.ParseFloat(first, 64)
	return average, err == nil && average >= 0 && average < mostCores
}

// Busy returns the number of threads that other programs leave cores for, if it is less than threads: the engine's
// threads wait for one another after each operation, so that one which has to share its core holds up the others.
// load is that of Load. Half a thread on average is not taken for a program that holds a core.
func Busy(threads int, load float64) (left int, busy bool) { return busyOf(Online(), threads, load) }

func busyOf(online, threads int, load float64) (left int, busy bool) {
	left = max(1, int(float64(online)-load+0.5))
	return min(left, threads), left < threads
}
