// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// gradients returns the gradients of all trained parameters after a step's backward pass, one after the other.
func (b built) gradients(s *parallax.Step) []float64 {
	b.clearGradients()
	b.loss(s).Backward()
	var all []float64
	for _, p := range b.params.Trainable() {
		all = append(all, p.Tensor.Grad().Float64s()...)
	}
	return all
}

// Without a predictor, SimSiam's stop-gradient removes one of two equal halves of the gradient, so the direction of the
// gradient stays the same. So only the predictor and the stop-gradient together keep the method from collapsing.
func TestStopGradientWithoutPredictorHalvesTheGradient(t *testing.T) {
	in(t, func() {
		var gradients [2][]float64
		for i, stop := range []bool{true, false} {
			m := siamese(func(m *method.SimSiam) { m.PredictorMode, m.StopGradient = "none", stop })
			b := build(shrink(m), torch.F64, 6)
			gradients[i] = b.gradients(b.step(0, 6, 1))
			b.params.Free()
		}
		largest := 0.0
		for i := range gradients[0] {
			near(t, "twice the gradient with stop-gradient", 2*gradients[0][i], gradients[1][i], 1e-12)
			largest = math.Max(largest, math.Abs(gradients[1][i]))
		}
		if largest < 1e-4 {
			t.Errorf("the largest gradient is %g: nothing was compared", largest)
		}
	})
}

// SimCLR's attraction term is the loss of SimSiam without predictor, divided by the temperature.
func TestSimCLRAttractsLikeSimSiam(t *testing.T) {
	in(t, func() {
		z := normals(1, 2, 6, 5)
		const temperature = 0.3
		terms := map[string]float64{}
		step := parallax.NewStep(0, 1)
		step.Report = func(term string, v torch.Tensor) { terms[term] = v.Item() }
		loss := (&method.SimCLR{Temperature: temperature, Negatives: true}).Loss(step, z).Item()
		near(t, "attraction + repulsion", terms["attraction"]+terms["repulsion"], loss, 1e-12)
		unpredicted := siamese(func(m *method.SimSiam) { m.PredictorMode = "none" })
		siam := unpredicted.Loss(parallax.NewStep(0, 1), []torch.Tensor{z[0], z[1], z[0], z[1]}).Item()
		near(t, "attraction", terms["attraction"], siam/temperature, 1e-12)
	})
}

// BYOL with momentum 0 is SimSiam: L_BYOL = 4 + 4·L_SimSiam, so both make the same steps if BYOL has a quarter of the
// learning rate.
func TestBYOLWithoutMomentumIsSimSiam(t *testing.T) {
	head := nn.MLP{Widths: []int{7, width}, BatchNorm: true}
	siam := siamese(func(m *method.SimSiam) { m.Projector, m.Predictor = head, head })
	byol := &method.BYOL{TargetMode: "ema", Projector: head, Predictor: head, Symmetric: true} // both momenta 0
	in(t, func() {
		a, b := build(siam, torch.F64, 6), build(byol, torch.F64, 6)
		defer a.params.Free()
		defer b.params.Free()
		slow, fast := optim.New(optim.SGD{}, b.params.Trainable()), optim.New(optim.SGD{}, a.params.Trainable())
		for at := range 5 {
			s := a.step(at, 6, uint64(at))
			fromSiam, fromBYOL := a.loss(s), b.loss(s)
			near(t, "BYOL's loss", fromBYOL.Item(), 4+4*fromSiam.Item(), 1e-10)
			a.clearGradients()
			b.clearGradients()
			fromSiam.Backward()
			fromBYOL.Backward()
			fast.Step(0.4, 0.4, nil)
			slow.Step(0.1, 0.1, nil)
			byol.Update(s)
		}
		for _, p := range a.params.Trainable() {
			other, ok := b.params.Get(p.Name)
			if !ok {
				t.Errorf("BYOL has no %s", p.Name)
				continue
			}
			near(t, p.Name, other.Sub(p.Tensor).Abs().Max().Item(), 0, 1e-10)
		}
	})
}

