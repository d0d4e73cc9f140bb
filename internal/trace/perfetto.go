// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// event is an event of the Trace Event Format, which ui.perfetto.dev and chrome://tracing open: "X" is a complete event
// with a start and a duration in microseconds, "M" names a process or a thread and orders threads.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU and
// https://perfetto.dev/docs/getting-started/other-formats
type event struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	Start *microseconds  `json:"ts,omitempty"`
	Time  *microseconds  `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Args  map[string]any `json:"args,omitempty"`
}

// microseconds keep the nanoseconds behind the point, so that spans which nest do so in the file.
type microseconds time.Duration

// MarshalJSON writes "12.345".
func (m microseconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

// Write writes spans as JSON, one track below the other: those of first, then the others by name. metadata is any value
// about the whole, for other programs.
func Write(w io.Writer, program string, spans []Span, first []string, metadata any) error {
	tracks := slices.Clone(first)
	known := map[string]int{}
	for _, s := range spans {
		if _, ok := known[s.Track]; !ok {
			known[s.Track] = 0
			tracks = append(tracks, s.Track)
		}
	}
	slices.Sort(tracks[len(first):])
	events := []event{{Name: "process_name", Phase: "M", PID: 1, Args: map[string]any{"name": program}}}
	for i, track := range tracks {
		if known[track] > 0 || !slices.ContainsFunc(spans, func(s Span) bool { return s.Track == track }) {
			continue // listed before, or empty
		}
		known[track] = i + 1
		events = append(events,
			event{Name: "thread_name", Phase: "M", PID: 1, TID: i + 1, Args: map[string]any{"name": track}},
			event{Name: "thread_sort_index", Phase: "M", PID: 1, TID: i + 1, Args: map[string]any{"sort_index": i}})
	}

	b := bufio.NewWriter(w)
	fmt.Fprint(b, `{"displayTimeUnit":"ms","traceEvents":[`)
	for i, e := range events {
		if err := put(b, i == 0, e); err != nil {
			return err
		}
	}
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, outerFirst)
	for _, s := range sorted {
		start, took := microseconds(s.Start), microseconds(s.End-s.Start)
		e := event{Name: s.Name, Phase: "X", Start: &start, Time: &took, PID: 1, TID: known[s.Track], Args: s.Args}
		if err := put(b, false, e); err != nil {
			return err
		}
	}
	fmt.Fprint(b, "\n],\"metadata\":")
	if err := json.NewEncoder(b).Encode(metadata); err != nil {
		return err
	}
	fmt.Fprintln(b, "}")
	return b.Flush()
}

func put(w io.Writer, first bool, e event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	separator := ",\n"
	if first {
		separator = "\n"
	}
	_, err = fmt.Fprintf(w, "%s%s", separator, text)
	return err
}

// outerFirst orders spans by their starts; of two that start together the longer one comes first, around the other.
func outerFirst(a, b Span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
}

// Node is a span with its place in the nesting of its track.
type Node struct {
	Span
	Around int           // the index of the node directly around this one; -1 for none
	Path   string        // the names from the outermost span to this one, such as "hooks/probe"
	Self   time.Duration // without the spans directly within
}

// Nest finds how the spans of each track lie within one another. The nodes are in the order of their starts, track by
// track.
func Nest(spans []Span) (nodes []Node) {
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Track, b.Track), outerFirst(a, b))
	})
	var around []int // the nodes that the next span may lie in
	for _, s := range sorted {
		for len(around) > 0 {
			outer := &nodes[around[len(around)-1]]
			if outer.Track == s.Track && s.End <= outer.End {
				break
			}
			around = around[:len(around)-1]
		}
		n := Node{Span: s, Around: -1, Path: s.Name, Self: s.End - s.Start}
		if len(around) > 0 {
			n.Around = around[len(around)-1]
			outer := &nodes[n.Around]
			n.Path = outer.Path + "/" + s.Name
			outer.Self -= n.Self
		}
		around = append(around, len(nodes))
		nodes = append(nodes, n)
	}
	return nodes
}
