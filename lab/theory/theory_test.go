// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// linearLoss returns equation 2 of Jing et al. as it is printed, divided by the number of images.
func linearLoss(w, x, added *mat.Dense) float64 {
	var z, views, sum mat.Dense
	z.Mul(x, w.T())
	sum.Add(x, added)
	views.Mul(&sum, w.T())
	loss := 0.0
	for i := range linearImages {
		positive := math.Exp(-squared(z.RawRowView(i), views.RawRowView(i)) / 2)
		all := positive
		for j := range linearImages {
			if j != i {
				all += math.Exp(-squared(z.RawRowView(i), z.RawRowView(j)) / 2)
			}
		}
		loss -= math.Log(positive/all) / linearImages
	}
	return loss
}

func TestLinearPullIsTheGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x, added := linearBatch(0.5, r)
	w := linearWeights(0.3, r)
	var down mat.Dense
	down.Mul(w, linearPull(w, x, added))
	const h = 1e-5
	for _, at := range [][2]int{{0, 0}, {3, 12}, {15, 8}, {7, 1}} {
		moved := func(by float64) float64 {
			m := mat.DenseCopyOf(w)
			m.Set(at[0], at[1], m.At(at[0], at[1])+by)
			return linearLoss(m, x, added)
		}
		want := -(moved(h) - moved(-h)) / (2 * h)
		if got := down.At(at[0], at[1]); math.Abs(got-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("-dL/dW at %v is %v, by differences %v", at, got, want)
		}
	}
}

// A linear network that does not collapse ends at the larger root p of p(τ - (1+σ²)p) = η. Relative to τ/(1+σ²) it is
// (1 + √(1-η/η'))/2, where η' is the critical decay.
func TestWeightDecayOfTheLinearNetwork(t *testing.T) {
	m := Motion{Tau: 0.9, Sigma: 0.5, Rate: 2}
	for _, decay := range []float64{0.2, 0.5, 0.9} {
		least, most := m.Left(decay, 1)
		if want := (1 + math.Sqrt(1-decay)) / 2; math.Abs(least-want) > 1e-2 || math.Abs(most-want) > 1e-2 {
			t.Errorf("at %v of the critical decay %v to %v are left, want %v", decay, least, most, want)
		}
	}
}

// STP-01: the gradient of the simplified Barlow Twins loss against finite differences, and one direction alone against
// its logistic curve.
func TestStepGradientIsTheGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	gamma, w := stepViews(r), mat.NewDense(StepOutputs, stepInputs, nil)
	for i := range StepOutputs {
		for k := range stepInputs {
			w.Set(i, k, 0.5*r.NormFloat64())
		}
	}
	loss := func(w *mat.Dense) (sum float64) {
		c := stepCorrelation(w, gamma)
		for i := range StepOutputs {
			for k := range StepOutputs {
				off := c.At(i, k)
				if i == k {
					off--
				}
				sum += off * off
			}
		}
		return sum
	}
	const h = 1e-5
	for _, at := range [][2]int{{0, 0}, {3, 11}, {5, 8}, {2, 1}} {
		moved := func(by float64) float64 {
			m := mat.DenseCopyOf(w)
			m.Set(at[0], at[1], m.At(at[0], at[1])+by)
			return loss(m)
		}
		want := (moved(h) - moved(-h)) / (2 * h)
		if got := stepGradient(w, gamma).At(at[0], at[1]); math.Abs(got-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("dL/dW at %v is %v, by differences %v", at, got, want)
		}
	}

	values, vectors := eigen(gamma)
	const first, rate, number = 1e-4, 1e-4, 5000 // λ₀, and small steps
	alone := mat.NewDense(StepOutputs, stepInputs, nil)
	for k := range stepInputs {
		alone.Set(2, k, math.Sqrt(first/values[1])*vectors.At(k, 1))
	}
	for range number {
		g := stepGradient(alone, gamma)
		g.Scale(-rate, g)
		alone.Add(alone, g)
	}
	want := 1 / (1 + (1/first-1)*math.Exp(-8*values[1]*rate*number))
	if got := stepCorrelation(alone, gamma).At(2, 2); math.Abs(got/want-1) > 1e-2 {
		t.Errorf("λ has become %v, want %v", got, want)
	}
}

func TestVanished(t *testing.T) {
	if got := Vanished([]float64{2, 1, 0.1, 0.001}, 0.01); got != 1 {
		t.Errorf("%v of the values are below a hundredth, want 1", got)
	}
}

// The gradients at the start of the recovery: of √(s²+ε) and of s²+ε.
func TestSlopesOfTheHinges(t *testing.T) {
	for _, std := range []float64{0.1, 0.01} {
		slope, _ := Recovery(std, false, 1)
		weak, _ := Recovery(std, true, 1)
		want := 1 / (2 * math.Sqrt(std*std+1e-4)) // the ratio of both, if the sample's deviations were exactly std
		if got := slope / weak; math.Abs(got/want-1) > 0.1 {
			t.Errorf("from %v the slopes have a ratio of %v, want about %v", std, got, want)
		}
	}
}

// SCN-03: the gradient of the entropy against finite differences.
func TestClimbIsTheGradient(t *testing.T) {
	logits := []assignment{{0.3, -1, 2, 0, 0.5}, {1, 0, 0, -2, 0.1}}
	for _, mean := range []bool{true, false} {
		of := func(logits []assignment) float64 {
			p := []assignment{softmax(logits[0]), softmax(logits[1])}
			if mean {
				return entropy(balance(p))
			}
			return meanEntropy(p)
		}
		p := []assignment{softmax(logits[0]), softmax(logits[1])}
		q := p[1]
		if mean {
			q = balance(p)
		}
		up := climb(p[1], q)
		const h = 1e-6
		for k := range up {
			above, below := []assignment{logits[0], logits[1]}, []assignment{logits[0], logits[1]}
			above[1][k] += h
			below[1][k] -= h
			if got, want := up[k]/2, (of(above)-of(below))/(2*h); math.Abs(got-want) > 1e-8 {
				t.Errorf("mean %v, logit %d: %v, by differences %v", mean, k, got, want)
			}
		}
	}
}
