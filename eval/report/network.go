// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// The words for [Request.Against] that name no file.
const (
	Untrained = "untrained" // the network of the run before training
	Pixels    = "pixels"    // the image's pixels as features
	Colours   = "colours"   // the image's colour histogram as features
)

// network is anything that gives features for images: a trained network, an untrained one, or a baseline without
// weights.
type network struct {
	name      string
	size      int // side in pixels of the images that enter
	normalize augment.Normalize
	seed      uint64 // of the weights before training
	autocast  bool
	settle    bool // the batch norms' statistics are to be recomputed
	weights   bool // there are weights that can be trained further
	embedding bool // the features are the projector's
	build     func(*nn.Params) (parallax.Encoder, error)

	seen map[*dataset.Loader]*features // what was computed
}

// features are those of the images that a loader visits.
type features struct {
	rows   torch.Tensor // N x D, float32
	labels []int        // -1 when unknown
	pixels probe.Pixels // as the network saw them
}

// embedded is a network's features of the images of one probe.
type embedded struct {
	*network
	bank, tested *features
}

// networks lists what is evaluated: the subject, the network before training, and the others asked for.
func (e *evaluating) networks() ([]*network, error) {
	all := []*network{e.subject.network("trained", e.Of, true)}
	if e.Untrained || slices.Contains(e.Against, Untrained) {
		name := Untrained
		if e.subject.config.Backbone.Init != "" {
			name = "at the start"
		}
		all = append(all, e.subject.network(name, e.Of, false))
	}
	for _, of := range e.Against {
		var n *network
		switch of {
		case Untrained:
			continue
		case Pixels:
			n = pixelFeatures(e.Config.Data.Normalize())
		case Colours:
			if e.Config.Data.Kept() {
				return nil, run.Invalid(fmt.Errorf("%s is a histogram of 8-bit RGB, and the images have %v: compare "+
					"with %s", Colours, e.Config.Data.Format(), Pixels))
			}
			n = colourFeatures(e.Config.Data.Size)
		default:
			s, err := openSubject(&Request{Run: of, Checkpoint: "last", Data: e.Config.Data.Path, Of: e.Of,
				Device: e.Device, Threads: e.Threads, Seed: e.Seed})
			if err != nil {
				return nil, fmt.Errorf("to compare with: %w", err)
			}
			if theirs, ours := formatOf(s.config), formatOf(e.Config); theirs != ours {
				return nil, run.Invalid(fmt.Errorf("%s takes images of %v, and %s of %v: compare encoders of the same "+
					"images", of, theirs, e.Run, ours))
			}
			for _, note := range s.notes {
				e.subject.notes = append(e.subject.notes, of+": "+note)
			}
			n = s.network(of, e.Of, true)
		}
		if slices.ContainsFunc(all, func(other *network) bool { return other.name == n.name }) {
			return nil, run.Invalid(fmt.Errorf("%s is to be compared with twice: leave one out", of))
		}
		all = append(all, n)
	}
	return all, nil
}

// format is what the images of a run have.
type format struct {
	augment.Format
	pages bool // of a TIFF file are channels
}

// String names the channels and the samples.
func (f format) String() string {
	if f.pages {
		return f.Format.String() + " in pages"
	}
	return f.Format.String()
}

func formatOf(c *config.Config) format {
	if !c.Data.Kept() {
		return format{augment.Format{Channels: 3, Samples: "uint8"}, false}
	}
	return format{c.Data.Format(), c.Data.Channels == config.Pages}
}

// network returns the subject's network, trained or as before the first step.
func (s *subject) network(name, of string, trained bool) *network {
	c := s.config
	return &network{
		name: name, size: c.Data.Size, normalize: c.Data.Normalize(), seed: c.Seed, weights: true,
		autocast:  c.Train.Precision == "bf16",
		settle:    !trained || !s.file && s.step < probe.Settled,
		embedding: of == OfEmbedding,
		build: func(params *nn.Params) (parallax.Encoder, error) {
			enc, err := s.build(params, trained)
			switch {
			case err != nil:
				return enc, err
			case of == OfBackbone:
				enc.Projector = nil
			case enc.Projector == nil:
				return enc, run.Invalid(fmt.Errorf("%s has no projector: evaluate the backbone", c.Method.Name))
			}
			return enc, nil
		},
	}
}

