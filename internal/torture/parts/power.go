// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/power"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/internal/torture/trace"
	"github.com/parallax-ssl/parallax/run"
)

var powerLoss = campaign.Part{
	Name: "power",
	About: "the system calls of a run are replayed on a file system that loses what was not synced and undoes " +
		"or reorders renames; from every crash state the run recovers the last step that it had said was " +
		"saved",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		jobs, err := b.Program.Jobs(context.Background())
		if err != nil {
			return nil, err
		}
		const pieces = 5 // cases of a recording
		few := subject.Few(jobs, b.Size(5, 1))
		if !b.Short {
			few = append(few, subject.Cluster)
		}
		states := b.Size(10_000, 300) / (2 * len(few) * pieces)
		for _, j := range few {
			for _, resumed := range []bool{false, true} {
				for piece := range pieces {
					name := fmt.Sprintf("%s-%v-%d", j, resumed, piece)
					add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
						return crashed(ctx, b, j, resumed, name, states+1, dir)
					})
				}
			}
		}
		return cases, nil
	},
}

// recording is a traced run.
type recording struct {
	before string // the folder's content when it began
	calls  []trace.Call
}

// record traces a job from its beginning, or from the middle, where a kill has ended it.
func record(b *campaign.Bench, j subject.Job, resumed bool) (recording, error) {
	return campaign.Once(b, fmt.Sprintf("record/%s/%v", j, resumed), func() (r recording, err error) {
		folder, err := b.Folder(fmt.Sprintf("record-%s-%v", j, resumed))
		if err != nil {
			return r, err
		}
		r.before = folder + "-before"
		if err := errors.Join(os.RemoveAll(folder), os.RemoveAll(r.before), os.Mkdir(folder, 0o777)); err != nil {
			return r, err
		}
		if err := j.Prepare(folder); err != nil {
			return r, err
		}
		ctx := context.Background()
		if resumed {
			saved := 0
			stop := trace.Options{Enter: func(c trace.Call) trace.Answer {
				if c.Op == trace.Rename && strings.Contains(c.To, "checkpoints/step-") {
					saved++
				}
				return trace.Answer{Kill: saved == 3}
			}}
			if _, err := b.Program.Traced(ctx, folder, j.Start(), stop); err != nil {
				return r, unsupported(err)
			}
		}
		if err := os.CopyFS(r.before, os.DirFS(folder)); err != nil {
			return r, err
		}
		below, err := filepath.EvalSymlinks(folder)
		if err != nil {
			return r, err
		}
		e, err := b.Program.Traced(ctx, folder, j.Next(folder), trace.Options{Below: below, Data: true,
			Leave: func(c trace.Call) {
				for _, p := range []*string{&c.Path, &c.To} {
					if *p != "" && *p != "." && *p != "run" && !strings.HasPrefix(*p, "run/") {
						return
					}
				}
				r.calls = append(r.calls, c)
			}})
		if err == nil && e.Status != 0 {
			err = errors.New(e.String())
		}
		return r, unsupported(err)
	})
}

// unsupported makes a part that cannot trace one that is skipped.
func unsupported(err error) error {
	if errors.Is(err, trace.ErrUnsupported) {
		return campaign.Skipped(err.Error())
	}
	return err
}

// claims are what a run has said in metrics.jsonl, which must hold from then on.
type claims struct {
	saved    map[string]int  // by run directory: the last step
	finished map[string]bool // by run directory
}

// hear reads the lines of a write.
func (k claims) hear(c trace.Call) {
	if c.Op != trace.Write || path.Base(c.Path) != run.MetricsFile {
		return
	}
	dir := path.Dir(c.Path)
	for _, line := range bytes.Split(c.Data, []byte("\n")) {
		var e run.Event
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch {
		case e.Event == run.Saved:
			k.saved[dir] = e.Step
		case e.Event == run.End && e.Reason == run.Finished:
			k.finished[dir] = true
		}
	}
}

