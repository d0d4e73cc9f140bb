// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var vicRegEntry = Entry{
	Name:     "vicreg",
	Title:    "VICReg",
	Date:     "2021-05",
	Paper:    "Bardes, Ponce & LeCun: VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning. ICLR 2022, arXiv:2105.04906",
	Equation: "L = λ s(z₁,z₂) + µ (v(z₁) + v(z₂)) + ν (c(z₁) + c(z₂)),  v = 1/d Σⱼ max(0, γ - √(Var(zⱼ) + ε)),  c = 1/d Σ_{i≠j} Cov(z)ᵢⱼ²",
	Collapse: "the variance term: it pushes until every feature has a standard deviation of γ over the batch; the covariance term keeps features from repeating each other",
	Uses:     []Part{Statistics},
	New:      func() parallax.Method { return NewVICReg() },
}

// VICReg draws the views together, and holds the variance and the covariance of each view's features apart from each other.
type VICReg struct {
	VICTerms
	Form      Form   // official, or paper: the equations, whose invariance is d times larger and whose variance is twice as large
	ViewCount int    // more than 2: the means over pairs and over views
	Projector nn.MLP // the paper's expander h; the official last layer has no bias, to which the loss is blind anyhow

	SharedWeights bool // one network for all views; off: every second view goes through another one, with weights of its own (table 5)

	branches branches
}

// VICTerms are what VICReg's three terms weigh, and what the variance term is made of.
type VICTerms struct {
	Invariance float64 // λ of the invariance term; 0 leaves it out
	Variance   float64 // µ of the variance term; 0 leaves it out
	Covariance float64 // ν of the covariance term; 0 leaves it out
	Gamma      float64 // γ, the standard deviation that is enough
	Eps        float64 // ε under the root of the standard deviation
	Hinge      Hinge   // std, or variance: what the paper argues against (section 4.1), for near collapse its slope vanishes
}

// Hinge is what VICReg's variance term holds above γ: std or variance.
type Hinge string

// Form tells apart two objectives under one name: that of the paper's equations and that of the official code.
type Form string

// NewVICReg returns VICReg with the paper's hyperparameters (section 4.2), in the form of the official code, which they go with.
func NewVICReg() *VICReg {
	return &VICReg{
		VICTerms:  VICTerms{Invariance: 25, Variance: 25, Covariance: 1, Gamma: 1, Eps: 1e-4, Hinge: "std"},
		Form:      "official",
		ViewCount: 2,
		Projector: nn.MLP{Widths: []int{8192, 8192, 8192}, BatchNorm: true},

		SharedWeights: true,
	}
}

// Validate checks the hyperparameters.
func (m *VICReg) Validate() error {
	return first(
		m.VICTerms.validate(),
		oneOf("form", m.Form, "official", "paper"),
		atLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

func (t *VICTerms) validate() error {
	return first(
		nonNegative("invariance", t.Invariance),
		nonNegative("variance", t.Variance),
		nonNegative("covariance", t.Covariance),
		nonNegative("gamma", t.Gamma),
		nonNegative("eps", t.Eps),
		oneOf("hinge", t.Hinge, "std", "variance"),
	)
}

// Views returns views of one recipe (appendix C).
func (m *VICReg) Views(size int) []augment.Recipe {
	return inTurn(m.ViewCount, augment.VICRegRecipe(size))
}

// Build makes the encoder, or one for each branch.
func (m *VICReg) Build(b *parallax.Build) parallax.Encoder {
	m.branches = newBranches(b, m.Projector, m.SharedWeights)
	return m.branches.Encoder
}

// Forward returns z of every view.
func (m *VICReg) Forward(s *parallax.Step) []torch.Tensor { return m.branches.embed(s.Views) }

// Loss is equation 6. The official code (main_vicreg.py of facebookresearch/vicreg) has other factors than the equations: its
// invariance is a mean over features too, so d times smaller, and its variance a mean over the two views, so half. The paper's
// algorithm 1 is a third form, and solo-learn's: the code's invariance and the equations' variance, which is the form official
// with µ twice as large.
func (m *VICReg) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z = gather(s, z)
	invariance := pairwise(z, meanSquare)        // 1/(N·d) Σ ‖a - b‖²
	variance := over(z, m.lacking)               // (v(z₁) + v(z₂))/2
	covariance := over(z, covarianceOf).Scale(2) // c(z₁) + c(z₂)
	if m.Form == "paper" {
		invariance = invariance.Scale(float64(z[0].Size(1))) // 1/N Σ ‖a - b‖²
		variance = variance.Scale(2)                         // v(z₁) + v(z₂)
	}
	return m.weighed(s, invariance, variance, covariance)
}

// meanSquare is 1/(N·d) Σ ‖a - b‖².
func meanSquare(a, b torch.Tensor) torch.Tensor { return a.Sub(b).Square().Mean() }

// lacking is v: the mean over features of what their standard deviation, or variance, lacks of γ (equations 1 and 2).
func (t *VICTerms) lacking(z torch.Tensor) torch.Tensor {
	spread := z.Var(1, 0).Shift(t.Eps) // over N-1
	if t.Hinge == "std" {
		spread = spread.Sqrt()
	}
	return spread.Neg().Shift(t.Gamma).ReLU().Mean()
}

// covarianceOf is c: the squares of the covariances of different features, over N-1, summed and divided by d (equations 3, 4).
func covarianceOf(z torch.Tensor) torch.Tensor {
	n, d := float64(z.Size(0)), float64(z.Size(1))
	z = z.Sub(z.MeanKeep(0))
	return z.T().MatMul(z).Scale(1 / (n - 1)).OffDiagonal().Square().Sum().Scale(1 / d)
}

// weighed reports the terms and returns λs + µv + νc.
func (t *VICTerms) weighed(s *parallax.Step, invariance, variance, covariance torch.Tensor) torch.Tensor {
	s.Report("invariance", invariance)
	s.Report("variance", variance)
	s.Report("covariance", covariance)
	return sum([]torch.Tensor{invariance.Scale(t.Invariance), variance.Scale(t.Variance), covariance.Scale(t.Covariance)})
}
