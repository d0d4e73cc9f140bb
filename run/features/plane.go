// SPDX-License-Identifier: Apache-2.0

package features

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/internal/cosine"
	"github.com/parallax-ssl/parallax/internal/tsne"
)

// The settings of maps.
const (
	perplexity  = 30
	planeVolume = 4    // vectors that are iterated, of which the first two are wanted
	planeSteps  = 100  // at most
	planeMoved  = 1e-3 // sine of the angle by which the plane may still move in a step
)

// Plane projects the rows onto their two directions of largest variance (Pearson 1901), found by orthogonal iteration
// (Golub & Van Loan 2013, section 8.2.4). It depends on the rows alone.
func (s *Sample) Plane(ctx context.Context) ([][2]float64, error) {
	n, d := len(s.Images), s.Width
	columns := make([][]float32, d) // without their means
	for j := range columns {
		columns[j] = make([]float32, n)
		mean := 0.0
		for i := range n {
			mean += float64(s.Rows[i*d+j]) / float64(n)
		}
		for i := range n {
			columns[j][i] = float32(float64(s.Rows[i*d+j]) - mean)
		}
	}
	// The axes are eigenvectors of the covariance, d x d; the points, up to their size, those of the products of rows,
	// n x n. The smaller one is taken.
	vectors := columns
	if n < d {
		vectors = make([][]float32, n)
		for i := range vectors {
			vectors[i] = make([]float32, d)
			for j, column := range columns {
				vectors[i][j] = column[i]
			}
		}
	}
	axes, values, err := leading(ctx, vectors)
	if err != nil {
		return nil, err
	}
	points := make([][2]float64, n)
	for a := range axes {
		at := make([]float64, n)
		if n < d {
			for i, v := range axes[a] {
				at[i] = v * math.Sqrt(max(0, values[a]))
			}
		} else {
			for j, v := range axes[a] {
				for i, x := range columns[j] {
					at[i] += v * float64(x)
				}
			}
		}
		sign := 1.0
		if negative(at) {
			sign = -1
		}
		for i, v := range at {
			points[i][a] = sign * v
		}
	}
	return points, nil
}

// leading returns the two eigenvectors with the largest eigenvalues, and these, of the matrix of the vectors' inner
// products. Of a single vector there is one.
func leading(ctx context.Context, vectors [][]float32) (axes [][]float64, values []float64, err error) {
	n := len(vectors)
	products := make([][]float64, n)
	for i := range products {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		products[i] = make([]float64, n)
		for j := range i + 1 {
			v := cosine.Of(vectors[i], vectors[j])
			products[i][j], products[j][i] = v, v
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	axes = make([][]float64, min(planeVolume, n))
	next := make([][]float64, len(axes))
	for a := range axes {
		axes[a], next[a] = make([]float64, n), make([]float64, n)
		for j := range axes[a] {
			axes[a][j] = r.NormFloat64()
		}
	}
	wanted := min(2, n)
	orthogonal(axes)
	for range planeSteps {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		for a, axis := range axes {
			for j, row := range products {
				next[a][j] = dot(row, axis)
			}
		}
		axes, next = next, axes
		orthogonal(axes)
		shared := 0.0 // the sum of the squared cosines between the plane and the one before
		for a := range wanted {
			for b := range wanted {
				c := dot(axes[a], next[b])
				shared += c * c
			}
		}
		if float64(wanted)-shared < planeMoved*planeMoved {
			break
		}
	}
	axes = axes[:wanted]
	along := func(a, b int) (sum float64) {
		for j, row := range products {
			sum += axes[a][j] * dot(row, axes[b])
		}
		return sum
	}
	values = []float64{along(0, 0)}
	if wanted == 2 { // the plane stands still; now its axes are turned to the eigenvectors (Rayleigh and Ritz)
		first, second, mixed := values[0], along(1, 1), along(0, 1)
		sin, cos := math.Sincos(math.Atan2(2*mixed, first-second) / 2)
		for j, x := range axes[0] {
			y := axes[1][j]
			axes[0][j], axes[1][j] = cos*x+sin*y, cos*y-sin*x
		}
		values = []float64{along(0, 0), along(1, 1)}
	}
	return axes, values, nil
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// orthogonal makes vectors orthonormal, in order (Gram and Schmidt, twice). One that depends on those before it becomes
// zero.
func orthogonal(vectors [][]float64) {
	for a, v := range vectors {
		before := math.Sqrt(dot(v, v))
		for range 2 {
			for _, u := range vectors[:a] {
				share := dot(u, v)
				for j := range v {
					v[j] -= share * u[j]
				}
			}
		}
		length := math.Sqrt(dot(v, v))
		if length <= 1e-12*before || length == 0 {
			clear(v)
			continue
		}
		for j := range v {
			v[j] /= length
		}
	}
}

// negative reports whether the component of largest magnitude, the first of equal ones, is negative.
func negative(v []float64) bool {
	most := 0.0
	for _, x := range v {
		if math.Abs(x) > math.Abs(most)*(1+1e-9) {
			most = x
		}
	}
	return most < 0
}

// lay lays the rows out so that neighbours stay neighbours: t-SNE on one core, from a start that is a point for each
// row.
func (s *Sample) lay(ctx context.Context, start [][2]float64, plan tsne.Plan) ([][2]float64, error) {
	p := min(perplexity, float64(len(s.Images)-1)/4)
	if p < 2 {
		return start, nil // a handful of images: their plane shows all there is
	}
	near, err := s.Neighbours(ctx, int(3*p))
	if err != nil {
		return nil, err
	}
	all := make([][]tsne.Match, len(near))
	for i, row := range near {
		for _, m := range row {
			all[i] = append(all[i], tsne.Match(m))
		}
	}
	t := tsne.New(all, p, start, plan, 1)
	for range plan.Steps {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		t.Step()
	}
	return Turn(t.Points(), start), nil
}

// Turn turns points, and mirrors them if need be, so that they lie as close to those of another map as they can, by
// squared distances (Schönemann 1966). Neither map's size changes. Both have a point for each image, and their centres
// are where their means are.
func Turn(points, toward [][2]float64) [][2]float64 {
	// The best rotation by angle a maximises c·cos a + d·sin a; so does the best one of the mirrored points.
	var m [2][2]float64
	for i, p := range points {
		for a := range 2 {
			for b := range 2 {
				m[a][b] += p[a] * toward[i][b]
			}
		}
	}
	c, d := m[0][0]+m[1][1], m[0][1]-m[1][0]
	mc, md := m[0][0]-m[1][1], m[0][1]+m[1][0]
	mirror := 1.0
	if math.Hypot(mc, md) > math.Hypot(c, d) {
		mirror, c, d = -1, mc, md
	}
	length := math.Hypot(c, d)
	if length == 0 {
		return points
	}
	cos, sin := c/length, d/length
	turned := make([][2]float64, len(points))
	for i, p := range points {
		x, y := p[0], mirror*p[1]
		turned[i] = [2]float64{cos*x - sin*y, sin*x + cos*y}
	}
	return turned
}
