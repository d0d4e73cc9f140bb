// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/internal/torture/trace"
)

// A failpoint is a place in the program: a kind of system call on the files of a run, and where it occurs.
type failpoint struct {
	kind string
	at   map[subject.Job]int // how often it occurs in a job
	call trace.Call          // one of the calls
}

// failpoints lists the places of several jobs, by tracing a run of each.
func failpoints(b *campaign.Bench) (jobs []subject.Job, all []failpoint, err error) {
	all, err = campaign.Once(b, "failpoints", func() ([]failpoint, error) {
		every, err := b.Program.Jobs(context.Background())
		if err != nil {
			return nil, err
		}
		found := map[string]*failpoint{}
		jobs := slices.DeleteFunc(subject.Few(every, b.Size(5, 1)),
			func(j subject.Job) bool { return j == subject.Cluster })
		if !b.Short {
			jobs = append(jobs, subject.Cluster)
		}
		for _, j := range jobs {
			folder, err := b.Folder("trace-" + string(j))
			if err != nil {
				return nil, err
			}
			if err := errors.Join(os.RemoveAll(j.Dir(folder)), j.Prepare(folder)); err != nil {
				return nil, err
			}
			e, err := b.Program.Traced(context.Background(), folder, j.Start(), trace.Options{
				Enter: func(c trace.Call) trace.Answer {
					// A kill before a call that only looks leaves what a kill before the next change leaves.
					if kind := kindOf(c); c.Changes() || c.Op == trace.Sync {
						if found[kind] == nil {
							found[kind] = &failpoint{kind, map[subject.Job]int{}, c}
						}
						found[kind].at[j]++
					}
					return trace.Answer{}
				}})
			if errors.Is(err, trace.ErrUnsupported) {
				return nil, campaign.Skipped(err.Error())
			}
			if err != nil || e.Status != 0 {
				return nil, fmt.Errorf("tracing %s: %w %v", j, err, e)
			}
		}
		var list []failpoint
		for _, kind := range slices.Sorted(maps.Keys(found)) {
			list = append(list, *found[kind])
		}
		return list, nil
	})
	return jobs, all, err
}

// kindOf is the call's kind, with the folders of all stages taken for one.
func kindOf(c trace.Call) string {
	for _, p := range []*string{&c.Path, &c.To} {
		stage, rest, _ := strings.Cut(*p, "/")
		if stage == "clustering" || stage == "selflabel" || stage == "pretext" {
			*p = path.Clean(rest)
		}
	}
	return c.Kind()
}

// occurrence chooses a job in which a failpoint occurs, and one of the occurrences.
func (f failpoint) occurrence(b *campaign.Bench, name string) (subject.Job, int) {
	r := b.Rand(name)
	jobs := slices.Sorted(maps.Keys(f.at))
	// A clustering takes long: only what occurs nowhere else is tried there.
	if len(jobs) > 1 {
		jobs = slices.DeleteFunc(jobs, func(j subject.Job) bool { return j == subject.Cluster })
	}
	j := jobs[r.IntN(len(jobs))]
	return j, 1 + r.IntN(f.at[j])
}

var atCalls = campaign.Part{
	Name: "failpoint",
	About: "a run is killed before each system call on its files, by ptrace: every failpoint twenty times; the " +
		"checkpoint before is there, and the resumed run equals an unbroken one",
	Limits: map[string]float64{"intervals lost": 1},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		_, all, err := failpoints(b)
		if err != nil {
			return nil, err
		}
		if b.Short {
			all = sample(b, all, 12)
		}
		for i := range b.Size(20, 1) { // in rounds, so that a part of the campaign has tried every failpoint
			for _, f := range all {
				name := fmt.Sprintf("%s #%d", f.kind, i)
				j, n := f.occurrence(b, name)
				add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
					return struck(ctx, b, j, f, n, trace.Answer{Kill: true}, dir)
				})
			}
		}
		return cases, nil
	},
}

// sample draws a few elements, and always the same.
func sample[T any](b *campaign.Bench, all []T, n int) []T {
	all = slices.Clone(all)
	b.Rand("sample").Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all[:min(n, len(all))]
}

