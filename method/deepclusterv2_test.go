// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// kmeansOf computes spherical k-means with plain loops, from the given rows of x as first centroids.
func kmeansOf(x [][]float64, from []int, iterations int) (centroids [][]float64, nearest []int) {
	for _, i := range from {
		centroids = append(centroids, x[i])
	}
	assign := func() {
		nearest = make([]int, len(x))
		for i := range x {
			for k := range centroids {
				if dot(x[i], centroids[k]) > dot(x[i], centroids[nearest[i]]) {
					nearest[i] = k
				}
			}
		}
	}
	for range iterations {
		assign()
		next := make([][]float64, len(centroids))
		for k := range centroids {
			mean, members := make([]float64, len(x[0])), 0
			for i := range x {
				if nearest[i] == k {
					members++
					for j := range mean {
						mean[j] += x[i][j]
					}
				}
			}
			if members == 0 {
				next[k] = centroids[k]
				continue
			}
			length := math.Sqrt(dot(mean, mean))
			for j := range mean {
				mean[j] /= length
			}
			next[k] = mean
		}
		centroids = next
	}
	assign()
	return centroids, nearest
}

// clustered builds DeepCluster-v2 for the given number of images and fills its banks with the rows of z, of width 4.
// The caller frees its params.
func clustered(images int, z []torch.Tensor, set func(*method.DeepClusterV2)) built {
	m := method.NewDeepClusterV2()
	m.Projector, m.Prototypes = nn.MLP{Widths: []int{4}}, 5
	set(m)
	p := nn.NewParams(3, torch.F64)
	b := built{m, p, m.Build(&parallax.Build{
		Params:   p,
		Backbone: tiny{},
		Size:     pixels,
		Batch:    4,
		Images:   images,
		Steps:    steps,
	})}
	for i := range z {
		bank, _ := p.Get(fmt.Sprintf("bank.%d", i))
		z[i].CopyInto(bank.Narrow(0, 0, z[i].Size(0)))
	}
	return b
}

func (b built) get(name string) torch.Tensor {
	t, _ := b.params.Get(name)
	return t
}

// Three clusterings of two banks, compared with plain loops. The second data set repeats three points, so that some
// clusters are empty.
func TestDeepClusterV2ClustersLikeLoops(t *testing.T) {
	in(t, func() {
		points := normals(8, 1, 3, 4)[0]
		repeated := torch.Cat(0, points, points, points, points)
		for name, z := range map[string][]torch.Tensor{
			"normal":   normals(6, 2, 40, 4),
			"repeated": {repeated, repeated},
		} {
			for i := range z {
				z[i] = z[i].Normalize(1)
			}
			for _, iterations := range []int{0, 1, 10} {
				b := clustered(z[0].Size(0), z, func(m *method.DeepClusterV2) { m.Iterations = iterations })
				if err := b.Method.(parallax.Starter).Start(b.epoch(4, 4)); err != nil {
					t.Error(err)
				}
				r := rand.New(rand.NewPCG(3, 4)) // as in epoch
				for h := range 3 {
					x := rows(z[h%2])
					centroids, nearest := kmeansOf(x, r.Perm(len(x))[:5], iterations)
					got := rows(b.get(fmt.Sprintf("clusters.%d.prototypes", h)))
					for k := range centroids {
						for j := range centroids[k] {
							what := fmt.Sprintf("%s, %d iterations, head %d, centroid %d", name, iterations, h, k)
							near(t, what, got[k][j], centroids[k][j], 1e-12)
						}
					}
					clusters := b.get(fmt.Sprintf("clusters.%d.assignments", h)).Ints()
					if fmt.Sprint(clusters) != fmt.Sprint(nearest) {
						t.Errorf("%s, %d iterations, head %d: clusters %v, want %v",
							name, iterations, h, clusters, nearest)
					}
				}
				b.params.Free()
			}
		}
	})
}

