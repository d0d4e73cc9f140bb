// SPDX-License-Identifier: Apache-2.0

package part

import (
	"math"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Cosine returns the mean over rows of p·z / (‖p‖ ‖z‖), for p and z of N x d.
func Cosine(p, z torch.Tensor) torch.Tensor {
	return p.Normalize(1).Mul(z.Normalize(1)).Sum(1).Mean()
}

// Unit divides every row by its l2 norm.
var Unit = nn.Func(func(z torch.Tensor) torch.Tensor { return z.Normalize(1) })

// Entropy returns -q·log p element by element; 0 where q is 0, even if p is 0.
func Entropy(q, p torch.Tensor) torch.Tensor {
	return q.Mul(p.Clamp(1e-30, math.Inf(1)).Log()).Neg()
}

// MeanSquare is 1/(N·d) Σ ‖a - b‖².
func MeanSquare(a, b torch.Tensor) torch.Tensor { return a.Sub(b).Square().Mean() }
