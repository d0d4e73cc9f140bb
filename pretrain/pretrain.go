// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain/guard"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Options say how a run is made, beside its configuration. The zero value trains in silence into runs/METHOD-N.
type Options struct {
	Out   string            // the run directory, which must not exist yet; "" is the first vacant runs/METHOD-N
	Watch []func(run.Event) // called with every event, after it is written
	Note  func(text string) // called with sentences for whoever started the run, such as a damaged checkpoint passed over
	Begin func(*Session)    // called before the first step
	// Prepare may add to the trainer's options before the networks are built.
	Prepare func(*Session, *train.Options) error
	Stage   bool           // the run is one of several: its method may be one that cannot be begun on its own
	Methods []method.Entry // for Resume: objectives beside the built-in ones
	Metrics []probe.Metric // measured in evaluations beside the built-in ones
}

// note tells whoever started the run something.
func (o *Options) note(text string) {
	if o.Note != nil {
		o.Note(text)
	}
}

// Session is a run whose networks are built.
type Session struct {
	*train.Trainer
	Job   *Job
	Probe *probe.Hook
	Guard *guard.Hook // nil when nobody is to look
}

// Result is what a run came to.
type Result struct {
	Dir        string    // the run directory
	Steps      int       // optimiser steps done
	Trained    bool      // false for a run that was finished before
	Judged     run.Event // what the guard says of the run at its end; its Class is empty when it says nothing
	Unreadable int       // images that could not be read; quarantine.jsonl names them
}

// Run makes a new run and trains it to its end, or until ctx ends: then it writes a checkpoint first, and the error is
// context.Cause(ctx). The error of a run that collapsed and was to stop wraps [train.ErrCollapsed]; that of a loss that is
// not finite [train.ErrNonFinite]; that of a mistake in the request is a [*run.InvalidError], and then nothing is left
// behind. The result is nil unless training has begun.
func Run(ctx context.Context, r *Request, o Options) (result *Result, err error) {
	j, err := Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := torch.Use(j.Config.Train.Device); err != nil {
		return nil, run.Invalid(err)
	}
	if err := j.identify(); err != nil {
		return nil, err
	}
	s, err := j.prepare(ctx, "", &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if o.Out == "" {
		o.Out = run.Vacant("runs", j.Config.Method.Name)
	}
	if s.Dir, err = run.Create(o.Out, j.Config); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Dir.Close()) }()
	return s.train(ctx, &o)
}

