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

	"github.com/parallax-ssl/parallax/config"

	"github.com/gofrs/flock"
)

// ErrNoRun is what reading a folder that holds no run wraps.
var ErrNoRun = errors.New("not a run directory")

// Dir is a run directory that this process alone writes to, until Close.
type Dir struct {
	path string
	lock *flock.Flock
}

// Create makes the directory (its parents too) for a new run and writes the config into it. A directory that holds a
// run or anything else is refused, and one that another process is running in.
func Create(path string, c *config.Layered) (*Dir, error) {
	if err := vacant(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, explain("making run directory "+path, err)
	}
	l, err := lock("run directory", path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: l}
	// Between the first look and the lock another process may have made and finished a run here.
	err = vacant(path)
	if err == nil {
		err = removeTemporaries(path)
	}
	if err == nil {
		err = d.SaveConfig(c)
	}
	if err == nil {
		err = syncDir(filepath.Dir(filepath.Clean(path)))
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// vacant says why a new run cannot be made at path, or wraps fs.ErrNotExist when nothing is there.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("making run directory %s: %w", path, err)
	}
	if _, err := os.Lstat(filepath.Join(path, ConfigFile)); err == nil {
		if running, err := Running(path); err == nil && running {
			return fmt.Errorf("run directory %s: %w%s: stop that one, or choose another --out", path, ErrInUse, holder(filepath.Join(path, LockFile)))
		}
		return fmt.Errorf("run directory %s holds a run: go on with --resume %s, or choose another --out", path, path)
	}
	for _, e := range entries {
		if e.Name() != LockFile && !isTemporary(e.Name()) {
			return fmt.Errorf("run directory %s is not empty (it holds %s) and holds no run: choose another --out", path, e.Name())
		}
	}
	return nil
}

// Open takes the directory of an existing run, to go on with it, and removes what a crash left half written.
func Open(path string) (*Dir, error) {
	if _, err := ReadConfig(path); err != nil {
		return nil, err
	}
	l, err := lock("run directory", path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: l}
	if err := removeTemporaries(path); err != nil {
		return nil, errors.Join(fmt.Errorf("opening run directory %s: %w", path, err), d.Close())
	}
	return d, nil
}

// ReadConfig is the text of the config of the run in dir, which may be running; see
// [config.Load], [config.MethodOf] and [config.Values].
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

// Path is the directory joined by the elements: d.Path(run.CheckpointsDir).
func (d *Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// SaveConfig writes config.yaml, replacing what was there.
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

// Close lets go of the directory. Another process may take it at once.
func (d *Dir) Close() error {
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("closing run directory %s: %w", d.path, err)
	}
	return nil
}

// String is the path as it was given.
func (d *Dir) String() string { return strings.TrimSuffix(d.path, "/") }
