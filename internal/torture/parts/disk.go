// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

var disk = campaign.Part{
	Name: "disk",
	About: "real file systems of 1 to 64 MB fill up, and files reach a limit of their size (ulimit -f); the run " +
		"ends with status 74 and one line, and resumes when there is room again",
	Limits: map[string]float64{"intervals lost": 1},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		jobs, err := b.Program.Jobs(context.Background())
		if err != nil {
			return nil, err
		}
		jobs = subject.Few(jobs, b.Size(5, 1))
		for i := range b.Size(60, 4) {
			j := jobs[i%len(jobs)]
			size := 1 << (i % 7) // MB
			full := fmt.Sprintf("%d MB, %s %d", size, j, i)
			add(&cases, full, func(ctx context.Context, dir string) campaign.Outcome {
				return filled(ctx, b, j, int64(size)<<20, b.Rand("disk/"+full), dir)
			})
			limit := fmt.Sprintf("limit of a file, %s %d", j, i)
			add(&cases, limit, func(ctx context.Context, dir string) campaign.Outcome {
				return limited(ctx, b, j, b.Rand("disk/"+limit), dir)
			})
		}
		return cases, nil
	},
}

// filled makes a job on a small file system with random room, and again when there is more.
func filled(ctx context.Context, b *campaign.Bench, j subject.Job, size int64, r *rand.Rand,
	dir string) (o campaign.Outcome) {
	u, err := whole(b, j)
	if o.Failed(err) {
		return o
	}
	unmount, err := mount(dir, size)
	if err != nil {
		o.Skip = fmt.Sprintf("a small file system cannot be mounted here: %v", err)
		return o
	}
	defer unmount()
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	need, err := bytesOf(j.Dir(u.folder))
	if o.Failed(err) {
		return o
	}
	filler := filepath.Join(dir, "filler")
	room := int64(r.Float64() * 1.2 * float64(need))
	if o.Failed(fill(filler, max(0, size-room-(8<<10)))) {
		return o
	}
	e, err := b.Program.Run(ctx, dir, j.Start()...)
	if o.Failed(err) || outOfRoom(e, "no space left on device", &o) {
		return o
	}
	if e.Status == 0 {
		same(j, dir, u, &o)
		return o
	}
	left(j, dir, &o)
	if o.Failed(os.Remove(filler)) {
		return o
	}
	if size < 32<<20 && o.Failed(remount(dir, 32<<20)) { // now it can hold the run
		return o
	}
	compare(ctx, b, j, dir, &o)
	return o
}

// limited makes a job whose files may not grow beyond a random size, and again without the limit.
func limited(ctx context.Context, b *campaign.Bench, j subject.Job, r *rand.Rand, dir string) (o campaign.Outcome) {
	if o.Failed(j.Prepare(dir)) {
		return o
	}
	blocks := 1 + r.IntN(600) // of 1 KiB
	shell := subject.Program{Path: "/bin/bash", Env: b.Program.Env}
	e, err := shell.Run(ctx, dir, append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks),
		b.Program.Path}, j.Start()...)...)
	if o.Failed(err) || outOfRoom(e, "file too large", &o) {
		return o
	}
	if e.Status != 0 {
		left(j, dir, &o)
	}
	compare(ctx, b, j, dir, &o)
	return o
}

// outOfRoom checks how a run without room ended, and reports whether that was wrong.
func outOfRoom(e subject.Ending, why string, o *campaign.Outcome) bool {
	before := len(o.Faults)
	switch {
	case e.Signal == 0 && e.Status == 0:
		o.Add("enough room", 1)
		return false
	case e.Status != 74:
		o.Fault("%v, want status 74", e)
	case !strings.Contains(e.Error, why):
		o.Fault("it does not say %q: %v", why, e)
	default:
		o.Add("full", 1)
		refused(e, o)
	}
	return len(o.Faults) > before
}

// fill writes a file of zeros, as long as there is room.
func fill(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<16)
	for err == nil && size > 0 {
		n := min(size, int64(len(zeros)))
		_, err = f.Write(zeros[:n])
		size -= n
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// bytesOf is the size of all files in a folder.
func bytesOf(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += (info.Size() + 4095) &^ 4095
		}
		return err
	})
	return sum, err
}
