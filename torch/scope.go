// SPDX-License-Identifier: Apache-2.0

package torch

// #include "shim/trampoline.h"
import "C"

import (
	"errors"
	"runtime"
	"sync"

	"github.com/parallax-ssl/parallax/internal/crash"
)

// scope holds the handles that are freed when it ends.
type scope struct {
	around *scope
	made   []C.plx_tensor
}

// innermost is the running scope. Only the owner's thread touches it.
var innermost *scope

// Scope runs f on libtorch's own thread and then frees every tensor that f made and did not Keep or Own. An operation
// that fails ends f; Scope returns it as *Error. Scopes nest; an inner one runs at once.
//
// The first Scope of a process loads the engine and returns [ErrNoEngine] (wrapped) when there is none.
func Scope(f func() error) error {
	if err := Load(); err != nil {
		return err
	}
	if onOwner() {
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
	s := &scope{around: innermost}
	innermost = s
	defer func() {
		innermost = s.around
		release(s.made)
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	return f()
}

// release frees each handle once: an operation that returns its own argument does not make a second handle.
func release(made []C.plx_tensor) {
	if len(made) == 0 {
		return
	}
	tombstones(made)
	if r := C.plx_free_tensors(&made[0], C.int64_t(len(made))); r.error != nil {
		panic(&Error{Op: "Scope", Text: take(r.error)})
	}
}

// own adds a fresh handle to the running scope.
func own(h C.plx_tensor) Tensor {
	if h != 0 {
		if innermost == nil {
			panic(&Error{Op: "Scope", Text: "a tensor was made outside a scope"})
		}
		innermost.made = append(innermost.made, h)
	}
	return Tensor{h}
}

// leave takes a handle out of the running scope and reports whether it was there.
func leave(h C.plx_tensor) bool {
	if innermost == nil {
		return false
	}
	made := innermost.made
	for i := len(made) - 1; i >= 0; i-- { // the newest is the likeliest
		if made[i] == h {
			innermost.made = append(made[:i], made[i+1:]...)
			return true
		}
	}
	return false
}

// Keep hands t to the scope around the running one and returns t. It does nothing if the running scope does not hold t.
func (t Tensor) Keep() Tensor {
	if t.h != 0 && leave(t.h) && innermost.around != nil {
		innermost.around.made = append(innermost.around.made, t.h)
	}
	return t
}

// Own takes t out of every scope and returns it: t lives until [Free].
func (t Tensor) Own() Tensor {
	if t.h != 0 && !leave(t.h) {
		panic(&Error{Op: "Own", Text: "the running scope does not hold this tensor"})
	}
	return t
}

// Free frees tensors that were Owned, or frees tensors of the running scope early. It skips the zero Tensor.
func Free(ts ...Tensor) {
	gone := make([]C.plx_tensor, 0, len(ts))
	for _, t := range ts {
		if t.h != 0 {
			leave(t.h)
			gone = append(gone, t.h)
		}
	}
	release(gone)
}

// Live returns how many tensors exist in the process, for leak tests. Call it inside a Scope.
func Live() int { return int(integer("Live", C.plx_live_tensors())) }

// The owner is one goroutine locked to one OS thread for the life of the process.
var (
	ownerOnce   sync.Once
	ownerCalls  = make(chan func())
	ownerGone   = make(chan struct{}) // closed if it ever ends
	ownerThread C.uint64_t
)

func startOwner() {
	ownerOnce.Do(func() {
		started := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			defer close(ownerGone)
			ownerThread = C.plx_thread()
			close(started)
			for call := range ownerCalls {
				call()
			}
		}()
		<-started
	})
}

func onOwner() bool { return C.plx_thread() == ownerThread }

// InScope reports whether the caller is inside a Scope, on libtorch's own thread. No other goroutine can use libtorch
// until that Scope ends, so code inside it must not wait for another goroutine's Scope.
func InScope() bool { return Load() == nil && onOwner() }

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
