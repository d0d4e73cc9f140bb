// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

// powers returns rows ± of a diagonal matrix with singular values k^-α/2: their Gram matrix has eigenvalues k^-α.
func powers(d int, alpha float64) torch.Tensor {
	v := make([]float64, 2*d*d)
	for i := range d {
		s := math.Pow(float64(i+1), -alpha/2)
		v[i*d+i], v[(d+i)*d+i] = s, -s // so that the mean is 0
	}
	return matrix(v, d)
}

func TestThePowerLawFindsItsExponent(t *testing.T) {
	in(t, func() {
		for _, alpha := range []float64{0.5, 1, 2.5} {
			fit := measure.Embedding(powers(60, alpha)).PowerLaw
			if fit == nil || fit.From != 5 || fit.To != 30 {
				t.Errorf("α %g: %+v", alpha, fit)
				return
			}
			near(t, "α", fit.Alpha, alpha, 1e-9)
			near(t, "R²", fit.R2, 1, 1e-9)
		}
		if fit := measure.Embedding(powers(300, 1)).PowerLaw; fit.To != 100 {
			t.Errorf("the window ends at %d", fit.To)
		}
		if fit := measure.Embedding(powers(13, 1)).PowerLaw; fit != nil {
			t.Errorf("13 dimensions gave %+v", fit)
		}
		if fit := measure.Embedding(powers(14, 1)).PowerLaw; fit == nil || fit.To != 7 {
			t.Errorf("14 dimensions gave %+v", fit)
		}
		// Eight directions of sixty: the rounding errors in the others are no part of the law.
		eight := torch.Cat(0, torch.Eye(60, torch.F64).Narrow(0, 0, 8), torch.Zeros(torch.F64, 52, 60))
		few := powers(60, 1).MatMul(eight)
		if fit := measure.Embedding(few).PowerLaw; fit == nil || fit.To != 8 {
			t.Errorf("eight directions gave %+v", fit)
		}
		// Equal eigenvalues are a law with slope 0 and nothing to explain.
		near(t, "α of white noise", measure.Embedding(powers(60, 0)).PowerLaw.Alpha, 0, 1e-9)
	})
}

func TestRanksOfKnownSpectra(t *testing.T) {
	in(t, func() {
		const d = 40
		// λ is 1 on the first axis and 1e-8 on nine others, so their σ is between 1e-6 and 1e-3. Then λ is 1e-14.
		v := make([]float64, 2*d*d)
		for i := range d {
			s := 1.0
			if i > 0 {
				s = 1e-4
			}
			if i > 9 {
				s = 1e-7
			}
			v[i*d+i], v[(d+i)*d+i] = s, -s
		}
		m := measure.Embedding(matrix(v, d))
		near(t, "above 1e-3", float64(m.NumericalRank), 1, 0)
		near(t, "above 1e-6", float64(m.NumericalRankFine), 10, 0)
		near(t, "top share", m.TopShare, 1/(1+9e-8+30e-14), 1e-12)
		near(t, "explained area", m.ExplainedArea, 1, 1e-6)

		equal := measure.Embedding(powers(d, 0))
		near(t, "explained area of equal directions", equal.ExplainedArea, (d+1)/(2.*d), 1e-12)
		near(t, "top share of equal directions", equal.TopShare, 1./d, 1e-12)
		near(t, "raw std", equal.StdRaw, math.Sqrt(2./(2*d-1)+1e-4), 1e-12)

		// Fewer rows than dimensions: the missing directions explain nothing more.
		r := rng()
		wide := matrix(gaussian(r, 3, 50), 50)
		m = measure.Embedding(wide)
		between(t, "explained area of two directions in fifty", m.ExplainedArea, 0.98, 1)
		near(t, "rank of three rows about their mean", float64(m.NumericalRank), 2, 0)
	})
}

func TestRawDeviations(t *testing.T) {
	in(t, func() {
		z := matrix(gaussian(rng(), 5000, 4, 1, 1, 0.05, 0), 4).Shift(3)
		m := measure.Embedding(z)
		near(t, "smallest", m.StdRawMin, 0.01, 1e-12)
		near(t, "share below 0.1", m.StdRawLow, 0.5, 0)
		near(t, "mean", m.StdRaw, (2+math.Sqrt(0.05*0.05+1e-4)+0.01)/4, 0.02)
		near(t, "constant dimensions", float64(m.Constant), 1, 0)
	})
}

