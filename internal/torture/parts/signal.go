// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// An interruption is something that happens to a running process from outside.
type interruption struct {
	name    string
	status  int  // of the process; 0: the run goes on
	saves   bool // before it ends the process there is a checkpoint of the last step
	prepare func(*exec.Cmd) (strike func(p *subject.Process), err error)
}

// signals sends signals one after the other, some milliseconds apart.
func signals(name string, status int, apart time.Duration, list ...syscall.Signal) interruption {
	return interruption{name: name, status: status, saves: len(list) == 1,
		prepare: func(*exec.Cmd) (func(*subject.Process), error) {
			return func(p *subject.Process) {
				for i, s := range list {
					if i > 0 {
						time.Sleep(apart)
					}
					p.Signal(0, s)
				}
			}, nil
		}}
}

// interruptions are the ways in which a run is disturbed.
var interruptions = []interruption{
	signals("SIGINT", 130, 0, syscall.SIGINT),
	signals("SIGTERM", 143, 0, syscall.SIGTERM),
	signals("SIGHUP", 129, 0, syscall.SIGHUP),
	signals("SIGUSR1", 0, 0, syscall.SIGUSR1),
	signals("SIGUSR1 twenty times", 0, 5*time.Millisecond, repeated(syscall.SIGUSR1, 20)...),
	signals("SIGPIPE", 0, 0, syscall.SIGPIPE),
	signals("SIGINT twice", 130, 20*time.Millisecond, syscall.SIGINT, syscall.SIGINT),
	// Of two signals that wait, the kernel delivers the one with the lower number first, so not SIGTERM, SIGINT.
	signals("SIGTERM twice", 143, 10*time.Millisecond, syscall.SIGTERM, syscall.SIGTERM),
	signals("SIGUSR1, SIGTERM", 143, 3*time.Millisecond, syscall.SIGUSR1, syscall.SIGTERM),
	signals("SIGSTOP, SIGCONT", 0, 300*time.Millisecond, syscall.SIGSTOP, syscall.SIGCONT),
	{"closed pipe", 0, false, closedPipe},
	{"closed terminal", 129, true, closedTerminal},
}

func repeated(s syscall.Signal, n int) (list []syscall.Signal) {
	for range n {
		list = append(list, s)
	}
	return list
}

// closedPipe gives the process a pipe for its output, whose reader goes away.
func closedPipe(c *exec.Cmd) (func(*subject.Process), error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.Stdout = w
	return func(*subject.Process) {
		w.Close()
		r.Close()
	}, nil
}

var signalled = campaign.Part{
	Name: "signal",
	About: "SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, second signals, a closed pipe and a closed terminal at " +
		"random times; a run ends within 10 s with its status or goes on, and the resumed run equals an " +
		"unbroken one",
	Limits: map[string]float64{"seconds to the end": 10, "intervals lost": 1},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		jobs, err := b.Program.Jobs(context.Background())
		if err != nil {
			return nil, err
		}
		if b.Short {
			jobs = subject.Few(jobs, 2)
		}
		for i := range b.Size(300, len(interruptions)) {
			in, j := interruptions[i%len(interruptions)], jobs[(i+i/len(interruptions))%len(jobs)]
			name := fmt.Sprintf("%s %s %d", in.name, j, i)
			add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
				return disturbed(ctx, b, j, in, name, dir)
			})
		}
		return cases, nil
	},
}

// disturbed makes a job that is interrupted at a random time, and continues it.
func disturbed(ctx context.Context, b *campaign.Bench, j subject.Job, in interruption, name,
	dir string) (o campaign.Outcome) {
	u, err := whole(b, j)
	if o.Failed(err) || o.Failed(j.Prepare(dir)) {
		return o
	}
	var strike func(*subject.Process)
	p, err := b.Program.Start(ctx, dir, j.Start(), func(c *exec.Cmd) {
		var failed error
		if strike, failed = in.prepare(c); failed != nil {
			o.Skip = failed.Error()
		}
	})
	if o.Failed(err) {
		return o
	}
	if o.Skip != "" {
		p.Signal(0, syscall.SIGKILL)
		p.Wait()
		return o
	}
	// Not before the program can have installed its handlers.
	const start = 100 * time.Millisecond
	select {
	case <-p.Ended():
	case <-time.After(start + time.Duration(b.Rand("signal/"+name).Float64()*float64(u.took-start))):
	}
	begin := time.Now()
	strike(p)
	e := p.Wait()
	o.Max("seconds to the end", map[bool]float64{true: time.Since(begin).Seconds()}[in.status != 0])
	o.Add("signals", 1)
	status := e.Status
	if e.Signal != 0 {
		status = 128 + int(e.Signal) // as a shell reports it
	}
	switch {
	case status != 0 && status != in.status:
		o.Fault("%s: %v, want status %d", in.name, e, in.status)
	case goTrace.MatchString(e.Output):
		o.Fault("%s: it crashed: %v", in.name, e)
	case e.Status == 0:
		o.Add("went on", 1)
	}
	if status != 0 {
		left(j, dir, &o)
	}
	for _, part := range j.Runs() {
		s := subject.Interrupted(inside(j, dir, part), j.Method(part))
		unseen := s.Step == 1 && s.Newest == 0 // the hooks had not seen the untrained networks yet: the run begins anew
		if status != 0 && in.saves && s.Newest != s.Step && !unseen {
			o.Fault("%s: the run ends at step %d, and its newest checkpoint is of step %d", in.name, s.Step, s.Newest)
		}
	}
	compare(ctx, b, j, dir, &o)
	return o
}
