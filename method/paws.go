// SPDX-License-Identifier: Apache-2.0

package method

import (
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var pawsEntry = Entry{
	Name:  "paws",
	Title: "PAWS",
	Date:  "2021-04",
	Paper: "Assran, Caron, Misra, Bojanowski, Joulin, Ballas & Rabbat: Semi-Supervised Learning of Visual Features " +
		"by Non-Parametrically Predicting View Assignments with Support Samples. ICCV 2021, arXiv:2104.13963",
	Equation: "L = mean of H(ρ(p⁺), p) - H(mean of ρ(p)),  p = softmax(ẑ·Ŝᵀ/τ)·Y,  ρ(p) ∝ p^(1/T);  Ŝ, Y the " +
		"support's embeddings and labels",
	Collapse: "sharpened targets: equal embeddings predict the support's uniform labels, which are not sharp " +
		"(proposition 1); in addition the mean prediction is spread over the classes",
	Prevents: []Switch{
		{
			[]string{"method.sharpen=1", "method.me_max=0"},
			"without sharpening, and with nothing that spreads the predictions, equal embeddings satisfy the loss",
		},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewPAWS() },
}

// PAWS predicts, from one view, the soft label that the nearest labelled images give the other view. It trains on
// labels.
type PAWS struct {
	Temperature    float64 // τ of the soft nearest-neighbour classifier
	Sharpen        float64 // T of the targets and of the mean prediction; 1: no sharpening
	Floor          float64 // entries of a target below this are set to 0; 1e-4 in the official code
	LabelSmoothing float64 // the share of Y that is spread over all classes
	MeMax          float64 // weight of the entropy of the mean prediction, which is maximised; 0: off
	Symmetric      bool    // each large view is predicted from the other; off: only the second from the first
	SmallCrops     int     // additional small views, which predict the mean of the two targets
	SupportClasses int     // C, classes in a step; 0: all; 960 for ImageNet
	SupportImages  int     // images of each class in a step; 7 for ImageNet
	SupportViews   int     // views of each of these images, 1 or 2
	Projector      nn.MLP  // three layers, batch norm on the hidden ones
	// q, only for the anchors and their support: a bottleneck of two layers, after batch norm of its input
	Predictor     nn.MLP
	PredictorMode part.Predictor // none; trained, as in the official code for ImageNet; fixed

	encoder   parallax.Encoder
	predictor nn.Layer
}

// NewPAWS returns PAWS with the paper's hyperparameters; the size of the support is that for CIFAR-10 (appendix C).
func NewPAWS() *PAWS {
	return &PAWS{
		Temperature: 0.1, Sharpen: 0.25, Floor: 1e-4, LabelSmoothing: 0.1, MeMax: 1,
		Symmetric: true, SmallCrops: 6, SupportImages: 64, SupportViews: 2,
		Projector:     nn.MLP{Widths: []int{2048, 2048, 2048}, BatchNorm: true},
		Predictor:     nn.MLP{Widths: []int{512, 2048}, BatchNorm: true},
		PredictorMode: "none",
	}
}

// Validate checks the hyperparameters.
func (m *PAWS) Validate() error {
	if v := m.SupportViews; v < 1 || v > 2 {
		return fmt.Errorf("method.support_views is %d: it must be 1 or 2", v)
	}
	return part.First(
		part.Positive("temperature", m.Temperature), part.Positive("sharpen", m.Sharpen),
		part.Fraction("floor", m.Floor),
		part.Fraction("label_smoothing", m.LabelSmoothing),
		part.NonNegative("me_max", m.MeMax),
		part.AtLeast("small_crops", m.SmallCrops, 0),
		part.AtLeast("support_classes", m.SupportClasses, 0), part.AtLeast("support_images", m.SupportImages, 1),
		m.Projector.Validate("method.projector"), part.Matching(m.PredictorMode, m.Predictor, m.Projector),
	)
}

// Views returns two large views and the small crops.
func (m *PAWS) Views(size int) []augment.Recipe {
	large, small := augment.PAWSRecipes(size, m.SmallCrops > 0)
	return append(part.InTurn(2, large), part.InTurn(m.SmallCrops, small)...)
}

// Support asks for labelled images, equally many of every class, in views of the large recipe.
func (m *PAWS) Support() parallax.SupportSpec {
	return parallax.SupportSpec{
		Classes: m.SupportClasses, PerClass: m.SupportImages, Views: m.SupportViews, Temperature: m.Temperature,
	}
}

// Build makes the encoder and the predictor, which begins with batch norm.
func (m *PAWS) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	m.predictor = nn.Identity
	if d := m.Projector.Out(b.Backbone.Features()); m.PredictorMode != "none" {
		norm := m.Predictor.Norm.Layer(b.Params.Sub("predictor").Sub("input"), d, true)
		m.predictor = nn.Sequential{norm, part.NewPredictor(b, m.Predictor, m.PredictorMode, d)}
	}
	return part.Predicting(m.encoder, m.predictor, m.PredictorMode)
}

