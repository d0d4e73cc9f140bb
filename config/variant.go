// SPDX-License-Identifier: Apache-2.0

package config

// Variant is what an experiment changes around a method, which itself stays as its paper has it. As it comes it changes
// nothing. Package method/variant makes the change, and knows which methods it goes with.
type Variant struct {
	Untied     bool       // every second view goes through a network of its own, with other weights (VICReg, table 5)
	Asymmetric Asymmetric // what makes the two sides of a pair of views differ (Barlow Twins, table 6)
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
