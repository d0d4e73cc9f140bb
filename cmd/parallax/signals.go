// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parallax-ssl/parallax/internal/exit"
)

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "stopped by signal: " + i.signal.String() }

// status is the exit status of a command that the signal ended.
func (i interruption) status() int {
	if s, ok := i.signal.(syscall.Signal); ok {
		return exit.OfSignal(s)
	}
	return exit.Failure
}

// asInterruption finds the interruption in err, however deep it is wrapped. A joined error that also reports a failure,
// for example of the last checkpoint, is not an interruption.
func asInterruption(err error) (interruption, bool) {
	for err != nil {
		if i, ok := err.(interruption); ok {
			return i, true
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
			err = joined.Unwrap()[0]
			continue
		}
		err = errors.Unwrap(err)
	}
	return interruption{}, false
}

// tidying is set while there is something to save or to tidy up: between the begin and the end of a run. Then a signal
// ends the context; at any other time it ends the process at once.
var tidying atomic.Bool

// saveRequests has a value when a signal has asked for a checkpoint that is not written yet.
var saveRequests = make(chan struct{}, 1)

// again is how long after a first signal a Ctrl-C counts as a second one. GNU timeout, and a shell that ends with its
// terminal, send one signal twice.
const again = time.Second

// untilSignal returns a context that ends with the first signal that stops a command. SIGUSR1 and SIGUSR2, with which
// job schedulers announce the end of a job's time, ask for a checkpoint.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	watched := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGXCPU, syscall.SIGUSR1,
		syscall.SIGUSR2}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		watched = append(watched, syscall.SIGHUP)
	}
	warnBeforeKill()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, watched...)
	go func() {
		var first time.Time
		for s := range signals {
			switch {
			case s == syscall.SIGUSR1 || s == syscall.SIGUSR2:
				select {
				case saveRequests <- struct{}{}:
				default:
				}
			case !first.IsZero(): // the command is ending
				if impatient(s) && time.Since(first) > again {
					os.Exit(interruption{s}.status())
				}
			case !tidying.Load():
				os.Exit(interruption{s}.status())
			default:
				first = time.Now()
				cancel(interruption{s})
			}
		}
	}()
	return ctx
}

// warnBeforeKill lowers the soft limit of processor time below the hard one. A shell's ulimit -t sets both, and then
// the system kills without the SIGXCPU that lets a run write a checkpoint.
func warnBeforeKill() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CPU, &limit); err != nil || limit.Cur != limit.Max || limit.Max < 2 ||
		limit.Max == unix.RLIM_INFINITY {
		return
	}
	limit.Cur -= min(10, limit.Max/2)
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &limit) // without it the last checkpoint is an older one
}

// impatient reports whether a user types the signal. A second one of these ends the process at once; schedulers repeat
// the others while they wait.
func impatient(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

// outliveReader lets the process go on when the reader of its output goes away, as in "parallax pretrain | head".
// Writes then fail; by default they would end the process.
func outliveReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// forReader returns the error of writing output, nil if there is no reader any more: a closed pipe or terminal.
func forReader(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EIO) {
		return nil
	}
	return err
}
