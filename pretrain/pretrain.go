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
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain/guard"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Options say how a run is made, beside its configuration. The zero value trains silently in runs/METHOD-N.
type Options struct {
	Out   string            // the run directory, which must be new or empty; "": the first free runs/METHOD-N
	Watch []func(run.Event) // called with every event, after the event was written
	Note  func(text string) // called with messages for the user, for example about a damaged checkpoint
	Begin func(*Session)    // called before the first step
	Save  <-chan struct{}   // a value asks for a checkpoint after the current step
	// Profile is how many steps are measured, after train.ProfileWarmUp others. Where their time went stands in the
	// run directory (run.ProfileFile), and is passed to Profiled.
	Profile  int
	Profiled func(*train.Profile)
	// Prepare may add to the trainer's options before the networks are built.
	Prepare func(*Session, *train.Options) error
	Redo    string         // for Resume: the hook whose call after the last step is made again in a finished run
	Stage   bool           // the run is one stage of several: its method may be a parallax.Stager
	Report  bool           // write the run's report when it ends, see package run/report
	Version string         // of the program, for the report
	Methods []method.Entry // for Resume: objectives of a program's own
	Metrics []probe.Metric // metrics of a program's own, measured in every evaluation

	// Place is where this process is among those that share the run, nil for one process; see package dist. The chief
	// makes the run; the others take its settings from the chief and write nothing. When a launcher has started them
	// again after a failure, Run goes on with the run that it had begun.
	Place  *dist.Place
	Wait   time.Duration                // how long a process may keep the others waiting; 0: dist.DefaultWait
	Joined func(others *dist.Processes) // called when all processes have come

	together *dist.Processes
	now      func() time.Time                          // the clock of Request.Minutes; nil: time.Now
	measure  func(context.Context) (*Rehearsal, error) // instead of a rehearsal; nil: a rehearsal
}

// note passes a message to the user.
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
	Guard *guard.Hook // nil with train.on_collapse off

	memory *memoryPlan
}

// Result is the result of a run.
type Result struct {
	Dir        string    // the run directory
	Steps      int       // optimiser steps done
	Trained    bool      // false for a run that was finished already
	Judged     run.Event // the guard's verdict at the end of the run; Class is empty without a verdict
	Unreadable int       // images that could not be read; quarantine.jsonl names them
	Report     string    // the path of the run's report; "" without one
}

// Run makes a new run and trains it to its end, or until ctx ends. The result is nil unless training has begun.
//
// With Request.Minutes it first chooses what the request leaves open by a recipe (minutes.yaml), measures a few steps
// of each stage, and plans as many as fit. While it trains it measures on, and at the end of a stage it gives the rest
// of the run more steps or fewer if the machine was faster or slower than planned. The config records each plan, so a
// resume follows the last one and needs no clock. Errors:
//
//   - When ctx ends the run, it writes a checkpoint and the error is context.Cause(ctx).
//   - A run that the guard stopped has an error that wraps [train.ErrCollapsed].
//   - A loss that is not finite has an error that wraps [train.ErrNonFinite].
//   - A mistake in the request is a [*run.InvalidError]; then no run directory is made.
func Run(ctx context.Context, r *Request, o Options) (*Result, error) {
	device, err := r.Value("train.device")
	if err != nil {
		return nil, run.Invalid(err)
	}
	name := ""
	if device != nil {
		name = device.Value
	}
	return o.join(ctx, name, func() (*Result, error) { return begin(ctx, r, o) })
}

