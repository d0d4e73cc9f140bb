// SPDX-License-Identifier: Apache-2.0

package config

// Variant is what an experiment changes around a method. The method itself stays as in its paper. The defaults change
// nothing. Package method/variant makes the changes and knows which methods they fit.
type Variant struct {
	Untied     bool       // every second view goes through a network of its own, with its own weights (VICReg, table 5)
	Asymmetric Asymmetric // how the two sides of a pair of views differ (Barlow Twins, table 6)
	// own: the method's; linear: one layer without bias; symmetric: linear, with W replaced by (W + Wᵀ)/2 after every
	// step; symmetric_mlp: the method's, with W₁ and W₂ᵀ replaced by their mean; direct: one layer that is set, not
	// trained (DirectPred, arXiv:2102.06810); bias: p = z/‖z‖ + b, where only the vector b is trained (Zhang et al.
	// 2022, arXiv:2203.16262)
	PredictorForm string
	Direct        Direct  // how a direct predictor is set
	Variance      float64 // weight of VICReg's variance term of every z, added to the loss: 1 in VICReg's table 4
	Covariance    float64 // weight of VICReg's covariance term, added to the loss: 0.01 in VICReg's table 4
}

// Direct says how a predictor is set from the moving average F of E[zzᵀ] (DirectPred).
type Direct struct {
	Rho     float64 // ρ of F ← ρF + (1-ρ)E(zzᵀ) in every step; W gets F's eigenvectors; 0.3 in table 6
	Epsilon float64 // ε of W's eigenvalues: 0.1 is best in table 6, the authors' command has 0.01
	// c of W's eigenvalues √max(s/s_max - c, 0) + ε, with F's eigenvalues s; above 0 it drops directions (table 7)
	Constant float64
	Every    int  // steps from one update of W to the next
	Centred  bool // F of z minus its mean, which the paper advises against (section 4)
	// z gets the loss's gradient with respect to p, without W, so that every direction learns at the same rate
	// (IsoLoss: Halvagal, Laborieux & Zenke 2023, arXiv:2212.04858)
	Isotropic bool
}

// Asymmetric breaks the symmetry of a loss between pairs of views.
type Asymmetric struct {
	StopGradient  bool   // the later view of a pair gets no gradient
	PredictorMode string // predictor on the earlier view of a pair: none, trained, or fixed at its initialisation
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
