// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// systemLimits are the memory of the machine and the limits that a shell's ulimit sets.
func systemLimits() (all []Limit) {
	if total, ok := kilobytes("/proc/meminfo", "MemTotal:"); ok {
		available, _ := kilobytes("/proc/meminfo", "MemAvailable:")
		all = append(all, Limit{Bytes: total, Used: total - min(total, available), By: Physical})
	} else {
		var info unix.Sysinfo_t // what is left without /proc
		if unix.Sysinfo(&info) == nil {
			unit := uint64(info.Unit)
			all = append(all, Limit{
				Bytes: info.Totalram * unit, Used: (info.Totalram - info.Freeram) * unit, By: Physical,
			})
		}
	}
	for _, r := range []struct {
		resource int
		used, by string
	}{
		{unix.RLIMIT_AS, "VmSize:", Addresses},
		{unix.RLIMIT_DATA, "VmData:", Data},
	} {
		var limit unix.Rlimit
		if unix.Getrlimit(r.resource, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
			used, _ := kilobytes("/proc/self/status", r.used)
			all = append(all, Limit{Bytes: limit.Cur, Used: used, By: r.by})
		}
	}
	return all
}

// resident returns the memory that this process has touched.
func resident() uint64 {
	n, _ := kilobytes("/proc/self/status", "VmRSS:")
	return n
}

// kilobytes reads a line of a file of /proc, such as "VmRSS:    1234 kB", and returns it in bytes.
func kilobytes(path, field string) (uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if words := bytes.Fields(line); len(words) == 3 && string(words[0]) == field {
			n, err := strconv.ParseUint(string(words[1]), 10, 54)
			return n << 10, err == nil
		}
	}
	return 0, false
}