// Resume goes on with the run in dir from its newest whole checkpoint, with new settings where they do not change what the
// run is. A finished run ends at once, unless a setting makes it longer. Errors are those of [Run].
func Resume(ctx context.Context, dir string, settings []Setting, o Options) (result *Result, err error) {
	d, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	j, err := reopen(dir, settings, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	s, err := j.prepare(ctx, dir, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.Dir = d
	if err := s.Resume(o.note); err != nil {
		return nil, err
	}
	if s.Guard != nil {
		if err := s.Guard.Replay(d.Path(), s.Step()); err != nil {
			return nil, err
		}
	}
	if s.Done() {
		if !o.Stage {
			o.note(fmt.Sprintf("the run in %s is finished after %d steps: give more --epochs or --max-steps to go on", d, s.Step()))
		}
		return &Result{Dir: dir, Steps: s.Step()}, nil
	}
	if err := d.SaveConfig(j.Config); err != nil {
		return nil, err
	}
	return s.train(ctx, &o)
}

// reopen describes the run in a directory once more, with new settings, and refuses what a resume must not change.
func reopen(dir string, settings []Setting, o *Options) (*Job, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	name, err := config.MethodOf(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	entry, err := find(name, o.Methods)
	if err != nil {
		return nil, err
	}
	before, err := config.Load(text, entry.New())
	if err != nil {
		return nil, err
	}
	j := &Job{Method: entry.New(), entry: entry}
	if m, ok := parallax.As[parallax.Stager](j.Method); ok && !o.Stage {
		return nil, run.Invalid(fmt.Errorf("the run in %s is a stage of several: go on with  parallax %s --resume %s",
			dir, m.Command(), filepath.Dir(dir)))
	}
	if j.Config, err = config.Load(text, j.Method); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if s.Path == "method.name" && s.Value != name {
			return nil, refuse(dir, config.Change{Path: s.Path, Old: name, New: s.Value})
		}
		if err := j.Config.Set(s.Path, s.Value, s.Source); err != nil {
			return nil, run.Invalid(err)
		}
	}
	if err := j.lengthByEpochs(settings); err != nil {
		return nil, err
	}
	if err := torch.Use(j.Config.Train.Device); err != nil {
		return nil, run.Invalid(err)
	}
	d := &j.Config.Data
	j.Source, err = dataset.Open(d.Path, dataset.Options{Split: d.Split, Labels: d.Labels, Size: d.Size, Decoder: d.Decoder})
	if errors.Is(err, dataset.ErrDecoder) {
		return nil, fmt.Errorf("the run in %s goes on with the decoder it began with: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (if the data has moved, say where to with --data)", err)
	}
	j.facts()
	if !j.Source.JPEG() { // then no pixel depends on it
		d.Decoder = before.Data.Decoder
	}
	if err := errors.Join(j.identify(), run.Invalid(j.complete())); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	refused, err := config.Refused(before.Config, j.Config.Config)
	if err == nil && len(refused) > 0 {
		err = refuse(dir, refused...)
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// refuse is the error of a resume with changes that it must not make.
func refuse(dir string, changes ...config.Change) error {
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return run.Invalid(fmt.Errorf("the run in %s cannot go on with other settings: %s; undo these, or begin a new run with --out",
		dir, strings.Join(lines, "; ")))
}

// lengthByEpochs lets train.epochs extend a run whose length was given in steps.
func (j *Job) lengthByEpochs(settings []Setting) error {
	for _, s := range slices.Backward(settings) {
		switch s.Path {
		case "train.max_steps":
			return nil
		case "train.epochs":
			return j.Config.Set("train.max_steps", "0", s.Source)
		}
	}
	return nil
}

// prepare opens the probes and builds the networks, but makes no directory: what cannot begin leaves none behind. resumed
// is the directory of a run that goes on.
func (j *Job) prepare(ctx context.Context, resumed string, o *Options) (*Session, error) {
	var initial []nn.State
	saved := false
	if resumed != "" {
		entries, err := os.ReadDir(filepath.Join(resumed, run.CheckpointsDir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		saved = len(entries) > 0
	}
	var err error
	if path := j.Config.Backbone.Init; path != "" && !saved { // a checkpoint holds the weights of a run that goes on
		if initial, err = InitialWeights(path); err != nil {
			return nil, err
		}
	}
	s := &Session{Job: j}
	if s.Probe, err = probe.New(ctx, probe.Options{
		Config: j.Config.Config, Method: j.Method, Features: j.Backbone.Features(), Source: j.Source, Metrics: o.Metrics,
	}); err != nil {
		return nil, err
	}
	options := train.Options{
		Config: j.Config, Method: j.Method, Backbone: j.Backbone, Loader: j.loader(), Init: initial,
		Hooks: []train.Hook{s.Probe}, Watch: slices.Clone(o.Watch),
	}
	if s.Guard, err = guard.New(j.Config, j.entry); s.Guard != nil {
		options.Hooks, options.Watch = append(options.Hooks, s.Guard), append(options.Watch, s.Guard.Add)
	}
	if err == nil && o.Prepare != nil {
		err = o.Prepare(s, &options)
	}
	if err == nil {
		s.Trainer, err = train.New(options)
	}
	if err != nil {
		return nil, errors.Join(err, s.Probe.Close())
	}
	return s, nil
}

// train runs to the end, and says what came of it.
func (s *Session) train(ctx context.Context, o *Options) (*Result, error) {
	quarantine, err := dataset.NewQuarantine(s.Job.Source.Len(), s.Dir.Path(run.QuarantineFile))
	if err != nil {
		return nil, err
	}
	s.Loader.Quarantine = quarantine
	if o.Begin != nil {
		o.Begin(s)
	}
	err = s.Run(ctx)
	result := &Result{Dir: s.Dir.Path(), Steps: s.Step(), Trained: true, Unreadable: quarantine.Len()}
	if s.Guard != nil {
		result.Judged, _ = s.Guard.Judged()
	}
	return result, errors.Join(err, quarantine.Close())
}

func (s *Session) close() error { return errors.Join(s.Trainer.Close(), s.Probe.Close()) }

// InitialWeights reads a backbone's weights from a file such as another run's encoder.safetensors, under the backbone's
// local names. A classifier ("fc.") in the file is ignored.
func InitialWeights(path string) ([]nn.State, error) {
	states, _, err := nn.ReadStates(path)
	if err != nil {
		return nil, fmt.Errorf("starting from --init %s: %w", path, err)
	}
	return slices.DeleteFunc(states, func(s nn.State) bool { return strings.HasPrefix(s.Name, "fc.") }), nil
}
