// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// tied are the first and the last weights, W₁ and W₂, of a predictor that is kept symmetric, W₂ = W₁ᵀ. With one layer
// both are W. DirectPred's experiments have one layer and two (Tian, Chen & Ganguli 2021, arXiv:2102.06810, table 3;
// regulate_predictor of facebookresearch/luckmatters). The zero value leaves the predictor alone.
type tied [2]torch.Tensor

// tie finds the weights of a symmetric predictor. It returns the zero value for another form and without a predictor.
func tie(params *nn.Params, form string) (w tied) {
	last, symmetric := map[string]string{"symmetric": "0", "symmetric_mlp": "1"}[form]
	if symmetric {
		w[0], _ = params.Get("predictor.0.linear.weight")
		w[1], _ = params.Get("predictor." + last + ".linear.weight")
	}
	return w
}

// mean replaces W₁ with (W₁ + W₂ᵀ)/2, and W₂ with the transpose of that.
func (w tied) mean() {
	if !w[0].Defined() {
		return
	}
	torch.NoGrad(func() {
		mean := w[0].Add(w[1].T()).Scale(0.5)
		mean.CopyInto(w[0].Detach())
		mean.T().CopyInto(w[1].Detach())
	})
}