func TestCorrelation(t *testing.T) {
	in(t, func() {
		r := rng()
		const n = 4000
		a := gaussian(r, n, 2)
		v := make([]float64, 0, 4*n)
		for i := range n {
			// The first two have correlation -1, both 0 with the third, and the constant has none.
			v = append(v, a[2*i], -2*a[2*i], a[2*i+1], 7)
		}
		m := measure.Embedding(matrix(v, 4))
		near(t, "mean |correlation|", m.CorrelationOff, 1./3, 0.02) // 2 of 6 pairs; the sign does not cancel it
		near(t, "constant", float64(m.Constant), 1, 0)
		near(t, "covariance off the diagonal", m.CovarianceOff, 2*4./4, 0.4) // Σ_12 = -2, twice, over d = 4
		line := measure.Embedding(matrix(a, 2).MatMul(matrix([]float64{1, 2, 3, 2, 4, 6}, 3)))
		near(t, "dimensions that say the same", line.CorrelationOff, 1, 1e-9)
		near(t, "independent dimensions", measure.Embedding(matrix(gaussian(r, n, 8), 8)).CorrelationOff,
			math.Sqrt(2/(math.Pi*n)), 0.01)
	})
}

// Above exactWidth, spectra come from another algorithm. Both must give the same.
func TestWideEmbeddingsAreMeasuredAsNarrowOnes(t *testing.T) {
	in(t, func() {
		const n, d = 530, 520
		wide := matrix(gaussian(rng(), n, d, decaying(d)...), d).Shift(0.01)
		a := measure.Embedding(wide)
		exact, exactUncentred := wide.Sub(wide.MeanKeep(0)).SVDVals().Float64s(), wide.SVDVals().Float64s()
		for k := range d {
			near(t, "σ of the centred rows", a.Spectrum[k]/exact[0], exact[k]/exact[0], 3e-8)
			near(t, "σ of the rows", a.SpectrumUncentred[k]/exact[0], exactUncentred[k]/exact[0], 3e-8)
		}
		// Apart from one column of zeros the rows are the same, and so are the numbers.
		b := measure.Embedding(torch.Cat(1, wide.Narrow(1, 0, 500), torch.Zeros(torch.F64, n, 20)))
		c := measure.Embedding(wide.Narrow(1, 0, 500))
		near(t, "effective rank", b.EffectiveRank, c.EffectiveRank, 1e-4)
		near(t, "rankme", b.RankMe, c.RankMe, 1e-4)
		near(t, "participation ratio", b.ParticipationRatio, c.ParticipationRatio, 1e-9)
		near(t, "numerical rank", float64(b.NumericalRankFine), float64(c.NumericalRankFine), 0)
	})
}

func TestLiDARCountsDirectionsThatTellImagesApart(t *testing.T) {
	in(t, func() {
		r := rng()
		const n, d, told = 400, 24, 6
		base := gaussian(r, n, d)
		for i := range base {
			if i%d >= told {
				base[i] = 0 // the images differ in six directions
			}
		}
		views := make([]torch.Tensor, 10)
		for v := range views {
			noise := gaussian(r, n, d)
			for i := range noise {
				if i%d < told {
					noise[i] *= 0.05
				}
			}
			views[v] = matrix(base, d).Add(matrix(noise, d)) // views differ in the others, with as much variance
		}
		between(t, "effective rank, which counts the noise", measure.Embedding(views[0]).EffectiveRank, 22, 24)
		between(t, "LiDAR", measure.LiDAR(views), told-0.2, told+0.4)

		same := []torch.Tensor{torch.Ones(torch.F64, n, d), torch.Ones(torch.F64, n, d)}
		near(t, "one point", measure.LiDAR(same), 0, 0)
		near(t, "one image", measure.LiDAR([]torch.Tensor{same[0].Narrow(0, 0, 1), same[1].Narrow(0, 0, 1)}), 0, 0)
		order := torch.FromInts(r.Perm(n), n)
		var permuted, rotated []torch.Tensor
		for _, v := range views {
			permuted, rotated = append(permuted, v.IndexSelect(0, order)), append(rotated, rotate(v, d))
		}
		want := measure.LiDAR(views)
		near(t, "permuted", measure.LiDAR(permuted), want, 1e-6)
		near(t, "rotated", measure.LiDAR(rotated), want, 1e-6)
		near(t, "views in another order", measure.LiDAR(append(views[5:], views[:5]...)), want, 1e-6)
		huge := []torch.Tensor{views[0].MatMul(torch.Ones(torch.F64, d, d)).Scale(1e12),
			views[1].MatMul(torch.Ones(torch.F64, d, d)).Scale(1e12)}
		if got := measure.LiDAR(huge); !math.IsNaN(got) {
			t.Errorf("of one direction and numbers of 1e12 it is %v", got)
		}
		for _, bad := range [][]torch.Tensor{nil, views[:1], {views[0], views[1].Narrow(0, 0, 3)}} {
			if err := torch.Scope(func() error { measure.LiDAR(bad); return nil }); err == nil {
				t.Errorf("%d views made a LiDAR", len(bad))
			}
		}
	})
}

