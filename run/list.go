// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/config"
)

// The states of a run.
const (
	StatusRunning = "running" // a process has it open
	StatusEnded   = "finished"
	StatusStopped = "stopped" // interrupted, failed or killed; it can be resumed
)

// A Summary describes one run.
type Summary struct {
	Dir    string
	Method string
	Status string
	Last   Event // the last event that can be read; zero when there is none
	Err    error // what could not be read; the other fields hold the rest
}

// List finds the runs in root, in the order of their paths. A run may be root itself or a folder at any depth beneath
// it. Runs inside other runs are not listed.
func List(root string) ([]Summary, error) {
	var all []Summary
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if _, err := os.Stat(filepath.Join(path, ConfigFile)); err != nil {
			return nil // no run here, but perhaps beneath
		}
		all = append(all, summarise(path))
		return fs.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("looking for runs in %s: %w", root, err)
	}
	return all, nil
}

func summarise(dir string) Summary {
	s := Summary{Dir: dir, Status: StatusStopped}
	text, err := ReadConfig(dir)
	if err == nil {
		s.Method, err = config.MethodOf(text, filepath.Join(dir, ConfigFile))
	}
	metrics, reading := lastEvent(filepath.Join(dir, MetricsFile))
	s.Last = metrics
	running, asking := Running(dir)
	switch {
	case running:
		s.Status = StatusRunning
	case s.Last.Event == End && s.Last.Reason == Finished:
		s.Status = StatusEnded
	}
	s.Err = errors.Join(err, reading, asking)
	return s
}

// tail is enough of a metrics.jsonl to hold its last line.
const tail = 1 << 16

func lastEvent(path string) (Event, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Event{}, nil // a run that has not begun
	}
	if err != nil {
		return Event{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Event{}, err
	}
	if _, err := f.Seek(max(0, info.Size()-tail), 0); err != nil {
		return Event{}, err
	}
	var last Event
	for e, err := range ReadEvents(f) {
		if err == nil { // the first line read may be the end of a longer one
			last = e
		}
	}
	return last, nil
}
