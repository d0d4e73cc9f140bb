// SPDX-License-Identifier: Apache-2.0

// Package machine says which resources of the machine a program may use.
package machine

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/cpu"
)

// Threads returns the number of threads for the engine: OMP_NUM_THREADS, as for any program with OpenMP, else one per
// core.
func Threads() int {
	if n, err := strconv.Atoi(os.Getenv("OMP_NUM_THREADS")); err == nil && n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// FastBF16 reports whether the device multiplies bfloat16 in hardware: a GPU does, and so do some processors.
func FastBF16(device string) bool {
	return device != "cpu" || cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16
}
