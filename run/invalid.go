// SPDX-License-Identifier: Apache-2.0

package run

// InvalidError is a mistake in what was asked for: a value, a name, a combination of them. Nothing has been begun.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *InvalidError) Unwrap() error { return e.Err }

// Invalid marks err as a mistake in what was asked for; nil stays nil.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	return &InvalidError{err}
}
