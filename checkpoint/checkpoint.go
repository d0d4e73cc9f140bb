// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
)

const (
	stepPrefix = "step-"
	writing    = ".writing-"  // prefix of a folder that is being written
	replaced   = ".replaced-" // prefix of a folder whose place another takes
)

// Checkpoint is all the state from which a run resumes.
type Checkpoint struct {
	Manifest
	Networks  []nn.State // parameters and buffers, under their full names
	Optimizer []nn.State
	Hooks     []nn.State // under names that begin with the hook's and a slash
	Average   []nn.State // of some of the networks' tensors, under their full names; nil: none is kept
}

// Name returns the name of the folder of a step's checkpoint.
func Name(step int) string { return fmt.Sprintf("%s%08d", stepPrefix, step) }

// Path returns the folder of the checkpoint called name of the run in dir.
func Path(dir, name string) string { return filepath.Join(dir, run.CheckpointsDir, name) }

// List returns the names of the checkpoints of the run in dir, oldest first, whole or damaged.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, run.CheckpointsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing checkpoints: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stepPrefix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Write saves c as the checkpoint of its step of the run in dir and returns its name. It writes and fsyncs the files in
// a temporary folder, renames the folder, and fsyncs its parent. It fills in c's format, files and digest. It does not
// make dir, which may have been removed on purpose.
func Write(dir string, c *Checkpoint) (string, error) {
	name := Name(c.Step)
	temporary := Path(dir, writing+name)
	if err := os.RemoveAll(temporary); err != nil {
		return name, err
	}
	for _, folder := range []string{filepath.Dir(temporary), temporary} {
		if err := run.MakeWithin(folder); err != nil {
			return name, err
		}
	}
	err := c.fill(temporary)
	if err == nil {
		err = put(dir, temporary, name)
	}
	if err != nil {
		return name, errors.Join(err, os.RemoveAll(temporary))
	}
	return name, nil
}

// put gives a written folder its name. A folder that has the name, a damaged one or one that is written again, is
// removed afterwards, so that a crash leaves one of the two; see [Recover].
func put(dir, temporary, name string) error {
	old := Path(dir, replaced+name)
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	err := os.Rename(Path(dir, name), old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := run.Rename(temporary, Path(dir, name)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// Recover ends replacements of checkpoints of the run in dir that a crash cut off: it puts a replaced checkpoint back
// in its place if the place is empty.
func Recover(dir string) error {
	old, err := filepath.Glob(Path(dir, replaced+"*"))
	if err != nil {
		return fmt.Errorf("listing replaced checkpoints: %w", err)
	}
	for _, path := range old {
		place := Path(dir, strings.TrimPrefix(filepath.Base(path), replaced))
		if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) {
			err = run.Rename(path, place)
			if err != nil {
				return err
			}
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing a replaced checkpoint: %w", err)
		}
	}
	return nil
}

func (c *Checkpoint) fill(folder string) error {
	c.Format, c.Files = withoutAverage, map[string]string{}
	files := map[string][]nn.State{networksFile: c.Networks, optimizerFile: c.Optimizer, hooksFile: c.Hooks}
	if len(c.Average) > 0 {
		c.Format, files[averageFile] = FormatVersion, c.Average
	}
	for name, states := range files {
		hash := sha256.New()
		if err := run.WriteFile(filepath.Join(folder, name), func(w io.Writer) error {
			return nn.WriteStates(io.MultiWriter(w, hash), states, nil)
		}); err != nil {
			return err
		}
		c.Files[name] = hex.EncodeToString(hash.Sum(nil))
	}
	var err error
	if c.Manifest, err = c.signed(); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(folder, manifestFile), run.JSON(c.Manifest))
}

// Read reads the checkpoint in folder, of a run of the method. An error that wraps [ErrMisfit] concerns a whole
// checkpoint; any other error means that the checkpoint is damaged.
func Read(folder, method string) (*Checkpoint, error) {
	return read(folder, method, true)
}

// ReadNetworks is [Read] without the state of the optimiser and the hooks. It neither reads nor checks them. Tensors of
// which an average is kept are the average: what a run evaluates and exports.
func ReadNetworks(folder, method string) (*Checkpoint, error) {
	return read(folder, method, false)
}

// Newest reads the networks of the newest whole checkpoint of the run in dir, of the method.
func Newest(dir, method string) (*Checkpoint, error) {
	names, err := List(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the run has no checkpoint yet: wait for the first, or resume the run: "+
			"parallax pretrain --resume %s", dir)
	}
	for _, name := range slices.Backward(names) {
		var c *Checkpoint
		if c, err = ReadNetworks(Path(dir, name), method); err == nil || errors.Is(err, ErrMisfit) {
			return c, err
		}
	}
	return nil, fmt.Errorf("none of the run's %d checkpoints can be read; the oldest: %w", len(names), err)
}

