// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/checkpoint"
	clustered "github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
	"github.com/parallax-ssl/parallax/weights"
)

// subject is the subject of an evaluation: the networks of a run at a checkpoint, or a backbone in a file.
type subject struct {
	path        string
	file        bool
	config      *config.Config // with the images to evaluate on; for a file, from its metadata
	step, steps int            // of a run
	checkpoint  string         // folder
	states      []nn.State     // all tensors of the run's networks, or the backbone's under its local names
	other       bool           // the images are others than the run's own
	notes       []string

	text []byte // the run's configuration
}

// openSubject reads the run or file of a request.
func openSubject(f *Request) (*subject, error) {
	info, err := os.Stat(f.Run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %s: there is no such directory or file", f.Run)
	}
	if err != nil {
		return nil, err
	}
	s := &subject{path: f.Run, file: !info.IsDir()}
	if s.file {
		err = s.openFile(f)
	} else {
		err = s.openRun(f)
	}
	if err != nil {
		return nil, err
	}
	c := s.config
	if f.Data != "" && f.Data != c.Data.Path {
		c.Data.Path, c.Data.Labels, c.Data.Split = f.Data, "", ""
		s.other = true
	}
	if f.Split != "" {
		c.Data.Split = f.Split
	}
	if f.Labels != "" {
		c.Data.Labels = f.Labels
	}
	if f.Device != "" {
		c.Train.Device = f.Device
	}
	c.Augment, c.Probe.Limit, c.Train.Workers, c.Train.Threads = nil, f.Limit, f.Workers, f.Threads
	if c.Train.Threads == 0 {
		c.Train.Threads = machine.Threads()
	}
	return s, nil
}

// openRun reads a run's configuration and a checkpoint. The run may still be training.
func (s *subject) openRun(f *Request) error {
	var err error
	if s.text, err = run.ReadConfig(s.path); errors.Is(err, run.ErrNoRun) {
		if _, missing := os.Stat(filepath.Join(s.path, clustered.PlanFile)); missing == nil {
			return fmt.Errorf("%s holds a clustering, whose stages are runs: name one of them, such as %s", s.path,
				filepath.Join(s.path, clustered.Clustering))
		}
		return fmt.Errorf("%w: give the directory of a run, such as runs/simclr-1, or an encoder.safetensors", err)
	} else if err != nil {
		return err
	}
	if _, s.config, err = variant.Load(s.text); err != nil {
		return err
	}
	c := s.config
	s.steps = train.Steps(&c.Train, c.Data.Images/c.Train.Batch)
	running, err := run.Running(s.path)
	if err != nil {
		return err
	}
	if err := s.read(f.Checkpoint); err != nil {
		return err
	}
	switch {
	case running:
		s.notes = append(s.notes, fmt.Sprintf("the run is still training: this is its checkpoint of step %d of %d",
			s.step, s.steps))
	case s.step < s.steps && f.Checkpoint == "last":
		s.notes = append(s.notes, fmt.Sprintf("the run is not finished: this is step %d of %d", s.step, s.steps))
	}
	return nil
}

// read reads the weights of the wanted checkpoint: last, best, or that of a step. It skips a damaged last one.
func (s *subject) read(want string) error {
	found, err := checkpoint.List(s.path)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		remedy := "wait for the first, or resume the run: parallax pretrain --resume " + s.path
		if _, err := os.Stat(filepath.Join(s.path, run.EncoderFile)); err == nil {
			remedy = "to evaluate its backbone alone, give " + filepath.Join(s.path, run.EncoderFile)
		}
		return fmt.Errorf("the run in %s has no checkpoint: %s", s.path, remedy)
	}
	slices.Reverse(found)
	if want != "last" {
		name, err := s.named(want)
		if err != nil {
			return err
		}
		if !slices.Contains(found, name) {
			var steps []string
			for _, name := range found {
				_, step, _ := strings.Cut(name, "-")
				steps = append(steps, cmp.Or(strings.TrimLeft(step, "0"), "0"))
			}
			return fmt.Errorf("checkpoint %s: the run in %s keeps no such checkpoint: it has those of step %s", want,
				s.path, strings.Join(steps, ", "))
		}
		found = []string{name}
	}
	for _, name := range found {
		var c *checkpoint.Checkpoint
		if c, err = checkpoint.ReadNetworks(checkpoint.Path(s.path, name), s.config.Method.Name); err == nil {
			s.step, s.checkpoint, s.states = c.Step, name, c.Networks
			return nil
		}
		if errors.Is(err, checkpoint.ErrMisfit) {
			return fmt.Errorf("reading the run in %s: %w", s.path, err)
		}
		s.notes = append(s.notes, fmt.Sprintf("skipped checkpoint %s, which is damaged (%v)", name, err))
	}
	return fmt.Errorf("no checkpoint of the run in %s can be read: %w", s.path, err)
}

