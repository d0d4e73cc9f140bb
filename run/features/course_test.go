// SPDX-License-Identifier: Apache-2.0

package features

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// radius is the root mean square of the points' distances from the origin.
func radius(points [][2]float64) float64 {
	sum := 0.0
	for _, p := range points {
		sum += p[0]*p[0] + p[1]*p[1]
	}
	return math.Sqrt(sum / float64(len(points)))
}

// moved is the mean way from one map to another, relative to their radius.
func moved(a, b [][2]float64) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Hypot(a[i][0]-b[i][0], a[i][1]-b[i][1])
	}
	return sum / float64(len(a)) / radius(a)
}

// together is the share of the points whose nearest other one has the same label.
func together(s *Sample, points [][2]float64) float64 {
	right := 0
	for i := range points {
		nearest, least := -1, math.Inf(1)
		for j := range points {
			if d := math.Hypot(points[i][0]-points[j][0], points[i][1]-points[j][1]); j != i && d < least {
				nearest, least = j, d
			}
		}
		if s.Images[nearest].Label == s.Images[i].Label {
			right++
		}
	}
	return float64(right) / float64(len(points))
}

// In a map the clouds are apart, and at the next evaluation, where the features have moved a little, the points have
// moved a little: much less than if images exchange their features. A map is the same in another process, and
// depends on no later file.
func TestCourse(t *testing.T) {
	const n = 200
	dir := t.TempDir()
	folder := filepath.Join(dir, run.FeaturesDir)
	keep := func(step int, s *Sample) {
		t.Helper()
		s.Step = step
		if err := Save(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	mapped := func(c *Course, step int) [][2]float64 {
		t.Helper()
		points, err := c.Map(t.Context(), step, nil)
		if err != nil {
			t.Fatal(err)
		}
		return points
	}
	for step, shift := range []float64{0, 0.05, 0.1} {
		keep(step, clouds(1, n, 4, 16, shift))
	}
	whole, other := clouds(1, n, 4, 16, 0), clouds(1, n, 4, 16, 0)
	for i, from := range rand.New(rand.NewPCG(1, 1)).Perm(n) { // each image has another one's features
		copy(other.Row(i), whole.Row(from))
	}
	keep(3, other)
	c := NewCourse(os.DirFS(folder))
	var calls []int
	last, err := c.Map(t.Context(), 3, func(done, of int) { calls = append(calls, done, of) })
	if err != nil || !slices.Equal(calls, []int{0, 4, 1, 4, 2, 4, 3, 4}) {
		t.Fatalf("the progress is %v: %v", calls, err)
	}
	maps := [][][2]float64{mapped(c, 0), mapped(c, 1), mapped(c, 2), last}
	for step, points := range maps {
		if share := together(whole, points); step < 3 && share < 0.95 {
			t.Errorf("step %d: the nearest point is of the same cloud for a share of %v", step, share)
		}
	}
	a, b, away := moved(maps[0], maps[1]), moved(maps[1], maps[2]), moved(maps[2], maps[3])
	t.Logf("points move by %.2f and %.2f radii, others by %.2f", a, b, away)
	if max(a, b) > 0.2 || 4*max(a, b) > away {
		t.Errorf("a small change of the features moves points by %.2f and %.2f radii, others by %.2f", a, b, away)
	}
	again := NewCourse(os.DirFS(folder))
	if !slices.Equal(mapped(again, 2), maps[2]) {
		t.Error("another course makes another map")
	}

	// A file that is damaged, or of other images, does not stop the later ones; one that was replaced counts.
	keep(3, clouds(1, 60, 4, 16, 0))
	keep(4, clouds(1, 60, 4, 16, 0.05))
	if err := os.WriteFile(filepath.Join(folder, FileName(1)), []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
	if points := mapped(c, 4); len(points) != 60 || moved(mapped(c, 3), points) > 0.5 {
		t.Errorf("%d points", len(points))
	}
	if _, err := c.Map(t.Context(), 1, nil); err == nil {
		t.Error("a damaged file has a map")
	}
	if _, err := c.Map(t.Context(), 9, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a step that is not there: %v", err)
	}
	before := mapped(c, 4)
	keep(4, clouds(5, 60, 4, 16, 0))
	if err := os.Chtimes(filepath.Join(folder, FileName(4)), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(mapped(c, 4), before) {
		t.Error("a file that was replaced has the old map")
	}
	keep(5, clouds(1, 5, 1, 3, 0)) // too few for neighbours
	if points := mapped(c, 5); len(points) != 5 {
		t.Errorf("a map of five images: %v", points)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewCourse(os.DirFS(folder)).Map(ended, 4, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	waiting, cancel := context.WithCancel(t.Context())
	c.turn <- struct{}{} // somebody makes maps
	go cancel()
	if _, err := c.Map(waiting, 4, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("while another one makes maps: %v", err)
	}
}
