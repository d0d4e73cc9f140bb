// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/mutate"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// A sabotage is a fault that is put in on purpose, and the part that must find it.
type sabotage struct {
	name string
	mutate.Patch
	by *campaign.Part
}

var sabotages = []sabotage{
	{"a file is not synced", mutate.Patch{File: "run/write.go", Old: "err = outputError(f.Sync())",
		New: "err = nil"}, &powerLoss},
	{"a folder is not synced", mutate.Patch{File: "run/write.go", Old: "errors.Join(d.Sync(), d.Close())",
		New: "d.Close()"}, &powerLoss},
	{"a hash is not checked", mutate.Patch{File: "checkpoint/checkpoint.go", Old: "got != want", New: "got == \"\""},
		&damages},
	{"the order is off by one after a resume", mutate.Patch{File: "dataset/loader.go",
		Old: "p.from, p.to, p.replace, p.pair = from, ",
		New: "p.from, p.to, p.replace, p.pair = max(from-1, 0), "}, &kill},
	{"the optimiser's state is not loaded", mutate.Patch{File: "train/checkpoint.go",
		Old: "t.optimizer.Load(c.Optimizer)", New: "t.optimizer.Load(t.optimizer.State())"}, &kill},
}

var mutants = campaign.Part{
	Name: "mutants",
	About: "faults are put into the program on purpose, a missing fsync, a hash that is not checked, an order " +
		"that is off by one; the campaign finds each",
	Alone: true, // a case runs cases
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		list := sabotages
		if b.Short {
			list = append(list[:1:1], list[2:4]...)
		}
		for _, s := range list {
			add(&cases, s.name, func(ctx context.Context, dir string) campaign.Outcome {
				return sabotaged(ctx, b, s, dir)
			})
		}
		return cases, nil
	},
}

// sabotaged runs the short form of a part with a changed program.
func sabotaged(ctx context.Context, b *campaign.Bench, s sabotage, dir string) (o campaign.Outcome) {
	overlay, err := mutate.Overlay(b.Root, dir, s.Patch)
	if o.Failed(err) {
		return o
	}
	binary := filepath.Join(dir, "parallax")
	if o.Failed(mutate.Build(ctx, b.Root, overlay, binary)) {
		return o
	}
	program, err := subject.New(binary, b.Root)
	if o.Failed(err) {
		return o
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	if o.Failed(err) {
		return o
	}
	defer said.Close()
	again := &campaign.Bench{Root: b.Root, Work: filepath.Join(dir, "work"), Program: program,
		Short: true, Seed: b.Seed,
		Jobs: b.Jobs, Say: said}
	again.First = true
	r, err := again.Run(ctx, *s.by, nil)
	if !b.Short && sound(ctx, b, s.by, &o) != nil {
		return o
	}
	switch {
	case errors.Is(err, context.Canceled):
	case r.Skip != "":
		o.Skip = fmt.Sprintf("%s: %s", s.by.Name, r.Skip)
	case len(r.Faults) == 0:
		o.Fault("%s: the part %s does not find it", s.name, s.by.Name)
	default:
		o.Add("found", 1)
		o.Max("cases until one was found", float64(r.Cases))
		fmt.Fprintf(b.Say, "mutants: %s: case %d of %s finds it: %s\n", s.name, r.Cases, s.by.Name, r.Faults[0])
	}
	return o
}

// sound checks, once for each part, that the same cases find nothing in the program as it is.
func sound(ctx context.Context, b *campaign.Bench, p *campaign.Part, o *campaign.Outcome) error {
	r, err := campaign.Once(b, "sound/"+p.Name, func() (campaign.Result, error) {
		work, err := b.Folder("sound-" + p.Name)
		if err != nil {
			return campaign.Result{}, err
		}
		again := &campaign.Bench{Root: b.Root, Work: work, Program: b.Program, Short: true, Seed: b.Seed, Jobs: b.Jobs,
			First: true, Say: io.Discard}
		return again.Run(ctx, *p, nil)
	})
	if err == nil && len(r.Faults) > 0 {
		err = fmt.Errorf("the program itself fails in the part %s: %s", p.Name, r.Faults[0])
	}
	o.Failed(err)
	return err
}