// softmax draws n rows of K probabilities.
func softmax(r *rand.Rand, n, k int, sharpness float64) torch.Tensor {
	return matrix(gaussian(r, n, k), k).Scale(sharpness).Softmax(1)
}

func TestAssignmentsInClosedForm(t *testing.T) {
	in(t, func() {
		const n, k = 40, 8
		one, balanced := make([]int, n), make([]int, n)
		for i := range balanced {
			balanced[i] = i % k
		}
		hard := func(index []int) torch.Tensor {
			return torch.Eye(k, torch.F64).IndexSelect(0, torch.FromInts(index, n))
		}
		for name, c := range map[string]struct {
			p                                      torch.Tensor
			marginal, individual, information, top float64
			used                                   int
		}{
			"one cluster": {hard(one), 0, 0, 0, 1, 1},
			"balanced":    {hard(balanced), math.Log(k), 0, math.Log(k), 1. / k, k},
			"uniform":     {torch.Full(1./k, torch.F64, n, k), math.Log(k), math.Log(k), 0, 1. / k, 1},
		} {
			a := measure.Assignments(c.p, nil)
			near(t, name+": marginal", a.Marginal, c.marginal, 1e-12)
			near(t, name+": perplexity", a.Perplexity, math.Exp(c.marginal), 1e-12)
			near(t, name+": individual", a.Individual, c.individual, 1e-12)
			near(t, name+": information", a.Information, c.information, 1e-12)
			near(t, name+": top share", a.TopShare, c.top, 1e-12)
			near(t, name+": used", float64(a.Used), float64(c.used), 0)
		}
	})
}

