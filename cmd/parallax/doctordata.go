// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dataset/survey"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/pretrain/advice"
	"github.com/parallax-ssl/parallax/torch"
)

// checkup is what doctor says of a data set, and of a run on it. Its JSON is that of doctor --data --json.
type checkup struct {
	Data      dataFacts           `json:"data"`      // what the path was taken for
	View      int                 `json:"view"`      // side of a view in pixels
	Images    *survey.Report      `json:"images"`    // what reading the images says
	Run       *runFacts           `json:"run"`       // null without a method
	Rehearsal *pretrain.Rehearsal `json:"rehearsal"` // what a few steps took; null without a method or an engine
	// Unmeasured is why there is no rehearsal, "" if there is one or no method.
	Unmeasured string   `json:"unmeasured"`
	Warnings   []string `json:"warnings"`
}

// dataFacts are dataset.Facts as JSON.
type dataFacts struct {
	Path        string    `json:"path"`
	Kind        string    `json:"kind"`
	Packed      string    `json:"packed,omitempty"` // what a pack's images are; "" if it is no pack
	Images      int       `json:"images"`           // of the split that is trained on
	Split       string    `json:"split"`            // "" if the data has no splits
	Splits      []split   `json:"splits"`
	SplitWhy    string    `json:"split_why"`
	Classes     []string  `json:"classes"`
	ClassesFrom string    `json:"classes_from"`
	ClassWhy    string    `json:"class_why"` // why there are no labels
	LeftOut     []leftOut `json:"left_out"`
	Remarks     []string  `json:"remarks"`
}

type split struct {
	Name   string `json:"name"`
	From   string `json:"from"`
	Images int    `json:"images"`
}

type leftOut struct {
	What     string   `json:"what"`
	Reason   string   `json:"reason"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"`
}

// runFacts are the settings of a run on which its time depends.
type runFacts struct {
	Method    string `json:"method"`
	Preset    string `json:"preset"` // and why it was chosen, if nobody named one
	Backbone  string `json:"backbone"`
	Batch     int    `json:"batch"` // images in a step
	Epochs    int    `json:"epochs"`
	Steps     int    `json:"steps"`
	PerEpoch  int    `json:"steps_per_epoch"`
	EvalEvery int    `json:"eval_every"`
	Precision string `json:"precision"`
	Threads   int    `json:"threads"`
}

// examineData says what a run on the request's data would find, without making one. An error is the one with which the
// run would end.
func (f *doctorFlags) examineData(c *cobra.Command, r *pretrain.Request) (err error) {
	ctx := c.Context()
	out := &dataReport{w: c.OutOrStdout(), silent: f.json}
	source, size, err := pretrain.OpenData(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	x := &checkup{Data: factsOf(f.data, source), View: size, Warnings: []string{}}
	out.data(&x.Data)
	o := survey.Options{Size: size, Limit: survey.UsualLimit, Time: survey.UsualTime}
	if f.full {
		o.Limit, o.Time = 0, 0
	}
	labels, err := r.Value("data.labels")
	if err != nil {
		return usage(err)
	}
	if labels == nil {
		labels = &pretrain.Setting{}
	}
	if x.Images, err = survey.Survey(ctx, o, x.splits(source, labels.Value)...); err != nil {
		return err
	}
	out.images(x.Images, size)
	x.Warnings = append(x.Warnings, advice.OnSource(source)...)
	finish := func(err error) error {
		if f.json {
			return errors.Join(err, printJSON(c.OutOrStdout(), x))
		}
		out.warnings(x.Warnings)
		return err
	}
	if method, err := r.Value("method.name"); method == nil || err != nil {
		x.Warnings = append(x.Warnings, advice.OnData(x.Images, size, dataset.DefaultMaxUnreadable)...)
		name, why := preset.For(size, source.Len())
		out.line("preset", fmt.Sprintf("%s (chosen for %s); --method NAME says more of a run", name, why))
		return finish(nil)
	}
	j, err := pretrain.Resolve(ctx, r)
	if err != nil {
		x.Warnings = append(x.Warnings, advice.OnData(x.Images, size, dataset.DefaultMaxUnreadable)...)
		return finish(err)
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	x.Warnings = append(x.Warnings, advice.OnData(x.Images, size, j.Config.Data.MaxUnreadable)...)
	more, err := advice.OnRun(j, x.Images)
	if err != nil {
		return err
	}
	x.Warnings = append(x.Warnings, more...)
	x.Run = runOf(j, f.preset)
	out.run(x.Run, j.Config.Config)
	return finish(x.rehearse(ctx, j, out))
}

// rehearse measures the run. What cannot be measured here is no error.
func (x *checkup) rehearse(ctx context.Context, j *pretrain.Job, out *dataReport) error {
	m, err := j.Rehearse(ctx)
	switch {
	case errors.Is(err, torch.ErrNoEngine), errors.Is(err, pretrain.ErrUnmeasured):
		x.Unmeasured = strings.TrimPrefix(oneLine(err), pretrain.ErrUnmeasured.Error()+": ")
		out.line("time", "not measured: "+x.Unmeasured)
		return nil
	case err != nil:
		return err
	}
	x.Rehearsal = m
	total, _ := machine.Memory()
	x.Warnings = append(x.Warnings, advice.OnRehearsal(j, m, total)...)
	out.rehearsal(m, x.Run)
	return nil
}

// splits returns the sources to survey: the one that is trained on, then the other splits, with its labels if they have
// them. labels is data.labels, "" if nobody set it.
func (x *checkup) splits(source *dataset.Source, labels string) []*dataset.Source {
	if labels == "" && source.Facts.ClassesFrom == "folders" {
		labels = "folders"
	}
	all := []*dataset.Source{source}
	for _, name := range source.Splits {
		if name == source.Split || source.Split == dataset.SplitAll {
			continue
		}
		other, err := source.Select(name, labels)
		if err != nil || !slices.Equal(other.Classes, source.Classes) {
			other, err = source.Select(name, "none")
		}
		if err != nil {
			x.Warnings = append(x.Warnings, fmt.Sprintf("the images of %s were not read: %v", name, err))
			continue
		}
		all = append(all, other)
	}
	return all
}

func factsOf(path string, s *dataset.Source) dataFacts {
	d := dataFacts{
		Path: path, Kind: string(s.Kind), Packed: s.Packed(), Images: s.Len(), Split: s.Split, Splits: []split{},
		SplitWhy: s.Facts.SplitWhy, Classes: slices.Clone(s.Classes), ClassesFrom: s.Facts.ClassesFrom,
		ClassWhy: s.Facts.ClassWhy, LeftOut: []leftOut{}, Remarks: append([]string{}, s.Remarks()...),
	}
	for _, f := range s.Facts.Splits {
		d.Splits = append(d.Splits, split{f.Name, f.From, f.Images})
	}
	for _, l := range s.Facts.LeftOut {
		d.LeftOut = append(d.LeftOut, leftOut(l))
	}
	return d
}

func runOf(j *pretrain.Job, preset string) *runFacts {
	c := j.Config
	r := &runFacts{
		Method: c.Method.Name, Preset: preset, Backbone: c.Backbone.Name, Batch: c.Train.Batch * c.Train.Accumulate,
		Epochs: c.Train.Epochs, Steps: j.Steps(), PerEpoch: max(1, c.Data.Images/c.Train.Batch/c.Train.Accumulate),
		EvalEvery: c.Train.EvalEvery, Precision: c.Train.Precision, Threads: c.Train.Threads,
	}
	if preset == "" {
		r.Preset = strings.TrimPrefix(j.Chosen, "preset ")
	}
	return r
}
