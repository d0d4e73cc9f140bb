// SPDX-License-Identifier: Apache-2.0

package collapse

import "math"

const (
	// RankEpsilon is RankMe's ε. It is added to every share, so that a singular value of 0 has a logarithm.
	RankEpsilon = 1e-7
	// resolved is the smallest singular value, relative to the largest, that the Gram matrix's eigenvalues can tell
	// from 0.
	resolved = 1e-7

	alphaFrom  = 5   // the first eigenvalue of the power law's window
	alphaTo    = 100 // the last one, at most
	alphaLeast = 3   // fewest eigenvalues that a slope is fitted to
)

// PowerLaw is a fit of λ_k ∝ k^-α to a covariance's eigenvalues: least squares of ln λ on ln k (α-ReQ, Agrawal et al.
// 2022, NeurIPS). White noise has α near 0. A large α means a spectrum that falls steeply, as in dimensional collapse.
// The choice of the window changes α, so the window is part of the result.
type PowerLaw struct {
	Alpha float64 `json:"alpha"`
	R2    float64 `json:"r2"`   // share of the variance of ln λ that the line explains, 0 to 1
	From  int     `json:"from"` // the first eigenvalue of the window, counted from 1
	To    int     `json:"to"`   // the last one
}

// EntropyRank returns exp(-Σ p ln p), with p_k = v_k/Σv + eps, of singular values v, and 0 when every v is 0. With
// [RankEpsilon] it gives the EffectiveRank of [Metrics] from Spectrum, and RankMe from SpectrumUncentred.
func EntropyRank(v []float64, eps float64) float64 {
	sum := 0.0
	for _, s := range v {
		sum += s
	}
	if sum == 0 {
		return 0
	}
	entropy := 0.0
	for _, s := range v {
		p := s/sum + eps
		entropy -= p * math.Log(p)
	}
	return math.Exp(entropy)
}

// eigenShares returns the covariance's eigenvalues λ_k = σ_k² as shares of their sum; the divisor n-1 cancels. The
// largest singular value must not be 0.
func eigenShares(singular []float64) []float64 {
	shares := make([]float64, len(singular))
	sum := 0.0
	for i, s := range singular {
		r := s / singular[0] // so that no square leaves float64's range
		shares[i] = r * r
		sum += r * r
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

// participation returns (Σλ)²/Σλ².
func participation(shares []float64) float64 {
	squares := 0.0
	for _, p := range shares {
		squares += p * p
	}
	return 1 / squares
}

// explained returns the mean over k = 1 ... d of the share of the variance in the first k of d directions.
func explained(shares []float64, d int) float64 {
	sum, area := 0.0, 0.0
	for _, p := range shares {
		sum += p
		area += sum
	}
	return (area + float64(d-len(shares))*sum) / float64(d)
}

// numericalRank counts the singular values above a share of the largest one.
func numericalRank(singular []float64, share float64) int {
	n := 0
	for _, s := range singular {
		if s > share*singular[0] {
			n++
		}
	}
	return n
}

// FitPowerLaw fits a power law to the eigenvalues of the covariance of rows of d columns, given as the singular values
// of the centred rows, largest first and above 0. The window runs from the 5th eigenvalue to the 100th or the d/2-th,
// and ends before the first that cannot be told from 0. The result is nil when fewer than three are left.
func FitPowerLaw(singular []float64, d int) *PowerLaw {
	to := min(d/2, alphaTo, numericalRank(singular, resolved))
	n := to - alphaFrom + 1
	if n < alphaLeast {
		return nil
	}
	var x, y, xx, xy, yy float64 // sums, then sums of squares about the mean
	at := func(k int) (float64, float64) { return math.Log(float64(k)), 2 * math.Log(singular[k-1]/singular[0]) }
	for k := alphaFrom; k <= to; k++ {
		lx, ly := at(k)
		x += lx / float64(n)
		y += ly / float64(n)
	}
	for k := alphaFrom; k <= to; k++ {
		lx, ly := at(k)
		xx += (lx - x) * (lx - x)
		xy += (lx - x) * (ly - y)
		yy += (ly - y) * (ly - y)
	}
	fit := &PowerLaw{Alpha: -xy / xx, R2: 1, From: alphaFrom, To: to}
	if yy > 0 {
		fit.R2 = xy * xy / (xx * yy)
	}
	return fit
}
