// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

var errNoEngine = torch.ErrNoEngine

// pretrainFlags are the flags of pretrain that do not set a value of the configuration.
type pretrainFlags struct {
	data, method, config, preset, out, resume string
	sets, probes                              []string
	json                                      bool
	stage                                     *stage // when the run is one of several
}

func pretrainCommand() *cobra.Command {
	var f pretrainFlags
	c := &cobra.Command{
		Use:   "pretrain (--data PATH --method NAME | --resume DIR)",
		Short: "Train an encoder on unlabelled images",
		Long: `Pretrain trains an image encoder on unlabelled images and watches whether it is learning or collapsing.

PATH is a folder of images at any depth, a .tar or .tar.gz of them, CIFAR or IDX (MNIST) files, or the word synthetic:
images drawn on the spot. A top-level folder called train is what is trained on; test or val is then what is measured on.
PATH:sub/folder selects a part. Labels are used to measure; only paws and supcon train on those of the training images.

The run directory holds everything: the configuration with every value and where it came from (config.yaml), metrics.jsonl,
TensorBoard events, checkpoints, and the encoder with torchvision's or timm's parameter names (encoder.safetensors).

What is shown: std is the standard deviation of the normalised embedding times the square root of its width (1 is spread
over all directions, 0 is collapsed to a point); rank is its effective rank; knn is the accuracy of a weighted vote of the
nearest neighbours of the backbone's features, when there are labels.

A guard looks at the embeddings of 512 images fifty times in a run, and names a collapse by the numbers that show it, with what
usually causes it in this method. --on-collapse says what it then does: warn, once for each kind of collapse; stop, after a
checkpoint; rewind, to the last checkpoint from before, to go on at half the learning rate (three times, then it stops); or
off, and nobody looks. The best checkpoint (best.json) is the one with the highest knn; without labels the newest whose
features have nearly the highest rank (RankMe). Of a collapsed network it never is.

Ctrl-C or a termination signal writes a checkpoint first. Exit statuses: 0 done, 1 it could not be done, 2 a mistake in
the command line or configuration, 3 stopped because it had collapsed, 65 the loss became NaN or infinite, 69 the engine
library is missing, 74 a file could not be written, 130 and 143 stopped by SIGINT and SIGTERM.`,
		Example: `  parallax pretrain --data photos --method simsiam
  parallax pretrain --data cifar10.tar.gz --method simclr --preset tiny-cpu --epochs 5 --out runs/simclr
  parallax pretrain --data photos --method byol --set augment.color_jitter.p=0 --probe labelled-photos
  parallax pretrain --data photos --method paws --labels some.csv
  parallax pretrain --resume runs/simclr
  parallax pretrain --resume runs/simclr --epochs 20`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := f.settings(c)
			if err != nil {
				return usage(err)
			}
			if f.resume != "" {
				return f.resumeRun(c.Context(), c.OutOrStdout(), settings)
			}
			return f.newRun(c.Context(), c.OutOrStdout(), settings)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, or synthetic")
	fl.StringVar(&f.method, "method", "", "objective: "+strings.Join(methodNames(), ", "))
	fl.StringVar(&f.out, "out", "", "run directory; default runs/METHOD-N")
	fl.StringVar(&f.config, "config", "", "YAML file with values of the configuration")
	fl.StringVar(&f.preset, "preset", "", "settings that go together: "+strings.Join(preset.Names, ", ")+"; default by the size and number of the images")
	fl.StringArrayVar(&f.sets, "set", nil, "set any value of the configuration, section.key=value; repeatable")
	fl.StringArrayVar(&f.probes, "probe", nil, "measure on these images instead of the training data; repeatable")
	fl.StringVar(&f.resume, "resume", "", "go on with the run in this directory")
	fl.BoolVar(&f.json, "json", false, "print events as JSON lines")
	addSettingFlags(c)
	c.RegisterFlagCompletionFunc("method", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return methodNames(), cobra.ShellCompDirectiveNoFileComp
	})
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// settings are all values that the command line gives.
func (f *pretrainFlags) settings(c *cobra.Command) ([]setting, error) {
	var all []setting
	if f.data != "" {
		all = append(all, setting{"data.path", f.data, "flag --data"})
	}
	if f.method != "" {
		all = append(all, setting{"method.name", f.method, "flag --method"})
	}
	if len(f.probes) > 0 {
		all = append(all, setting{"probe.paths", "[" + strings.Join(quoted(f.probes), ", ") + "]", "flag --probe"})
	}
	given, err := givenSettings(c, f.sets)
	return append(all, given...), err
}

func quoted(texts []string) []string {
	var q []string
	for _, t := range texts {
		q = append(q, "'"+strings.ReplaceAll(t, "'", "''")+"'")
	}
	return q
}

func (f *pretrainFlags) newRun(ctx context.Context, out io.Writer, settings []setting) (err error) {
	if f.data == "" && f.method == "" && f.config == "" && len(settings) == 0 {
		return usage(errors.New("nothing to train: give --data PATH and --method NAME, or --resume DIR (parallax pretrain --help has examples)"))
	}
	text, err := readConfigFile(f.config)
	if err != nil {
		return err
	}
	j, err := resolve(ctx, &request{file: f.config, text: text, preset: f.preset, settings: settings, stage: f.stage != nil})
	if err != nil {
		return err
	}
	defer j.source.Close()
	if err := torch.Use(j.config.Train.Device); err != nil {
		return usage(err)
	}
	if err := j.identify(); err != nil {
		return err
	}
	s, err := f.prepare(ctx, out, j)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if f.out == "" {
		f.out = vacantName("runs", j.config.Method.Name)
	}
	if s.Dir, err = run.Create(f.out, j.config); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Dir.Close()) }()
	return s.run(ctx)
}

