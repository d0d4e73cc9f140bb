// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/internal/trace/tracetest"
)

func TestWrite(t *testing.T) {
	r := trace.Start()
	outer := r.Begin("trainer", "step")
	for range 3 {
		inner := r.Begin("trainer", "forward")
		var loaders sync.WaitGroup
		for n := range 4 {
			loaders.Go(func() {
				s := r.Begin("loader "+strconv.Itoa(n), "decode \"é\"\n")
				time.Sleep(time.Millisecond)
				s.End()
			})
		}
		loaders.Wait()
		inner.End()
	}
	outer.End()
	r.Add(trace.Span{Track: "steps", Name: "step", Start: 1, End: 1500*time.Microsecond + 7,
		Args: map[string]any{"step": 3}})
	unfinished := r.Begin("trainer", "never")
	spans, dropped := r.Stop()
	unfinished.End()
	r.Begin("trainer", "late").End()
	if again, _ := r.Stop(); len(spans) != 17 || len(again) != 17 || dropped != 0 {
		t.Fatalf("%d spans, then %d, %d dropped; want 17", len(spans), len(again), dropped)
	}
	var b bytes.Buffer
	err := trace.Write(&b, "p", spans, []string{"steps", "trainer", "absent"}, map[string]int{"answer": 42})
	if err != nil {
		t.Fatal(err)
	}
	f := tracetest.Read(t, b.Bytes())
	want := map[int]string{1: "steps", 2: "trainer", 4: "loader 0", 5: "loader 1", 6: "loader 2", 7: "loader 3"}
	for id, name := range want {
		if f.Tracks[id] != name || len(f.Tracks) != len(want) {
			t.Errorf("tracks are %v, want %v", f.Tracks, want)
			break
		}
	}
	for _, s := range f.Spans {
		if s.Track == "steps" && (s.Start != 1 || s.End != 1500007 || s.Args["step"] != 3.0) {
			t.Errorf("the step is %+v", s)
		}
		if strings.HasPrefix(s.Track, "loader") && s.End-s.Start < time.Millisecond {
			t.Errorf("a sleep of a millisecond took %v", s.End-s.Start)
		}
	}
	if len(f.Spans) != 17 || f.Metadata["answer"] != 42.0 {
		t.Errorf("%d spans, %v", len(f.Spans), f.Metadata)
	}
}

// broken fails after some bytes.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteReportsAFullDisk(t *testing.T) {
	spans := make([]trace.Span, 1000)
	for i := range spans {
		spans[i] = trace.Span{Track: "a", Name: "b"}
	}
	for _, left := range []int{0, 5000, 40000} {
		if err := trace.Write(&broken{left}, "p", spans, nil, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}

func TestNilRecorder(t *testing.T) {
	var r *trace.Recorder
	if n := testing.AllocsPerRun(100, func() { r.Begin("a", "b").End() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if r.Now() != 0 {
		t.Error("it knows the time")
	}
}

func TestNest(t *testing.T) {
	nodes := trace.Nest([]trace.Span{
		{Track: "b", Name: "alone", Start: 0, End: 100},
		{Track: "a", Name: "leaf", Start: 12, End: 15},
		{Track: "a", Name: "inner", Start: 10, End: 20},
		{Track: "a", Name: "outer", Start: 10, End: 30},
		{Track: "a", Name: "inner", Start: 20, End: 25},
		{Track: "a", Name: "next", Start: 30, End: 31},
	})
	want := []struct {
		path   string
		around int
		self   time.Duration
	}{
		{"outer", -1, 5}, {"outer/inner", 0, 7}, {"outer/inner/leaf", 1, 3}, {"outer/inner", 0, 5}, {"next", -1, 1},
		{"alone", -1, 100},
	}
	for i, n := range nodes {
		if n.Path != want[i].path || n.Around != want[i].around || n.Self != want[i].self {
			t.Errorf("node %d is %s in %d with %d, want %+v", i, n.Path, n.Around, n.Self, want[i])
		}
	}
	if len(nodes) != len(want) {
		t.Errorf("%d nodes, want %d", len(nodes), len(want))
	}
}
