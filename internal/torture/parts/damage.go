// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
	"github.com/parallax-ssl/parallax/run"
)

// A damage changes the content of a file. nil removes the file.
type damage struct {
	name string
	do   func(data []byte) []byte
}

// flip flips a bit.
func flip(at int, bit uint) damage {
	return damage{fmt.Sprintf("bit %d of byte %d", bit, at), func(data []byte) []byte {
		data = bytes.Clone(data)
		data[min(at, len(data)-1)] ^= 1 << bit
		return data
	}}
}

func cut(at int) damage {
	return damage{fmt.Sprintf("cut at %d", at), func(data []byte) []byte { return data[:min(at, len(data))] }}
}

// coarse are damages of a whole file; other is another file's content.
func coarse(other []byte) []damage {
	return []damage{
		{"zeros", func(data []byte) []byte { return make([]byte, len(data)) }},
		{"zeros in its second half", func(data []byte) []byte {
			data = bytes.Clone(data)
			clear(data[len(data)/2:])
			return data
		}},
		{"another file in its place", func([]byte) []byte { return other }},
		{"removed", func([]byte) []byte { return nil }},
		{"a byte more", func(data []byte) []byte { return append(bytes.Clone(data), 0) }},
	}
}

// every lists the damages of a file: a bit every flips bytes, a cut every cuts bytes, and the coarse ones.
func every(size, flips, cuts int, other []byte, r *rand.Rand) (all []damage) {
	for at := 0; at < size; at += flips {
		all = append(all, flip(min(at+r.IntN(flips), size-1), uint(r.IntN(8))))
	}
	for at := 0; at < size; at += cuts {
		all = append(all, cut(at))
	}
	return append(all, coarse(other)...)
}

// spoil damages a file.
func spoil(path string, d damage) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if data = d.do(data); data == nil {
		return os.Remove(path)
	}
	return os.WriteFile(path, data, 0o666)
}

var damages = campaign.Part{
	Name: "damage",
	About: "files of a run are damaged: a bit flipped every 4 KiB, a cut every KiB, zeros, files swapped and " +
		"removed; it is detected or harmless, and the run goes on from the checkpoint before",
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		const j = subject.Job("byol")
		folder, err := halfway(b, j)
		if err != nil {
			return nil, err
		}
		names, err := checkpoint.List(j.Dir(folder))
		if err != nil {
			return nil, err
		}
		last := filepath.Join(run.CheckpointsDir, names[len(names)-1])
		files, err := os.ReadDir(inside(j, folder, last))
		if err != nil {
			return nil, err
		}
		other, err := os.ReadFile(inside(j, folder, last, files[0].Name()))
		if err != nil {
			return nil, err
		}
		r := b.Rand("damage")
		var resumes []campaign.Case
		resume := func(file string, d damage) {
			add(&resumes, file+": "+d.name, func(ctx context.Context, dir string) campaign.Outcome {
				return damaged(ctx, b, j, folder, file, d, dir)
			})
		}
		for _, f := range files {
			path := filepath.Join(last, f.Name())
			data, err := os.ReadFile(inside(j, folder, path))
			if err != nil {
				return nil, err
			}
			all := every(len(data), 4096, 1024, other, r)
			if len(data) < 4096 { // a small file is damaged everywhere
				all = every(len(data), b.Size(4, 16), b.Size(16, 64), other, r)
			}
			add(&cases, "read "+f.Name(), func(_ context.Context, dir string) campaign.Outcome {
				return detected(inside(j, folder, last), f.Name(), all, j.Method(""), dir)
			})
			for _, d := range sample(b, all, b.Size(16, 2)) {
				resume(path, d)
			}
		}
		for _, file := range []string{run.ConfigFile, run.MetricsFile, run.BestFile, run.LockFile} {
			data, err := os.ReadFile(inside(j, folder, file))
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			all := every(len(data), max(1, len(data)/40), max(1, len(data)/10), other, r)
			for _, d := range sample(b, all, b.Size(len(all), 2)) {
				resume(file, d)
			}
		}
		return slices.Concat(cases, resumes, finishedDamages(b, j, other, r)), nil
	},
}

// detected damages a file of a checkpoint in many ways and reads the checkpoint each time.
func detected(from, file string, all []damage, method, dir string) (o campaign.Outcome) {
	folder := filepath.Join(dir, filepath.Base(from))
	if o.Failed(copied(from, folder)) {
		return o
	}
	whole, err := checkpoint.Read(folder, method)
	if o.Failed(err) {
		return o
	}
	path := filepath.Join(folder, file)
	data, err := os.ReadFile(path)
	if o.Failed(err) {
		return o
	}
	for _, d := range all {
		if o.Failed(spoil(path, d)) {
			return o
		}
		got, err := checkpoint.Read(folder, method)
		switch {
		case err != nil:
			o.Add("detected", 1)
		case reflect.DeepEqual(got, whole):
			o.Add("harmless", 1)
		default:
			o.Fault("%s, %s: not detected", file, d.name)
		}
		if o.Failed(os.WriteFile(path, data, 0o666)) {
			return o
		}
	}
	return o
}

// damaged resumes a run with a damaged file. The run equals an unbroken one, or it is refused.
func damaged(ctx context.Context, b *campaign.Bench, j subject.Job, from, file string, d damage,
	dir string) (o campaign.Outcome) {
	if o.Failed(copied(from, dir)) || o.Failed(spoil(inside(j, dir, file), d)) {
		return o
	}
	e, err := b.Program.Run(ctx, dir, j.Resume()...)
	if o.Failed(err) {
		return o
	}
	o.Add("resumed", 1)
	if e.Status != 0 || e.Signal != 0 {
		o.Add("refused", 1)
		refused(e, &o)
		if filepath.Dir(file) != "." {
			o.Fault("the damage ends the run, though there is a checkpoint before: %v", e)
		}
		return o
	}
	u, err := whole(b, j)
	if o.Failed(err) {
		return o
	}
	if file == run.MetricsFile { // what a line said before it was damaged is nowhere else
		u.traces = u.traces.WithoutEvents()
		got, err := subject.ReadWithoutEvents(j, dir)
		if o.Failed(err) {
			return o
		}
		if diff := u.traces.Differences(got); diff != "" {
			o.Fault("%s differs from an unbroken run: %s", j, diff)
		}
		return o
	}
	same(j, dir, u, &o)
	return o
}

// finishedDamages damage or remove what a finished run has, and resume it: then it has everything again.
func finishedDamages(b *campaign.Bench, j subject.Job, other []byte, r *rand.Rand) (cases []campaign.Case) {
	all := append(coarse(other), cut(0), cut(1000), flip(r.IntN(20_000), 3), flip(5, 0))
	for _, file := range []string{run.EncoderFile, run.BestFile} {
		for _, d := range sample(b, all, b.Size(len(all), 2)) {
			add(&cases, "finished "+file+": "+d.name, func(ctx context.Context, dir string) (o campaign.Outcome) {
				u, err := whole(b, j)
				if o.Failed(err) || o.Failed(copied(u.folder, dir)) || o.Failed(spoil(inside(j, dir, file), d)) {
					return o
				}
				o.Add("resumed", 1)
				compare(ctx, b, j, dir, &o)
				return o
			})
		}
	}
	return cases
}
