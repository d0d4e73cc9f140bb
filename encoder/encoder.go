// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/weights"
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
	wanted    string                                          // the layer
	at        int                                             // the step of the checkpoint to open; -1: see Open
	views     int                                             // of each image, mirrored ones included
	mirror    bool                                            // each view is also taken mirrored
	unit      bool                                            // rows have length 1
	features  int                                             // the width of a row
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
	Imported *weights.Report // of the file of another program; nil for Parallax's own
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

// The layers whose output a row of features can be.
const (
	LayerBackbone  = "backbone"  // the backbone's features h
	LayerProjector = "projector" // the projector's output z, which the loss sees; only of a run with a checkpoint
	LayerBlocks    = "blocks"    // outputs of the backbone's inner blocks, concatenated: see backbone.Blocker
)

// Layer sets whose output a row of features is; [LayerBackbone] unless set.
func Layer(name string) Option { return func(e *Encoder) { e.wanted = name } }

// Checkpoint makes Open read the checkpoint of a step of a run, and not the encoder that the run exported.
func Checkpoint(step int) Option { return func(e *Encoder) { e.at = step } }

// Views makes a row of features the mean over n views of its image, 1 to the batch size. The first view is that of the
// evaluation, which is the only one if n is 1. The others are random crops of 50 % to 100 % of the area with ratios
// from 3/4 to 4/3, resized bilinearly, half of them flipped. They depend on the image's pixels alone, so an image has
// the same features wherever it is.
func Views(n int) Option { return func(e *Encoder) { e.views = n } }

// Mirror makes a row of features the mean over the views of its image and their mirror images, left to right: twice the
// work. An image and its mirror image then have the same features, but for the last bits: exactly so with one view and
// where the evaluation's crop has as many pixels to the left as to the right.
func Mirror() Option { return func(e *Encoder) { e.mirror = true } }

// Normalize scales each row of features to length 1, after the mean over views. A row of zeros stays as it is.
func Normalize() Option { return func(e *Encoder) { e.unit = true } }

// Open reads an encoder from an encoder.safetensors, or from the directory of a run: the encoder that the run exported
// when it ended or was interrupted or, while there is none, the encoder of the newest whole checkpoint. A resumed run
// removes its exported encoder with its next checkpoint, so Open never returns weights older than a checkpoint. A file
// of another program is read by weights.Read, which finds everything by the tensors; Describe has its report.
func Open(path string, options ...Option) (*Encoder, error) {
	e, err := begin(options)
	if err == nil {
		err = e.open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the encoder %s: %w", path, err)
	}
	return e, nil
}

// New makes an encoder of weights in memory, such as those of weights.Read: about describes their network, and the
// states are under the backbone's names. There is no projector among them.
func New(about checkpoint.Encoder, states []nn.State, options ...Option) (*Encoder, error) {
	e, err := begin(options)
	if err != nil {
		return nil, err
	}
	if e.wanted == LayerProjector {
		return nil, errors.New("weights in memory are a backbone alone, without a projector")
	}
	e.about.Encoder = about
	if err := e.build(states); err != nil {
		return nil, err
	}
	return e, nil
}

// begin makes an encoder that has its options, but no network.
func begin(options []Option) (*Encoder, error) {
	e := &Encoder{batch: DefaultBatchSize, wanted: LayerBackbone, at: -1, views: 1, added: make(chan struct{}, 1)}
	for _, o := range options {
		o(e)
	}
	if err := e.check(); err != nil {
		return e, err
	}
	if e.mirror {
		e.views *= 2
	}
	return e, nil
}

// check returns what is wrong with the options.
func (e *Encoder) check() error {
	if e.batch < 1 {
		return fmt.Errorf("the batch size is %d: it must be at least 1", e.batch)
	}
	switch {
	case e.views < 1 || e.views > e.batch:
		return fmt.Errorf("%d views of an image: they must be 1 to %d, the batch size", e.views, e.batch)
	case e.mirror && 2*e.views > e.batch:
		return fmt.Errorf("%d views of an image, and as many mirrored: a batch has only %d", e.views, e.batch)
	}
	if !slices.Contains([]string{LayerBackbone, LayerProjector, LayerBlocks}, e.wanted) {
		return fmt.Errorf("layer %q: it must be %s, %s or %s", e.wanted, LayerBackbone, LayerProjector, LayerBlocks)
	}
	return nil
}

