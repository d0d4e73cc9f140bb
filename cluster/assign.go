// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/csv"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/internal/number"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// Files that a stage with clusters adds to its run directory.
const (
	headFile       = "head.safetensors" // the chosen head
	assignmentFile = "clusters.json"
	beforeFile     = "before.json" // the quality of the backbone before the stage
)

// assigner is the hook that assigns the images to clusters at the end of a stage.
type assigner struct {
	ctx            context.Context
	session        *pretrain.Session
	stage, dir     string
	near           [][]int // every image's neighbours in the loss, by which the head is chosen; nil with one head
	heads, classes int
	weight         float64 // of the entropy term of the loss
}

// Name is "clusters".
func (a *assigner) Name() string { return "clusters" }

// After measures the backbone before the first step and assigns the images after the last.
func (a *assigner) After(p *train.Progress) (train.Decision, error) {
	if p.Step != 0 && p.Step != p.Of {
		return nil, nil
	}
	q, err := measureQuality(a.session.Probe, p)
	if err != nil {
		return nil, err
	}
	if p.Step == 0 {
		if err := run.WriteFile(filepath.Join(a.dir, beforeFile), run.JSON(q)); err != nil {
			return nil, err
		}
	}
	if p.Step != p.Of {
		return nil, nil
	}
	return nil, a.finish(p, q)
}

func (a *assigner) finish(p *train.Progress, q report.Quality) error {
	f, rows, err := embedAll(a.ctx, a.session, p.Encoder, p.Params)
	if err != nil {
		return err
	}
	defer f.Free()
	result := report.Assignment{Stage: a.stage, Classes: a.classes, Sizes: make([]int, a.classes), Quality: q}
	var clusters [][]int // by head, then by row
	var confidences []float64
	if err := torch.Scope(func() error {
		near := a.rows(rows)
		var probabilities []torch.Tensor
		for h := range a.heads {
			p := f.Z.Narrow(1, h*a.classes, a.classes).Softmax(1)
			probabilities, clusters = append(probabilities, p), append(clusters, p.ArgMax(1).Ints())
			if near != nil {
				result.Losses = append(result.Losses, scanLoss(p, near, a.weight))
				if result.Losses[h] < result.Losses[result.Head] {
					result.Head = h
				}
			}
		}
		confidences = probabilities[result.Head].Max(1).To(torch.F64).Float64s()
		return nil
	}); err != nil {
		return err
	}
	return a.write(p, &result, rows, clusters, confidences, f.Labels)
}

// rows returns the neighbours of the given images as indices into images. The image itself replaces a neighbour that
// could not be read.
func (a *assigner) rows(images []int) [][]int {
	if a.near == nil {
		return nil
	}
	row := make(map[int]int, len(images))
	for r, image := range images {
		row[image] = r
	}
	near := make([][]int, len(images))
	for r, image := range images {
		for _, other := range a.near[image] {
			if at, ok := row[other]; ok {
				near[r] = append(near[r], at)
			} else {
				near[r] = append(near[r], r)
			}
		}
	}
	return near
}

// scanLoss returns SCAN's loss (equation 2 of the paper) over all images and all their neighbours. p holds the cluster
// probabilities, N x C.
func scanLoss(p torch.Tensor, near [][]int, weight float64) float64 {
	loss, k := 0.0, len(near[0])
	for n := range k {
		index := make([]int, len(near))
		for i := range near {
			index[i] = near[i][n]
		}
		agreement := p.Mul(p.IndexSelect(0, torch.FromInts(index, len(index)))).Sum(1)
		loss -= agreement.Clamp(1e-30, math.Inf(1)).Log().Mean().Item() / float64(k)
	}
	mean := p.Mean(0)
	return loss + weight*mean.Mul(mean.Clamp(1e-30, math.Inf(1)).Log()).Sum().Item()
}

