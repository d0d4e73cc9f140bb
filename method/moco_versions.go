// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
)

const (
	moCoPaper    = "He, Fan, Wu, Xie & Girshick: Momentum Contrast for Unsupervised Visual Representation Learning. CVPR 2020, arXiv:1911.05722"
	moCoEquation = "L = mean of -log( exp(q·k₊/τ) / (exp(q·k₊/τ) + Σ_{j=1..K} exp(q·kⱼ/τ)) ), all of length 1;  θₖ ← mθₖ + (1-m)θ_q after each step"
	moCoCollapse = "negatives: the keys of K earlier images are pushed away, so a constant embedding has the loss ln(1+K) and not the smallest"
)

var moCoV1Entry = Entry{
	Name: "mocov1", Title: "MoCo v1", Date: "2019-11", Paper: moCoPaper, Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives},
	New: func() parallax.Method { return NewMoCoV1() },
}
var moCoV2Entry = Entry{
	Name: "mocov2", Title: "MoCo v2", Date: "2020-03", Equation: moCoEquation, Collapse: moCoCollapse, Uses: []Part{Negatives},
	Paper: "Chen, Fan, Girshick & He: Improved Baselines with Momentum Contrastive Learning. 2020, arXiv:2003.04297",
	New:   func() parallax.Method { return NewMoCoV2() },
}
var moCoV2PlusEntry = Entry{
	Name: "mocov2plus", Title: "MoCo v2+", Date: "2020-11", Collapse: moCoCollapse, Uses: []Part{Negatives},
	Paper:    "the improved reproduction of MoCo v2 in Chen & He: Exploring Simple Siamese Representation Learning. CVPR 2021, arXiv:2011.10566",
	Equation: "L = ½ L(q₁, k₂, queue of k₂) + ½ L(q₂, k₁, queue of k₁), L as in MoCo",
	New:      func() parallax.Method { return NewMoCoV2Plus() },
}

// NewMoCoV1 returns MoCo with the paper's hyperparameters (section 3.3, and the official code).
func NewMoCoV1() *MoCo {
	m := NewMoCoV2()
	m.Temperature, m.Projector, m.colours = 0.07, nn.MLP{Widths: []int{128}}, true
	return m
}

// NewMoCoV2 returns MoCo v2 with the paper's hyperparameters: an MLP, its temperature, and more augmentation.
func NewMoCoV2() *MoCo {
	return &MoCo{
		Temperature:         0.2,
		Queue:               65536,
		TargetMomentum:      0.999,
		FinalTargetMomentum: 0.999,
		Projector:           nn.MLP{Widths: []int{2048, 128}},
		ViewCount:           2,
		Negatives:           true,
		Groups:              1,
		ShuffleGroups:       1,
	}
}

// NewMoCoV2Plus returns MoCo v2+ as solo-learn has it: symmetric, and a target that begins faster.
func NewMoCoV2Plus() *MoCo {
	m := NewMoCoV2()
	m.TargetMomentum, m.Projector.Widths, m.Symmetric = 0.99, []int{2048, 256}, true
	return m
}
