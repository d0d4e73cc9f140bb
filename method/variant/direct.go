// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// direct sets a linear predictor W from the embeddings instead of training it. W has the eigenvectors u_j of F, the
// moving average of E[zzᵀ], and the eigenvalues p_j = √max(s_j/s_max - c, 0) + ε, where s_j are the eigenvalues of F
// (DirectPred: Tian, Chen & Ganguli 2021, arXiv:2102.06810, section 4; compute_w_corr of facebookresearch/luckmatters
// at 671fca5, with the balance_type boost_scale). In the authors' code eigenvalues are at least 0.01 with a constant,
// at least 0.0001 with ε, and the constant has the opposite sign. The zero value leaves the predictor alone.
type direct struct {
	config.Direct
	weight             torch.Tensor // W; undefined in the zero value
	correlation, batch torch.Tensor // F, and E[zzᵀ] of the step
}

// newDirect freezes a predictor that is set instead of trained. It returns the zero value for a predictor of another
// form, for one that is fixed at its initialisation, and without a predictor.
func newDirect(c config.Direct, params *nn.Params, form string, mode part.Predictor) direct {
	if form != "direct" || mode != "trained" {
		return direct{}
	}
	params.Sub("predictor").Freeze()
	w, _ := params.Get("predictor.0.linear.weight")
	buffer := func(name string) torch.Tensor {
		return params.Sub("direct").Buffer(name, torch.Zeros(params.DType(), w.Shape()...))
	}
	return direct{c, w, buffer("correlation"), buffer("batch_correlation")}
}

// predict applies the predictor to z of every view, and keeps E[zzᵀ] over all views for update. If a step accumulates
// several batches, E[zzᵀ] is that of the last batch.
func (d direct) predict(s *parallax.Step, predictor nn.Layer, z []torch.Tensor) []torch.Tensor {
	p := parallax.Each(predictor, z)
	if !d.weight.Defined() {
		return p
	}
	torch.NoGrad(func() {
		torch.Autocast(false, func() { part.Over(part.Gather(s, z), d.moment).CopyInto(d.batch) })
	})
	if d.Isotropic {
		// The authors' loss is z·z'/(‖p‖‖z'‖) - ½(p·z')‖W^½z‖²/(‖p‖³‖z'‖), with all but z held constant (isoloss_func
		// of fmi-basel/implicit-var-reg at 2e8d364). Its gradient with respect to z is that of the cosine with respect
		// to p.
		for i, z := range z {
			p[i] = z.Add(p[i].Sub(z).Detach())
		}
	}
	return p
}

// moment is E[zzᵀ] of one view: 1/N Σ zᵢzᵢᵀ, d x d.
func (d direct) moment(z torch.Tensor) torch.Tensor {
	z = z.To(d.batch.DType())
	if d.Centred {
		z = z.Sub(z.MeanKeep(0)) // of this batch; the authors subtract a moving average of the means
	}
	return z.T().MatMul(z).Scale(1 / float64(z.Size(0)))
}

// update moves F towards the moment of the step, and sets W in the steps in which it is due. F starts as the moment of
// the first step.
func (d direct) update(s *parallax.Step) {
	if !d.weight.Defined() {
		return
	}
	rho := d.Rho
	if s.At == 0 {
		rho = 0
	}
	torch.LerpInto([]torch.Tensor{d.correlation}, []torch.Tensor{d.batch}, 1-rho)
	if s.At%d.Every != 0 {
		return
	}
	torch.NoGrad(func() {
		values, u := d.correlation.To(torch.F64).EigH()
		share := values.Div(values.Max().Clamp(1e-300, math.Inf(1))) // 0 if F is 0
		p := share.Shift(-d.Constant).Clamp(0, math.Inf(1)).Sqrt().Shift(d.Epsilon)
		u.Mul(p).MatMul(u.T()).To(d.weight.DType()).CopyInto(d.weight.Detach())
	})
}
