// SPDX-License-Identifier: Apache-2.0

// Package machine says what a program may use of the machine it runs on.
package machine

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/cpu"
)

// Threads is the number of threads for the engine: what OMP_NUM_THREADS says, as for any program that computes with
// OpenMP, else one per core.
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
