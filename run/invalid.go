// SPDX-License-Identifier: Apache-2.0

package run

// InvalidError is a mistake in the request: a value, a name, or a combination of them. Nothing was started.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns the error that Invalid marked.
func (e *InvalidError) Unwrap() error { return e.Err }

// Invalid marks err as a mistake in the request; nil stays nil.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	return &InvalidError{err}
}
