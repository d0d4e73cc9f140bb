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

// direct sets a linear predictor from the embeddings that it is given, instead of training it: W shares the
// eigenvectors u_j of the moving average F of E[zzᵀ], and has the eigenvalues p_j = √max(s_j/s_max - c, 0) + ε, s_j
// those of F (DirectPred: Tian, Chen & Ganguli 2021, arXiv:2102.06810, section 4; compute_w_corr of
// facebookresearch/luckmatters at 671fca5, whose balance_type is boost_scale. There eigenvalues are held above 0.01
// with a constant, above 0.0001 with ε, and the constant's sign is the other one). Nothing is done to another
// predictor.
type direct struct {
	config.Direct
	weight             torch.Tensor // W, undefined where the predictor is not set
	correlation, batch torch.Tensor // F, and E[zzᵀ] of the step
}

// newDirect takes a predictor out of training that was built to be set. It is not where there is none, or one that
// stays as it began.
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

// predict applies the predictor to every view's z, and keeps E[zzᵀ] over all of them for update: of a step that
// accumulates several batches, the last one's.
func (d direct) predict(s *parallax.Step, predictor nn.Layer, z []torch.Tensor) []torch.Tensor {
	p := parallax.Each(predictor, z)
	if !d.weight.Defined() {
		return p
	}
	torch.NoGrad(func() {
		torch.Autocast(false, func() { part.Over(part.Gather(s, z), d.moment).CopyInto(d.batch) })
	})
	if d.Isotropic {
		// The authors' loss is z·z'/(‖p‖‖z'‖) - ½(p·z')‖W^½z‖²/(‖p‖³‖z'‖), all but z held still (isoloss_func of
		// fmi-basel/implicit-var-reg at 2e8d364): its gradient is that of the cosine in p.
		for i, z := range z {
			p[i] = z.Add(p[i].Sub(z).Detach())
		}
	}
	return p
}

// moment is 1/N Σ zᵢzᵢᵀ, d x d.
func (d direct) moment(z torch.Tensor) torch.Tensor {
	z = z.To(d.batch.DType())
	if d.Centred {
		z = z.Sub(z.MeanKeep(0)) // the batch's own, where the authors keep an average of means, too
	}
	return z.T().MatMul(z).Scale(1 / float64(z.Size(0)))
}

// update takes the step's moment into F, which begins as that of the first step, and sets W when it is due.
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
		share := values.Div(values.Max().Clamp(1e-300, math.Inf(1))) // 0 where F is
		p := share.Shift(-d.Constant).Clamp(0, math.Inf(1)).Sqrt().Shift(d.Epsilon)
		u.Mul(p).MatMul(u.T()).To(d.weight.DType()).CopyInto(d.weight.Detach())
	})
}
