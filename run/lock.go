// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrInUse is wrapped by the error of a run in a directory that another process is using.
var ErrInUse = errors.New("in use by another run")

// lockPatience is how long a lock is tried for. [Running] holds the lock for a moment, which must not refuse a run.
const lockPatience = 300 * time.Millisecond

// Lock takes the lock of a directory to which only one process may write, and returns the function that releases it.
// kind names the sort of directory in the error, which wraps [ErrInUse] when another process holds the lock.
func Lock(kind, dir string) (unlock func() error, err error) {
	l, err := lock(kind, dir)
	if err != nil {
		return nil, err
	}
	return l.Unlock, nil
}

// lock takes the lock of a directory and notes the holder in the lock file. The kernel releases the lock when the
// process ends, even by a crash, so the file of a dead process is no obstacle. The file is never removed, because
// another process may have it open.
func lock(kind, dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, LockFile)
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	held, err := l.TryLockContext(ctx, lockPatience/10)
	if errors.Is(err, context.DeadlineExceeded) || err == nil && !held {
		return nil, fmt.Errorf("%s %s: %w%s: stop that one, or choose another --out",
			kind, dir, ErrInUse, holder(path))
	}
	if err != nil {
		return nil, Output("locking "+kind+" "+dir, err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	note := fmt.Sprintf("pid %d on host %s\n", os.Getpid(), host)
	if err := os.WriteFile(path, []byte(note), 0o666); err != nil {
		return nil, errors.Join(Output("locking "+kind+" "+dir, err), l.Unlock())
	}
	return l, nil
}

// holder returns " (pid 17 on host a)", or "" when the lock file does not say who holds it.
func holder(path string) string {
	b, err := os.ReadFile(path)
	if note := strings.TrimSpace(string(b)); err == nil && note != "" && len(note) < 300 {
		return " (" + note + ")"
	}
	return ""
}

// Running reports whether a process has the run directory open for writing.
func Running(dir string) (bool, error) {
	path := filepath.Join(dir, LockFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return false, fmt.Errorf("asking whether run %s is running: %w", dir, err)
	}
	if !free {
		return true, nil
	}
	return false, l.Close()
}
