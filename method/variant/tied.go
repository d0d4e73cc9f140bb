// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// tied are the weights of a predictor that is kept symmetric, the first W₁ and the last W₂, which is to be W₁ᵀ: of two
// layers theirs, of one layer W and W. Nothing is tied of another predictor. DirectPred's experiments have both (Tian,
// Chen & Ganguli 2021, arXiv:2102.06810, table 3; regulate_predictor of facebookresearch/luckmatters).
type tied [2]torch.Tensor

// tie finds the weights of a predictor that was built in that form; none where there is no predictor.
func tie(params *nn.Params, form string) (w tied) {
	last, symmetric := map[string]string{"symmetric": "0", "symmetric_mlp": "1"}[form]
	if symmetric {
		w[0], _ = params.Get("predictor.0.linear.weight")
		w[1], _ = params.Get("predictor." + last + ".linear.weight")
	}
	return w
}

// mean puts (W₁ + W₂ᵀ)/2 in the place of W₁, and its transpose in that of W₂.
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
