// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ended asks for a job until it ends.
func ended(t *testing.T, j *jobs, key string, f computation) (any, error) {
	t.Helper()
	for {
		v, at, err := j.of(t.Context(), key, f)
		if at == nil {
			return v, err
		}
	}
}

// Jobs go on one at a time, each is computed once for all who ask, and its result is kept. An error is not.
func TestJobs(t *testing.T) {
	j := newJobs(slog.New(slog.DiscardHandler))
	defer j.stop()
	var now, most, computed atomic.Int32
	var group sync.WaitGroup
	for i := range 12 {
		key := fmt.Sprint(i % 4)
		group.Go(func() {
			v, err := ended(t, j, key, func(context.Context, func(done, of int)) (any, error) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(5 * time.Millisecond)
				computed.Add(1)
				now.Add(-1)
				return "result " + key, nil
			})
			if err != nil || v != "result "+key {
				t.Errorf("job %s: %v, %v", key, v, err)
			}
		})
	}
	group.Wait()
	if most.Load() != 1 || computed.Load() != 4 {
		t.Errorf("%d jobs at a time, %d computed: want 1 and 4", most.Load(), computed.Load())
	}
	for i := range 2 {
		_, err := ended(t, j, "bad", func(context.Context, func(done, of int)) (any, error) {
			return nil, fmt.Errorf("failure %d", i)
		})
		if err == nil || err.Error() != fmt.Sprintf("failure %d", i) {
			t.Errorf("a job that fails: %v", err)
		}
	}
	_, err := ended(t, j, "panic", func(context.Context, func(done, of int)) (any, error) { panic("oh") })
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a job that panics: %v", err)
	}
	for i := range 2 * mostDone {
		f := func(context.Context, func(done, of int)) (any, error) { return i, nil }
		if _, err := ended(t, j, fmt.Sprint("many ", i), f); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (all, done int) {
		j.mu.Lock()
		defer j.mu.Unlock()
		return len(j.all), len(j.done)
	}
	if all, done := kept(); all != mostDone || done != mostDone {
		t.Errorf("%d jobs and %d results are kept, want %d", all, done, mostDone)
	}
	for i := range 5 {
		f := func(context.Context, func(done, of int)) (any, error) { return large(mostBytes / 2), nil }
		if _, err := ended(t, j, fmt.Sprint("large ", i), f); err != nil {
			t.Fatal(err)
		}
	}
	if all, done := kept(); all != 2 || done != 2 {
		t.Errorf("of large results %d are kept, want 2", done)
	}
	f := func(context.Context, func(done, of int)) (any, error) { return large(2 * mostBytes), nil }
	if v, err := ended(t, j, "huge", f); err != nil || v != large(2*mostBytes) {
		t.Errorf("a huge result: %v, %v", v, err)
	}
}

// large is a result of so many bytes.
type large int

func (l large) bytes() int { return int(l) }

// A job says how far it has come. One that nobody asks for any more ends, and so does one that waits for it; then they
// can be asked for anew. More jobs than there is room for are refused.
func TestJobsThatTakeLong(t *testing.T) {
	j := newJobs(slog.New(slog.DiscardHandler))
	defer j.stop()
	j.unasked = 2 * time.Second
	over := make(chan error, mostJobs)
	endless := func(ctx context.Context, progress func(done, of int)) (any, error) {
		progress(3, 7)
		<-ctx.Done()
		over <- context.Cause(ctx)
		return nil, context.Cause(ctx)
	}
	if _, at, err := j.of(t.Context(), "0", endless); err != nil || at == nil || *at != (waiting{3, 7}) {
		t.Errorf("the progress is %v (%v)", at, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	for i := 1; i < mostJobs; i++ {
		if _, _, err := j.of(gone, fmt.Sprint(i), endless); !errors.Is(err, context.Canceled) {
			t.Errorf("a reader who has left: %v", err)
		}
	}
	var f *failure
	if _, _, err := j.of(t.Context(), "one more", endless); !errors.As(err, &f) || f.status != 503 {
		t.Errorf("with %d jobs another one: %v", mostJobs, err)
	}
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("a job that nobody asks for ends with %v", err)
	}
	v, err := ended(t, j, "0", func(context.Context, func(done, of int)) (any, error) { return "new", nil })
	for err != nil { // the old one was about to end
		v, err = ended(t, j, "0", func(context.Context, func(done, of int)) (any, error) { return "new", nil })
	}
	if v != "new" {
		t.Errorf("asked anew: %v", v)
	}
}