// begin is Run in the chief.
func begin(ctx context.Context, r *Request, o Options) (result *Result, err error) {
	if dir, err := o.again(); dir != "" || err != nil {
		if err != nil {
			return nil, err
		}
		o.note(fmt.Sprintf("%s has started the processes again: going on with the run in %s", o.together.Launcher, dir))
		return resume(ctx, dir, nil, o)
	}
	if device, err := r.Value("train.device"); err == nil && device == nil { // else torch.Use comes first
		preload()
	}
	var d *deadline
	if r.Minutes != 0 {
		if o.together.Processes() > 1 {
			return nil, run.Invalid(errors.New("--minutes plans a run of one process: with several give --epochs or " +
				"--max-steps"))
		}
		if r, d, err = plan(ctx, r, &o); err != nil {
			return nil, err
		}
	}
	j, err := resolve(ctx, r, o.together)
	if err != nil {
		return nil, err
	}
	if j.deadline = d; d != nil {
		d.config = j.Config.Config
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
	if s.Data, err = j.recordContent(ctx, s.Dir.Path()); err != nil {
		return nil, err
	}
	if err := o.together.Remember(folder, s.Dir.Path()); err != nil {
		return nil, err
	}
	if err := o.publish(j.Config); err != nil {
		return nil, err
	}
	return s.train(ctx, &o)
}

// preload loads the engine while the data is opened: either takes some tenths of a second for an archive of 60,000
// images. If it fails, the first use says so.
func preload() { go func() { _ = torch.Load() }() }

// Resume continues the run in dir from its newest undamaged checkpoint. settings may change the length of the run, how
// often and on what it is evaluated, and where its data is; see [config.Refused]. A finished run ends at once, unless a
// setting makes it longer. The errors are those of [Run].
func Resume(ctx context.Context, dir string, settings []Setting, o Options) (*Result, error) {
	return o.join(ctx, "", func() (*Result, error) { return resume(ctx, dir, settings, o) })
}

// resume is Resume in the chief.
func resume(ctx context.Context, dir string, settings []Setting, o Options) (result *Result, err error) {
	d, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := checkpoint.Recover(dir); err != nil {
		return nil, err
	}
	j, err := reopen(ctx, dir, settings, &o)
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
		made, err := s.Complete()
		if len(made) > 0 {
			o.note(fmt.Sprintf("made again in %s, where it was missing or not that of the last step: %s", d,
				strings.Join(made, ", ")))
		}
		if !o.Stage && err == nil {
			o.note(fmt.Sprintf("the run in %s is finished after %d steps: to train longer, "+
				"give more --epochs or --max-steps", d, s.Step()))
		}
		return &Result{Dir: dir, Steps: s.Step()}, err
	}
	if err := d.SaveConfig(j.Config); err != nil {
		return nil, err
	}
	if err := o.publish(j.Config); err != nil {
		return nil, err
	}
	return s.train(ctx, &o)
}

