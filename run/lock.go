// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
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
	return l.release, nil
}

// held is a locked directory. Two locks are held: one on the lock file, which names the holder, and which programs on
// every system and file system understand; and one on the directory itself, which counts when the file is removed.
type held struct{ file, folder *flock.Flock }

// lock takes the locks of a directory and notes the holder in the lock file. The kernel releases them when the process
// ends, even by a crash, so the file of a dead process is no obstacle. The file is never removed, because another
// process may have it open.
func lock(kind, dir string) (*held, error) {
	path := filepath.Join(dir, LockFile)
	l := &held{flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666)), onFolder(dir)}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	free, err := l.file.TryLockContext(ctx, lockPatience/10)
	if err == nil && free {
		var unable error
		free, unable = l.folder.TryLockContext(ctx, lockPatience/10)
		if unable != nil && !errors.Is(unable, context.DeadlineExceeded) {
			free = true // a file system without locks on folders, such as NFS
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || err == nil && !free {
		return nil, errors.Join(fmt.Errorf("%s %s: %w%s: stop that one, or choose another --out",
			kind, dir, ErrInUse, holder(path)), l.release())
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
		return nil, errors.Join(Output("locking "+kind+" "+dir, err), l.release())
	}
	return l, nil
}

// onFolder returns the lock on a directory itself, not yet taken.
func onFolder(dir string) *flock.Flock { return flock.New(dir, flock.SetFlag(os.O_RDONLY)) }

func (l *held) release() error { return errors.Join(l.folder.Unlock(), l.file.Unlock()) }

// dir returns the locked directory at path as a Dir.
func (l *held) dir(path string) (*Dir, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(Output("opening run directory "+path, err), l.release())
	}
	return &Dir{path: path, lock: l, info: info}, nil
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
	if _, err := os.Stat(path); err == nil {
		taken, err := taken(flock.New(path, flock.SetFlag(os.O_RDONLY)))
		if err != nil {
			return false, fmt.Errorf("asking whether run %s is running: %w", dir, err)
		}
		if taken {
			return true, nil
		}
	}
	taken, err := taken(onFolder(dir))
	return taken && err == nil, nil // an error is of a file system without locks on folders, such as NFS
}

// taken reports whether a process holds a lock.
func taken(l *flock.Flock) (bool, error) {
	free, err := l.TryRLock()
	if err != nil || !free {
		return err == nil, err
	}
	return false, l.Close()
}
