// SPDX-License-Identifier: Apache-2.0

//go:build parallax_debug

package torch

// #include "trampoline.h"
import "C"

import (
	"runtime/debug"
	"sync"
)

// graves holds the stack at which each freed tensor was freed. It only grows: the tag parallax_debug is for hunting a
// lifetime bug, not for long runs.
var (
	graves  = map[C.plx_tensor]string{}
	gravesL sync.Mutex
)

func tombstones(handles []C.plx_tensor) {
	stack := string(debug.Stack())
	gravesL.Lock()
	defer gravesL.Unlock()
	for _, h := range handles {
		graves[h] = stack
	}
}

// buried notes the tensors that the end of the running scope frees.
func buried() {
	n := integer("Scope", C.plx_scope_made(nil, 0))
	if n == 0 {
		return
	}
	made := make([]C.plx_tensor, n)
	done("Scope", C.plx_scope_made(&made[0], C.int64_t(n)))
	tombstones(made)
}

// ref is the handle to pass to the library. It panics with both stacks if the tensor was freed before.
func (t Tensor) ref() C.plx_tensor {
	gravesL.Lock()
	freed, dead := graves[t.h]
	gravesL.Unlock()
	if dead {
		panic("torch: a tensor was used after it was freed\n\nused at:\n" + string(debug.Stack()) +
			"\nfreed at:\n" + freed)
	}
	return t.h
}
