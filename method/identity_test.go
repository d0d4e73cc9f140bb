// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"testing"

	"parallax"
	"parallax/method"
	"parallax/nn"
	"parallax/optim"
	"parallax/torch"
)

// gradients are those of every trained parameter, one after the other, after a step's backward.
func (b built) gradients(s *parallax.Step) []float64 {
	b.clearGradients()
	b.loss(s).Backward()
	var all []float64
	for _, p := range b.params.Trainable() {
		all = append(all, p.Tensor.Grad().Float64s()...)
	}
	return all
}

// Without a predictor, SimSiam's stop-gradient takes away one of two equal halves of the gradient: it still points where
// it would without. So it is the predictor and the stop-gradient together that keep the method from collapsing.
func TestStopGradientWithoutPredictorHalvesTheGradient(t *testing.T) {
	in(t, func() {
		var gradients [2][]float64
		for i, stop := range []bool{true, false} {
			b := build(shrink(siamese(func(m *method.SimSiam) { m.PredictorMode, m.StopGradient = "none", stop })), torch.F64, 6)
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

// What draws views together in SimCLR is SimSiam without a predictor, over the temperature.
func TestSimCLRAttractsLikeSimSiam(t *testing.T) {
	in(t, func() {
		z := normals(1, 2, 6, 5)
		const temperature = 0.3
		terms := map[string]float64{}
		step := parallax.NewStep(0, 1)
		step.Report = func(term string, v torch.Tensor) { terms[term] = v.Item() }
		loss := (&method.SimCLR{Temperature: temperature, Negatives: true}).Loss(step, z).Item()
		near(t, "attraction + repulsion", terms["attraction"]+terms["repulsion"], loss, 1e-12)
		siam := siamese(func(m *method.SimSiam) { m.PredictorMode = "none" }).Loss(parallax.NewStep(0, 1), []torch.Tensor{z[0], z[1], z[0], z[1]}).Item()
		near(t, "attraction", terms["attraction"], siam/temperature, 1e-12)
	})
}

// BYOL whose target follows at once is SimSiam: L_BYOL = 4 + 4·L_SimSiam, so that with a quarter of the learning rate they
// make the same steps.
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
