// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var vibcRegEntry = Entry{
	Name:  "vibcreg",
	Title: "VIbCReg",
	Date:  "2021-09",
	Paper: "Lee & Aune: VIbCReg: Variance-Invariance-better-Covariance Regularization for Self-Supervised Learning " +
		"on Time Series. 2021, arXiv:2109.00783",
	Equation: "L = λ s(zᴬ,zᴮ) + µ (v(zᴬ) + v(zᴮ)) + ν (c(zᴬ) + c(zᴮ)),  s and v as in VICReg,  c = 1/d² Σ_{i≠j} " +
		"Corr(z)ᵢⱼ²",
	Collapse: "VICReg's variance term; in addition whitening at the end of the projector, and a covariance term that " +
		"does not depend on the scale of the features",
	Prevents: []Switch{
		{
			[]string{"method.variance=0", "method.covariance=0", "method.iter_norm=false"},
			"without both terms and the whitening only the invariance is left, which a constant minimises",
		},
	},
	Uses: []Part{Statistics},
	New:  func() parallax.Method { return NewVIbCReg() },
}

// VIbCReg is VICReg with correlations instead of covariances, and with iterative normalisation after the projector.
type VIbCReg struct {
	VICTerms
	NormalizedCovariance bool   // correlations in the covariance term; off: VICReg's covariances
	IterNorm             bool   // the projector ends with iterative normalisation, which whitens
	IterNormGroups       int    // groups of features that are whitened separately
	IterNormSteps        int    // iterations of Newton's method in the whitening
	ViewCount            int    // views of an image; with more than 2, the means over all pairs and over all views
	Projector            nn.MLP // three layers, before the iterative normalisation

	encoder parallax.Encoder
}

// NewVIbCReg returns VIbCReg with the hyperparameters of the authors' code (github.com/ML4ITS/vibcreg).
func NewVIbCReg() *VIbCReg {
	return &VIbCReg{
		VICTerms: VICTerms{
			Invariance: 25, Variance: 25, Covariance: 200, Gamma: 1, Eps: 1e-4, Hinge: "std",
		},
		NormalizedCovariance: true,
		IterNorm:             true,
		IterNormGroups:       64,
		IterNormSteps:        5,
		ViewCount:            2,
		Projector:            nn.MLP{Widths: []int{4096, 4096, 4096}, BatchNorm: true},
	}
}

// Validate checks the hyperparameters.
func (m *VIbCReg) Validate() error {
	return part.First(
		m.VICTerms.validate(),
		part.AtLeast("iter_norm_groups", m.IterNormGroups, 1),
		part.AtLeast("iter_norm_steps", m.IterNormSteps, 1),
		part.AtLeast("view_count", m.ViewCount, 2),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns views of the one recipe of VICReg's paper, as solo-learn does. VIbCReg's paper is about time series.
func (m *VIbCReg) Views(size int) []augment.Recipe {
	return part.InTurn(m.ViewCount, augment.VICRegRecipe(size))
}

// Build makes the encoder, whose projector ends with IterNorm.
func (m *VIbCReg) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	if m.IterNorm {
		d := m.Projector.Out(b.Backbone.Features())
		norm := nn.NewIterNorm(b.Params.Sub("projector").Sub("iternorm"), d, m.IterNormGroups, m.IterNormSteps)
		m.encoder.Projector = nn.Sequential{m.encoder.Projector, norm}
	}
	return m.encoder
}

// Forward returns z of every view.
func (m *VIbCReg) Forward(s *parallax.Step) []torch.Tensor { return part.Embed(m.encoder, s.Views) }

// Loss is the sum of the three terms with the factors of the authors' code: the invariance is a mean over features,
// too.
func (m *VIbCReg) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	z = part.Gather(s, z)
	covarianceTerm := CovarianceTerm
	if m.NormalizedCovariance {
		covarianceTerm = correlationOf
	}
	invariance := part.Pairwise(z, part.MeanSquare)
	variance := part.Over(z, m.VarianceTerm).Scale(2)   // v(zᴬ) + v(zᴮ)
	covariance := part.Over(z, covarianceTerm).Scale(2) // c(zᴬ) + c(zᴮ)
	return m.weighted(s, invariance, variance, covariance)
}

// correlationOf is the mean over all d² pairs of features of the squared correlation, where a pair of a feature with
// itself counts 0.
func correlationOf(z torch.Tensor) torch.Tensor {
	z = z.Sub(z.MeanKeep(0)).Normalize(0)
	return z.T().MatMul(z).OffDiagonal().Square().Mean()
}

// Collapsed is that of VICReg in the paper's form.
func (m *VIbCReg) Collapsed(int) parallax.Collapsed {
	c := part.LeastAtZero(2*m.Variance*m.VarianceOfConstant(), vicCauses)
	c.SeesLength = true
	return c
}
