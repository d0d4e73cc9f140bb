// SPDX-License-Identifier: Apache-2.0

package torch

import "fmt"

// Error is what an operation panics with and Scope returns: the operation and libtorch's message.
type Error struct {
	Op   string // the operation, by its name here: "MatMul"
	Text string // what was wrong
}

func (e *Error) Error() string { return fmt.Sprintf("torch: %s: %s", e.Op, e.Text) }

// Fail ends the running Scope with an error. It is for code that builds on tensors and meets a shape or value that it
// cannot work with.
func Fail(op, format string, args ...any) {
	panic(&Error{Op: op, Text: fmt.Sprintf(format, args...)})
}
