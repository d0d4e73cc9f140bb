// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

var kill = campaign.Part{
	Name: "kill",
	About: "every method and a clustering are killed (SIGKILL) at random times and resumed until they are done; " +
		"weights, optimiser, best.json, metrics and exports equal those of an unbroken run",
	Limits: map[string]float64{"intervals lost": 1},
	Plan: func(b *campaign.Bench) ([]campaign.Case, error) {
		jobs, err := b.Program.Jobs(context.Background())
		if err != nil {
			return nil, err
		}
		if b.Short {
			jobs = subject.Few(jobs, 3)
		}
		const each = 5 // kills of a case
		var cases []campaign.Case
		for n, round := 0, 0; n < b.Size(1000, 15); n += each {
			j := jobs[len(cases)%len(jobs)]
			if len(cases)%len(jobs) == 0 {
				round++
			}
			name := fmt.Sprintf("%s-%d", j, round)
			add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
				return killed(ctx, b, j, name, each, dir)
			})
		}
		return cases, nil
	},
}

// killed makes a job and kills it a number of times. A job that ends before it was killed often enough begins anew.
func killed(ctx context.Context, b *campaign.Bench, j subject.Job, name string, kills int,
	dir string) (o campaign.Outcome) {
	u, err := whole(b, j)
	if o.Failed(err) {
		return o
	}
	r := b.Rand("kill/" + name)
	for run := 0; kills > 0 && run < 50 && ctx.Err() == nil; run++ {
		folder := filepath.Join(dir, fmt.Sprint(run))
		if o.Failed(os.MkdirAll(folder, 0o777)) || o.Failed(j.Prepare(folder)) {
			return o
		}
		for done := false; !done; {
			p, err := b.Program.Start(ctx, folder, j.Next(folder), nil)
			if o.Failed(err) {
				return o
			}
			if kills > 0 {
				p.Signal(time.Duration(r.Float64()*float64(u.took)), syscall.SIGKILL)
			}
			e := p.Wait()
			if e.Signal != syscall.SIGKILL {
				if done = e.Status == 0; !done {
					o.Fault("%v", e)
					return o
				}
				continue
			}
			kills--
			o.Add("kills", 1)
			left(j, folder, &o)
		}
		same(j, folder, u, &o)
		os.RemoveAll(folder)
	}
	return o
}