// crashed tries crash states at random points of a recording.
func crashed(ctx context.Context, b *campaign.Bench, j subject.Job, resumed bool, name string, states int,
	dir string) (o campaign.Outcome) {
	rec, err := record(b, j, resumed)
	if why, skipped := err.(campaign.Skipped); skipped {
		o.Skip = string(why)
		return o
	}
	if o.Failed(err) {
		return o
	}
	disk, err := power.Load(rec.before)
	if o.Failed(err) {
		return o
	}
	r := b.Rand("power/" + name)
	at := map[int]int{} // by the number of calls that were made: how many states
	for range states {
		at[1+r.IntN(len(rec.calls))]++
	}
	whole, doubts := r.IntN(states), 0 // the state that is resumed with the program in any case
	said := claims{map[string]int{}, map[string]bool{}}
	state := 0
	for i, c := range rec.calls {
		if o.Failed(disk.Do(c)) {
			return o
		}
		for range at[i+1] {
			mode := state % power.Modes
			folder := filepath.Join(dir, fmt.Sprint(state))
			if o.Failed(disk.Crash(folder, mode, r)) {
				return o
			}
			o.Add("states", 1)
			doubt := said.doubt(j, folder)
			if doubt != "" {
				doubts++
			}
			if doubt != "" && doubts <= 5 || state == whole {
				o.Add("resumed", 1)
				where := fmt.Sprintf("power lost after call %d of %s (%s), mode %d", i+1, name, &c, mode)
				said.recovers(ctx, b, j, folder, where, &o)
			}
			os.RemoveAll(folder)
			state++
		}
		said.hear(c) // what was said is certain only for crashes after the call
	}
	o.Add("doubtful", doubts)
	return o
}

// doubt looks quickly at a crash state: whether it holds what was claimed. If not, a resume must show whether it can be
// recovered.
func (k claims) doubt(j subject.Job, folder string) string {
	for dir, saved := range k.saved {
		part := strings.TrimPrefix(strings.TrimPrefix(dir, "run"), "/")
		s := subject.Interrupted(filepath.Join(folder, dir), j.Method(part))
		switch {
		case s.Newest < saved:
			return fmt.Sprintf("%s: step %d was saved, and step %d is the newest", dir, saved, s.Newest)
		case s.Unreadable > 0:
			return fmt.Sprintf("%s: %d unreadable checkpoints", dir, s.Unreadable)
		}
		f, err := os.Open(filepath.Join(folder, dir, run.MetricsFile))
		if err != nil {
			return err.Error()
		}
		defer f.Close()
		last := -1
		for e, err := range run.ReadEvents(f) {
			if err == nil {
				last = max(last, e.Step)
			} else if last < saved {
				return err.Error()
			}
		}
		if last < saved {
			return fmt.Sprintf("%s: %s ends at step %d", dir, run.MetricsFile, last)
		}
		if _, err := checkpoint.ReadBest(filepath.Join(folder, dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err.Error()
		}
		if _, err := os.Stat(filepath.Join(folder, dir, run.EncoderFile)); k.finished[dir] && err != nil {
			return err.Error()
		}
	}
	return ""
}

// recovers resumes a crash state and compares the result with an unbroken run.
func (k claims) recovers(ctx context.Context, b *campaign.Bench, j subject.Job, folder, where string,
	o *campaign.Outcome) {
	var this campaign.Outcome
	before := map[string][]int{}
	for dir := range k.saved {
		before[dir] = resumes(filepath.Join(folder, dir))
	}
	if this.Failed(j.Prepare(folder)) {
		return
	}
	compare(ctx, b, j, folder, &this)
	for dir, saved := range k.saved {
		after := resumes(filepath.Join(folder, dir))
		if len(after) > len(before[dir]) && after[len(before[dir])] < saved {
			this.Fault("%s had saved step %d and resumed from step %d", dir, saved, after[len(before[dir])])
		}
	}
	for _, fault := range this.Faults {
		o.Fault("%s: %s", where, fault)
	}
}

// resumes are the steps from which a run was resumed, 0 for one that began anew.
func resumes(dir string) (steps []int) {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	for e, err := range run.ReadEvents(f) {
		if err == nil && (e.Event == run.Resumed || e.Event == run.Start) {
			steps = append(steps, e.Step)
		}
	}
	return steps
}
