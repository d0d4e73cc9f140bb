// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// The bounds of jobs.
const (
	jobWait    = 700 * time.Millisecond // how long a request waits for a result before it gets the progress
	jobUnasked = 10 * time.Second       // after which a job that nobody asks for ends, usually
	mostJobs   = 16                     // that wait or go on
	mostDone   = 64                     // results that are kept
	mostBytes  = 128 << 20              // of them, as far as they say
)

// jobs computes what takes longer than a request may. One job goes on at a time, so that a training beside the
// dashboard keeps its cores. A page asks for a job again and again until it has the result; a job that nobody asks for
// ends.
type jobs struct {
	context.Context
	stop    context.CancelFunc
	log     *slog.Logger
	turn    chan struct{} // held by the job that goes on
	unasked time.Duration // after which a job that nobody asks for ends

	mu   sync.Mutex
	all  map[string]*job
	done []string // keys of jobs with a result, the last one asked for at the end
}

// A computation says how far it has come as it goes on.
type computation func(ctx context.Context, progress func(done, of int)) (any, error)

// A job is one computation.
type job struct {
	ended  chan struct{}
	result any // when it has ended
	err    error

	mu    sync.Mutex
	asked time.Time
	at    waiting
}

// waiting is the answer while a job goes on.
type waiting struct {
	Done int `json:"done"` // parts
	Of   int `json:"of"`   // 0: it waits for another one
}

func newJobs(log *slog.Logger) *jobs {
	ctx, stop := context.WithCancel(context.Background())
	return &jobs{Context: ctx, stop: stop, log: log, turn: make(chan struct{}, 1), unasked: jobUnasked,
		all: map[string]*job{}}
}

// errBusy says that too much is computed already.
var errBusy = errors.New("the dashboard computes as much as it can already: try again later")

// of returns the result of a job, or how far it has come. The first one who asks for the key begins it.
func (j *jobs) of(ctx context.Context, key string, f computation) (any, *waiting, error) {
	one, err := j.begin(key, f)
	if err != nil {
		return nil, nil, err
	}
	one.mu.Lock()
	one.asked = time.Now()
	one.mu.Unlock()
	select {
	case <-one.ended:
		return one.result, nil, one.err
	case <-time.After(jobWait):
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	at := one.at
	return nil, &at, nil
}

// begin returns the job of a key.
func (j *jobs) begin(key string, f computation) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if one := j.all[key]; one != nil {
		if i := slices.Index(j.done, key); i >= 0 {
			j.done = append(slices.Delete(j.done, i, i+1), key)
		}
		return one, nil
	}
	if len(j.all)-len(j.done) >= mostJobs {
		return nil, failed(http.StatusServiceUnavailable, "%v", errBusy)
	}
	one := &job{ended: make(chan struct{}), asked: time.Now()}
	j.all[key] = one
	go j.run(key, one, f)
	return one, nil
}

// run computes a job when its turn comes.
func (j *jobs) run(key string, one *job, f computation) {
	ctx, end := context.WithCancel(j)
	defer end()
	go func() {
		tick := time.NewTicker(j.unasked / 10)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				one.mu.Lock()
				since := time.Since(one.asked)
				one.mu.Unlock()
				if since > j.unasked {
					end()
				}
			}
		}
	}()
	select {
	case j.turn <- struct{}{}:
		one.result, one.err = j.safely(func() (any, error) {
			return f(ctx, func(done, of int) {
				one.mu.Lock()
				one.at = waiting{done, of}
				one.mu.Unlock()
			})
		})
		<-j.turn
	case <-ctx.Done():
		one.err = context.Cause(ctx)
	}
	j.mu.Lock()
	if one.err != nil {
		delete(j.all, key) // whoever waits has it; the next one tries again
	} else {
		j.done = append(j.done, key)
		j.bound()
	}
	j.mu.Unlock()
	close(one.ended)
}

// bound forgets the results that were asked for longest ago, until the rest are few and small enough. The newest stays.
func (j *jobs) bound() {
	bytes := 0
	for _, key := range j.done {
		bytes += sizeOf(j.all[key].result)
	}
	for len(j.done) > 1 && (len(j.done) > mostDone || bytes > mostBytes) {
		bytes -= sizeOf(j.all[j.done[0]].result)
		delete(j.all, j.done[0])
		j.done = j.done[1:]
	}
}

// sizeOf is the bytes of a result that is large.
func sizeOf(result any) int {
	if large, is := result.(interface{ bytes() int }); is {
		return large.bytes()
	}
	return 0
}

// safely returns a panic as an error. The log has its stack, as for a handler.
func (j *jobs) safely(f func() (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("a computation panicked", "panic", p, "stack", string(debug.Stack()))
			err = errors.New("an internal error: the dashboard's log has it")
		}
	}()
	return f()
}