// vacantName is the first of runs/METHOD-1, runs/METHOD-2, ... that does not exist.
func vacantName(folder, method string) string {
	for n := 1; ; n++ {
		path := filepath.Join(folder, fmt.Sprintf("%s-%d", method, n))
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
}

func (f *pretrainFlags) resumeRun(ctx context.Context, out io.Writer, settings []setting) (err error) {
	for _, other := range []struct{ flag, value string }{{"--out", f.out}, {"--config", f.config}, {"--preset", f.preset}} {
		if other.value != "" {
			return usage(fmt.Errorf("--resume goes on with the run as it is: leave out %s", other.flag))
		}
	}
	dir, err := run.Open(f.resume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	j, err := f.reopen(settings)
	if err != nil {
		return err
	}
	defer j.source.Close()
	s, err := f.prepare(ctx, out, j)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.Dir = dir
	if err := s.Resume(s.view.note); err != nil {
		return err
	}
	if s.guard != nil {
		if err := s.guard.replay(dir.Path(), s.Step()); err != nil {
			return err
		}
	}
	if s.Done() && f.stage != nil {
		return nil
	}
	if s.Done() {
		s.view.note(fmt.Sprintf("the run in %s is finished after %d steps: give more --epochs or --max-steps to go on", dir, s.Step()))
		return nil
	}
	if err := dir.SaveConfig(j.config); err != nil {
		return err
	}
	return s.run(ctx)
}

// reopen describes the run in a directory once more, with new settings, and refuses what a resume must not change.
func (f *pretrainFlags) reopen(settings []setting) (*job, error) {
	text, err := run.ReadConfig(f.resume)
	if err != nil {
		return nil, err
	}
	name, err := run.MethodOf(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	entry, err := method.Find(name)
	if err != nil {
		return nil, err
	}
	before, err := run.Load(text, entry.New())
	if err != nil {
		return nil, err
	}
	j := &job{method: entry.New()}
	if m, ok := j.method.(parallax.Stager); ok && f.stage == nil {
		return nil, usage(fmt.Errorf("the run in %s is a stage of several: go on with  parallax %s --resume %s", f.resume, m.Command(), filepath.Dir(f.resume)))
	}
	if j.config, err = run.Load(text, j.method); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if s.path == "method.name" && s.value != name {
			return nil, f.refuse(run.Change{Path: s.path, Old: name, New: s.value})
		}
		if err := j.config.Set(s.path, s.value, s.source); err != nil {
			return nil, usage(err)
		}
	}
	if err := j.lengthByEpochs(settings); err != nil {
		return nil, err
	}
	if err := torch.Use(j.config.Train.Device); err != nil {
		return nil, usage(err)
	}
	d := &j.config.Data
	if j.source, err = dataset.Open(d.Path, dataset.Options{Split: d.Split, Labels: d.Labels, Size: d.Size}); err != nil {
		return nil, fmt.Errorf("%w (if the data has moved, say where to with --data)", err)
	}
	j.facts()
	if err := errors.Join(j.identify(), usage(j.complete())); err != nil {
		return nil, errors.Join(err, j.source.Close())
	}
	refused, err := run.Refused(before.Config, j.config.Config)
	if err == nil && len(refused) > 0 {
		err = f.refuse(refused...)
	}
	if err != nil {
		return nil, errors.Join(err, j.source.Close())
	}
	return j, nil
}

// refuse is the error of a resume with changes that it must not make.
func (f *pretrainFlags) refuse(changes ...run.Change) error {
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return usage(fmt.Errorf("the run in %s cannot go on with other settings: %s; undo these, or begin a new run with --out", f.resume, strings.Join(lines, "; ")))
}

// lengthByEpochs lets --epochs extend a run whose length was given in steps.
func (j *job) lengthByEpochs(settings []setting) error {
	for _, s := range slices.Backward(settings) {
		switch s.path {
		case "train.max_steps":
			return nil
		case "train.epochs":
			return j.config.Set("train.max_steps", "0", s.source)
		}
	}
	return nil
}

// session is a run that is ready to train, but for its directory: what cannot begin leaves none behind.
type session struct {
	*train.Trainer
	job        *job
	evaluation *evaluation
	guard      *guardian // nil when nobody is to look
	view       *view
}

// prepare opens the probes and builds the networks.
func (f *pretrainFlags) prepare(ctx context.Context, out io.Writer, j *job) (*session, error) {
	saved, err := os.ReadDir(filepath.Join(f.resume, run.CheckpointsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	initial, err := initialWeights(j.config.Backbone.Init, f.resume != "" && len(saved) > 0)
	if err != nil {
		return nil, err
	}
	s := &session{job: j, view: newView(out, f.json)}
	if s.evaluation, err = newEvaluation(ctx, j); err != nil {
		return nil, err
	}
	o := train.Options{
		Config: j.config.Config, Method: j.method, Backbone: j.backbone, Loader: j.loader(), Init: initial,
		Hooks: []train.Hook{s.evaluation}, Watch: []func(run.Event){s.view.show},
	}
	if s.guard, err = newGuardian(s); s.guard != nil {
		o.Hooks, o.Watch = append(o.Hooks, s.guard), append(o.Watch, s.guard.Add)
	}
	if err == nil && f.stage != nil {
		s.view.again = f.stage.again
		err = f.stage.begin(s, &o)
	}
	if err == nil {
		s.Trainer, err = train.New(o)
	}
	if err != nil {
		return nil, errors.Join(err, s.evaluation.close())
	}
	return s, nil
}

// run trains, and shows it.
func (s *session) run(ctx context.Context) error {
	quarantine, err := dataset.NewQuarantine(s.job.source.Len(), s.Dir.Path(run.QuarantineFile))
	if err != nil {
		return err
	}
	s.Loader.Quarantine = quarantine
	s.view.begin(s.job, s.Dir, s.Steps)
	err = s.Run(ctx)
	if s.guard != nil {
		if judged, ok := s.guard.Judged(); ok {
			s.view.judged = judged
		}
	}
	s.view.end(s.Dir, quarantine.Len(), err)
	return errors.Join(err, quarantine.Close())
}

func (s *session) close() error { return errors.Join(s.Trainer.Close(), s.evaluation.close()) }

// initialWeights reads the backbone's weights from a file such as another run's encoder.safetensors. A classifier ("fc.")
// in it is ignored. A run that goes on from a checkpoint has its weights from there.
func initialWeights(path string, saved bool) ([]nn.State, error) {
	if path == "" || saved {
		return nil, nil
	}
	states, _, err := nn.ReadStates(path)
	if err != nil {
		return nil, fmt.Errorf("starting from --init %s: %w", path, err)
	}
	return slices.DeleteFunc(states, func(s nn.State) bool { return strings.HasPrefix(s.Name, "fc.") }), nil
}