// write writes the assignment to the stage's folder: clusters.csv, clusters.json and the head.
func (a *assigner) write(p *train.Progress, result *report.Assignment, rows []int, clusters [][]int,
	confidences []float64, labels []int) error {
	chosen := clusters[result.Head]
	for r, c := range chosen {
		result.Sizes[c]++
		result.Confidence += confidences[r] / float64(len(chosen))
	}
	pairs := 0.0
	for i := range clusters {
		for j := range i {
			scores, err := eval.ScoreClusters(clusters[i], clusters[j])
			if err != nil {
				return err
			}
			result.Agreement.ARI += scores.ARI
			result.Agreement.NMI += scores.NMI
			pairs++
		}
	}
	if pairs > 0 {
		result.Agreement.ARI /= pairs
		result.Agreement.NMI /= pairs
	}
	if scores, err := eval.ScoreClusters(chosen, labels); err == nil { // an error means that there are no labels
		result.ACC, result.NMI, result.ARI = run.Num(scores.ACC), run.Num(scores.NMI), run.Num(scores.ARI)
	}
	var head []nn.State
	if err := torch.Scope(func() error {
		from := p.Params.Sub("heads").Sub(strconv.Itoa(result.Head))
		for _, n := range from.All() {
			head = append(head, nn.StateOf("heads.0."+from.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return err
	}
	source := a.session.Job.Source
	for name, write := range map[string]func(io.Writer) error{
		headFile:       func(w io.Writer) error { return nn.WriteStates(w, head, nil) },
		assignmentFile: run.JSON(result),
		report.ClustersFile: func(w io.Writer) error {
			c := csv.NewWriter(w)
			_ = c.Write([]string{"path", "cluster", "confidence"}) // Error below returns its error
			for r, image := range rows {
				confidence := strconv.FormatFloat(confidences[r], 'f', 4, 64)
				_ = c.Write([]string{source.Name(image), strconv.Itoa(chosen[r]), confidence})
			}
			c.Flush()
			return c.Error()
		},
	} {
		if err := run.WriteFile(filepath.Join(a.dir, name), write); err != nil {
			return err
		}
	}
	return nil
}

// embedAll embeds every readable image, resized and cropped but not augmented. rows holds the images' numbers.
func embedAll(ctx context.Context, s *pretrain.Session, e parallax.Encoder, params *nn.Params) (
	f eval.Features, rows []int, err error) {
	l := s.Probe.Plain(s.Job.Source)
	l.Limit, l.Quarantine = 0, nil
	var batches iter.Seq2[eval.Batch, error] = func(yield func(eval.Batch, error) bool) {
		for b, err := range l.Sequential(ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
			}
			rows = append(rows, b.Index...)
			v := b.Views[0]
			more := yield(eval.Batch{Pixels: v.Data, Shape: [4]int{v.N, v.C, v.H, v.W}, Labels: b.Labels}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
	f, err = eval.Embed(e, params, s.Probe.Autocast(), batches)
	return f, rows, err
}

const (
	probePasses = 20  // passes of the linear probe over the bank
	probeStep   = 256 // rows of the bank in one step of the linear probe
)

// measureQuality measures the backbone on the first probe. The result is empty if the probe has no labels.
func measureQuality(e *probe.Hook, p *train.Progress) (q report.Quality, err error) {
	pr := e.Probes[0]
	if pr.Classes < 2 {
		return q, nil
	}
	bank, err := eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(pr.Bank, 0))
	if err != nil {
		return q, err
	}
	defer bank.Free()
	queries, err := eval.Embed(p.Encoder, p.Params, e.Autocast(), e.Batches(pr.Queries, 0))
	if err != nil {
		return q, err
	}
	defer queries.Free()
	if slices.Max(bank.Labels) < 0 {
		return q, nil
	}
	return q, torch.Scope(func() error {
		c := e.Config
		_, top1 := eval.KNN(bank.H, bank.Labels, queries.H, queries.Labels, c.Probe.K, c.Probe.Temperature, pr.Classes)
		q.KNN = number.OrAbsent(top1)
		linear := eval.NewLinear(p.Encoder.Features, pr.Classes, c.Seed)
		defer linear.Free()
		linear.Fit(bank.H, bank.Labels, probePasses, probeStep, rand.New(rand.NewPCG(c.Seed, 0)))
		q.Linear = number.OrAbsent(linear.Accuracy(queries.H, queries.Labels))
		return nil
	})
}
