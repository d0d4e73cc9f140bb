// SPDX-License-Identifier: Apache-2.0

// Package trace records what the threads of a program do, as spans of time on named tracks, and writes them for
// ui.perfetto.dev.
package trace

import (
	"sync"
	"sync/atomic"
	"time"
)

// Most is how many spans a Recorder keeps. Later ones are counted.
const Most = 1 << 19

// A Recorder collects spans from any goroutine. A nil Recorder collects none, at the cost of a comparison.
type Recorder struct {
	origin  time.Time
	stopped atomic.Bool

	mu      sync.Mutex
	spans   []Span
	dropped int
}

// Span is a stretch of time on a track. The spans of a track lie beside or within one another.
type Span struct {
	Track, Name string
	Thread      int            // the operating system's number of the thread; 0 where it has none to tell
	Start, End  time.Duration  // since the recorder's start
	Args        map[string]any // shown beside the span
}

// Start returns a Recorder that records from now on.
func Start() *Recorder { return &Recorder{origin: time.Now()} }

// Since returns the place of a point of time in the record.
func (r *Recorder) Since(t time.Time) time.Duration { return t.Sub(r.origin) }

// Now returns the place of the present in the record; 0 for a nil Recorder.
func (r *Recorder) Now() time.Duration {
	if r == nil {
		return 0
	}
	return r.Since(time.Now())
}

// Open is a span that has begun.
type Open struct {
	recorder    *Recorder
	track, name string
	start       time.Duration
}

// Begin opens a span of a track. It counts once its End is called, on the same thread.
func (r *Recorder) Begin(track, name string) Open {
	if r == nil || r.stopped.Load() {
		return Open{}
	}
	return Open{r, track, name, r.Now()}
}

// End closes the span.
func (o Open) End() {
	if o.recorder != nil {
		o.recorder.Add(Span{Track: o.track, Name: o.name, Thread: Thread(), Start: o.start, End: o.recorder.Now()})
	}
}

// Add records a span that is over. A stopped Recorder takes no more.
func (r *Recorder) Add(s Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped.Load():
	case len(r.spans) >= Most:
		r.dropped++
	default:
		r.spans = append(r.spans, s)
	}
}

// Stop ends the recording and returns the spans, in the order of their ends, and how many found no room.
func (r *Recorder) Stop() (spans []Span, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped.Store(true)
	return r.spans, r.dropped
}
