// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"os"
	"time"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// unbroken is a run that nothing disturbed.
type unbroken struct {
	folder string // it stays there
	traces subject.Traces
	took   time.Duration
}

// whole makes the unbroken run of a job, once in a campaign.
func whole(b *campaign.Bench, j subject.Job) (unbroken, error) {
	return campaign.Once(b, "whole/"+string(j), func() (u unbroken, err error) {
		if u.folder, err = b.Folder("whole-" + string(j)); err != nil {
			return u, err
		}
		if err := os.RemoveAll(j.Dir(u.folder)); err != nil {
			return u, err
		}
		var e subject.Ending
		u.traces, e, err = b.Program.Whole(context.Background(), j, u.folder)
		u.took = time.Duration(e.Seconds * float64(time.Second))
		return u, err
	})
}

// compare finishes an interrupted job and compares it with the unbroken run.
func compare(ctx context.Context, b *campaign.Bench, j subject.Job, folder string, o *campaign.Outcome) {
	u, err := whole(b, j)
	if o.Failed(err) {
		return
	}
	if _, err := b.Program.Finish(ctx, j, folder); o.Failed(err) {
		return
	}
	same(j, folder, u, o)
}

// same compares a finished job with the unbroken run.
func same(j subject.Job, folder string, u unbroken, o *campaign.Outcome) {
	got, err := subject.Read(j, folder)
	if o.Failed(err) {
		return
	}
	if d := u.traces.Differences(got); d != "" {
		o.Add("mismatches", 1)
		o.Fault("%s differs from an unbroken run: %s", j, d)
	}
}
