// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a scope, and fails the test on an error and on tensors left behind.
func in(t *testing.T, f func()) {
	t.Helper()
	before, after := 0, 0
	err := torch.Scope(func() error {
		before = torch.Live()
		err := torch.Scope(func() error { f(); return nil })
		after = torch.Live()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("%d tensors before, %d after", before, after)
	}
}

// between fails the test unless lo <= got <= hi.
func between(t *testing.T, what string, got, lo, hi float64) {
	t.Helper()
	if !(got >= lo && got <= hi) {
		t.Errorf("%s = %.9g, want it in [%g, %g]", what, got, lo, hi)
	}
}

// near fails the test unless got is want up to a relative tolerance (absolute for |want| < 1).
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	slack := tolerance * math.Max(1, math.Abs(want))
	between(t, what, got, want-slack, want+slack)
}

func gaussian(r *rand.Rand, n, d int, scale ...float64) []float64 {
	v := make([]float64, n*d)
	for i := range v {
		v[i] = r.NormFloat64()
		if len(scale) > 0 {
			v[i] *= scale[i%d]
		}
	}
	return v
}

func matrix(v []float64, d int) torch.Tensor { return torch.FromFloat64(v, len(v)/d, d) }

// decaying is 1, 1/2, 1/3 ...: an anisotropic spread.
func decaying(d int) []float64 {
	s := make([]float64, d)
	for i := range s {
		s[i] = 1 / float64(1+i)
	}
	return s
}

func rng() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }

func TestRowsThatAreAllEqualAreTheLimitOfCollapse(t *testing.T) {
	in(t, func() {
		row := []float64{0.1, -0.7, 1.3}
		var constant []float64
		for range 50 {
			constant = append(constant, row...)
		}
		for name, z := range map[string]torch.Tensor{
			"constant rows":  matrix(constant, 3),
			"one row":        matrix(row, 3),
			"zeros":          torch.Zeros(torch.F64, 20, 3),
			"constant, bf16": matrix(constant, 3).To(torch.BF16),
			"one number":     matrix([]float64{2}, 1),
		} {
			m := measure.Embedding(z)
			near(t, name+": std", m.Std, 0, 0)
			near(t, name+": raw std", m.StdRaw, 0.01, 1e-12)
			near(t, name+": mean cosine", m.MeanCosine, 1, 0)
			near(t, name+": effective rank", m.EffectiveRank, 0, 0)
			near(t, name+": participation ratio", m.ParticipationRatio, 0, 0)
			near(t, name+": uniformity", measure.Uniformity(z, 2), 0, 1e-12)
			near(t, name+": alignment with itself", measure.Alignment(z, z), 0, 0)
			between(t, name+": rankme", m.RankMe, 0, 1.0001)
			for _, s := range m.Spectrum {
				near(t, name+": singular value", s, 0, 0)
			}
		}
	})
}

func TestIsotropicGaussian(t *testing.T) {
	in(t, func() {
		const n, d = 20000, 128
		z := matrix(gaussian(rng(), n, d), d)
		m := measure.Embedding(z)
		near(t, "std", m.Std, 1, 0.01)
		near(t, "raw std", m.StdRaw, 1, 0.01)
		near(t, "mean cosine", m.MeanCosine, 0, 0.001)
		between(t, "effective rank", m.EffectiveRank, 0.97*d, d)
		between(t, "rankme", m.RankMe, 0.97*d, d)
		near(t, "participation ratio", m.ParticipationRatio, d*n/(n+d), 0.005) // Marchenko-Pastur
		near(t, "uniformity", measure.Uniformity(z, 2), -4+8./d, 0.02)
		other := matrix(gaussian(rand.New(rand.NewPCG(1, 2)), n, d), d)
		near(t, "alignment with other rows", measure.Alignment(z, other), 2, 0.01)
	})
}

// Std near 1 and mean cosine near 0 do not mean that an embedding is healthy: VICReg without covariance gives this.
func TestRankOneLooksHealthyToStdAlone(t *testing.T) {
	in(t, func() {
		const n, d = 1000, 64
		v := make([]float64, n*d)
		for i := range v {
			v[i] = float64(1-2*(i/d%2)) * float64(1-2*(i%d%2)) // ±u with |u_j| = 1, as many + as -
		}
		m := measure.Embedding(matrix(v, d))
		near(t, "std", m.Std, 1, 0.001)
		near(t, "mean cosine", m.MeanCosine, 0, 0.0011)
		near(t, "participation ratio", m.ParticipationRatio, 1, 1e-9)
		near(t, "effective rank", m.EffectiveRank, 1+d*1.6e-6, 1e-5)
	})
}

// A high effective rank does not mean it either: VICReg without variance leaves isotropic noise around one point.
func TestOnePointWithNoiseLooksHealthyToRankAlone(t *testing.T) {
	in(t, func() {
		const n, d = 2000, 64
		v := gaussian(rng(), n, d)
		for i := range v {
			v[i] = 1 + 1e-4*v[i]
		}
		z := matrix(v, d)
		m := measure.Embedding(z)
		between(t, "effective rank", m.EffectiveRank, 0.95*d, d)
		between(t, "participation ratio", m.ParticipationRatio, 0.95*d, d)
		between(t, "mean cosine", m.MeanCosine, 0.9999999, 1)
		between(t, "std", m.Std, 0, 1e-3)
		between(t, "rankme, which sees the mean alone", m.RankMe, 1, 1.2)
		between(t, "uniformity", measure.Uniformity(z, 2), -1e-5, 0)
	})
}

