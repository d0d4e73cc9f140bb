// SPDX-License-Identifier: Apache-2.0

package config

// Variant is what an experiment changes around a method, which itself stays as its paper has it. As it comes it changes
// nothing. Package method/variant makes the change, and knows which methods it goes with.
type Variant struct {
	Untied     bool       // every second view goes through a network of its own, with other weights (VICReg, table 5)
	Asymmetric Asymmetric // what makes the two sides of a pair of views differ (Barlow Twins, table 6)
	// own: the method's; linear: one layer without bias in its place; symmetric: that, whose weights W become (W +
	// Wᵀ)/2 after every step; symmetric_mlp: the method's, whose W₁ and W₂ᵀ become their mean; direct: one layer that
	// is set, not trained (DirectPred, arXiv:2102.06810); bias: p = z/‖z‖ + b, a trained vector alone (Zhang et al.
	// 2022, arXiv:2203.16262)
	PredictorForm string
	Direct        Direct  // how a direct predictor is set
	Variance      float64 // of VICReg's variance term on every view's z, beside the loss: 1 in its experiment (table 4)
	Covariance    float64 // of VICReg's covariance term, beside the loss: 0.01 there
}

// Direct says how a predictor is set from the moving average F of E[zzᵀ] (DirectPred).
type Direct struct {
	Rho     float64 // ρ of F ← ρF + (1-ρ)E(zzᵀ) in every step, whose eigenvectors become W's; 0.3 in table 6
	Epsilon float64 // ε: 0.1 is the best of table 6, 0.01 the authors' command
	// c of W's eigenvalues √max(s/s_max - c, 0) + ε, s those of F: above 0, directions are given up (table 7)
	Constant float64
	Every    int  // steps from one W to the next
	Centred  bool // F of z less its mean, which the paper advises against (section 4)
	// the loss's gradient in p is taken for that in z, without W, which gives every direction the same rate (IsoLoss:
	// Halvagal, Laborieux & Zenke 2023, arXiv:2212.04858)
	Isotropic bool
}

// Asymmetric breaks the symmetry of a loss between pairs of views.
type Asymmetric struct {
	StopGradient  bool   // the later view of a pair gets no gradient
	PredictorMode string // none; trained, on the earlier view of a pair; fixed at its initialisation
	Predictor     Head   // two layers as wide as the embeddings, batch norm on the hidden one
}

// Head is the shape of a network of linear layers.
type Head struct {
	Widths       []int // output width of every layer; the last is the head's. An empty list: no layers
	BatchNorm    bool  // batch norm after the hidden layers, whose linear layers then have no bias
	OutputNorm   bool  // batch norm after the last layer, which then has no bias
	OutputAffine bool  // whether that batch norm has a weight and a bias
	// the normalisation used as batch norm: batch, group (with weight standardisation), layer, none or tuned
	Norm string
}
