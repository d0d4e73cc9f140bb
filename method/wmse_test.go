// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"math"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// Every slice has mean 0 and the identity as covariance after whitening. Rows that do not fill a slice are dropped.
func TestWhitenedSlices(t *testing.T) {
	order := []int{8, 3, 14, 0, 11, 5, 9, 2, 16, 7, 4, 12, 15, 1, 6, 13, 10}
	const slice, d = 7, 3
	in(t, func() {
		z := normals(4, 1, len(order), d)[0]
		white, eps, raised := method.Whiten(z, order, slice, 0)
		if n := white.Size(0); n != 14 || eps != 0 || raised != 0 {
			t.Errorf("%d rows of 17 in slices of 7, ε %g raised %d times: want 14, 0 and 0", n, eps, raised)
			return
		}
		for part := range slices.Chunk(rows(white), slice) {
			for i := range d {
				for j := range d {
					mean, product := 0.0, 0.0
					for _, row := range part {
						mean += row[i] / slice
						product += row[i] * row[j] / (slice - 1)
					}
					near(t, "the mean", mean, 0, 1e-12)
					near(t, "the covariance", product, map[bool]float64{true: 1}[i == j], 1e-12)
				}
			}
		}
		// The factor is triangular, so the first feature is only shifted and scaled.
		first, was := rows(white)[:slice], rows(z)
		ratio := (first[1][0] - first[0][0]) / (was[order[1]][0] - was[order[0]][0])
		for k := range first {
			near(t, "the first feature", first[k][0]-first[0][0], ratio*(was[order[k]][0]-was[order[0]][0]), 1e-12)
		}
	})
}

// ε is raised from its given value, or from 0, until the Cholesky factor exists.
func TestWhiteningEscalates(t *testing.T) {
	in(t, func() {
		z := normals(4, 1, 8, 5)[0]
		order := []int{0, 1, 2, 3, 4, 5, 6, 7}
		for _, c := range []struct {
			name   string
			z      torch.Tensor
			slice  int
			eps    float64
			used   float64
			raised int
		}{
			{"enough rows", z, 8, 0, 0, 0},
			{"a given ε", z, 8, 0.25, 0.25, 0},
			{"fewer rows than features", z, 4, 0, 1e-6, 1},
			{"as many rows as features", z, 5, 0, 1e-6, 1},
			{"one point", torch.Zeros(torch.F64, 8, 5), 8, 0, 1e-6, 1},
			{"one far point in float32", torch.Ones(torch.F32, 8, 5).Scale(1e-20), 8, 0, 1e-6, 1},
			{"an embedding that is not finite", z.Scale(math.Inf(1)), 8, 0.5, 1, 1},
		} {
			_, used, raised := method.Whiten(c.z, order[:c.z.Size(0)], c.slice, c.eps)
			if used != c.used || raised != c.raised {
				t.Errorf("%s: ε %g, raised %d times; want %g and %d", c.name, used, raised, c.used, c.raised)
			}
		}
	})
}

// The reported terms are the number of dropped rows, the number of times that ε was raised, and the largest ε.
func TestWMSEReports(t *testing.T) {
	in(t, func() {
		z := normals(6, 2, 11, 5)
		for _, c := range []struct {
			slice                         int
			epsilon, escalations, dropped float64
		}{{128, 0, 0, 0}, {10, 0, 0, 1}, {4, 1e-6, 2 * 3, 3}} {
			terms := map[string]float64{}
			step := parallax.NewStep(0, 1)
			step.Report = func(term string, v torch.Tensor) { terms[term] = v.To(torch.F64).Item() }
			wmse(func(m *method.WMSE) { m.Slice, m.Iterations = c.slice, 3 }).Loss(step, z)
			near(t, "epsilon", terms["epsilon"], c.epsilon, 1e-12)
			near(t, "escalations", terms["escalations"], c.escalations, 0)
			near(t, "dropped", terms["dropped"], c.dropped, 0)
		}
	})
}

// With several iterations, the loss is the mean over their partitions, which are drawn one after the other from the
// step's random numbers.
func TestWMSEIterations(t *testing.T) {
	in(t, func() {
		z := normals(7, 4, 12, 2)
		m := wmse(func(m *method.WMSE) { m.Slice, m.Iterations = 4, 3 })
		r, want := parallax.NewStep(5, 9).Rand, 0.0
		for range 3 {
			want += m.LossOf(parallax.NewStep(0, 1), z, [][]int{r.Perm(12)}).Item() / 3
		}
		near(t, "the loss", m.Loss(parallax.NewStep(5, 9), z).Item(), want, 1e-14)
		if other := m.Loss(parallax.NewStep(6, 9), z).Item(); math.Abs(other-want) < 1e-6 {
			t.Error("another step has the same partitions")
		}
	})
}

// Without whitening, the loss compares the views as they are. With the euclidean distance, it does not normalise them
// either.
func TestWMSESwitches(t *testing.T) {
	in(t, func() {
		z := normals(8, 2, 9, 3)
		a, b := rows(z[0]), rows(z[1])
		cosines, squares := 0.0, 0.0
		for i := range a {
			cosines += (2 - 2*cosineOf(a[i], b[i])) / 9
			for j := range a[i] {
				squares += (a[i][j] - b[i][j]) * (a[i][j] - b[i][j]) / 27
			}
		}
		plain := wmse(func(m *method.WMSE) { m.Whitening = false })
		near(t, "the loss without whitening", plain.Loss(parallax.NewStep(0, 1), z).Item(), cosines, 1e-12)
		plain.Distance = "euclidean"
		near(t, "the mean square", plain.Loss(parallax.NewStep(0, 1), z).Item(), squares, 1e-12)
	})
}

// The projector's batch norm sees all views together, so the mean of all views is 0 and the mean of one view is not.
func TestWMSENormalisesTheViewsTogether(t *testing.T) {
	m := shrink(method.NewWMSE()).(*method.WMSE)
	m.Projector.OutputNorm = true
	with(t, m, torch.F64, 6, func(b built) {
		step := b.step(0, 6, 1)
		step.Views[1] = step.Views[1].Scale(2).Shift(1)
		v := m.Forward(step)
		near(t, "the mean of both views", v[0].Add(v[1]).Mean(0).Abs().Max().Item(), 0, 1e-12)
		if one := v[0].Mean(0).Abs().Max().Item(); one < 1e-3 {
			t.Errorf("the mean of one view is %g: it is normalised on its own", one)
		}
	})
}