// The loss, compared with plain loops. Images 0 to 9 were in the bank when it was clustered. Images 10 and 11 were not,
// so they have no part in the loss.
func TestDeepClusterV2Loss(t *testing.T) {
	in(t, func() {
		banks := []torch.Tensor{normals(6, 1, 10, 4)[0].Normalize(1), normals(7, 1, 10, 4)[0].Normalize(1)}
		b := clustered(12, banks, func(m *method.DeepClusterV2) {
			m.Temperature, m.SmallCrops, m.SmallSize = 0.3, 1, 4
		})
		defer b.params.Free()
		if err := b.Method.(parallax.Starter).Start(b.epoch(0, 4)); err != nil {
			t.Error(err)
			return
		}
		step, crops := parallax.NewStep(0, 1), normals(9, 3, 4, 4)
		step.Index = []int{3, 11, 9, 0}
		total := 0.0
		for h := range 3 {
			prototypes := rows(b.get(fmt.Sprintf("clusters.%d.prototypes", h)))
			clusters := b.get(fmt.Sprintf("clusters.%d.assignments", h)).Ints()
			if clusters[10] != -100 || clusters[11] != -100 {
				t.Errorf("images that were not seen are in clusters %v", clusters[10:])
			}
			for _, crop := range crops {
				for row, z := range rows(crop) {
					if step.Index[row] == 11 {
						continue
					}
					all := 0.0
					for _, c := range prototypes {
						all += math.Exp(cosineOf(z, c) / 0.3)
					}
					total -= cosineOf(z, prototypes[clusters[step.Index[row]]])/0.3 - math.Log(all)
				}
			}
		}
		near(t, "the loss", b.Loss(step, crops).Item(), total/(3*3*3), 1e-12)
		step.Index = []int{10, 11, 10, 11}
		near(t, "the loss of a batch without clusters", b.Loss(step, crops).Item(), 0, 0)
	})
}

// The first Start embeds all images and leaves the network as it was. A second Start with the same images gives the
// same result. A Start that fails changes nothing.
func TestDeepClusterV2FillsItsBanks(t *testing.T) {
	in(t, func() {
		b := clustered(4, nil, func(m *method.DeepClusterV2) {
			m.Projector.BatchNorm, m.Projector.Widths, m.Prototypes = true, []int{7, 4}, 4
		})
		defer b.params.Free()
		m := b.Method.(parallax.Starter)
		before := b.params.State()
		broken := errors.New("broken")
		e := b.epoch(0, 4)
		visit := e.Visit
		e.Visit = func(f func(*parallax.Step)) error { return errors.Join(visit(f), broken) }
		if err := m.Start(e); !errors.Is(err, broken) {
			t.Errorf("a pass that fails gives %v", err)
		}
		if what := differing(before, b.params.State()); what != "" {
			t.Errorf("a Start that failed changed %s", what)
		}
		if err := m.Start(b.epoch(0, 4)); err != nil {
			t.Error(err)
		}
		started := b.params.State()
		for i, s := range started {
			inside := strings.HasPrefix(s.Name, "bank.") || strings.HasPrefix(s.Name, "clusters.")
			if changed := string(s.Bytes) != string(before[i].Bytes); changed != inside {
				t.Errorf("Start changed %s: %v", s.Name, changed)
			}
		}
		if err := m.Start(b.epoch(0, 4)); err != nil {
			t.Error(err)
		}
		if what := differing(started, b.params.State()); what != "" {
			t.Errorf("another Start changed %s", what)
		}
		// A step replaces the bank's rows of its images, and the next epoch clusters the new rows.
		s := b.step(0, 4, 77)
		z := b.Forward(s)
		for i := range 2 {
			difference := b.get(fmt.Sprintf("bank.%d", i)).Sub(z[i].Detach().Normalize(1)).Abs().Max().Item()
			near(t, fmt.Sprintf("bank %d after a step", i), difference, 0, 1e-12)
		}
	})
}

func TestDeepClusterV2NeedsAnImagePerCluster(t *testing.T) {
	in(t, func() {
		b := clustered(4, nil, func(m *method.DeepClusterV2) { m.Projector.Widths = []int{4} })
		defer b.params.Free()
		err := b.Method.(parallax.Starter).Start(b.epoch(0, 4))
		const want = "method.prototypes is 5 and an epoch has 4 images"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}