// named returns the folder of the wanted checkpoint.
func (s *subject) named(want string) (string, error) {
	if want != "best" {
		step, err := strconv.Atoi(want)
		if err != nil || step < 0 {
			return "", run.Invalid(fmt.Errorf("checkpoint %s: it must be last, best or a step", want))
		}
		return checkpoint.Name(step), nil
	}
	best, err := checkpoint.ReadBest(s.path)
	if err != nil {
		return "", fmt.Errorf("the run in %s does not say which checkpoint is its best (%w): choose last",
			s.path, err)
	}
	return best.Checkpoint, nil
}

// openFile reads an encoder.safetensors, or a checkpoint of another program.
func (s *subject) openFile(f *Request) error {
	w, err := weights.ReadEncoder(s.path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", s.path, err)
	}
	about := w.Encoder
	s.notes = append(s.notes, w.Report.Summary()...)
	switch {
	case f.Of == OfEmbedding:
		return run.Invalid(fmt.Errorf("%s holds a backbone alone, without the projector that makes embeddings: give "+
			"the run's directory", s.path))
	case f.Checkpoint != "last":
		return run.Invalid(fmt.Errorf("checkpoint %s: %s is a file: give the run's directory", f.Checkpoint, s.path))
	case f.Data == "":
		return run.Invalid(fmt.Errorf("no data given: %s does not name images to evaluate on: give data", s.path))
	}
	c := config.Default()
	c.Seed, c.Method.Name = f.Seed, about.Method
	c.Backbone.Name, c.Backbone.Width = about.Architecture, about.Width
	c.Backbone.Stem, c.Backbone.Norm = about.Stem, about.Norm
	c.Data.Size, c.Data.Mean, c.Data.Std, c.Data.Samples = about.Size, about.Mean, about.Std, about.Samples
	c.Data.Channels = cmp.Or(about.Kept, config.RGB)
	s.config, s.states = &c, w.States
	return nil
}

// images opens the images to evaluate on. It uses the run's JPEG decoder, so that the pixels are as in training.
func (s *subject) images() (*dataset.Source, error) {
	d := s.config.Data
	return s.open(dataset.Options{Size: d.Size, Split: d.Split, Labels: d.Labels, Channels: d.Channels,
		Decoder: d.Decoder})
}

// open opens the images as the run did, or as asked for.
func (s *subject) open(o dataset.Options) (source *dataset.Source, err error) {
	d := &s.config.Data
	if s.other {
		source, err = dataset.Open(d.Path, o)
	} else {
		source, d.Split, err = dataset.OpenAgain(d.Path, o, d.Images)
	}
	if err == nil && d.Kept() {
		source.Require(d.Format())
	}
	return source, err
}

// build makes the networks: trained, or as before the first step.
func (s *subject) build(params *nn.Params, trained bool) (parallax.Encoder, error) {
	body, err := pretrain.Network(s.config)
	if err != nil {
		return parallax.Encoder{}, err
	}
	if s.file {
		p := params.Sub("backbone")
		enc := parallax.Encoder{Backbone: body.Build(p), Params: p, Features: body.Features()}
		if trained {
			if err := p.LoadLocal(s.states); err != nil {
				return enc, fits(err)
			}
			return enc, nn.Finite(s.states)
		}
		return enc, nil
	}
	m, c, err := variant.Load(s.text)
	if err != nil {
		return parallax.Encoder{}, err
	}
	enc := m.Build(&parallax.Build{Params: params, Backbone: body, Size: c.Data.Size, Batch: c.Train.Batch,
		Images: c.Data.Images, Steps: s.steps})
	if trained {
		return enc, fits(params.Load(s.states))
	}
	if c.Backbone.Init == "" {
		return enc, nil
	}
	initial, err := pretrain.InitialWeights(c.Backbone.Init)
	if err != nil {
		return enc, fmt.Errorf("the network before training: %w: leave it out (untrained=false)", err)
	}
	_, err = enc.Params.Adopt(initial)
	return enc, fits(err)
}

// fits explains an error of loading weights.
func fits(err error) error {
	if err != nil {
		return fmt.Errorf("the weights do not fit the network: %w", err)
	}
	return nil
}
