// SPDX-License-Identifier: Apache-2.0

package part

import (
	"fmt"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Tied are the weights of a predictor that is kept symmetric, the first W₁ and the last W₂, which is to be W₁ᵀ: of two
// layers theirs, of one layer W and W. Nothing is tied of another predictor. DirectPred's experiments have both (Tian,
// Chen & Ganguli 2021, arXiv:2102.06810, table 3; regulate_predictor of facebookresearch/luckmatters).
type Tied [2]torch.Tensor

// Tieable checks that a predictor of that form can be made symmetric.
func Tieable(form string, predictor nn.MLP) error {
	if n := len(predictor.Widths); form == "symmetric_mlp" && n != 2 {
		return fmt.Errorf("method.predictor_form is %q and method.predictor.widths is %v: set two widths, for one layer is "+
			"made the other's transpose", form, predictor.Widths)
	}
	return nil
}

// Tie finds the weights of a predictor that was built in that form; none where there is no predictor.
func Tie(params *nn.Params, form string) (w Tied) {
	last, symmetric := map[string]string{"symmetric": "0", "symmetric_mlp": "1"}[form]
	if symmetric {
		w[0], _ = params.Get("predictor.0.linear.weight")
		w[1], _ = params.Get("predictor." + last + ".linear.weight")
	}
	return w
}

// Mean puts (W₁ + W₂ᵀ)/2 in the place of W₁, and its transpose in that of W₂.
func (w Tied) Mean() {
	if !w[0].Defined() {
		return
	}
	torch.NoGrad(func() {
		mean := w[0].Add(w[1].T()).Scale(0.5)
		mean.CopyInto(w[0].Detach())
		mean.T().CopyInto(w[1].Detach())
	})
}
