// SPDX-License-Identifier: Apache-2.0

// Package tsne lays points out in a plane so that neighbours stay neighbours: t-SNE (van der Maaten & Hinton 2008), in
// Go alone. Whoever calls it finds the neighbours and the start.
package tsne

import (
	"math"
	"runtime"
	"slices"
	"sync"
)

// startSpread is the standard deviation of the first axis at a small start.
const startSpread = 1e-4

// A Plan says how points move.
type Plan struct {
	Steps        int     // in all
	Early        int     // of them with exaggeration and little momentum
	Exaggeration float64 // of the similarities in the early steps
	Small        bool    // the start is made small first, so that only its arrangement at large counts
}

// Whole is the plan from any start, with the settings of van der Maaten & Hinton (2008), section 3.4, and Kobak &
// Berens (2019, "The art of using t-SNE for single-cell transcriptomics") for the start and the rate, as scikit-learn
// has them.
var Whole = Plan{Steps: 1000, Early: 250, Exaggeration: 12, Small: true}

// Again is the plan from the layout of similar points, where most points stay. It keeps as many neighbours as Whole
// does within a hundredth. Without exaggeration it would keep fewer.
var Again = Plan{Steps: 300, Early: 100, Exaggeration: 4}

// A Match is a neighbour of a point: its number, and the cosine of the two.
type Match struct {
	Row    int
	Cosine float64
}

// A pull is the similarity p of a row to another one.
type pull struct {
	to int32
	p  float64
}

// affinities returns the symmetric similarities p of all rows, whose sum is 1 (section 3.1 and equation 1).
func affinities(matches [][]Match, perplexity float64) [][]pull {
	n := float64(len(matches))
	pulls := make([][]pull, len(matches))
	for i, near := range matches {
		for j, p := range conditional(near, math.Log(perplexity)) {
			to := near[j].Row
			pulls[i] = append(pulls[i], pull{int32(to), p / (2 * n)})
			pulls[to] = append(pulls[to], pull{int32(i), p / (2 * n)})
		}
	}
	return pulls
}

// conditional returns the similarities of one row to its neighbours, whose entropy in nats is as given.
func conditional(near []Match, entropy float64) []float64 {
	p := make([]float64, len(near))
	closest := 2 - 2*near[0].Cosine
	lo, hi, beta := 0.0, math.Inf(1), 1.0
	for range 64 {
		sum, mean := 0.0, 0.0
		for j, m := range near {
			d := 2 - 2*m.Cosine - closest
			p[j] = math.Exp(-beta * d)
			sum += p[j]
			mean += p[j] * d
		}
		h := math.Log(sum) + beta*mean/sum
		for j := range p {
			p[j] /= sum
		}
		if math.Abs(h-entropy) < 1e-6 {
			break
		}
		if h > entropy {
			lo = beta
			beta = min(2*beta, (lo+hi)/2)
		} else {
			hi = beta
			beta = (lo + hi) / 2
		}
	}
	return p
}

// A Layout is points in motion.
type Layout struct {
	pulls    [][]pull
	at       [][2]float64
	velocity [][2]float64
	gains    [][2]float64
	forces   [][2]float64 // repulsion on each point, not yet divided by the sum of weights
	weights  []float64    // sum of each point's weights
	rate     float64
	plan     Plan
	steps    int // done
	cores    int
}