// with makes the network and calls f with it. It frees the weights then.
func (n *network) with(e *evaluating, f func(enc parallax.Encoder, params *nn.Params) error) error {
	params := nn.NewParams(n.seed, torch.F32)
	defer params.Free()
	enc, err := n.build(params)
	if err != nil {
		return err
	}
	if n.settle {
		some := probe.First(probe.SettleBatches, e.Batches(n.view(e.Probes[0].Some), 0))
		if _, err := eval.RecomputeStatistics(params, layers(enc), n.autocast, some); err != nil {
			return err
		}
	}
	return f(enc, params)
}

// layers is the whole of an encoder as one layer.
func layers(enc parallax.Encoder) nn.Sequential {
	if enc.Projector == nil {
		return nn.Sequential{enc.Backbone}
	}
	return nn.Sequential{enc.Backbone, enc.Projector}
}

// view returns a loader of the same images as the network takes them, after which further operations change them.
func (n *network) view(l *dataset.Loader, further ...augment.Op) *dataset.Loader {
	recipe := slices.Concat(augment.EvalRecipe(n.size), augment.Recipe(further))
	if same := l.Recipes[0]; len(further) == 0 && reflect.DeepEqual(l.Normalize, n.normalize) &&
		reflect.DeepEqual(same, recipe) {
		return l // which keeps its pixels for the next network
	}
	return &dataset.Loader{
		Data: l.Data, Recipes: []augment.Recipe{recipe}, Normalize: n.normalize, Batch: l.Batch, Workers: l.Workers,
		Seed: l.Seed, Limit: l.Limit, Ahead: l.Ahead, Quarantine: l.Quarantine,
	}
}

// embed returns the network's features of a loader's images. It computes them once, and keeps them in the cache.
func (n *network) embed(e *evaluating, split string, l *dataset.Loader) (*features, error) {
	if f := n.seen[l]; f != nil {
		return f, nil
	}
	var f *features
	err := n.with(e, func(enc parallax.Encoder, params *nn.Params) (err error) {
		key := e.key(n, params, l)
		if f = e.cached(key); f != nil {
			return nil
		}
		f = &features{}
		view := n.view(l)
		if f.rows, f.labels, err = n.run(enc, params, f.pixels.Of(e.shown(n.name, split, view))); err != nil {
			return err
		}
		e.keep(key, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n.seen == nil {
		n.seen = map[*dataset.Loader]*features{}
	}
	n.seen[l] = f
	return f, nil
}

// run returns the network's features of batches, and their labels.
func (n *network) run(enc parallax.Encoder, params *nn.Params, batches iter.Seq2[eval.Batch, error]) (
	rows torch.Tensor, labels []int, err error,
) {
	f, err := eval.Embed(enc, params, n.autocast, batches)
	if err != nil {
		return rows, nil, err
	}
	if n.embedding && enc.Projector != nil {
		torch.Free(f.H)
		return f.Z, f.Labels, nil
	}
	return f.H, f.Labels, nil
}

// free frees the features.
func (n *network) free() {
	for _, f := range n.seen {
		torch.Free(f.rows)
	}
}

// errOtherImages says that networks did not see the same images.
var errOtherImages = errors.New("an image could be read for one network and not for another: the data has changed " +
	"meanwhile: evaluate again")

// shown yields a loader's batches and reports their number to Progress.
func (e *evaluating) shown(network, split string, l *dataset.Loader) iter.Seq2[eval.Batch, error] {
	batches := e.Batches(l, 0)
	if e.Progress == nil {
		return batches
	}
	return func(yield func(eval.Batch, error) bool) {
		done, of := 0, visited(l)
		defer func() { e.Progress(network, split, of, of) }()
		for b, err := range batches {
			e.Progress(network, split, done, of)
			if !yield(b, err) {
				return
			}
			done += len(b.Labels)
		}
	}
}

// visited is the number of images that a loader's pass visits.
func visited(l *dataset.Loader) int {
	if l.Limit > 0 {
		return min(l.Limit, l.Data.Len())
	}
	return l.Data.Len()
}
