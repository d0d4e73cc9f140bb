// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// The linear networks of Jing et al. 2022, arXiv:2110.09348, sections 4 and 5, trained by plain gradient descent on
// their InfoNCE, equation 2, of squared distances without normalising:
//
//	L = -Σᵢ log( exp(-|zᵢ-z'ᵢ|²/2) / ( Σ_{j≠i} exp(-|zᵢ-zⱼ|²/2) + exp(-|zᵢ-z'ᵢ|²/2) ) )
//
// Data are Gaussian with variance 1 in every dimension, and a view is an image plus Gaussian noise of the given
// variance in the last half of its dimensions: the paper's toy model, figure 3.
const (
	ToyDims   = 16
	toyImages = 64
	toyRate   = 0.15
	toySteps  = 200
)

// toyBatch draws images and what augmentation adds to them, toyImages x toyDims.
func toyBatch(noise float64, r *rand.Rand) (x, added *mat.Dense) {
	x, added = mat.NewDense(toyImages, ToyDims, nil), mat.NewDense(toyImages, ToyDims, nil)
	for i := range toyImages {
		for k := range ToyDims {
			x.Set(i, k, r.NormFloat64())
			if k >= ToyDims/2 {
				added.Set(i, k, math.Sqrt(noise)*r.NormFloat64())
			}
		}
	}
	return x, added
}

// toyPull is X of lemma 2, over the number of images: the gradient of the loss in W is -WX. With the softmax αᵢⱼ of
// -|zᵢ-zⱼ|²/2 it is Σᵢⱼ αᵢⱼ(xᵢ-xⱼ)(xᵢ-xⱼ)ᵀ - Σᵢ(1-αᵢᵢ)(x'ᵢ-xᵢ)(x'ᵢ-xᵢ)ᵀ.
func toyPull(w, x, added *mat.Dense) *mat.Dense {
	n := toyImages
	var z, moved mat.Dense
	z.Mul(x, w.T())
	moved.Mul(added, w.T())
	alpha := mat.NewDense(n, n, nil)
	var weighted mat.Dense
	weighted.CloneFrom(added)
	sums := make([]float64, n) // Σⱼ of αᵢⱼ + αⱼᵢ
	for i := range n {
		least, row := math.Inf(1), make([]float64, n)
		for j := range n {
			row[j] = squared(z.RawRowView(i), z.RawRowView(j)) / 2
			if j == i {
				row[j] = squared(moved.RawRowView(i), nil) / 2
			}
			least = math.Min(least, row[j])
		}
		total := 0.0
		for j := range row {
			row[j] = math.Exp(least - row[j])
			total += row[j]
		}
		for j := range row {
			if row[j] /= total; j != i {
				alpha.Set(i, j, row[j])
				sums[i] += row[j]
				sums[j] += row[j]
			}
		}
		for k := range ToyDims {
			weighted.Set(i, k, added.At(i, k)*(1-row[i]))
		}
	}
	// Σᵢⱼ αᵢⱼ(xᵢ-xⱼ)(xᵢ-xⱼ)ᵀ = xᵀ(D - α - αᵀ)x, D the diagonal of the sums.
	laplacian := mat.NewDense(n, n, nil)
	laplacian.Add(alpha, alpha.T())
	laplacian.Scale(-1, laplacian)
	for i, s := range sums {
		laplacian.Set(i, i, laplacian.At(i, i)+s)
	}
	var right, data, noise mat.Dense
	right.Mul(laplacian, x)
	data.Mul(x.T(), &right)
	noise.Mul(added.T(), &weighted)
	data.Sub(&data, &noise)
	data.Scale(1/float64(n), &data)
	return &data
}

// squared is |a-b|², of a alone when b is nil.
func squared(a, b []float64) (sum float64) {
	for k, v := range a {
		if b != nil {
			v -= b[k]
		}
		sum += v * v
	}
	return sum
}

// toyWeights is a random matrix whose entries have the variance of common initialisations, scaled.
func toyWeights(scale float64, r *rand.Rand) *mat.Dense {
	w := mat.NewDense(ToyDims, ToyDims, nil)
	for i := range ToyDims {
		for k := range ToyDims {
			w.Set(i, k, scale*r.NormFloat64()/math.Sqrt(ToyDims))
		}
	}
	return w
}

// TrainToy trains W, or W₂W₁ with layers of 2, and returns the singular values of the whole map, largest first.
func TrainToy(layers int, noise, scale float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x6a6e67))
	w := make([]*mat.Dense, layers)
	for i := range w {
		w[i] = toyWeights(scale, r)
	}
	whole := func() *mat.Dense {
		if layers == 1 {
			return w[0]
		}
		var product mat.Dense
		product.Mul(w[1], w[0])
		return &product
	}
	for range toySteps {
		x, added := toyBatch(noise, r)
		all := whole()
		var down mat.Dense // WX, minus the gradient in the whole map
		down.Mul(all, toyPull(all, x, added))
		down.Scale(toyRate, &down)
		if layers == 1 {
			w[0].Add(w[0], &down)
			continue
		}
		var first, second mat.Dense
		first.Mul(w[1].T(), &down)
		second.Mul(&down, w[0].T())
		w[0].Add(w[0], &first)
		w[1].Add(w[1], &second)
	}
	var svd mat.SVD
	svd.Factorize(whole(), mat.SVDNone)
	return svd.Values(nil)
}

// Vanished counts the singular values below a share of the largest.
func Vanished(values []float64, share float64) (n float64) {
	for _, v := range values {
		if v < share*values[0] {
			n++
		}
	}
	return n
}
