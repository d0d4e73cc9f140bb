// SPDX-License-Identifier: Apache-2.0

// Package golden runs the cases of the committed oracle files: it compares our values with those that independent
// implementations computed.
package golden

// A Result is the outcome of one case: passed when Err is nil and Skip is empty.
type Result struct {
	ID   string
	Err  error  // how the values differ, or why the case could not be run
	Skip string // why the case does not apply here; empty if it was run
	Note string // a remark on a case that passed; usually empty
}
