// SPDX-License-Identifier: Apache-2.0

// Package batch works through a list of jobs, several at a time, each of which may be a process.
package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// Each calls do for every job in order, at most parallel at a time, and returns when all calls have returned. When the
// context ends, it begins no further job.
func Each[J any](ctx context.Context, parallel int, jobs []J, do func(J)) {
	queue := make(chan J)
	var workers sync.WaitGroup
	for range max(1, min(parallel, len(jobs))) {
		workers.Go(func() {
			for j := range queue {
				do(j)
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break // select may choose to hand out a job although the context has ended
		}
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
}

// Run runs a command to its end. Its error is the last line that the command wrote to standard error, and wraps the
// [exec.ExitError].
func Run(c *exec.Cmd) error {
	said := &tail{}
	c.Stderr = said
	err := c.Run()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(said.kept))
	if text == "" {
		return fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return &failure{text[strings.LastIndexByte(text, '\n')+1:], err}
}

// failure is an error with a text of its own.
type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// ExitStatus returns the exit status of a command of which [Run] returned an error; ok is false if it did not exit.
func ExitStatus(err error) (status int, ok bool) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		return 0, false
	}
	return exit.ExitCode(), true
}

// most is how much of a command's errors is kept.
const most = 16 << 10

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*most {
		t.kept = bytes.Clone(t.kept[len(t.kept)-most:])
	}
	return len(p), nil
}