func read(folder, method string, whole bool) (*Checkpoint, error) {
	m, err := ReadManifest(folder)
	if err != nil {
		return nil, err
	}
	if err := m.Fits(method); err != nil {
		return nil, err
	}
	c := &Checkpoint{Manifest: m}
	for _, f := range []struct {
		name   string
		states *[]nn.State
		wanted bool
	}{
		{networksFile, &c.Networks, true}, {averageFile, &c.Average, m.Files[averageFile] != ""},
		{optimizerFile, &c.Optimizer, whole}, {hooksFile, &c.Hooks, whole},
	} {
		if !f.wanted {
			continue
		}
		if *f.states, err = readVerified(filepath.Join(folder, f.name), m.Files[f.name]); err != nil {
			return nil, err
		}
	}
	if !whole {
		c.average()
	}
	return c, nil
}

// average puts the average in the place of the tensors.
func (c *Checkpoint) average() {
	of := make(map[string]nn.State, len(c.Average))
	for _, s := range c.Average {
		of[s.Name] = s
	}
	for i, s := range c.Networks {
		if mean, ok := of[s.Name]; ok {
			c.Networks[i] = mean
		}
	}
}

// readVerified checks a safetensors file's hash and reads the file.
func readVerified(path, want string) ([]nn.State, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return nil, fmt.Errorf("the SHA-256 of %s is not the one in its manifest", filepath.Base(path))
	}
	states, _, err := nn.ReadStates(path)
	return states, err
}

// Prune removes half-written checkpoints that a crash left. Of the checkpoints up to step it keeps the newest keep and
// the named ones. A checkpoint from after step is a damaged one that resuming skipped: it does not count as the newest.
func Prune(dir string, step, keep int, named ...string) error {
	all, err := List(dir)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name > Name(step) })
	old, err := filepath.Glob(Path(dir, writing+"*"))
	if err != nil {
		return fmt.Errorf("listing half-written checkpoints: %w", err)
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing a half-written checkpoint: %w", err)
		}
	}
	for i, name := range all {
		if i >= len(all)-keep || slices.Contains(named, name) {
			continue
		}
		if err := remove(dir, name); err != nil {
			return fmt.Errorf("removing an old checkpoint: %w", err)
		}
	}
	return nil
}

// remove removes a checkpoint. A crash leaves the whole checkpoint, or a folder that is removed like a half-written
// one.
func remove(dir, name string) error {
	out := Path(dir, writing+name)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Rename(Path(dir, name), out); err != nil {
		return err
	}
	return os.RemoveAll(out)
}

// Forget removes the checkpoints from after the named one, newest first, so that a crash leaves a run that can resume.
func Forget(dir, name string) error {
	all, err := List(dir)
	if err != nil {
		return err
	}
	for _, later := range slices.Backward(all) {
		if later > name {
			if err := remove(dir, later); err != nil {
				return fmt.Errorf("removing a checkpoint from after %s: %w", name, err)
			}
		}
	}
	return nil
}