func TestAssignmentsProperties(t *testing.T) {
	in(t, func() {
		r := rng()
		for _, sharpness := range []float64{0.01, 1, 30} {
			p := softmax(r, 300, 12, sharpness)
			a := measure.Assignments(p, nil)
			near(t, "information is what the entropies differ by", a.Information, a.Marginal-a.Individual, 1e-9)
			between(t, "information", a.Information, 0, a.Marginal)
			permuted := p.IndexSelect(0, torch.FromInts(r.Perm(300), 300))
			b := measure.Assignments(permuted.IndexSelect(1, torch.FromInts(r.Perm(12), 12)), nil)
			near(t, "permuted images and clusters: information", b.Information, a.Information, 1e-9)
			near(t, "permuted: used", float64(b.Used), float64(a.Used), 0)
			half := measure.Assignments(p.To(torch.BF16), nil)
			near(t, "half precision: perplexity", half.Perplexity, a.Perplexity, 0.01)
		}
		for name, bad := range map[string]torch.Tensor{
			"logits": matrix(gaussian(r, 5, 4), 4), "negative": matrix([]float64{1.5, -0.5}, 2),
			"counts": matrix([]float64{3, 1}, 2),
		} {
			err := torch.Scope(func() error { measure.Assignments(bad, nil); return nil })
			if err == nil || !strings.Contains(err.Error(), "softmax") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestPredictorAlignment(t *testing.T) {
	in(t, func() {
		r := rng()
		const n, d = 4000, 12
		z := matrix(gaussian(r, n, d, decaying(d)...), d)
		f := z.T().MatMul(z).Scale(1. / n)

		shares := measure.AlignPredictor(z, f.Add(f.MatMul(f))) // a polynomial of F has its eigenvectors
		near(t, "commutator", shares.Commutator, 0, 1e-12)
		near(t, "cosines compared", float64(len(shares.Cosines)), 10, 0)
		for _, c := range shares.Cosines {
			near(t, "cosine", c, 1, 1e-9)
		}
		near(t, "spectrum", shares.Spectrum.Value, 1, 1e-12)

		against := measure.AlignPredictor(z, torch.Eye(d, torch.F64).Sub(f.Scale(0.1)))
		near(t, "a predictor that falls with the eigenvalues", against.Spectrum.Value, -1, 1e-12)
		if same := measure.AlignPredictor(z, torch.Eye(d, torch.F64)); same.Commutator > 1e-12 ||
			math.Abs(same.Cosines[0]-1) > 1e-12 {
			t.Errorf("the identity: %+v", same)
		}

		other := measure.AlignPredictor(z, matrix(gaussian(r, d, d), d))
		between(t, "a random predictor's commutator", other.Commutator, 0.3, 1.42)
		between(t, "a random predictor's cosine", math.Abs(other.Cosines[0]), 0, 0.9)
		moved := measure.AlignPredictor(z.Scale(1e3), matrix(gaussian(rand.New(rand.NewPCG(1, 1)), d, d), d))
		still := measure.AlignPredictor(z, matrix(gaussian(rand.New(rand.NewPCG(1, 1)), d, d), d))
		near(t, "the scale of z", moved.Commutator, still.Commutator, 1e-9)

		none := measure.AlignPredictor(z, torch.Zeros(torch.F64, d, d))
		if none.Commutator != 0 || none.Cosines[0] != 0 || none.Spectrum.Known {
			t.Errorf("a predictor of zeros: %+v", none)
		}
		if err := torch.Scope(func() error {
			measure.AlignPredictor(z, torch.Zeros(torch.F64, d, 3))
			return nil
		}); err == nil {
			t.Error("a predictor that is not square was taken")
		}
	})
}

func TestInvariancesOfTheOtherMetrics(t *testing.T) {
	in(t, func() {
		const n, d = 300, 24
		r := rng()
		z := matrix(gaussian(r, n, d, decaying(d)...), d).Shift(0.1)
		other := z.Add(matrix(gaussian(r, n, d), d).Scale(0.05))
		all := func(z, other torch.Tensor, rotated bool) map[string]float64 {
			m, alignment := measure.Embedding(z), measure.Alignment(z, other)
			v := map[string]float64{
				"top share": m.TopShare, "explained area": m.ExplainedArea, "numerical rank": float64(m.NumericalRank),
				"fine": float64(m.NumericalRankFine), "alignment": alignment,
				"α": m.PowerLaw.Alpha, "R²": m.PowerLaw.R2,
			}
			if !rotated {
				v["correlation"], v["constant"] = m.CorrelationOff, float64(m.Constant)
			}
			return v
		}
		want := all(z, other, false)
		order := torch.FromInts(r.Perm(n), n)
		for what, got := range map[string]map[string]float64{
			"by 1e-6":  all(z.Scale(1e-6), other.Scale(1e-6), false),
			"by 1e6":   all(z.Scale(1e6), other.Scale(1e6), false),
			"permuted": all(z.IndexSelect(0, order), other.IndexSelect(0, order), false),
			"rotated":  all(rotate(z, d), rotate(other, d), true),
		} {
			for name, v := range got {
				near(t, what+": "+name, v, want[name], 1e-6)
			}
		}
	})
}

// Metrics can be written and read, also for an embedding that is one point.
func TestMetricsAreJSON(t *testing.T) {
	in(t, func() {
		for name, z := range map[string]torch.Tensor{
			"gaussian": matrix(gaussian(rng(), 60, 30), 30), "constant": torch.Ones(torch.F64, 5, 3),
			"one number": torch.Ones(torch.F64, 1, 1),
		} {
			m := measure.Embedding(z)
			text, err := json.Marshal(m)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var back collapse.Metrics
			if err := json.Unmarshal(text, &back); err != nil || back.EffectiveRank != m.EffectiveRank ||
				len(back.Spectrum) != len(m.Spectrum) {
				t.Errorf("%s: %v, read back as %+v", name, err, back)
			}
		}
	})
}