func (e *Encoder) open(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such directory or file: give the directory of a run, or an encoder.safetensors")
	}
	if err != nil {
		return err
	}
	if !info.IsDir() && e.wanted == LayerProjector {
		return errors.New("the file holds a backbone alone, without a projector: give the directory of its run")
	}
	if !info.IsDir() && e.at >= 0 {
		return errors.New("a file has no checkpoints: give the directory of its run")
	}
	if !info.IsDir() {
		return e.openFile(path)
	}
	text, err := run.ReadConfig(path)
	if err != nil {
		return fmt.Errorf("%w: give the directory of a run, or an encoder.safetensors", err)
	}
	if e.wanted == LayerProjector || e.at >= 0 {
		return e.openCheckpoint(path, text)
	}
	file := filepath.Join(path, run.EncoderFile)
	if err := e.openFile(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return e.openCheckpoint(path, text)
}

// openFile reads an encoder.safetensors, or a checkpoint of another program.
func (e *Encoder) openFile(file string) error {
	w, err := weights.ReadEncoder(file)
	if err != nil {
		return err
	}
	e.about = Description{Path: file, Encoder: w.Encoder, Imported: w.Report}
	return e.build(w.States)
}

// network is the backbone that d describes.
func (d *Description) network() (parallax.Backbone, error) {
	s := backbone.Spec{Name: d.Architecture, Width: d.Width, Stem: backbone.Stem(d.Stem), Size: d.Size,
		Channels: d.Channels()}
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
	blocks, inner := body.(backbone.Blocker)
	if e.wanted == LayerBlocks && !inner {
		return fmt.Errorf("%s has no blocks that can be read: take the layer %s", d.Architecture, LayerBackbone)
	}
	e.features = d.Features
	e.prepares()
	e.params = nn.NewParams(0, torch.F32)
	e.params.Train(false)
	return e.made(torch.Scope(func() error {
		e.layer = body.Build(e.params)
		if e.wanted == LayerBlocks {
			e.layer, e.features = blocks.Blocks(e.layer), blocks.BlockFeatures()
		}
		if err := e.params.Load(states); err != nil {
			return fmt.Errorf("the weights do not fit the network: %w", err)
		}
		return nn.Finite(states)
	}))
}

// prepares sets how images are prepared.
func (e *Encoder) prepares() {
	d := &e.about
	e.recipe = augment.EvalRecipe(d.Size)
	e.normalize = d.Normalize()
}

// made returns the error of making the network, after which the weights are freed.
func (e *Encoder) made(err error) error {
	if err != nil && !errors.Is(err, torch.ErrNoEngine) {
		err = errors.Join(err, torch.Scope(func() error { e.params.Free(); return nil }))
	}
	return err
}

// Describe returns the encoder's description.
func (e *Encoder) Describe() Description { return e.about }

// Features returns the width of a row of features, which depends on the layer.
func (e *Encoder) Features() int { return e.features }

// Batch returns how many images [Encoder.EmbedInputs] should be given at once: as many as go through the network
// together.
func (e *Encoder) Batch() int { return e.batch / e.views }

// WeightsSHA256 returns the SHA-256, in hexadecimal, of the names, shapes and values of the network's weights.
func (e *Encoder) WeightsSHA256() (string, error) {
	h := sha256.New()
	err := torch.Scope(func() error {
		if e.freed {
			return ErrClosed
		}
		return nn.WriteStates(h, e.params.State(), nil)
	})
	if err != nil {
		return "", fmt.Errorf("hashing the encoder's weights: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Size returns the side, in pixels, to which images are resized before they enter the network.
func (e *Encoder) Size() int { return e.about.Size }

// Decode decodes the bytes of an image file to what Embed takes: to 8-bit RGB, or with the file's channels and depth if
// the encoder's images kept theirs. Its limits are those of dataset.Decode.
func (e *Encoder) Decode(data []byte) (*augment.Image, error) {
	return dataset.DecodeChannels(data, e.about.Kept, 0)
}

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
