// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// smallDisk mounts an empty file system of 256 KiB. The test is skipped if that is not permitted.
func smallDisk(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Errorf("unmounting %s: %v", path, err)
		}
	})
	return path
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// fill writes zeros until the disk is full, and then frees room bytes.
func fill(path string, room int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Truncate(max(0, n-room)), f.Close())
}

// On a full disk the run ends with one line that says what to do. Its last checkpoint is undamaged and can be resumed.
func TestFullDisk(t *testing.T) {
	const page = 4 << 10 // the least that a file takes; a checkpoint has four files
	for _, c := range []struct {
		room               int64
		steps, saves, logs int
		where              string
	}{
		{0, 10, 2, 100, "saving a checkpoint"},
		{page, 10, 2, 100, "saving a checkpoint"},
		{2 * page, 10, 2, 100, "saving a checkpoint"},
		{3 * page, 10, 2, 100, "saving a checkpoint"},
		{0, 79, 40, 1, "writing "}, // a line of metrics.jsonl or a record of TensorBoard
	} {
		t.Run(fmt.Sprintf("%d bytes left, logging every %d", c.room, c.logs), func(t *testing.T) {
			disk := smallDisk(t)
			j := job{set: func(cfg *config.Config) {
				cfg.Train.MaxSteps, cfg.Train.SaveEvery, cfg.Train.LogEvery = c.steps, c.saves, c.logs
			}}
			want := j.whole(t)
			dir, filler := filepath.Join(disk, "run"), filepath.Join(disk, "filler")
			var filling error
			j.watch = func(e run.Event) {
				if e.Event == run.Saved && e.Step == c.saves {
					filling = fill(filler, c.room)
				}
			}
			err := j.run(t, t.Context(), dir, false)
			must(t, filling)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("error %v, want ENOSPC", err)
			}
			oneLine(t, err, "no space left on device: free some space, then continue with --resume")
			if !strings.HasPrefix(err.Error(), c.where) {
				t.Errorf("error %q does not begin with %q", err, c.where)
			}
			must(t, os.Remove(filler))
			intact(t, j, dir, want, c.saves, c.steps)
		})
	}
}
