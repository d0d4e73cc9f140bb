// SPDX-License-Identifier: Apache-2.0

// Package machine says which resources of the machine a program may use.
package machine

import "golang.org/x/sys/cpu"

// FastBF16 reports whether the device multiplies bfloat16 in hardware: a GPU does, and so do some processors.
func FastBF16(device string) bool {
	return device != "cpu" || cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16
}
