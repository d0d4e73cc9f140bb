// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"sync"

	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// A Judge gives the events of a run to a guard. It is a series.Watcher. Its methods may be called by several
// goroutines.
type Judge struct {
	mu    sync.Mutex
	guard *guard.Guard
	start run.Event
}

// Reset forgets the events.
func (j *Judge) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.guard, j.start = guard.New(config.Warn), run.Event{}
}

// Add takes an event.
func (j *Judge) Add(e run.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Event == run.Start {
		j.start, j.guard.Method = e, e.Method
	}
	j.guard.Add(e)
}

// Verdict returns what the guard says of the run as far as it has come, and how the run began.
func (j *Judge) Verdict() (judged run.Event, ok bool, start run.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	judged, ok = j.guard.Judged()
	return judged, ok, j.start
}
