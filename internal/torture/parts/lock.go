// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/run"
)

var locks = campaign.Part{
	Name: "lock",
	About: "a second run in a directory that is in use, after a kill, after its lock file was removed; one run " +
		"writes at a time, and the result equals that of one run",
	Limits: map[string]float64{"seconds until refused": 2},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		for name, change := range map[string]func(lock string) error{
			"in use":       func(string) error { return nil },
			"lock removed": os.Remove,
			"lock replaced": func(lock string) error {
				return os.WriteFile(lock+"-new", nil, 0o666)
			},
			"lock emptied": func(lock string) error { return os.Truncate(lock, 0) },
		} {
			for i := range b.Size(10, 1) {
				add(&cases, fmt.Sprintf("%s %d", name, i), func(ctx context.Context, dir string) campaign.Outcome {
					return second(ctx, b, "byol", name, change, dir)
				})
			}
		}
		return cases, nil
	},
}

// second stops a run in the middle, starts a second one in its directory, and lets the first one go on.
func second(ctx context.Context, b *campaign.Bench, j subject.Job, name string, change func(string) error,
	dir string) (o campaign.Outcome) {
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	p, err := b.Program.Start(ctx, dir, j.Start(), nil)
	if o.Failed(err) {
		return o
	}
	defer p.Wait()
	defer p.Signal(0, syscall.SIGKILL)
	until(p, func() bool {
		s := subject.Interrupted(j.Dir(dir), j.Method(""))
		return s.Newest > 0
	})
	if !p.Signal(0, syscall.SIGSTOP) {
		o.Add("ended too soon", 1)
		return o
	}
	lock := inside(j, dir, run.LockFile)
	if o.Failed(change(lock)) {
		return o
	}
	if name == "lock replaced" && o.Failed(os.Rename(lock+"-new", lock)) {
		return o
	}
	begin := time.Now()
	e, err := b.Program.Run(ctx, dir, j.Resume()...)
	if o.Failed(err) {
		return o
	}
	if !b.Short { // a loaded machine is slow
		o.Max("seconds until refused", time.Since(begin).Seconds())
	}
	switch {
	case e.Status == 0:
		o.Fault("%s: a second run is admitted", name)
	case !strings.Contains(e.Error, "in use") || !strings.Contains(e.Error, fmt.Sprint(p.Command.Process.Pid)) &&
		name == "in use":
		o.Fault("%s: the refusal does not say who uses the directory: %v", name, e)
	}
	refused(e, &o)
	p.Signal(0, syscall.SIGCONT)
	first := p.Wait()
	o.Add("refused", 1)
	if first.Status != 0 && name == "in use" {
		o.Fault("the first run ends with %v", first)
	}
	compare(ctx, b, j, dir, &o)
	return o
}