func TestEqualClustersOnOrthogonalAxes(t *testing.T) {
	in(t, func() {
		const k, each, d = 5, 40, 16
		v := make([]float64, k*each*d)
		for i := range k * each {
			v[i*d+i%k] = 3
		}
		z := matrix(v, d)
		m := measure.Embedding(z)
		near(t, "participation ratio", m.ParticipationRatio, k-1, 1e-9)
		near(t, "effective rank", m.EffectiveRank, k-1, 1e-4)
		near(t, "rankme", m.RankMe, k, 1e-4)
		// Of the other rows, each-1 lie on the same axis.
		near(t, "mean cosine", m.MeanCosine, float64(each-1)/float64(k*each-1), 1e-12)
		near(t, "σ₁ of the centred rows", m.Spectrum[0], 3*math.Sqrt(each), 1e-12)
		near(t, "σ₅ of the rows", m.SpectrumUncentred[k-1], 3*math.Sqrt(each), 1e-12)
		same := float64(each-1) / float64(k*each-1)
		near(t, "uniformity", measure.Uniformity(z, 2), math.Log(same+(1-same)*math.Exp(-4)), 1e-12)
	})
}

func TestTheSpectrumKeepsItsSmallValues(t *testing.T) {
	in(t, func() {
		// σ from 1 to 1e-11: the Gram matrix's eigenvalues would lose everything below 1e-8.
		v := make([]float64, 12*12)
		for i := range 12 {
			v[i*12+i] = math.Pow(10, -float64(i))
		}
		got := measure.Embedding(matrix(v, 12)).SpectrumUncentred
		for i, s := range got {
			near(t, "σ relative to what it is", s/math.Pow(10, -float64(i)), 1, 1e-4)
		}
	})
}

// numbers returns all that two embeddings are compared by, Std and StdRaw apart.
func numbers(z, other torch.Tensor) map[string]float64 {
	m := measure.Embedding(z)
	return map[string]float64{
		"mean cosine":         m.MeanCosine,
		"effective rank":      m.EffectiveRank,
		"rankme":              m.RankMe,
		"participation ratio": m.ParticipationRatio,
		"uniformity":          measure.Uniformity(z, 2),
		"alignment":           measure.Alignment(z, other),
	}
}

func TestInvariances(t *testing.T) {
	in(t, func() {
		const n, d = 300, 24
		r := rng()
		z := matrix(gaussian(r, n, d, decaying(d)...), d).Shift(0.1)
		other := z.Add(matrix(gaussian(r, n, d), d).Scale(0.05))
		want, wantStd := numbers(z, other), measure.Embedding(z).Std
		same := func(what string, a, b torch.Tensor, std bool) {
			t.Helper()
			for name, got := range numbers(a, b) {
				near(t, what+": "+name, got, want[name], 1e-6)
			}
			if std {
				near(t, what+": std", measure.Embedding(a).Std, wantStd, 1e-6)
			}
		}
		same("scaled by 1e-6", z.Scale(1e-6), other.Scale(1e-6), true)
		same("scaled by 1e6", z.Scale(1e6), other.Scale(1e6), true)
		order := torch.FromInts(r.Perm(n), n)
		same("permuted", z.IndexSelect(0, order), other.IndexSelect(0, order), true)
		same("rotated", rotate(z, d), rotate(other, d), false)
	})
}

// rotate reflects the rows of z at d random hyperplanes, always the same.
func rotate(z torch.Tensor, d int) torch.Tensor {
	r := rand.New(rand.NewPCG(3, 4))
	for range d {
		u := matrix(gaussian(r, 1, d), d).Normalize(1)
		z = z.Sub(z.MatMul(u.T()).MatMul(u).Scale(2))
	}
	return z
}

func TestTheTypeOfTheEmbeddingDoesNotMatter(t *testing.T) {
	in(t, func() {
		z := matrix(gaussian(rng(), 100, 8), 8).To(torch.F32).RequireGrad(true)
		a, b := measure.Embedding(z), measure.Embedding(z.To(torch.F64))
		near(t, "effective rank", a.EffectiveRank, b.EffectiveRank, 0)
		if z.Grad().Defined() {
			t.Error("measuring left a gradient")
		}
	})
}

func TestUniformityOfManyRowsIsThatOfSome(t *testing.T) {
	in(t, func() {
		z := matrix(gaussian(rng(), 3*measure.PairRows, 6, decaying(6)...), 6)
		some := measure.Uniformity(z, 2)
		near(t, "twice the same rows", measure.Uniformity(z, 2), some, 0)
		near(t, "the first rows", measure.Uniformity(z.Narrow(0, 0, measure.PairRows), 2), some, 0.05)
	})
}

func TestBadEmbeddings(t *testing.T) {
	for name, c := range map[string]struct {
		run  func()
		want string
	}{
		"nan":    {func() { measure.Embedding(matrix([]float64{1, math.NaN()}, 2)) }, "not finite"},
		"inf":    {func() { measure.Uniformity(matrix([]float64{1, math.Inf(1)}, 2), 2) }, "not finite"},
		"vector": {func() { measure.Embedding(torch.Zeros(torch.F64, 3)) }, "shape [3]"},
		"empty":  {func() { measure.Embedding(torch.Zeros(torch.F64, 0, 3)) }, "shape [0 3]"},
		"shapes": {func() { measure.Alignment(torch.Zeros(torch.F64, 2, 3), torch.Zeros(torch.F64, 3, 3)) },
			"[2 3] and [3 3]"},
	} {
		err := torch.Scope(func() error { c.run(); return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