// New begins a layout of points whose nearest others are near, the most similar first; 3·perplexity of them are usual
// (van der Maaten 2014, section 4.1). perplexity is the effective number of neighbours, at least 2. The arrangement of
// start is kept at large. start is not changed. The result does not depend on cores, how many
// threads compute; 0 is all.
func New(near [][]Match, perplexity float64, start [][2]float64, plan Plan, cores int) *Layout {
	n := len(start)
	if cores <= 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	t := &Layout{pulls: affinities(near, perplexity), at: slices.Clone(start), velocity: make([][2]float64, n),
		gains: make([][2]float64, n), forces: make([][2]float64, n), weights: make([]float64, n),
		rate: max(float64(n)/Whole.Exaggeration/4, 50), plan: plan, cores: cores}
	var square float64
	for i, at := range start {
		square += at[0] * at[0]
		t.gains[i] = [2]float64{1, 1}
	}
	scale := 1.0
	if plan.Small && square > 0 {
		scale = startSpread / math.Sqrt(square/float64(n))
	}
	for i := range t.at {
		// Equal rows begin at different places, on a small spiral, or they could never part.
		angle, radius := float64(i)*2.399963, 1e-2*startSpread*math.Sqrt(float64(i)/float64(n))
		t.at[i][0] = t.at[i][0]*scale + radius*math.Cos(angle)
		t.at[i][1] = t.at[i][1]*scale + radius*math.Sin(angle)
	}
	return t
}

// Points are the points as they are now, in the layout's own memory.
func (t *Layout) Points() [][2]float64 { return t.at }

// repel computes the repulsion on each point and returns the sum of all weights. A point's own sum is in the order of
// the points, so it does not depend on the number of cores.
func (t *Layout) repel() (total float64) {
	var group sync.WaitGroup
	for core := range t.cores {
		group.Go(func() {
			for i := core; i < len(t.at); i += t.cores {
				x, y := t.at[i][0], t.at[i][1]
				var fx, fy, sum float64
				for _, at := range t.at {
					dx, dy := x-at[0], y-at[1]
					w := 1 / (1 + dx*dx + dy*dy)
					sum += w
					w *= w
					fx += w * dx
					fy += w * dy
				}
				t.forces[i], t.weights[i] = [2]float64{fx, fy}, sum-1 // without the point itself
			}
		})
	}
	group.Wait()
	for _, w := range t.weights {
		total += w
	}
	return total
}

// Step moves each point down the gradient (equation 5). The repulsion of all pairs is exact: 2 ns a pair on one core.
// As many as the plan says are a layout.
func (t *Layout) Step() {
	pulling, momentum := 1.0, 0.8
	if t.steps < t.plan.Early {
		pulling, momentum = t.plan.Exaggeration, 0.5
	}
	t.steps++
	total := t.repel()
	for i, pulls := range t.pulls {
		force := t.forces[i]
		gradient := [2]float64{-force[0] / total, -force[1] / total}
		for _, p := range pulls {
			dx, dy := t.at[i][0]-t.at[p.to][0], t.at[i][1]-t.at[p.to][1]
			w := pulling * p.p / (1 + dx*dx + dy*dy)
			gradient[0] += w * dx
			gradient[1] += w * dy
		}
		t.forces[i] = gradient
	}
	var mean [2]float64
	for i := range t.at {
		for a := range 2 {
			g := 4 * t.forces[i][a]
			if (g > 0) == (t.velocity[i][a] > 0) {
				t.gains[i][a] = max(0.8*t.gains[i][a], 0.01)
			} else {
				t.gains[i][a] += 0.2
			}
			t.velocity[i][a] = momentum*t.velocity[i][a] - t.rate*t.gains[i][a]*g
			t.at[i][a] += t.velocity[i][a]
			mean[a] += t.at[i][a] / float64(len(t.at))
		}
	}
	for i := range t.at {
		t.at[i][0] -= mean[0]
		t.at[i][1] -= mean[1]
	}
}

// Divergence returns the Kullback-Leibler divergence of the layout's similarities from those of the points, in
// nats.
func (t *Layout) Divergence() (sum float64) {
	total := t.repel()
	for i, pulls := range t.pulls {
		joint := map[int32]float64{} // a pair that are neighbours of one another has two pulls
		for _, p := range pulls {
			joint[p.to] += p.p
		}
		for _, p := range pulls {
			if joint[p.to] > 0 && p.p > 0 {
				dx, dy := t.at[i][0]-t.at[p.to][0], t.at[i][1]-t.at[p.to][1]
				sum += p.p * math.Log(joint[p.to]*total*(1+dx*dx+dy*dy))
			}
		}
	}
	return sum
}
