// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
	"gonum.org/v1/gonum/mat"
)

func directWith(set func(*config.Direct)) *variant.Predictor {
	m := vary(shrink(method.NewBYOL()), func(v *config.Variant) { v.PredictorForm = "direct"; set(&v.Direct) })
	return m.(*variant.Predictor)
}

// embeddings returns z of the step's views.
func (b built) embeddings(s *parallax.Step) []torch.Tensor {
	return parallax.Each(b.encoder.Projector, parallax.Each(b.encoder.Backbone, s.Views))
}

// moment computes E[zzᵀ] over all rows of the views with plain loops. If centred, the mean of each view is subtracted
// first.
func moment(views []torch.Tensor, centred bool) *mat.SymDense {
	d := views[0].Size(1)
	sum, rows := mat.NewSymDense(d, nil), 0
	for _, view := range views {
		n := view.Size(0)
		z := mat.NewDense(n, d, view.Float64s())
		mean := make([]float64, d)
		for k := range d {
			for i := range n {
				if centred {
					mean[k] += z.At(i, k) / float64(n)
				}
			}
		}
		for i := range n {
			row := mat.NewVecDense(d, nil)
			for k := range d {
				row.SetVec(k, z.At(i, k)-mean[k])
			}
			sum.SymRankOne(sum, 1, row)
			rows++
		}
	}
	sum.ScaleSym(1/float64(rows), sum)
	return sum
}

// After two steps, F is the average of both, and W has the eigenvectors of F and the eigenvalues √max(s_j/s_max - c, 0)
// + ε. The test computes them with plain loops and gonum's eigenvectors.
func TestPredictorIsSetFromStatistics(t *testing.T) {
	for name, set := range map[string]func(*config.Direct){
		"as it comes":  func(*config.Direct) {},
		"c above 0":    func(d *config.Direct) { d.Constant, d.Epsilon = 0.1, 0 },
		"c below 0":    func(d *config.Direct) { d.Constant, d.Epsilon = -0.1, 0 },
		"centred":      func(d *config.Direct) { d.Centred, d.Rho = true, 0.8 },
		"without past": func(d *config.Direct) { d.Rho = 0 },
	} {
		m := directWith(set)
		with(t, m, torch.F64, 6, func(b built) {
			f := mat.NewSymDense(width, nil)
			for at := range 2 {
				s := b.step(at, 6, uint64(at+1))
				rho := m.Direct.Rho
				if at == 0 {
					rho = 0
				}
				now := moment(b.embeddings(s), m.Direct.Centred)
				now.ScaleSym(1-rho, now)
				f.ScaleSym(rho, f)
				f.AddSym(f, now)
				b.Forward(s)
				m.Update(s)
			}
			var e mat.EigenSym
			var u, want mat.Dense
			e.Factorize(f, true)
			e.VectorsTo(&u)
			values := e.Values(nil)
			p := mat.NewDiagDense(width, nil)
			for j, s := range values {
				p.SetDiag(j, math.Sqrt(math.Max(s/values[width-1]-m.Direct.Constant, 0))+m.Direct.Epsilon)
			}
			want.Mul(&u, p)
			want.Mul(&want, u.T())
			for i, got := range b.get("direct.correlation").Float64s() {
				near(t, name+": F", got, f.At(i/width, i%width), 1e-10)
			}
			for i, got := range b.get("predictor.0.linear.weight").Float64s() {
				near(t, name+": W", got, want.At(i/width, i%width), 1e-7) // of √s at s = 0
			}
		})
	}
}

// The optimiser does not change W, and W stays the same between the steps in which it is set.
func TestPredictorIsSetWhenItIsDue(t *testing.T) {
	m := directWith(func(d *config.Direct) { d.Every = 2 })
	with(t, m, torch.F64, 6, func(b built) {
		for _, p := range b.params.Trainable() {
			if strings.HasPrefix(p.Name, "predictor") {
				t.Errorf("%s is trained", p.Name)
			}
		}
		o := optim.New(optim.SGD{WeightDecay: 0.1}, b.params.Trainable())
		defer o.Free()
		w, f := b.get("predictor.0.linear.weight"), b.get("direct.correlation")
		moved := func(x torch.Tensor, n int) bool {
			before := x.Detach().Clone()
			b.Method.(parallax.Updater).Update(parallax.NewStep(n, steps))
			return x.Sub(before).Abs().Max().Item() > 0
		}
		b.train(o, 1, b.step(0, 6, 1))
		b.Forward(b.step(1, 6, 2))
		if moved(w, 1) {
			t.Error("W was set after the second step, and is due after every other")
		}
		b.Forward(b.step(2, 6, 3))
		if !moved(w, 2) {
			t.Error("W was not set after the third step")
		}
		b.Forward(b.step(3, 6, 4))
		if !moved(f, 3) {
			t.Error("F was not moved by a step in which W is not due")
		}
	})
}