// jobOf is the job that a run's config describes, without its images.
func (o *Options) jobOf(text []byte) (*Job, error) {
	name, err := config.MethodOf(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	entry, err := method.Find(name, o.Methods...)
	if err != nil {
		return nil, err
	}
	j := &Job{Method: entry.New(), entry: entry, together: o.together}
	j.Config, err = config.Load(text, j.Method)
	return j, err
}

// reopen makes the Job of the run in a directory, with new settings. It refuses settings that a resume must not change.
func reopen(ctx context.Context, dir string, settings []Setting, o *Options) (*Job, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	j, err := o.jobOf(text)
	if err != nil {
		return nil, err
	}
	before, err := config.Load(text, j.entry.New())
	if err != nil {
		return nil, err
	}
	if m, ok := parallax.As[parallax.Stager](j.Method); ok && !o.Stage {
		return nil, run.Invalid(fmt.Errorf("the run in %s is one stage of several: "+
			"resume them with  parallax %s --resume %s", dir, m.Command(), filepath.Dir(dir)))
	}
	for _, s := range settings {
		if name := j.Config.Method.Name; s.Path == "method.name" && s.Value != name {
			return nil, refuse(dir, config.Change{Path: s.Path, Old: name, New: s.Value})
		}
		if err := j.Config.Set(s.Path, s.Value, s.Source); err != nil {
			return nil, run.Invalid(err)
		}
	}
	if was, is := before.Data.Channels, j.Config.Data.Channels; was != is { // the statistics would not fit
		return nil, refuse(dir, config.Change{Path: "data.channels", Old: was, New: is})
	}
	if err := j.lengthByEpochs(settings); err != nil {
		return nil, err
	}
	j.share(true, slices.ContainsFunc(settings, func(s Setting) bool { return s.Path == "train.threads" }))
	if err := j.reopenData(before.Data.Images); err != nil {
		return nil, err
	}
	d := &j.Config.Data
	if !j.Source.JPEG() { // without JPEG no pixel depends on the decoder
		d.Decoder = before.Data.Decoder
	}
	if err := errors.Join(j.identify(), run.Invalid(j.complete())); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	if err := j.unchanged(ctx, dir, before.Config, o); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// reopenData opens the images of a config again, of which there were so many.
func (j *Job) reopenData(images int) (err error) {
	if err := torch.Use(j.Config.Train.Device); err != nil {
		return run.Invalid(err)
	}
	preload()
	d := &j.Config.Data
	j.budget = budget(j.Config.Config)
	j.Source, d.Split, err = dataset.OpenAgain(d.Path, dataset.Options{Split: d.Split, Labels: d.Labels, Size: d.Size,
		Channels: d.Channels, Decoder: d.Decoder, Budget: j.budget, CacheBytes: d.CacheBytes()}, images)
	if err != nil {
		return fmt.Errorf("%w (if the data has moved, give its new place with --data)", err)
	}
	if d.Kept() {
		j.Source.Require(d.Format())
	}
	j.facts()
	return nil
}

// unchanged refuses to resume under another configuration than that of the newest checkpoint, or on other images.
// Checkpoints of an earlier Parallax hold neither; then before is what config.yaml says, and the images are taken as
// they are.
func (j *Job) unchanged(ctx context.Context, dir string, before *config.Config, o *Options) error {
	record, err := checkpoint.NewestManifest(dir)
	if err != nil {
		return err
	}
	var refused []config.Change
	if record.Config != nil {
		if !j.Source.JPEG() {
			record.Config["data.decoder"] = j.Config.Data.Decoder
		}
		refused, err = config.RefusedSince(record.Config, j.Config)
	} else {
		if record.Format > 0 {
			o.note(fmt.Sprintf("the checkpoints in %s hold neither their configuration nor the content of the images, "+
				"since an earlier Parallax wrote them: both are taken as they are now", dir))
		}
		refused, err = config.Refused(before, j.Config.Config)
	}
	if err != nil {
		return err
	}
	other := slices.DeleteFunc(slices.Clone(refused), func(c config.Change) bool {
		return c.Path == "data.fingerprint" || c.Path == "data.images"
	})
	if len(other) == 0 { // what is different about the images, the names of the files say better than a hash
		j.content, err = j.checkContent(ctx, dir, record, o)
	}
	if err == nil && len(refused) > 0 {
		err = refuse(dir, refused...)
	}
	return err
}

// refuse returns the error of a resume with forbidden changes.
func refuse(dir string, changes ...config.Change) error {
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return run.Invalid(fmt.Errorf("the run in %s cannot be resumed with other settings: %s; undo these changes, "+
		"or begin a new run with --out", dir, strings.Join(lines, "; ")))
}

// lengthByEpochs lets a new train.epochs replace a length that was given in steps.
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

// prepare opens the probes and builds the networks. It makes no directory, so that a run that cannot begin leaves none
// behind. resumed is the directory of a resumed run, "" for a new one.
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
	if path := j.Config.Backbone.Init; path != "" && !saved { // a saved run has its weights in its checkpoint
		if initial, err = InitialWeights(path); err != nil {
			return nil, err
		}
	}
	for _, warning := range []string{j.crowded(), j.few(), j.thrashes()} {
		if warning != "" {
			o.note(warning)
		}
	}
	s := &Session{Job: j}
	if s.Probe, err = probe.New(ctx, probe.Options{
		Config: j.Config.Config, Method: j.Method, Features: j.Backbone.Features(), Source: j.Source,
		Metrics: o.Metrics, Note: o.note, Budget: j.budget,
	}); err != nil {
		return nil, err
	}
	options := train.Options{
		Data: j.content, Config: j.Config, Method: j.Method, Backbone: j.Backbone, Loader: j.loader(), Init: initial,
		Hooks: []train.Hook{s.Probe}, Watch: slices.Clone(o.Watch), Save: o.Save,
		Redo: o.Redo, Profile: o.Profile, Profiled: o.Profiled, Together: o.together,
	}
	if s.Guard, err = guard.New(j.Config, j.entry); s.Guard != nil {
		options.Hooks, options.Watch = append(options.Hooks, s.Guard), append(options.Watch, s.Guard.Add)
	}
	if d := j.deadline; d != nil {
		options.Hooks, options.Watch = append(options.Hooks, d), append(options.Watch, d.watch)
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
	if prefix := s.InitPrefix(); prefix != "" {
		o.note(fmt.Sprintf("of %s the tensors under the prefix %q are taken", j.Config.Backbone.Init, prefix))
	}
	if err := s.planMemory(o.note); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// crowded warns of more threads than cores, and names who asked for them.
func (j *Job) crowded() string {
	given := ""
	if source := j.Config.Sources["train.threads"]; !strings.HasPrefix(source, "detected") {
		given = "train.threads, " + source
	}
	return machine.Crowded(given, j.Config.Train.Threads)
}

// channels says what is special about images that keep their channels; "" if they do not.
func (j *Job) channels() string {
	d := &j.Config.Data
	if !d.Kept() {
		return ""
	}
	text := fmt.Sprintf("images keep %v; others are quarantined", d.Format())
	if len(j.replaced) > 0 {
		text += "; the recipes have " + strings.Join(j.replaced, ", ")
	}
	return text
}

// train trains to the end and returns the result.
func (s *Session) train(ctx context.Context, o *Options) (*Result, error) {
	if err := s.quarantine(s.Dir.Path(run.QuarantineFile)); err != nil {
		return nil, err
	}
	s.Probe.Keep = func(f *features.Sample) error { return features.Save(s.Dir.Path(), f) }
	if o.Begin != nil {
		o.Begin(s)
	}
	if text := s.Job.channels(); text != "" {
		o.note(text)
	}
	defer s.memory.limitHeap()()
	err := s.Run(ctx)
	result := &Result{Dir: s.Dir.Path(), Steps: s.Step(), Trained: true, Unreadable: s.Loader.Quarantine.Len()}
	if s.Guard != nil {
		result.Judged, _ = s.Guard.Judged()
	}
	closing := s.Loader.Quarantine.Close()
	result.Report = s.report(ctx, o, err)
	return result, errors.Join(err, closing)
}

// quarantine gives the loader a list of images that cannot be read, in a file unless path is "".
func (s *Session) quarantine(path string) (err error) {
	if s.Loader.Quarantine, err = dataset.NewQuarantine(s.Job.Source.Len(), path); err == nil {
		s.Loader.Quarantine.Allow(s.Job.Config.Data.MaxUnreadable)
	}
	return err
}

func (s *Session) close() error { return errors.Join(s.Trainer.Close(), s.Probe.Close()) }

// InitialWeights reads a backbone's weights from a file, such as another run's encoder.safetensors, for
// [nn.Params.Adopt].
func InitialWeights(path string) ([]nn.State, error) {
	states, _, err := nn.ReadStates(path)
	if err == nil && len(states) == 0 {
		err = errors.New("the file holds no tensors")
	}
	if err != nil {
		return nil, fmt.Errorf("starting from --init %s: %w: give a safetensors file (parallax import makes one of a "+
			"checkpoint of another program)", path, err)
	}
	return states, nil
}
