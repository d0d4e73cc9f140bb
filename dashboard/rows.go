// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/summary"
)

// A row is what the table of runs shows of one.
type row struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	In   string `json:"in,omitempty"`
	Name string `json:"name"`
	summary.Run

	Updated float64  `json:"updated,omitempty"` // Unix seconds
	Tags    []string `json:"tags,omitempty"`
	Note    string   `json:"note,omitempty"`
	Version string   `json:"version,omitempty"` // of tags and note, for a change; "": there are none
	Error   string   `json:"error,omitempty"`   // what could not be read
}

// stamp says whether the files of a run are those that a row was made of.
type stamp struct {
	metrics, config, notes int64 // nanoseconds
	size                   int64
	running                bool
}

func stampOf(f *folder) stamp {
	s := stamp{running: locked(f)} // first: a run that ends after that has said so in its events
	if info, err := f.stat(run.MetricsFile); err == nil {
		s.metrics, s.size = info.ModTime().UnixNano(), info.Size()
	}
	if info, err := f.stat(run.ConfigFile); err == nil {
		s.config = info.ModTime().UnixNano()
	}
	if info, err := f.stat(notesFile); err == nil {
		s.notes = info.ModTime().UnixNano()
	}
	return s
}

// rowOf reads what the table shows of a run: the settings, and the last events.
func rowOf(f *folder, s stamp) *row {
	r := &row{ID: f.id, Kind: f.kind, In: f.in, Name: f.name(), Run: summary.Run{State: summary.New}}
	var problems []error
	images := 0 // of a step
	if text, err := f.text(run.ConfigFile); err != nil {
		problems = append(problems, err)
	} else if images, err = r.Settings(text); err != nil {
		problems = append(problems, err)
	}
	if n, err := readNotes(f); err == nil {
		r.Tags, r.Note, r.Version = n.Tags, n.Note, n.Version
	} else if !errors.Is(err, os.ErrNotExist) {
		problems = append(problems, err)
	}
	if s.metrics != 0 {
		r.Updated = float64(s.metrics) / 1e9
		file, err := f.open(run.MetricsFile)
		if err == nil {
			err = errors.Join(r.Events(file, images), file.Close())
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	if s.running {
		r.State = summary.Running
	} else {
		r.Left = 0
	}
	if err := errors.Join(problems...); err != nil {
		r.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return r
}

// locked reports whether a process has a run open. A lock that is no plain file is not asked.
func locked(f *folder) bool {
	if info, err := f.place.root.Lstat(filepath.FromSlash(path.Join(f.at, run.LockFile))); err != nil ||
		!info.Mode().IsRegular() {
		return false
	}
	running, err := run.Running(f.dir())
	return err == nil && running
}
