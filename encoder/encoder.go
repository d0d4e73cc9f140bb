// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// ErrClosed is wrapped by the errors of an Encoder that was closed.
var ErrClosed = errors.New("the encoder is closed")

// Encoder is a trained network and the preparation of its images. Its methods may be called from many goroutines at
// once. It holds the network's weights until Close.
type Encoder struct {
	about     Description
	batch     int
	patience  time.Duration                                   // how long a request waits for others
	watch     func(images int, took time.Duration, err error) // is told of every forward pass
	own       []method.Entry
	recipe    augment.Recipe
	normalize augment.Normalize
	layer     nn.Layer
	params    *nn.Params
	freed     bool // params were freed; only libtorch's thread reads it

	mu      sync.Mutex
	closed  bool
	waiting []*request
	turning bool          // a goroutine is computing waiting requests
	added   chan struct{} // has a value when a request was added since that goroutine looked
}

// Description describes an Encoder.
type Description struct {
	Path string // the file, or the checkpoint's folder, that was read
	Step int    // the checkpoint's step; 0 for a file
	checkpoint.Encoder
}

// An Option changes how Open makes an Encoder.
type Option func(*Encoder)

// DefaultBatchSize is how many images go through the network at once if [BatchSize] does not set it.
const DefaultBatchSize = 64

// BatchSize sets how many images go through the network at once, at most. Larger batches need more memory and are
// faster, up to a point.
func BatchSize(n int) Option { return func(e *Encoder) { e.batch = n } }

// Wait lets an idle Encoder wait up to d for more requests before it computes those that it has, unless they fill a
// batch. Without it a request that finds the Encoder idle is computed at once, by itself. While a batch is computed,
// requests gather in any case.
func Wait(d time.Duration) Option { return func(e *Encoder) { e.patience = d } }

// Watch calls f after every forward pass with the number of images in it, how long it took, and its error. The next
// pass waits until f returns.
func Watch(f func(images int, took time.Duration, err error)) Option {
	return func(e *Encoder) { e.watch = f }
}

// Methods adds objectives to the built-in ones. Open must know the objective of a run to read its checkpoints.
func Methods(own ...method.Entry) Option { return func(e *Encoder) { e.own = append(e.own, own...) } }

// Open reads an encoder from an encoder.safetensors, or from the directory of a run: the encoder that the run exported
// when it ended or was interrupted or, while there is none, the encoder of the newest whole checkpoint. A resumed run
// removes its exported encoder with its next checkpoint, so Open never returns weights older than a checkpoint.
func Open(path string, options ...Option) (*Encoder, error) {
	e := &Encoder{batch: DefaultBatchSize, added: make(chan struct{}, 1)}
	for _, o := range options {
		o(e)
	}
	if err := e.open(path); err != nil {
		return nil, fmt.Errorf("opening the encoder %s: %w", path, err)
	}
	return e, nil
}

// New makes an encoder of weights in memory, such as those of weights.Read: about describes their network, and the states
// are under the backbone's names.
func New(about checkpoint.Encoder, states []nn.State, options ...Option) (*Encoder, error) {
	e := &Encoder{batch: DefaultBatchSize, about: Description{Encoder: about}}
	for _, o := range options {
		o(e)
	}
	if e.batch < 1 {
		return nil, errBatch(e.batch)
	}
	if err := e.build(states); err != nil {
		return nil, err
	}
	return e, nil
}

func errBatch(n int) error { return fmt.Errorf("the batch size is %d: it must be at least 1", n) }

func (e *Encoder) open(path string) error {
	if e.batch < 1 {
		return errBatch(e.batch)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such directory or file: give the directory of a run, or an encoder.safetensors")
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return e.openFile(path)
	}
	text, err := run.ReadConfig(path)
	if err != nil {
		return fmt.Errorf("%w: give the directory of a run, or an encoder.safetensors", err)
	}
	file := filepath.Join(path, run.EncoderFile)
	if err := e.openFile(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return e.openCheckpoint(path, text)
}

// openFile reads an encoder.safetensors.
func (e *Encoder) openFile(file string) error {
	states, metadata, err := nn.ReadStates(file)
	if err != nil {
		return err
	}
	e.about.Path = file
	if e.about.Encoder, err = checkpoint.ParseEncoder(metadata); err != nil {
		return err
	}
	return e.build(states)
}

// network is the backbone that d describes.
func (d *Description) network() (parallax.Backbone, error) {
	s := backbone.Spec{Name: d.Architecture, Width: d.Width, Stem: backbone.Stem(d.Stem), Size: d.Size}
	if err := s.Norm.UnmarshalText([]byte(d.Norm)); err != nil {
		return nil, fmt.Errorf("the backbone's norm: %w", err)
	}
	return s.New()
}

// build makes the network and loads its weights.
func (e *Encoder) build(states []nn.State) error {
	d := &e.about
	body, err := d.network()
	if err != nil {
		return err
	}
	if n := body.Features(); n != d.Features {
		return fmt.Errorf("its metadata says %d features, but %s of width %d has %d: the file is damaged", d.Features,
			d.Architecture, d.Width, n)
	}
	e.recipe = augment.EvalRecipe(d.Size)
	e.normalize = d.Normalize()
	e.params = nn.NewParams(0, torch.F32)
	e.params.Train(false)
	err = torch.Scope(func() error {
		e.layer = body.Build(e.params)
		if err := e.params.Load(states); err != nil {
			return fmt.Errorf("the weights do not fit the network: %w", err)
		}
		return nn.Finite(states)
	})
	if err != nil && !errors.Is(err, torch.ErrNoEngine) {
		err = errors.Join(err, torch.Scope(func() error { e.params.Free(); return nil }))
	}
	return err
}

// Describe returns the encoder's description.
func (e *Encoder) Describe() Description { return e.about }

// Features returns the width of a row of features.
func (e *Encoder) Features() int { return e.about.Features }

// Size returns the side, in pixels, to which images are resized before they enter the network.
func (e *Encoder) Size() int { return e.about.Size }

// Close frees the network. It waits for a forward pass that has begun; waiting and later requests fail with
// [ErrClosed]. Closing twice is no error.
func (e *Encoder) Close() error {
	e.mu.Lock()
	again := e.closed
	e.closed = true
	left := e.waiting
	e.waiting = nil
	e.mu.Unlock()
	for _, r := range left {
		r.done <- ErrClosed
	}
	if again {
		return nil
	}
	return torch.Scope(func() error {
		e.freed = true
		e.params.Free()
		return nil
	})
}