// Forward returns the predictions of the anchors, z of the targets, and both for the support. The parts for the targets
// have no gradient. Without a predictor the predictions are z. Views of one size go through the networks together, as
// in the official code: batch norm sees labelled and unlabelled images.
func (m *PAWS) Forward(s *parallax.Step) []torch.Tensor {
	views := slices.Concat(s.Views, s.Support.Views)
	z := part.BySize(nn.Sequential{m.encoder.Backbone, m.encoder.Projector}, views, views)
	p, n := part.BySize(m.predictor, z, views), len(s.Views)
	anchors, targets := p[:n:n], part.Detached(z[:2])
	if !m.Symmetric {
		anchors, targets = slices.Delete(anchors, 1, 2), targets[1:]
	}
	support := func(xs []torch.Tensor) torch.Tensor { return torch.Cat(0, part.Gather(s, xs[n:])...) }
	return slices.Concat(anchors, targets, []torch.Tensor{support(p), support(part.Detached(z))})
}

// Joins is true: batch norm sees the views of one size together.
func (m *PAWS) Joins() bool { return true }

// Loss is equation 2 with the entropy of section 3.2.
func (m *PAWS) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	directions := 1
	if m.Symmetric {
		directions = 2
	}
	end := len(z) - 2
	anchors, views, support, held := z[:end-directions], z[end-directions:end], z[end], z[end+1].Detach()
	targets := make([]torch.Tensor, directions) // of anchor 0 from view 1, of anchor 1 from view 0
	for v, view := range views {
		targets[directions-1-v] = m.sharpen(m.predict(s, view.Detach(), held)) // ρ(p⁺)
	}
	var entropies, means []torch.Tensor
	for v, anchor := range anchors {
		target := part.Mean(targets) // of a small crop
		if v < directions {
			target = targets[v]
		}
		target = target.MaskedFill(target.Lt(torch.Full(m.Floor, target.DType())), 0)
		p := m.predict(s, anchor, support)
		entropies = append(entropies, part.Entropy(target, p).Sum(1).Mean()) // H(ρ(p⁺), p)
		means = append(means, s.Gather(m.sharpen(p)).Mean(0))
	}
	crossEntropy, average := part.Mean(entropies), part.Mean(means)
	spread := part.Entropy(average, average).Sum() // H(mean of ρ(p)), at most ln C
	s.Report("cross_entropy", crossEntropy)
	s.Report("mean_entropy", spread)
	return crossEntropy.Sub(spread.Scale(m.MeMax))
}

// predict is p = softmax(ẑ·Ŝᵀ/τ)·Y: N x classes.
func (m *PAWS) predict(s *parallax.Step, z, support torch.Tensor) torch.Tensor {
	n, classes := len(s.Support.Labels), float64(s.Support.Classes)
	y := torch.Eye(s.Support.Classes, z.DType()).IndexSelect(0, torch.FromInts(s.Support.Labels, n)) // one-hot
	y = torch.Cat(0, part.Repeat(y, support.Size(0)/n)...).Scale(1 - m.LabelSmoothing).Shift(m.LabelSmoothing / classes)
	return z.Normalize(1).MatMul(support.Normalize(1).T()).Scale(1 / m.Temperature).Softmax(1).MatMul(y)
}

// sharpen is ρ(p) = p^(1/T) / Σ p^(1/T).
func (m *PAWS) sharpen(p torch.Tensor) torch.Tensor {
	return p.Clamp(1e-30, math.Inf(1)).Log().Scale(1 / m.Sharpen).Softmax(1)
}

// Collapsed is not determined: the classes depend on the data.
func (m *PAWS) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "targets that are not sharpened (method.sharpen), or no term for the mean " +
		"prediction (method.me_max)"}
}
