// SPDX-License-Identifier: Apache-2.0

// Package tracetest reads traces in tests, as ui.perfetto.dev would.
package tracetest

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/trace"
)

// File is what a trace holds.
type File struct {
	Tracks   map[int]string // names by number
	Spans    []trace.Span   // without threads
	Metadata map[string]any
}

// Read reads a trace and holds it to the format: every track has one name, which no other has; every span has a start
// and a duration, neither negative; and the spans of a track, in the order of their starts, lie beside or within one
// another.
func Read(t testing.TB, text []byte) (f File) {
	t.Helper()
	var file struct {
		Unit   string `json:"displayTimeUnit"`
		Events []struct {
			Name     string
			Ph       string
			TS, Dur  *float64
			PID, TID int
			Args     map[string]any
		} `json:"traceEvents"`
		Metadata map[string]any
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("the trace is no JSON: %v\n%.500s", err, text)
	}
	if file.Unit != "ms" {
		t.Errorf("times are shown in %q", file.Unit)
	}
	f = File{Tracks: map[int]string{}, Metadata: file.Metadata}
	taken := map[string]bool{}
	around := map[int][]trace.Span{}
	last := map[int]time.Duration{}
	for _, e := range file.Events {
		if e.PID != 1 || e.Name == "" {
			t.Errorf("process %d, name %q", e.PID, e.Name)
		}
		if e.Ph == "M" {
			if e.Name == "thread_name" {
				name, _ := e.Args["name"].(string)
				if name == "" || taken[name] || f.Tracks[e.TID] != "" {
					t.Errorf("track %d has the name %q", e.TID, name)
				}
				f.Tracks[e.TID], taken[name] = name, true
			}
			continue
		}
		if e.Ph != "X" || e.TS == nil || e.Dur == nil || *e.TS < 0 || *e.Dur < 0 {
			t.Fatalf("this is no span: %+v", e)
		}
		if f.Tracks[e.TID] == "" {
			t.Errorf("track %d has no name", e.TID)
		}
		s := trace.Span{Track: f.Tracks[e.TID], Name: e.Name, Args: e.Args,
			Start: time.Duration(math.Round(*e.TS * 1000)), End: time.Duration(math.Round((*e.TS + *e.Dur) * 1000))}
		if s.Start < last[e.TID] {
			t.Errorf("%s on %s begins before the span ahead of it", s.Name, s.Track)
		}
		last[e.TID] = s.Start
		open := around[e.TID]
		for len(open) > 0 && open[len(open)-1].End <= s.Start {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && s.End > open[len(open)-1].End {
			t.Errorf("%s on %s goes on after %s, in which it begins", s.Name, s.Track, open[len(open)-1].Name)
		}
		around[e.TID] = append(open, s)
		f.Spans = append(f.Spans, s)
	}
	return f
}
