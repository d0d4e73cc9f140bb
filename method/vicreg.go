// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var vicRegEntry = Entry{
	Name:  "vicreg",
	Title: "VICReg",
	Date:  "2021-05",
	Paper: "Bardes, Ponce & LeCun: VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised " +
		"Learning. ICLR 2022, arXiv:2105.04906",
	Equation: "L = λ s(zᴬ,zᴮ) + µ (v(zᴬ) + v(zᴮ)) + ν (c(zᴬ) + c(zᴮ)),  v = 1/d Σⱼ max(0, γ - √(Var(zⱼ) + ε)),  " +
		"c = 1/d Σ_{i≠j} Cov(z)ᵢⱼ²",
	Collapse: "the variance term: it pushes until every feature has a standard deviation of γ over the batch; the " +
		"covariance term keeps features from repeating each other",
	Prevents: []Switch{
		{[]string{"method.variance=0"}, "without the variance term a constant has the smallest loss"},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewVICReg() },
}

// VICReg draws the views together. In each view separately, it keeps the variance of every feature up and the
// covariances of the features down.
type VICReg struct {
	VICTerms
	// official: the authors' code; paper: the equations, with d times the invariance and twice the variance
	Form Form
	// the official code's two recipes in turn, which are BYOL's; off: one recipe for all views (appendix C)
	AsymmetricViews bool
	ViewCount       int    // views of an image; with more than 2, the means over all pairs and over all views
	Projector       nn.MLP // the paper's expander; the official last layer has no bias, which the loss could not see

	encoder parallax.Encoder
}

// VICTerms are the weights of VICReg's three terms and the settings of the variance term.
type VICTerms struct {
	Invariance float64 // λ of the invariance term; 0 leaves it out
	Variance   float64 // µ of the variance term; 0 leaves it out
	Covariance float64 // ν of the covariance term; 0 leaves it out
	Gamma      float64 // γ, the standard deviation that is enough
	Eps        float64 // ε under the root of the standard deviation
	// std; or variance, which the paper argues against (section 4.1) because its slope vanishes near collapse
	Hinge Hinge
}

// Hinge is what VICReg's variance term holds above γ: std or variance.
type Hinge string

// Form is one of VICReg's two objectives: paper, that of the equations, or official, that of the official code.
type Form string

// NewVICReg returns VICReg with the paper's hyperparameters (section 4.2), in the form of the official code, to which
// they belong.
func NewVICReg() *VICReg {
	return &VICReg{
		VICTerms:        VICTerms{Invariance: 25, Variance: 25, Covariance: 1, Gamma: 1, Eps: 1e-4, Hinge: "std"},
		Form:            "official",
		AsymmetricViews: true,
		ViewCount:       2,
		Projector:       nn.MLP{Widths: []int{8192, 8192, 8192}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *VICReg) Validate() error {
	return part.First(
		m.VICTerms.validate(),
		part.OneOf("form", m.Form, "official", "paper"),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

func (t *VICTerms) validate() error {
	return part.First(
		part.NonNegative("invariance", t.Invariance),
		part.NonNegative("variance", t.Variance),
		part.NonNegative("covariance", t.Covariance),
		part.NonNegative("gamma", t.Gamma),
		part.NonNegative("eps", t.Eps),
		part.OneOf("hinge", t.Hinge, "std", "variance"),
	)
}

// Views returns views of BYOL's two recipes in turn, as in the official code, or of one recipe (appendix C).
func (m *VICReg) Views(size int) []augment.Recipe {
	if m.AsymmetricViews {
		one, other := augment.BYOLRecipes(size)
		return part.InTurn(m.ViewCount, one, other)
	}
	return part.InTurn(m.ViewCount, augment.VICRegRecipe(size))
}

// Build makes the encoder.
func (m *VICReg) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	return m.encoder
}

// Forward returns z of every view.
func (m *VICReg) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is equation 6. The official code (main_vicreg.py of facebookresearch/vicreg) has other factors than the
// equations. Its invariance is a mean over features, too, so it is d times smaller. Its variance is a mean over the two
// views, so it is half as large. The paper's algorithm 1 and solo-learn have a third form: the code's invariance and
// the equations' variance. That is the form official with twice the µ.
func (m *VICReg) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z = part.Gather(s, z)
	invariance := part.Pairwise(z, part.MeanSquare)     // 1/(N·d) Σ ‖a - b‖²
	variance := part.Over(z, m.VarianceTerm)            // (v(zᴬ) + v(zᴮ))/2
	covariance := part.Over(z, CovarianceTerm).Scale(2) // c(zᴬ) + c(zᴮ)
	if m.Form == "paper" {
		invariance = invariance.Scale(float64(z[0].Size(1))) // 1/N Σ ‖a - b‖²
		variance = variance.Scale(2)                         // v(zᴬ) + v(zᴮ)
	}
	return m.weighted(s, invariance, variance, covariance)
}

// VarianceTerm is v (equations 1 and 2): how far the standard deviation of a feature, or its variance, is below γ, as
// the mean over features.
func (t *VICTerms) VarianceTerm(z torch.Tensor) torch.Tensor {
	spread := z.Var(1, 0).Shift(t.Eps) // over N-1
	if t.Hinge == "std" {
		spread = spread.Sqrt()
	}
	return spread.Neg().Shift(t.Gamma).ReLU().Mean()
}

// CovarianceTerm is c (equations 3 and 4): the sum of the squared covariances of different features, divided by d. The
// covariances are over N-1.
func CovarianceTerm(z torch.Tensor) torch.Tensor {
	n, d := float64(z.Size(0)), float64(z.Size(1))
	z = z.Sub(z.MeanKeep(0))
	return z.T().MatMul(z).Scale(1 / (n - 1)).OffDiagonal().Square().Sum().Scale(1 / d)
}

// weighted reports the terms and returns λs + µv + νc.
func (t *VICTerms) weighted(s *parallax.Step, invariance, variance, covariance torch.Tensor) torch.Tensor {
	s.Report("invariance", invariance)
	s.Report("variance", variance)
	s.Report("covariance", covariance)
	return part.Sum([]torch.Tensor{
		invariance.Scale(t.Invariance), variance.Scale(t.Variance), covariance.Scale(t.Covariance),
	})
}

const vicCauses = "no variance term (method.variance), or one on the variance itself (method.hinge), whose slope " +
	"vanishes near collapse; without the covariance term dimensions repeat each other"

// VarianceOfConstant is v of a constant embedding.
func (t *VICTerms) VarianceOfConstant() float64 {
	if t.Hinge == "variance" {
		return math.Max(0, t.Gamma-t.Eps)
	}
	return math.Max(0, t.Gamma-math.Sqrt(t.Eps))
}

// Collapsed is the variance term of a constant embedding: 25·0.99, and twice that in the paper's form.
func (m *VICReg) Collapsed(int) parallax.Collapsed {
	loss := m.Variance * m.VarianceOfConstant()
	if m.Form == "paper" {
		loss *= 2
	}
	c := part.LeastAtZero(loss, vicCauses)
	c.SeesLength = true
	return c
}
