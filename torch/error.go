// SPDX-License-Identifier: Apache-2.0

package torch

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Error is what an operation panics with and Scope returns: the operation and libtorch's message.
type Error struct {
	Op    string // the operation, by its name here: "MatMul"
	Text  string // what was wrong
	Cause error  // ErrNonFinite or ErrMemory if that is what was wrong, or nil
}

func (e *Error) Error() string {
	switch e.Unwrap() {
	case nil:
		return fmt.Sprintf("torch: %s: %s", e.Op, e.Text)
	case ErrNonFinite:
		return e.Text
	}
	if e.Cause == ErrMemory {
		return fmt.Sprintf("%v: %s", ErrMemory, e.Text)
	}
	asked := ""
	if m := allocation.FindStringSubmatch(e.Text); m != nil {
		size, unit := m[1], cmp.Or(m[2], "bytes")
		if n, err := strconv.ParseFloat(size, 64); err == nil && unit == "bytes" {
			size, unit = strconv.FormatFloat(math.Ceil(n/(1<<20)), 'f', 0, 64), "MiB"
		}
		asked = fmt.Sprintf(" for %s %s more", size, unit)
	}
	return fmt.Sprintf("%v%s (%s): use a smaller batch (--batch), smaller views (--size) or a smaller network",
		ErrMemory, asked, e.Op)
}

// ErrMemory is wrapped by the error of an operation for which the system or the device had no memory.
var ErrMemory = errors.New("not enough memory")

// allocation finds how much memory was asked for: "tried to allocate 1024 bytes" on a CPU, "Tried to allocate 2.00 GiB"
// on a GPU.
var allocation = regexp.MustCompile(`[Tt]ried to allocate ([0-9.]+) ?([KMGT]iB|bytes)?`)

// ErrNonFinite is wrapped by the error of a computation that met NaN or infinity.
var ErrNonFinite = errors.New("not finite")

// Unwrap returns the Cause, or what libtorch's message says: ErrMemory or ErrNonFinite.
func (e *Error) Unwrap() error {
	if e.Cause != nil {
		return e.Cause
	}
	if strings.Contains(e.Text, "non-finite values") { // the decompositions of matrices
		return ErrNonFinite
	}
	if strings.Contains(e.Text, "could not create a primitive") && tightest().Free() < roomy {
		return ErrMemory // oneDNN does not say why
	}
	for _, words := range []string{"DefaultCPUAllocator: ", "std::bad_alloc", "out of memory", "allocate memory"} {
		if strings.Contains(e.Text, words) {
			return ErrMemory
		}
	}
	return nil
}

// FailNonFinite is Fail for code that meets NaN or infinity. The error wraps [ErrNonFinite].
func FailNonFinite(op, format string, args ...any) {
	panic(&Error{Op: op, Text: fmt.Sprintf(format, args...), Cause: ErrNonFinite})
}

// Fail ends the running Scope with an error. It is for code that builds on tensors and meets a shape or value that it
// cannot work with.
func Fail(op, format string, args ...any) {
	panic(&Error{Op: op, Text: fmt.Sprintf(format, args...)})
}
