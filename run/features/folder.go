// SPDX-License-Identifier: Apache-2.0

package features

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax/run"
)

// Most is how many evaluations of a run are kept. The first [Early] are always among them, because an embedding can
// collapse within ten steps, and the last one; the others are spread evenly.
const (
	Most  = 48
	Early = 8
)

// FileName is the name of the file of a step.
func FileName(step int) string { return fmt.Sprintf("step-%08d.safetensors", step) }

var fileNames = regexp.MustCompile(`^step-(\d{8,15})\.safetensors$`)

// Steps returns the steps whose samples are in a folder, in order. A folder that is missing has none.
func Steps(folder fs.FS) ([]int, error) {
	entries, err := fs.ReadDir(folder, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the features of a run: %w", err)
	}
	var steps []int
	for _, e := range entries {
		m := fileNames.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() {
			continue
		}
		if step, err := strconv.Atoi(m[1]); err == nil && FileName(step) == e.Name() {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// Save writes a sample into the run directory dir, in place of an earlier one of its step. It removes those of later
// steps, which a run that was resumed or went back will make again, and thins the others to [Most]. It scales the rows
// to length 1.
func Save(dir string, s *Sample) error {
	folder := filepath.Join(dir, run.FeaturesDir)
	if err := run.MakeWithin(folder); err != nil {
		return run.Output("making "+folder, err)
	}
	if err := run.WriteFile(filepath.Join(folder, FileName(s.Step)), s.write); err != nil {
		return err
	}
	steps, err := Steps(os.DirFS(folder))
	if err != nil {
		return err
	}
	for _, step := range superfluous(steps, s.Step) {
		if err := os.Remove(filepath.Join(folder, FileName(step))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return run.Output("removing features of an earlier step", err)
		}
	}
	return nil
}

// superfluous returns which of the steps, which are in order, are not kept when the newest one is of step last.
func superfluous(steps []int, last int) (gone []int) {
	kept := steps
	if later, _ := slices.BinarySearch(steps, last+1); later < len(steps) {
		kept, gone = steps[:later], slices.Clone(steps[later:])
	}
	kept = slices.Clone(kept)
	for len(kept) > Most {
		closest, width := -1, 0 // the step whose neighbours are the closest; of several, the first
		for i := Early; i < len(kept)-1; i++ {
			if w := kept[i+1] - kept[i-1]; closest < 0 || w < width {
				closest, width = i, w
			}
		}
		gone = append(gone, kept[closest])
		kept = slices.Delete(kept, closest, closest+1)
	}
	return gone
}