// If all embeddings are 0, F has no eigenvectors, and W is ε times the identity.
func TestPredictorOfNothing(t *testing.T) {
	with(t, directWith(func(*config.Direct) {}), torch.F32, 6, func(b built) {
		for _, p := range b.params.Sub("projector").Trainable() {
			p.Tensor.Detach().ScaleInto(0)
		}
		s := b.step(0, 6, 1)
		b.Forward(s)
		b.Method.(parallax.Updater).Update(s)
		off := b.get("predictor.0.linear.weight").Sub(torch.Eye(width, torch.F32).Scale(0.1)).Abs().Max().Item()
		near(t, "W - ε", off, 0, 1e-6)
	})
}

// Neither a fixed predictor nor a trained one is set from statistics, and no statistics are kept for them.
func TestOtherPredictorsAreNotSet(t *testing.T) {
	for _, c := range []struct {
		form string
		mode part.Predictor
	}{{"direct", "fixed"}, {"direct", "none"}, {"linear", "trained"}} {
		m := vary(shrink(byolWith(func(m *method.BYOL) { m.PredictorMode = c.mode })), form(c.form))
		with(t, m, torch.F64, 6, func(b built) {
			s := b.step(0, 6, 1)
			w, there := b.params.Get("predictor.0.linear.weight")
			b.Forward(s)
			if there {
				w = w.Detach().Clone()
			}
			b.Method.(parallax.Updater).Update(s)
			if there && b.get("predictor.0.linear.weight").Sub(w).Abs().Max().Item() != 0 {
				t.Error("the predictor has moved")
			}
			if n := len(b.params.Sub("direct").All()); n != 0 {
				t.Errorf("%d buffers are kept", n)
			}
		})
	}
}

// The gradient is that of the authors' IsoLoss, z·z'/(‖p‖‖z'‖) - ½(p·z')zᵀWz/(‖p‖³‖z'‖), in which only the first z and
// both z of zᵀWz get a gradient.
func TestIsotropicGradient(t *testing.T) {
	with(t, directWith(func(d *config.Direct) { d.Isotropic = true }), torch.F64, 6, func(b built) {
		s := b.step(1, 6, 1)
		b.Forward(s)
		b.Method.(parallax.Updater).Update(s) // W is symmetric from here on
		got := b.gradients(s)
		b.clearGradients()
		w := b.get("predictor.0.linear.weight").Detach()
		z, targets := b.embeddings(s), b.Forward(s)[:2]
		length := func(x torch.Tensor) torch.Tensor { return x.Square().Sum(1).Sqrt() }
		var loss torch.Tensor
		for i := range z {
			to := targets[1-i].Detach()
			p := z[i].MatMul(w).Detach()
			first := z[i].Mul(to).Sum(1).Div(length(p).Mul(length(to)))
			weight := p.Mul(to).Sum(1).Div(length(p).Pow(3).Mul(length(to)))
			second := weight.Mul(z[i].MatMul(w).Mul(z[i]).Sum(1)).Scale(0.5)
			term := first.Sub(second).Mean().Scale(-2)
			if i == 0 {
				loss = term
			} else {
				loss = loss.Add(term)
			}
		}
		loss.Backward()
		at, largest := 0, 0.0
		for _, p := range b.params.Trainable() {
			for _, want := range p.Tensor.Grad().Float64s() {
				near(t, "the gradient in "+p.Name, got[at], want, 1e-9)
				largest = math.Max(largest, math.Abs(want))
				at++
			}
		}
		if largest < 1e-4 {
			t.Errorf("the largest gradient is %g: nothing was compared", largest)
		}
	})
}
