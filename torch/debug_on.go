// SPDX-License-Identifier: Apache-2.0

//go:build parallax_debug

package torch

// #include "shim/trampoline.h"
import "C"

import "runtime/debug"

// graves holds the stack at which each freed tensor was freed. It only grows: the tag parallax_debug is for hunting a
// lifetime bug, not for long runs.
var graves = map[C.plx_tensor]string{}

func tombstones(handles []C.plx_tensor) {
	stack := string(debug.Stack())
	for _, h := range handles {
		graves[h] = stack
	}
}

// ref is the handle to pass to the library. It panics with both stacks if the tensor was freed before.
func (t Tensor) ref() C.plx_tensor {
	if freed, dead := graves[t.h]; dead {
		panic("torch: a tensor was used after it was freed\n\nused at:\n" + string(debug.Stack()) +
			"\nfreed at:\n" + freed)
	}
	return t.h
}