// struck makes a job, gives an answer to the n-th call of a kind, looks at what is left, and continues the job.
func struck(ctx context.Context, b *campaign.Bench, j subject.Job, f failpoint, n int, a trace.Answer,
	dir string) (o campaign.Outcome) {
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	seen, hit := 0, false
	e, err := b.Program.Traced(ctx, dir, j.Start(), trace.Options{Enter: func(c trace.Call) trace.Answer {
		if hit || kindOf(c) != f.kind {
			return trace.Answer{}
		}
		if seen++; seen < n {
			return trace.Answer{}
		}
		hit = true
		return a
	}})
	if o.Failed(err) {
		return o
	}
	if !hit {
		o.Add("not reached", 1)
		return o
	}
	switch {
	case a.Kill:
		o.Add("kills", 1)
	default:
		o.Add("errors", 1)
		complained(e, j, a.Errno, &o)
	}
	left(j, dir, &o)
	if e.Status == 0 && e.Signal == 0 {
		if u, err := whole(b, j); !o.Failed(err) {
			same(j, dir, u, &o)
		}
		return o
	}
	compare(ctx, b, j, dir, &o)
	return o
}

// left checks what an interruption left.
func left(j subject.Job, folder string, o *campaign.Outcome) {
	for _, part := range j.Runs() {
		s := subject.Interrupted(filepath.Join(j.Dir(folder), part), j.Method(part))
		o.Max("intervals lost", float64(s.Step-s.Newest)/subject.SaveEvery)
		if s.Unreadable > 0 {
			o.Add("unreadable", s.Unreadable)
			o.Fault("%s: %d unreadable checkpoints", j, s.Unreadable)
		}
		if s.Newest < s.Saved {
			o.Fault("%s: step %d was saved, and now step %d is the newest", j, s.Saved, s.Newest)
		}
	}
}

// complained checks that a run that met an error ended with status 74 and one line that names it. What an interrupted
// call is repeated for, and what does not matter, may end with status 0.
func complained(e subject.Ending, j subject.Job, errno syscall.Errno, o *campaign.Outcome) {
	if errno == syscall.EINTR {
		if e.Status != 0 || e.Signal != 0 {
			o.Fault("%s does not repeat an interrupted call: %v", j, e)
		}
		return
	}
	if e.Status == 0 && e.Signal == 0 {
		o.Add("harmless", 1)
		return
	}
	if e.Status != 74 {
		o.Fault("%s ends with %v, want status 74", j, e)
	}
	if lines := strings.Split(strings.TrimSpace(e.Error), "\n"); len(lines) != 1 {
		o.Fault("%s prints %d lines about an error: %s", j, len(lines), strings.Join(lines, " / "))
	} else if !strings.Contains(lines[0], errno.Error()) {
		o.Fault("%s does not say %q: %s", j, errno.Error(), lines[0])
	}
}

var failure = campaign.Part{
	Name: "failure",
	About: "each system call that writes fails with ENOSPC, EIO, EDQUOT, EROFS and EINTR, by ptrace; the run " +
		"ends with status 74 and one line, the checkpoint before is there, and the resumed run equals an " +
		"unbroken one",
	Limits: map[string]float64{"intervals lost": 1},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		_, all, err := failpoints(b)
		if err != nil {
			return nil, err
		}
		for _, f := range all {
			for _, errno := range mayMeet(f) {
				for i := range b.Size(2, 1) {
					name := fmt.Sprintf("%s, %s #%d", f.kind, errno, i)
					j, n := f.occurrence(b, name)
					add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
						return struck(ctx, b, j, f, n, trace.Answer{Errno: errno}, dir)
					})
				}
			}
		}
		if b.Short {
			cases = sample(b, cases, 12)
		}
		return cases, nil
	},
}

// mayMeet are the errors that a call may meet.
func mayMeet(f failpoint) []syscall.Errno {
	full := []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}
	sick := []syscall.Errno{syscall.EIO, syscall.EROFS}
	switch f.call.Op {
	case trace.Open:
		if !f.call.Changes() {
			return nil
		}
		return slices.Concat(full, sick, []syscall.Errno{syscall.EINTR})
	case trace.Write:
		return slices.Concat(full, sick, []syscall.Errno{syscall.EINTR})
	case trace.Sync:
		return slices.Concat(full, sick, []syscall.Errno{syscall.EINTR})
	case trace.Mkdir, trace.Rename:
		return slices.Concat(full, sick)
	case trace.Truncate, trace.Remove, trace.RemoveDir:
		return sick
	}
	return nil
}
