// SPDX-License-Identifier: Apache-2.0

package features

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// The plane has the variances of the largest eigenvalues of the covariance, as gonum finds them: of many rows and of
// few.
func TestPlane(t *testing.T) {
	for _, n := range []int{150, 12} {
		testPlane(t, clouds(3, n, 5, 20, 0))
	}
	for _, width := range []int{1, 2, 3} { // narrower than the vectors that are iterated
		s := clouds(3, 30, 2, width, 0)
		points, err := s.Plane(t.Context())
		if err != nil || width == 1 && points[0][1] != 0 {
			t.Errorf("width %d: %v (%v)", width, points, err)
		}
		for _, p := range points {
			if math.IsNaN(p[0] + p[1]) {
				t.Fatalf("width %d: %v", width, p)
			}
		}
	}
}

func testPlane(t *testing.T, s *Sample) {
	n, d := len(s.Images), s.Width
	got, err := s.Plane(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mean := make([]float64, d)
	for i := range n {
		for j, v := range s.Row(i) {
			mean[j] += float64(v) / float64(n)
		}
	}
	covariance := mat.NewSymDense(d, nil)
	for i := range n {
		for a := range d {
			for b := a; b < d; b++ {
				v := (float64(s.Row(i)[a]) - mean[a]) * (float64(s.Row(i)[b]) - mean[b])
				covariance.SetSym(a, b, covariance.At(a, b)+v)
			}
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(covariance, false) {
		t.Fatal("gonum finds no eigenvalues")
	}
	values := eigen.Values(nil)
	var square [2]float64
	var mixed float64
	for _, p := range got {
		square[0] += p[0] * p[0]
		square[1] += p[1] * p[1]
		mixed += p[0] * p[1]
	}
	for a := range square {
		if want := values[d-1-a]; math.Abs(square[a]-want) > 0.01*want {
			t.Errorf("axis %d has the variance %v, want %v", a, square[a], want)
		}
	}
	if math.Abs(mixed) > 0.02*square[1] {
		t.Errorf("the axes are correlated: %v", mixed)
	}
}

// Turn finds the rotation and the mirror image that there were.
func TestTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	points := make([][2]float64, 50)
	for i := range points {
		points[i] = [2]float64{r.NormFloat64(), 3 * r.NormFloat64()}
	}
	for _, mirror := range []float64{1, -1} {
		for angle := 0.0; angle < 7; angle += 0.5 {
			sin, cos := math.Sincos(angle)
			other := make([][2]float64, len(points))
			for i, p := range points {
				other[i] = [2]float64{cos*p[0] - sin*mirror*p[1], sin*p[0] + cos*mirror*p[1]}
			}
			for i, p := range Turn(other, points) {
				if math.Hypot(p[0]-points[i][0], p[1]-points[i][1]) > 1e-9 {
					t.Fatalf("angle %v, mirror %v: point %d is at %v, want %v", angle, mirror, i, p, points[i])
				}
			}
		}
	}
	if got := Turn(points, make([][2]float64, len(points))); got[1] != points[1] {
		t.Errorf("toward nothing: %v", got[1])
	}
}
