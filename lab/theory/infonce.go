// SPDX-License-Identifier: Apache-2.0

package theory

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// The linear networks of Jing et al. 2022, arXiv:2110.09348, sections 4 and 5, are trained by plain gradient descent on
// InfoNCE of squared distances without normalisation (equation 2):
//
//	L = -Σᵢ log( exp(-|zᵢ-z'ᵢ|²/2) / ( Σ_{j≠i} exp(-|zᵢ-zⱼ|²/2) + exp(-|zᵢ-z'ᵢ|²/2) ) )
//
// Images are Gaussian with variance 1 in every dimension. A view is an image plus Gaussian noise of the given variance
// in the second half of its dimensions. This is the paper's toy model, figure 3.
const (
	LinearDims   = 16
	linearImages = 64
	linearRate   = 0.15
	linearSteps  = 200
)

// linearBatch draws images and the noise that augmentation adds to them, both linearImages x LinearDims.
func linearBatch(noise float64, r *rand.Rand) (x, added *mat.Dense) {
	x, added = mat.NewDense(linearImages, LinearDims, nil), mat.NewDense(linearImages, LinearDims, nil)
	for i := range linearImages {
		for k := range LinearDims {
			x.Set(i, k, r.NormFloat64())
			if k >= LinearDims/2 {
				added.Set(i, k, math.Sqrt(noise)*r.NormFloat64())
			}
		}
	}
	return x, added
}

// linearPull returns X of lemma 2 divided by the number of images. The gradient of the loss in W is -WX. With αᵢⱼ, the
// softmax of -|zᵢ-zⱼ|²/2, X is Σᵢⱼ αᵢⱼ(xᵢ-xⱼ)(xᵢ-xⱼ)ᵀ - Σᵢ(1-αᵢᵢ)(x'ᵢ-xᵢ)(x'ᵢ-xᵢ)ᵀ.
func linearPull(w, x, added *mat.Dense) *mat.Dense {
	n := linearImages
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
		for k := range LinearDims {
			weighted.Set(i, k, added.At(i, k)*(1-row[i]))
		}
	}
	// Σᵢⱼ αᵢⱼ(xᵢ-xⱼ)(xᵢ-xⱼ)ᵀ = xᵀ(D - α - αᵀ)x, where D is the diagonal matrix of the sums.
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

// squared returns |a-b|², or |a|² if b is nil.
func squared(a, b []float64) (sum float64) {
	for k, v := range a {
		if b != nil {
			v -= b[k]
		}
		sum += v * v
	}
	return sum
}

// linearWeights returns a random matrix whose entries have scale times the deviation of common initialisations.
func linearWeights(scale float64, r *rand.Rand) *mat.Dense {
	w := mat.NewDense(LinearDims, LinearDims, nil)
	for i := range LinearDims {
		for k := range LinearDims {
			w.Set(i, k, scale*r.NormFloat64()/math.Sqrt(LinearDims))
		}
	}
	return w
}

// TrainLinear trains a linear network, W for 1 layer or W₂W₁ for 2, under augmentation noise of the given variance,
// from random weights of the given scale. It returns the singular values of the whole map, largest first.
func TrainLinear(layers int, noise, scale float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x6a6e67))
	w := make([]*mat.Dense, layers)
	for i := range w {
		w[i] = linearWeights(scale, r)
	}
	whole := func() *mat.Dense {
		if layers == 1 {
			return w[0]
		}
		var product mat.Dense
		product.Mul(w[1], w[0])
		return &product
	}
	for range linearSteps {
		x, added := linearBatch(noise, r)
		all := whole()
		var down mat.Dense // WX, minus the gradient in the whole map
		down.Mul(all, linearPull(all, x, added))
		down.Scale(linearRate, &down)
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
