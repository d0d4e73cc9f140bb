// SPDX-License-Identifier: Apache-2.0

// Package crash turns a panic, which is a fault of this program, into an error with the stack at which it happened.
package crash

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic.
type Error struct {
	Value any
	Stack []byte
}

func (e *Error) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// Unwrap returns the error that was the panic's value, if it was one.
func (e *Error) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover ends a panic of the function that defers it, and puts it into *err as an *Error. A panic with an *Error, of
// another goroutine, keeps its stack.
func Recover(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		*err = &Error{r, debug.Stack()}
	}
}
