// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/torch"
)

// The usual settings of [FineTune].
const (
	FineTuneEpochs = 5
	FineTuneRate   = 1e-3
	FineTuneDecay  = 0.75
)

const (
	fineTuneBatch       = 64
	fineTuneWeightDecay = 0.05
	fineTuneClip        = 1 // the largest norm of a gradient

	headName = "finetuned_head" // of the head among the parameters
)

func (f *Request) epochs() int    { return cmp.Or(f.Epochs, FineTuneEpochs) }
func (f *Request) rate() float64  { return cmp.Or(f.Rate, FineTuneRate) }
func (f *Request) decay() float64 { return cmp.Or(f.Decay, FineTuneDecay) }

// evalFineTune is eval finetune. Every network with weights is trained further, in memory, from its linear classifier:
// a random head would first corrupt the features (Kumar et al. 2022, arXiv:2202.10054).
func evalFineTune(e *evaluating) error {
	labels, err := e.answerable()
	if err != nil {
		return err
	}
	names := []string{"linear head, before", "fine-tuned"}
	all := tally{repetitions: e.seeds(1)}
	var tuned []*embedded
	for _, n := range e.compared {
		if !n.weights {
			e.report.Notes = append(e.report.Notes, n.name+" has no weights to train further")
			continue
		}
		at := len(names) * len(tuned)
		tuned = append(tuned, n)
		for repetition := range e.seeds(1) {
			before, after, err := e.tune(n, labels, repetition)
			if err != nil {
				return err
			}
			all.add(at, before)
			all.add(at+1, after)
		}
	}
	e.compared = tuned
	e.averaged(names, all.right, all.values)
	return nil
}

// tune fine-tunes one network and returns its hits with the linear head, and after training.
func (e *evaluating) tune(n *embedded, labels []int, repetition int) (before, after []float64, err error) {
	err = n.with(e, func(enc parallax.Encoder, params *nn.Params) error {
		return torch.Scope(func() error {
			fit := eval.NewLabelled(n.bank.rows, n.bank.labels, e.report.Classes, e.repeated(repetition, forHeldOut)).
				LBFGS(eval.Penalties)
			ranks := fit.Ranks(n.tested.rows, labels)
			before = hits(labels, func(i int) bool { return ranks[i] == 0 })
			head := newHead(params.Sub(headName), fit.Classifier)
			whole := append(layers(enc), head)
			if err := e.descend(n, params, whole, repetition); err != nil {
				return err
			}
			view := n.view(e.Probes[0].Queries)
			logits, found, err := n.run(parallax.Encoder{Backbone: whole, Params: params}, params,
				e.shown(n.name+" fine-tuned", e.report.Tested.Split, view))
			if err != nil {
				return err
			}
			defer torch.Free(logits)
			if len(found) != len(labels) {
				return errOtherImages
			}
			predicted := logits.ArgMax(1).Ints()
			after = hits(labels, func(i int) bool { return predicted[i] == labels[i] })
			return nil
		})
	})
	return before, after, err
}

// newHead is a linear layer with the scores of a classifier.
func newHead(p *nn.Params, c eval.Classifier) nn.Layer {
	weight, bias := c.Affine()
	w := p.Param("weight", nn.Constant(0), weight.Shape()...)
	b := p.Param("bias", nn.Constant(0), bias.Shape()...)
	torch.NoGrad(func() {
		weight.To(torch.F32).CopyInto(w)
		bias.To(torch.F32).CopyInto(b)
	})
	return nn.Func(func(h torch.Tensor) torch.Tensor { return torch.Linear(h.To(torch.F32), w, b) })
}

// fineTuneRecipe is the view that fine-tuning learns from: that of torchvision's training of classifiers, with crops of
// a larger least area because there are few epochs.
func fineTuneRecipe(size int) augment.Recipe {
	return augment.Recipe{
		augment.RandomResizedCrop{P: 1, Size: size, Scale: [2]float64{0.35, 1}, Ratio: [2]float64{3. / 4, 4. / 3},
			Interpolation: augment.Bilinear},
		augment.HorizontalFlip{P: 0.5},
	}
}

