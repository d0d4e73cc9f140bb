// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/internal/crash"
)

// A lane is a goroutine on an OS thread of its own that may use libtorch while the owner waits for it. Each of its
// operations runs in one thread, so lanes meet only where they end.
type lane struct {
	work chan func()
	late []func() // what the running piece left to the owner, see Later
	dry  bool     // what it leaves is dropped: the piece has been computed before
}

// lanes holds every lane that was started. The first one is the owner itself. Lanes are few, and live as long as the
// process.
var lanes = []*lane{{}}

func (l *lane) run(number int) {
	runtime.LockOSThread()
	C.plx_enter()
	done("lane", C.plx_lane_start(C.int(number)))
	for f := range l.work {
		f()
	}
}

// Lane returns the number of the thread that calls, from 1 on, if it computes a piece of a [Tape]; 0 is libtorch's own
// thread.
func Lane() int { return int(integer("lane", C.plx_lane_number())) }

// here is the lane whose thread calls.
func here() *lane { return lanes[Lane()] }

// Later runs f, which changes what the pieces of a [Tape] share: running statistics, say. In a piece f waits until all
// pieces are done, and the owner calls it in the order of the pieces. Elsewhere it runs at once. A piece that is
// computed a second time, for its gradient, drops it.
func Later(f func()) {
	l := here()
	switch {
	case l.dry:
	case l == lanes[0]:
		f()
	default:
		l.late = append(l.late, f)
	}
}

// result is what a piece leaves behind.
type result struct {
	made   C.int64_t // its handles
	late   []func()
	failed any
}

// inLanes runs f(0), ..., f(n-1), each in one thread and up to threads of them at a time, with the autograd and
// autocast settings of the caller, which is the owner. The tensors that they make belong to the running scope
// afterwards. If several fail, inLanes panics with the failure of the lowest number. With one thread, or one piece, the
// owner runs them itself.
func inLanes(n, threads int, dry bool, f func(i int)) {
	threads = min(n, threads)
	if threads <= 1 {
		was := lanes[0].dry
		lanes[0].dry = dry
		defer func() { lanes[0].dry = was }()
		for i := range n {
			f(i)
		}
		return
	}
	for len(lanes) <= threads {
		l := &lane{work: make(chan func())}
		lanes = append(lanes, l)
		go l.run(len(lanes) - 1)
	}
	settings := C.int64_t(integer("lane", C.plx_settings()))
	defer func() { done("lane", C.plx_settings_free(settings)) }()
	results := make([]result, n)
	var next atomic.Int64
	ended := make(chan struct{})
	for _, l := range lanes[1 : threads+1] {
		l.work <- func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				results[i] = l.piece(settings, dry, func() { f(i) })
			}
			ended <- struct{}{}
		}
	}
	for range threads {
		<-ended
	}
	var failed any
	for _, r := range results {
		done("lane", C.plx_lane_take(r.made))
		if failed == nil {
			failed = r.failed
		}
	}
	if failed != nil {
		panic(failed)
	}
	for _, r := range results {
		for _, f := range r.late {
			f()
		}
	}
}

// piece runs f on the lane's thread.
func (l *lane) piece(settings C.int64_t, dry bool, f func()) (r result) {
	done("lane", C.plx_lane_begin(settings))
	l.dry = dry
	defer func() {
		r.late, l.late = l.late, nil
		r.made = C.int64_t(integer("lane", C.plx_lane_end()))
	}()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *Error, *crash.Error:
			r.failed = p
		default:
			r.failed = &crash.Error{Value: p, Stack: debug.Stack()} // with the stack on the lane's thread
		}
	}()
	f()
	return r
}
