// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// How heads learn on features that stay as they are.
const (
	headTries  = 10   // heads at least, whose agreement is measured
	headPasses = 10   // passes over the features, unless method.head_epochs says otherwise
	headSteps  = 300  // steps at least, for small data
	headBatch  = 512  // rows of a step
	headRate   = 0.01 // of Adam
	headDecay  = 0.01 // l2 of the weights, without which nearly every image has a confidence of nearly 1
)

// triedHeads is how many heads learn on the features.
func triedHeads(m *method.SCAN) int { return max(headTries, m.Heads) }

// fitted is the result of fitHeads.
type fitted struct {
	states   []nn.State // of the heads heads.0, heads.1, ..., the one with the smallest loss first
	clusters [][]int    // of the rows, by head
}

// fitHeads trains heads by SCAN's loss on the features h of the images, N x D, without augmentation. near are the
// neighbours of every row. The features are standardised for the training, and the heads take them as they are.
func fitHeads(h torch.Tensor, near [][]int, m *method.SCAN, seed uint64) (f fitted, err error) {
	return f, torch.Scope(func() error {
		n, width := h.Size(0), h.Size(1)
		mean, deviation := h.MeanKeep(0), h.Var(0, 0).Sqrt().Clamp(1e-6, math.Inf(1)).Unsqueeze(0)
		x := h.Sub(mean).Div(deviation)

		all := *m
		all.Heads, all.HeadsOnly, all.SumHeads = triedHeads(m), false, true
		params := nn.NewParams(seed, torch.F32)
		defer params.Free()
		encoder := all.Build(&parallax.Build{Params: params, Backbone: asIs(width), Batch: headBatch, Images: n})
		rule := optim.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: headDecay, ExcludeBiasAndNorm: true}
		adam := optim.New(rule, params.Trainable())
		defer adam.Free()

		r := rand.New(rand.NewPCG(seed, 0))
		batch := min(headBatch, n)
		passes := cmp.Or(m.HeadEpochs, headPasses)
		all.SetNeighbours(near)
		order := r.Perm(n)
		for at := range max(headSteps, passes*n/batch) {
			if at*batch/n != (at-1)*batch/n {
				order = r.Perm(n)
			}
			rows, pairs := make([]int, batch), make([]int, batch)
			for i := range rows {
				rows[i] = order[(at*batch+i)%n]
				pairs[i] = all.Pair(rows[i], r)
			}
			err := torch.Scope(func() error {
				view := func(index []int) torch.Tensor { return x.IndexSelect(0, torch.FromInts(index, batch)) }
				s := parallax.NewStep(at, 1, view(rows), view(pairs))
				all.Loss(s, all.Forward(s)).Backward()
				adam.Step(headRate, headRate, nil)
				for _, p := range params.Trainable() {
					p.Tensor.SetGrad(torch.Tensor{})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}

		logits := encoder.Projector.Forward(x).Detach()
		losses, clusters := make([]float64, all.Heads), make([][]int, all.Heads)
		for k := range all.Heads {
			p := logits.Narrow(1, k*m.Classes, m.Classes).Softmax(1)
			losses[k], clusters[k] = scanLoss(p, near, m.EntropyWeight), p.ArgMax(1).Ints()
		}
		best := make([]int, all.Heads)
		for k := range best {
			best[k] = k
		}
		slices.SortStableFunc(best, func(a, b int) int { return cmp.Compare(losses[a], losses[b]) })
		for to, from := range best {
			head := params.Sub("heads").Sub(strconv.Itoa(from))
			weight, _ := head.Get("weight")
			bias, _ := head.Get("bias")
			weight = weight.Detach().Div(deviation)
			bias = bias.Detach().Sub(weight.MatMul(mean.T()).Reshape(-1))
			name := "heads." + strconv.Itoa(to)
			f.states = append(f.states, nn.StateOf(name+".weight", weight), nn.StateOf(name+".bias", bias))
			f.clusters = append(f.clusters, clusters[from])
		}
		return nil
	})
}

// asIs is a backbone whose features are its input.
type asIs int

func (n asIs) Features() int { return int(n) }

func (n asIs) Build(*nn.Params) nn.Layer { return nn.Identity }

// agreement returns the mean over all pairs of heads of the adjusted Rand index and of NMI; 0 with one head.
func agreement(clusters [][]int) (ari, nmi float64, err error) {
	pairs := 0.0
	for i := range clusters {
		for j := range i {
			scores, err := eval.ScoreClusters(clusters[i], clusters[j])
			if err != nil {
				return 0, 0, err
			}
			ari, nmi, pairs = ari+scores.ARI, nmi+scores.NMI, pairs+1
		}
	}
	pairs = max(1, pairs)
	return ari / pairs, nmi / pairs, nil
}
