// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// OutputError is a failure to make or write a file or folder of the output. Any failure is one: a full disk, a missing
// permission, a name that is too long, a removed folder. Nothing that was whole before is damaged.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return e.Err.Error() }

// Unwrap returns the error that Output marked.
func (e *OutputError) Unwrap() error { return e.Err }

// Output marks err as a failure to write, says what was being done, and adds the remedy that the system's own text
// lacks. A nil error stays nil.
func Output(doing string, err error) error {
	if err = outputError(err); err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func outputError(err error) error {
	if err == nil {
		return nil
	}
	if r := remedy(err); r != "" {
		err = fmt.Errorf("%w: %s", err, r)
	}
	return &OutputError{err}
}

// remedy is what a user can do about a failure to write, or "".
func remedy(err error) string {
	is := func(all ...error) bool {
		return slices.ContainsFunc(all, func(target error) bool { return errors.Is(err, target) })
	}
	switch {
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return "free some space, then continue with --resume"
	case is(syscall.EROFS, fs.ErrPermission):
		return "choose a writable folder with --out"
	case is(syscall.EFBIG):
		return "raise the limit of a file's size (ulimit -f), then continue with --resume"
	case is(syscall.EMFILE, syscall.ENFILE):
		return "raise the limit of open files (ulimit -n), then continue with --resume"
	case is(syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG):
		return "choose another folder with --out"
	}
	return ""
}

// IsOutput reports whether err is a failure to write. It knows errors of [Output], and by their operation those of the
// system that can concern nothing but an output.
func IsOutput(err error) bool {
	var output *OutputError
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &output), errors.As(err, &link), errors.Is(err, ErrUncertain):
		return true
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.EFBIG):
		return true
	case errors.As(err, &path):
		return slices.Contains([]string{"mkdir", "write", "sync", "truncate", "remove", "unlinkat", "chmod"}, path.Op)
	}
	return false
}
