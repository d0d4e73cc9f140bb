// SPDX-License-Identifier: Apache-2.0

package machine

// mostResident returns the most memory that this process has held at once.
func mostResident() uint64 {
	n, _ := kilobytes("/proc/self/status", "VmHWM:")
	return n
}
