// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/internal/torture/trace"
	"github.com/parallax-ssl/parallax/run"
)

const day = 24 * time.Hour

// clocks are wall clocks by the share of the run that has passed: what they are ahead by.
var clocks = map[string]func(calls int) time.Duration{
	"a day forward":   after(day),
	"a day back":      after(-day),
	"an hour forward": after(time.Hour),
	"an hour back":    after(-time.Hour),
	"ten years back":  after(-3650 * day),
	"to and fro": func(calls int) time.Duration {
		return time.Duration(calls%7-3) * time.Hour
	},
	"running back": func(calls int) time.Duration { return -time.Duration(calls) * time.Second },
}

// after jumps in the middle of a run.
func after(jump time.Duration) func(int) time.Duration {
	return func(calls int) time.Duration {
		if calls < 40 { // a run looks at the clock about 80 times
			return 0
		}
		return jump
	}
}

var clock = campaign.Part{
	Name: "clock",
	About: "the wall clock jumps by hours, days and years while a run trains, or runs back, and all files get " +
		"other times; the run equals an unbroken one, the log is in order, and no speed is negative",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		names := sorted(clocks)
		if b.Short {
			names = names[:2]
		}
		for _, name := range names {
			add(&cases, name, func(ctx context.Context, dir string) campaign.Outcome {
				return turned(ctx, b, "byol", clocks[name], dir)
			})
		}
		for name, shift := range map[string]time.Duration{"files of 1990": -36 * 365 * day,
			"files of the future": 3650 * day} {
			add(&cases, name, func(ctx context.Context, dir string) (o campaign.Outcome) {
				folder, err := halfway(b, "byol")
				if o.Failed(err) || o.Failed(copied(folder, dir)) || o.Failed(dated(dir, shift)) {
					return o
				}
				compare(ctx, b, "byol", dir, &o)
				return o
			})
		}
		return cases, nil
	},
}

// turned makes a run whose wall clock is not right.
func turned(ctx context.Context, b *campaign.Bench, j subject.Job, ahead func(int) time.Duration,
	dir string) (o campaign.Outcome) {
	u, err := whole(b, j)
	if o.Failed(err) || o.Failed(j.Prepare(dir)) {
		return o
	}
	calls := 0
	e, err := b.Program.Traced(ctx, dir, j.Start(), trace.Options{Clock: func() time.Duration {
		calls++
		return ahead(calls)
	}})
	if errors.Is(err, trace.ErrUnsupported) {
		o.Skip = err.Error()
		return o
	}
	if o.Failed(err) {
		return o
	}
	if o.Add("looks at the clock", calls); calls == 0 {
		o.Fault("the program's clock could not be changed")
	}
	if e.Status != 0 {
		o.Fault("%v", e)
		return o
	}
	same(j, dir, u, &o)
	o.Failed(inOrder(inside(j, dir, run.MetricsFile)))
	return o
}

// inOrder checks that the steps of a log do not go back, except to the evaluation of step 0 after step 1, and that its
// speeds are positive.
func inOrder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	last := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var e struct {
			Step  int
			Speed *float64 `json:"images_per_second"`
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			return err
		}
		if e.Step < last && (e.Step > 0 || last > 1) {
			return errors.New("the steps of metrics.jsonl go back")
		}
		if last = e.Step; e.Speed != nil && *e.Speed <= 0 {
			return errors.New("a speed in metrics.jsonl is not positive")
		}
	}
	return nil
}

// dated gives all files in a folder another time.
func dated(folder string, shift time.Duration) error {
	at := time.Now().Add(shift)
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at = at.Add(-time.Hour) // and in another order
		return os.Chtimes(path, at, at)
	})
}
