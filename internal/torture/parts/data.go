// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/run"
)

// A change is made to a folder of pictures. same: the run is the same afterwards, and must go on; otherwise a resume
// must refuse.
type dataChange struct {
	same bool
	make func(folder string) error
}

func at(folder string, elements ...string) string {
	return filepath.Join(append([]string{folder}, elements...)...)
}

// dataChanges are made between a kill and a resume, and while a run trains.
var dataChanges = map[string]dataChange{
	"touched": {true, func(f string) error { return dated(f, -100*day) }},
	"copied": {true, func(f string) error {
		return errors.Join(os.CopyFS(f+"-copy", os.DirFS(f)), os.RemoveAll(f), os.Rename(f+"-copy", f))
	}},
	"permissions": {true, func(f string) error { return os.Chmod(at(f, "apple", "000.png"), 0o600) }},
	"one removed": {false, func(f string) error { return os.Remove(at(f, "apple", "000.png")) }},
	"one more":    {false, func(f string) error { return os.WriteFile(at(f, "apple", "new.png"), picture(77), 0o666) }},
	"renamed": {false, func(f string) error {
		return os.Rename(at(f, "apple", "000.png"), at(f, "apple", "zzz.png"))
	}},
	"swapped": {false, func(f string) error {
		a, b := at(f, "apple", "000.png"), at(f, "pear", "001.png")
		return errors.Join(os.Rename(a, a+"-"), os.Rename(b, a), os.Rename(a+"-", b))
	}},
	"another picture of equal size": {false, func(f string) error {
		return alike(at(f, "apple", "000.png"), false)
	}},
	"another picture, same time": {false, func(f string) error {
		return alike(at(f, "apple", "002.png"), true)
	}},
	"cut off":       {false, func(f string) error { return os.Truncate(at(f, "apple", "004.png"), 100) }},
	"a class moved": {false, func(f string) error { return os.Rename(at(f, "apple"), at(f, "quince")) }},
	"all gone":      {false, func(f string) error { return os.RemoveAll(f) }},
}

// alike replaces a picture by another one of the same number of bytes.
func alike(path string, sameTime bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for n := 1000; n < 4000; n++ {
		p := picture(n)
		if int64(len(p)) > info.Size() {
			continue
		}
		p = append(p, bytes.Repeat([]byte{0}, int(info.Size())-len(p))...) // what follows a PNG does not count
		if err := os.WriteFile(path, p, 0o666); err != nil || !sameTime {
			return err
		}
		return os.Chtimes(path, info.ModTime(), info.ModTime())
	}
	return errors.New("no other picture is as small")
}

var data = campaign.Part{
	Name: "data",
	About: "images are changed, swapped, removed and touched between a kill and a resume, and while a run " +
		"trains; a resume that would not be the same run is refused, any other is bit-identical, and a " +
		"running one ends in no crash",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		names := sorted(dataChanges)
		if b.Short {
			names = sample(b, names, 4)
		}
		for _, name := range names {
			add(&cases, name+" before a resume", func(ctx context.Context, dir string) campaign.Outcome {
				return changedBefore(ctx, b, dataChanges[name], dir)
			})
			add(&cases, name+" while training", func(ctx context.Context, dir string) campaign.Outcome {
				return changedWhile(ctx, b, dataChanges[name], dir)
			})
		}
		return cases, nil
	},
}

// onFolder is a run on the folder data that takes half a second.
func onFolder() []string {
	return onImages("data", "12", "--save-every", "2", "--eval-every", "3")
}

// started starts a run on pictures and stops it (SIGSTOP) after its first checkpoint. finish lets the caller go on.
func started(ctx context.Context, b *campaign.Bench, dir string,
	s syscall.Signal) (wait func() subject.Ending, err error) {
	if err := pictures(filepath.Join(dir, "data")); err != nil {
		return nil, err
	}
	p, err := b.Program.Start(ctx, dir, onFolder(), nil)
	if err != nil {
		return nil, err
	}
	until(p, func() bool { names, _ := checkpoint.List(filepath.Join(dir, "run")); return len(names) > 0 })
	p.Signal(0, s)
	return func() subject.Ending {
		p.Signal(0, syscall.SIGCONT)
		return p.Wait()
	}, nil
}

// changedBefore changes the pictures of a killed run and resumes it.
func changedBefore(ctx context.Context, b *campaign.Bench, c dataChange, dir string) (o campaign.Outcome) {
	want, err := campaign.Once(b, "pictures", func() ([]byte, error) {
		folder, err := b.Folder("pictures")
		if err == nil {
			err = errors.Join(os.RemoveAll(folder+"/run"), pictures(folder+"/data"))
		}
		if err == nil {
			var e subject.Ending
			if e, err = b.Program.Run(context.Background(), folder, onFolder()...); err == nil && e.Status != 0 {
				err = errors.New(e.String())
			}
		}
		if err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(folder, "run", run.EncoderFile))
	})
	if o.Failed(err) {
		return o
	}
	wait, err := started(ctx, b, dir, syscall.SIGKILL)
	if o.Failed(err) {
		return o
	}
	if e := wait(); e.Signal == 0 {
		o.Add("ended too soon", 1)
		return o
	}
	time.Sleep(20 * time.Millisecond) // so that a file's time is another one
	if o.Failed(c.make(filepath.Join(dir, "data"))) {
		return o
	}
	e, err := b.Program.Run(ctx, dir, "pretrain", "--resume", "run")
	if o.Failed(err) {
		return o
	}
	switch {
	case e.Status != 0 || e.Signal != 0:
		if o.Add("refused", 1); c.same {
			o.Fault("the run would be the same, and is refused: %v", e)
		}
		refused(e, &o)
	case !c.same:
		o.Fault("the images are others, and the run goes on")
	default:
		got, err := os.ReadFile(filepath.Join(dir, "run", run.EncoderFile))
		if o.Add("went on", 1); err != nil || !bytes.Equal(got, want) {
			o.Fault("the encoder differs from an unbroken run's (%v)", err)
		}
	}
	return o
}

// changedWhile changes the pictures of a run that trains.
func changedWhile(ctx context.Context, b *campaign.Bench, c dataChange, dir string) (o campaign.Outcome) {
	wait, err := started(ctx, b, dir, syscall.SIGSTOP)
	if o.Failed(err) {
		return o
	}
	failed := c.make(filepath.Join(dir, "data"))
	e := wait()
	if o.Failed(failed) {
		return o
	}
	if e.Status != 0 || e.Signal != 0 {
		o.Add("ended with a message", 1)
		refused(e, &o)
		return o
	}
	o.Add("went on", 1)
	return o
}
