// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/config"
)

// ErrNoRun is wrapped by the error of reading a folder that holds no run.
var ErrNoRun = errors.New("not a run directory")

// ErrGone is wrapped by the error of writing to a run directory that was removed or moved away.
var ErrGone = fmt.Errorf("it was removed or moved while the run was writing to it: %w", syscall.ENOENT)

// Dir is a run directory. Until Close, only this process writes to it.
type Dir struct {
	path string
	lock *held
	info fs.FileInfo // of the directory that was locked
}

// Create makes the directory of a new run, with its parents, and writes the config into it. It refuses a directory that
// is not empty and one in which another process is running.
func Create(path string, c *config.Layered) (*Dir, error) {
	if err := vacant(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := MakeFolder(path); err != nil {
		return nil, Output("making run directory "+path, err)
	}
	l, err := lock("run directory", path)
	if err != nil {
		return nil, err
	}
	d, err := l.dir(path)
	if err != nil {
		return nil, err
	}
	// Another process may have made and finished a run here before this one took the lock.
	err = vacant(path)
	if err == nil {
		err = RemoveTemporaries(path)
	}
	if err == nil {
		err = d.SaveConfig(c)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// vacant returns why a new run cannot be made at path. The error wraps fs.ErrNotExist when nothing is there.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return Output("making run directory "+path, err)
	}
	if _, err := os.Lstat(filepath.Join(path, ConfigFile)); err == nil {
		if running, err := Running(path); err == nil && running {
			return fmt.Errorf("run directory %s: %w%s: stop that one, or choose another --out",
				path, ErrInUse, holder(filepath.Join(path, LockFile)))
		}
		return fmt.Errorf("run directory %s holds a run: continue it with --resume %s, or choose another --out",
			path, path)
	}
	for _, e := range entries {
		if e.Name() != LockFile && !IsTemporary(e.Name()) {
			return fmt.Errorf("run directory %s is not empty (it holds %s) and holds no run: choose another --out",
				path, e.Name())
		}
	}
	return nil
}

// Open takes the directory of an existing run, to resume it, and removes files that a crash left half written.
func Open(path string) (*Dir, error) {
	if _, err := ReadConfig(path); err != nil {
		return nil, err
	}
	l, err := lock("run directory", path)
	if err != nil {
		return nil, err
	}
	d, err := l.dir(path)
	if err != nil {
		return nil, err
	}
	if err := RemoveTemporaries(path); err != nil {
		return nil, errors.Join(fmt.Errorf("opening run directory %s: %w", path, err), d.Close())
	}
	return d, nil
}

// ReadConfig returns the text of the config of the run in dir. The run may be running. [config.Load],
// [config.MethodOf] and [config.Values] read the text.
func ReadConfig(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %s: %w: it has no %s", dir, ErrNoRun, ConfigFile)
	}
	if err != nil {
		return nil, fmt.Errorf("opening run %s: %w", dir, err)
	}
	return b, nil
}

// Path joins the elements to the path of the directory: d.Path(run.CheckpointsDir).
func (d *Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// SaveConfig writes config.yaml. It replaces an older one.
func (d *Dir) SaveConfig(c *config.Layered) error {
	text, err := c.Encode()
	if err != nil {
		return err
	}
	return WriteFile(d.Path(ConfigFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// Check returns an error that wraps [ErrGone] unless the path still leads to the directory that was opened. Whatever
// belongs together is written only after a check, so that a run does not go on in a directory of the same name, or make
// one that somebody has removed.
func (d *Dir) Check() error {
	now, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, d.info):
		return Output("run directory "+d.path,
			fmt.Errorf("%w: if it was moved, continue with --resume and its new place", ErrGone))
	case err != nil:
		return Output("looking for run directory "+d.path, err)
	}
	return nil
}

// Close releases the directory. Another process may take it at once.
func (d *Dir) Close() error {
	if err := d.lock.release(); err != nil {
		return fmt.Errorf("closing run directory %s: %w", d.path, err)
	}
	return nil
}

// String returns the path as it was given.
func (d *Dir) String() string { return strings.TrimSuffix(d.path, "/") }