// descend trains all weights that the classification depends on.
func (e *evaluating) descend(n *embedded, params *nn.Params, whole nn.Layer, repetition int) error {
	bank := e.Probes[0].Bank
	images := probe.Visited(bank)
	loader := &dataset.Loader{
		Data: images, Recipes: []augment.Recipe{fineTuneRecipe(n.size)}, Normalize: n.normalize,
		Batch: min(fineTuneBatch, images.Len()), Workers: bank.Workers, Seed: e.Seed + uint64(repetition),
		Ahead: bank.Ahead,
	}
	rule := optim.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: fineTuneWeightDecay, ExcludeBiasAndNorm: true}
	trainable := params.Trainable()
	optimizer := optim.New(rule, trainable)
	defer optimizer.Free()
	var groups []nn.Group
	steps := e.epochs() * loader.Steps()
	peak := e.rate() * float64(loader.Batch) / 256
	schedule := optim.WarmupCosine{Base: peak, Start: peak / 10, Warmup: steps / 10, Total: steps}
	defer params.Train(params.Training())
	params.Train(true)
	step := 0
	for epoch := range e.epochs() {
		for b, err := range loader.Epoch(e.ctx, epoch, 0) {
			if err != nil {
				return err
			}
			if e.Progress != nil {
				e.Progress(n.name, "fine-tuning", step, steps)
			}
			err = torch.Scope(func() error {
				loss := loss(whole, b, n.autocast)
				value := loss.Item()
				if math.IsNaN(value) || math.IsInf(value, 0) {
					return fmt.Errorf("fine-tuning %s: the loss of step %d is %w: choose a lower rate than %g", n.name,
						step+1, torch.ErrNonFinite, e.rate())
				}
				for _, p := range trainable {
					p.Tensor.SetGrad(torch.Tensor{})
				}
				loss.Backward()
				if groups == nil {
					groups = layerRates(reached(trainable), e.decay())
				}
				optim.ClipNorm(trainable, fineTuneClip)
				optimizer.Step(schedule.At(step), peak, groups)
				return nil
			})
			b.Release()
			if err != nil {
				return err
			}
			step++
		}
	}
	if e.Progress != nil {
		e.Progress(n.name, "fine-tuning", steps, steps)
	}
	for _, p := range trainable {
		p.Tensor.SetGrad(torch.Tensor{})
	}
	return nil
}

// loss is the mean cross-entropy of a batch.
func loss(whole nn.Layer, b *dataset.Batch, autocast bool) (mean torch.Tensor) {
	v := b.Views[0]
	x := torch.FromFloat32(v.Data, v.N, v.C, v.H, v.W).ChannelsLast()
	var logits torch.Tensor
	torch.Autocast(autocast, func() { logits = whole.Forward(x) })
	of := torch.FromInts(b.Labels, len(b.Labels), 1)
	return logits.To(torch.F32).LogSoftmax(1).Gather(1, of).Mean(0, 1).Neg()
}

// reached are the parameters that have a gradient.
func reached(trainable []nn.Named) (some []nn.Named) {
	for _, p := range trainable {
		if p.Tensor.Grad().Defined() {
			some = append(some, p)
		}
	}
	return some
}

// numbered matches the name of a parameter in a numbered block, up to the number: backbone.layer1.0.
var numbered = regexp.MustCompile(`^.*?\.\d+\.`)

// layerRates scales the rate of each block by a power of decay: 1 for the last one, which is the head, decay for the
// one before it, and so on to the first layers (Clark et al. 2020, arXiv:2003.10555; BEiT, arXiv:2106.08254). A block
// is what has a number in the parameters' names; what lies before, between or after those counts as one.
func layerRates(parameters []nn.Named, decay float64) (groups []nn.Group) {
	block, scale := "", 1.0
	for i, p := range slices.Backward(parameters) {
		now := numbered.FindString(p.Name)
		if strings.HasPrefix(p.Name, headName+".") {
			now = headName
		}
		if i < len(parameters)-1 && now != block {
			scale *= decay
		}
		block = now
		groups = append(groups, nn.Group{Prefix: p.Name, Scale: scale})
	}
	return groups
}
