// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import (
	"errors"
	"runtime"
	"sync"

	"github.com/parallax-ssl/parallax/internal/crash"
)

// Scope runs f on libtorch's own thread and then frees every tensor that f made and did not Keep or Own. An operation
// that fails ends f; Scope returns it as *Error. Scopes nest; an inner one runs at once.
//
// The first Scope of a process loads the engine and returns [ErrNoEngine] (wrapped) when there is none.
func Scope(f func() error) error {
	if err := Load(); err != nil {
		return err
	}
	if inside() {
		return runScope(f)
	}
	var err error
	owner(func() {
		defer crash.Recover(&err)
		err = runScope(f)
	})
	var panicked *crash.Error
	if errors.As(err, &panicked) {
		panic(panicked) // with the stack on libtorch's thread
	}
	return err
}

func runScope(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	Nested(func() { err = f() })
	return err
}

// Nested runs f in a scope of its own inside the running one: it frees what f made and did not Keep or Own. An
// operation that fails ends the Scope around it.
func Nested(f func()) {
	done("Scope", C.plx_scope_begin())
	defer func() {
		buried()
		done("Scope", C.plx_scope_end())
	}()
	f()
}

// Keep hands t to the scope around the running one and returns t. It does nothing if the running scope does not hold t.
func (t Tensor) Keep() Tensor {
	if t.h != 0 {
		done("Keep", C.plx_scope_keep(t.ref()))
	}
	return t
}

// Own takes t out of every scope and returns it: t lives until [Free].
func (t Tensor) Own() Tensor {
	if t.h != 0 {
		done("Own", C.plx_scope_own(t.ref()))
	}
	return t
}

// again returns another handle of the same tensor.
func (t Tensor) again() Tensor {
	if t.h == 0 {
		return t
	}
	return made("Own", C.plx_again(t.ref()))
}

// Free frees tensors that were Owned, or frees tensors of the running scope early. It skips the zero Tensor.
func Free(ts ...Tensor) {
	gone := make([]C.plx_tensor, 0, len(ts))
	for _, t := range ts {
		if t.h != 0 {
			gone = append(gone, t.h)
		}
	}
	if len(gone) > 0 {
		tombstones(gone)
		done("Free", C.plx_free_tensors(&gone[0], C.int64_t(len(gone))))
	}
}

// Live returns how many tensors exist in the process, for leak tests. Call it inside a Scope.
func Live() int { return int(integer("Live", C.plx_live_tensors())) }

// The owner is one goroutine locked to one OS thread for the life of the process. It runs scopes. While it computes a
// step it may have others beside it: see lanes.go.
var (
	ownerOnce  sync.Once
	ownerCalls = make(chan func())
	ownerGone  = make(chan struct{}) // closed if it ever ends
)

func startOwner() {
	ownerOnce.Do(func() {
		started := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			defer close(ownerGone)
			C.plx_enter()
			close(started)
			for call := range ownerCalls {
				call()
			}
		}()
		<-started
	})
}

// inside reports whether the calling thread may use libtorch: the owner's, or a lane's.
func inside() bool { return C.plx_inside() != 0 }

// InScope reports whether the caller is inside a Scope, on libtorch's own thread. No other goroutine can use libtorch
// until that Scope ends, so code inside it must not wait for another goroutine's Scope.
func InScope() bool { return Load() == nil && inside() }

// owner runs f on the owner's thread and waits for it.
func owner(f func()) {
	done := make(chan struct{})
	call := func() {
		defer close(done)
		f()
	}
	select {
	case ownerCalls <- call:
		<-done
	case <-ownerGone:
		panic("torch: an earlier Scope was left by runtime.Goexit (as t.Fatal does), which ended libtorch's thread")
	}
}
