// SPDX-License-Identifier: Apache-2.0

package collapse

import (
	"math"

	"github.com/parallax-ssl/parallax/torch"
)

// pseudoInverse is the eigenvalue, relative to the largest one, below which a pseudo-inverse takes it for 0.
const pseudoInverse = 1e-12

// NeuralCollapse returns NC1 = tr(Σ_W Σ_B^†)/C of features h (n x d) with class numbers (-1 is unknown): the variance within
// the C classes in units of that between them, in each direction (Papyan, Han & Donoho 2020, PNAS). It goes to 0 when every
// class becomes one point, as supervised contrastive learning makes it. Σ_W is the mean over rows of the squared deviation
// from their class's mean, Σ_B the mean over classes of that from the mean of the class means. Absent when all class means
// are equal, as with fewer than two classes.
func NeuralCollapse(h torch.Tensor, labels []int) Number {
	var nc1 Number
	torch.NoGrad(func() {
		h := rows("NeuralCollapse", h)
		if len(labels) != h.Size(0) {
			torch.Fail("NeuralCollapse", "%d labels for %d rows", len(labels), h.Size(0))
		}
		var known, class []int
		number := map[int]int{}
		for i, label := range labels {
			if label < 0 {
				continue
			}
			if _, ok := number[label]; !ok {
				number[label] = len(number)
			}
			known, class = append(known, i), append(class, number[label])
		}
		if len(number) < 2 {
			return
		}
		h = h.IndexSelect(0, torch.FromInts(known, len(known)))
		index := torch.FromInts(class, len(class))
		member := torch.Eye(len(number), torch.F64).IndexSelect(0, index).T() // C x n
		means := member.MatMul(h).Div(member.Sum(1).Unsqueeze(1))
		within := h.Sub(means.IndexSelect(0, index))
		between := means.Sub(means.MeanKeep(0))
		directions, values := eigen(between.MatMul(between.T()).Scale(1 / float64(len(number))))
		// An eigenvector u of (1/C) M Mᵀ with eigenvalue g gives Σ_B's: Mᵀu/√(Cg), with the same one.
		sum, found := 0.0, false
		for k, g := range values {
			if g <= pseudoInverse*values[0] || g <= roundOff*roundOff*h.Square().Mean().Item() {
				break
			}
			u := torch.FromFloat64(directions[k], 1, len(number))
			v := u.MatMul(between).Scale(1 / math.Sqrt(float64(len(number))*g))
			sum += within.MatMul(v.T()).Square().Mean().Item() / g
			found = true
		}
		if found {
			nc1 = Num(sum / float64(len(number)))
		}
	})
	return nc1
}
