// SPDX-License-Identifier: Apache-2.0

package failpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
)

// Same returns how the finished run in got differs from the one in want: in its weights, the states of the optimiser
// and the hooks, the best checkpoint, the exported encoder, the features, or the evaluations. It also looks for what
// every finished run has.
func Same(want, got string) error {
	names, err := checkpoint.List(want)
	if err != nil || len(names) == 0 {
		return fmt.Errorf("%s has no checkpoint (%w)", want, err)
	}
	last := filepath.Join(run.CheckpointsDir, names[len(names)-1])
	var differ []error
	for _, name := range []string{
		filepath.Join(last, "model.safetensors"), filepath.Join(last, "optimizer.safetensors"),
		filepath.Join(last, "hooks.safetensors"), run.EncoderFile, run.BestFile,
	} {
		if err := sameFile(filepath.Join(want, name), filepath.Join(got, name)); err != nil {
			differ = append(differ, err)
		}
	}
	a, err := evaluations(want)
	if err != nil {
		return err
	}
	b, err := evaluations(got)
	if err != nil {
		return err
	}
	if a != b {
		differ = append(differ, fmt.Errorf("the evaluations differ:\n%swant\n%s", b, a))
	}
	return errors.Join(append(differ, sameFeatures(want, got), whole(got, last))...)
}

func sameFile(want, got string) error {
	a, err := os.ReadFile(want)
	if errors.Is(err, os.ErrNotExist) {
		a, err = nil, nil
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(got)
	if a == nil && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && !bytes.Equal(a, b) {
		err = fmt.Errorf("%s differs from %s", got, want)
	}
	return err
}

// sameFeatures returns how the features that two runs have kept differ.
func sameFeatures(want, got string) error {
	kept := func(dir string) []int {
		steps, err := features.Steps(os.DirFS(filepath.Join(dir, run.FeaturesDir)))
		if err != nil {
			return nil
		}
		return steps
	}
	a, b := kept(want), kept(got)
	if !slices.Equal(a, b) {
		return fmt.Errorf("features are kept of the steps %v, want %v", b, a)
	}
	var differ []error
	for _, step := range a {
		name := filepath.Join(run.FeaturesDir, features.FileName(step))
		differ = append(differ, sameFile(filepath.Join(want, name), filepath.Join(got, name)))
	}
	return errors.Join(differ...)
}

// evaluations returns the lines of a run's evaluations, and of what its guard said.
func evaluations(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for line := range bytes.Lines(text) {
		for e, err := range run.ReadEvents(bytes.NewReader(line)) {
			if err != nil {
				return "", fmt.Errorf("%s: %q: %w", dir, line, err)
			}
			if e.Event == run.Eval || e.Event == run.Alarm || e.Event == run.Judged {
				lines.Write(line)
			}
		}
	}
	return lines.String(), nil
}

// whole returns what a finished run lacks, with the folder of its last checkpoint within the run.
func whole(dir, last string) error {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return err
	}
	defer f.Close()
	var end run.Event
	saved := false
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			return err
		}
		if end = e; e.Event == run.Saved && e.File == last {
			saved = true
		}
	}
	var lacks []error
	if end.Event != run.End || end.Reason != run.Finished {
		lacks = append(lacks, fmt.Errorf("the last line of the log is %+v", end))
	}
	if !saved {
		lacks = append(lacks, fmt.Errorf("no line says that %s was saved", last))
	}
	left, err := filepath.Glob(filepath.Join(dir, run.CheckpointsDir, ".*"))
	if err != nil || len(left) > 0 {
		lacks = append(lacks, fmt.Errorf("left behind: %v (%w)", left, err))
	}
	if board, err := os.ReadDir(filepath.Join(dir, run.TensorBoardDir)); len(board) == 0 {
		lacks = append(lacks, fmt.Errorf("there is nothing for TensorBoard: %w", err))
	}
	return errors.Join(lacks...)
}