// With an optimal predictor q*, BYOL trains its online network to leave less of the target unknown: E‖q*(z_θ) - z'‖² =
// E Σᵢ Var(z'ᵢ | z_θ). The gradients of both sides by θ agree although q* depends on θ, because at an optimum this
// dependence has no effect (Grill et al. 2020, section 3.2, equations 4 and 5). Here linear predictors and second
// moments take the place of conditional expectations, which is exact for normal variables: the conditional covariance
// is then Σ' - Σ'ᶻ Σᶻ⁻¹ Σᶻ'.
func TestBYOLWithTheOptimalPredictorLowersTheConditionalVariance(t *testing.T) {
	in(t, func() {
		const n, d = 40, 3
		x := normals(4, 2, n, 4)
		known, noise := x[0], x[1]
		target := known.Narrow(1, 0, d).Add(known.Narrow(1, 1, d).Square().Scale(0.5)).Add(noise.Narrow(1, 0, d))
		weight := normals(5, 1, 4, d)[0].RequireGrad(true)
		embed := func() torch.Tensor { // z_θ
			linear := known.MatMul(weight)
			return linear.Add(linear.Square().Scale(0.3))
		}
		centre := func(z torch.Tensor) torch.Tensor { return z.Sub(z.MeanKeep(0)) }

		z, aim := centre(embed()), centre(target)
		factor, ok := z.T().MatMul(z).Scale(1. / n).Cholesky() // Σᶻ = LLᵀ
		if !ok {
			t.Error("the covariance of z has no Cholesky factor")
			return
		}
		solved := factor.SolveTriangular(z.T().MatMul(aim).Scale(1./n), false) // L⁻¹Σᶻ'
		variance := aim.Square().Sum(1).Mean().Sub(solved.Square().Sum(0).Sum())
		variance.Backward()
		want := weight.Grad().Float64s()
		weight.SetGrad(torch.Tensor{})

		optimal := factor.T().SolveTriangular(solved, true).Detach() // q* = Σᶻ⁻¹Σᶻ', which gets no gradient
		loss := centre(embed()).MatMul(optimal).Sub(aim).Square().Sum(1).Mean()
		loss.Backward()
		near(t, "the error under the optimal predictor", loss.Item(), variance.Item(), 1e-12)
		largest := 0.0
		for i, g := range weight.Grad().Float64s() {
			near(t, "its gradient", g, want[i], 1e-10)
			largest = math.Max(largest, math.Abs(g))
		}
		if largest < 1e-2 || variance.Item() > 0.9*aim.Square().Sum(1).Mean().Item() {
			t.Errorf("the largest gradient is %g and the variance left is %g: nothing was compared",
				largest, variance.Item())
		}
	})
}

// BYOL's loss compares directions. If a group of images shares one online embedding, their prediction is the same, and
// the best one points in the direction of the mean of their targets. Its loss is 2 - 2‖E[z̄']‖ in each direction of the
// views, and the variance that is left is 1 - ‖E[z̄']‖². Both fall together, and both are 0 when the embedding
// determines the target.
func TestBYOLPredictsTheMeanOfTheTargets(t *testing.T) {
	in(t, func() {
		const n, d = 6, 4
		m := &method.BYOL{TargetMode: "ema", Symmetric: true}
		targets := normals(6, 1, n, d)[0]
		mean := targets.Normalize(1).MeanKeep(0)
		length := mean.Norm().Item()
		loss := func(p torch.Tensor) float64 {
			all := p.Add(torch.Zeros(torch.F64, n, d)) // the same prediction for all images
			return m.Loss(parallax.NewStep(0, 1), []torch.Tensor{targets, targets, all, all}).Item()
		}
		best := loss(mean)
		near(t, "the least loss", best, 2*(2-2*length), 1e-12)
		for _, off := range normals(7, 20, 1, d) {
			if other := loss(mean.Add(off.Scale(0.05))); other <= best {
				t.Errorf("a prediction beside the mean has the loss %.9f, the mean %.9f", other, best)
			}
		}
		left := targets.Normalize(1).Sub(mean).Square().Sum(1).Mean().Item()
		near(t, "the variance left", left, 1-length*length, 1e-12)
	})
}

// SimSiam with VICReg's terms adds VICReg's loss to its own, in the paper's form and without the invariance term.
func TestSimSiamWithVICRegsTerms(t *testing.T) {
	in(t, func() {
		z := normals(11, 4, 6, 5)
		loss := func(m parallax.Method, z ...torch.Tensor) float64 {
			return m.Loss(parallax.NewStep(0, 1), z).Item()
		}
		plain := loss(siamese(func(*method.SimSiam) {}), z...)
		beside := vicreg(func(m *method.VICReg) { m.Form, m.Invariance, m.Variance, m.Covariance = "paper", 0, 3, 0.7 })
		want := plain + loss(beside, z[:2]...)
		near(t, "the loss", loss(vary(siamese(func(*method.SimSiam) {}), spread(3, 0.7)), z...), want, 1e-12)
		if want == plain {
			t.Error("the terms are nothing")
		}
	})
}
