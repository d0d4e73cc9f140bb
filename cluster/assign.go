// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/dataset"
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
	stoppedFile    = "stopped.json"     // why self-labelling stopped early
	headFile       = "head.safetensors" // the chosen head
	assignmentFile = "clusters.json"
	beforeFile     = "before.json" // the quality of the backbone before the stage
)

// How self-labelling is watched: a cluster that held leastHeld of the watched images before, or more, and holds none
// now is empty.
const (
	emptiesEvery = 50 // steps, beside the evaluations
	leastHeld    = 5
	watchedEach  = 50 // images for each cluster
	watchedLeast = 1000
)

// assigner is the hook that assigns the images to clusters at the end of a stage.
type assigner struct {
	ctx            context.Context
	session        *pretrain.Session
	stage, dir     string
	near           [][]int // every image's neighbours, by which the head is chosen and the clusters are scored
	heads, classes int
	weight         float64 // of the entropy term of the loss
	before         []int   // every image's cluster before self-labelling, -1 if there is none
}

// Name is "clusters".
func (a *assigner) Name() string { return "clusters" }

// After measures the backbone before the first step and assigns the images after the last. It stops a self-labelling
// that empties clusters.
func (a *assigner) After(p *train.Progress) (train.Decision, error) {
	if a.stage == report.SelfLabel && p.Step > 0 && (p.Due || p.Step%emptiesEvery == 0) {
		if d, err := a.watch(p); d != nil || err != nil {
			return d, err
		}
	}
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

// watch compares the clusters of some images with those before self-labelling.
func (a *assigner) watch(p *train.Progress) (train.Decision, error) {
	some := max(watchedLeast, watchedEach*a.classes)
	f, err := embedAll(a.ctx, a.session, plain(a.session, some), p.Encoder, p.Params)
	if err != nil {
		return nil, err
	}
	defer f.Free()
	held, holds := make([]int, a.classes), make([]int, a.classes)
	for _, image := range f.rows {
		if c := a.before[image]; c >= 0 {
			held[c]++
		}
	}
	if err := torch.Scope(func() error {
		for _, c := range f.Z.ArgMax(1).Ints() {
			holds[c]++
		}
		return nil
	}); err != nil {
		return nil, err
	}
	empty := 0
	for c := range held {
		if held[c] >= leastHeld && holds[c] == 0 {
			empty++
		}
	}
	if empty == 0 {
		return nil, nil
	}
	why := fmt.Sprintf("self-labelling stopped at step %d of %d, because %d of %d clusters had become empty",
		p.Step, p.Of, empty, a.classes)
	return train.Stop{Why: why}, run.WriteFile(filepath.Join(a.dir, stoppedFile), run.JSON(why))
}

// finish assigns all images.
func (a *assigner) finish(p *train.Progress, q report.Quality) error {
	f, err := embedAll(a.ctx, a.session, plain(a.session, 0), p.Encoder, p.Params)
	if err != nil {
		return err
	}
	defer f.Free()
	result := report.Assignment{Stage: a.stage, Classes: a.classes, Quality: q}
	of := assigned{rows: f.rows, labels: f.Labels, near: among(a.near, f.rows, len(a.near[0]))}
	if err := torch.Scope(func() error {
		var clusters [][]int // by head, then by row
		var probabilities []torch.Tensor
		for h := range a.heads {
			p := f.Z.Narrow(1, h*a.classes, a.classes).Softmax(1)
			probabilities, clusters = append(probabilities, p), append(clusters, p.ArgMax(1).Ints())
			if a.stage != report.SelfLabel {
				result.Losses = append(result.Losses, scanLoss(p, of.near, a.weight))
				if result.Losses[h] < result.Losses[result.Head] {
					result.Head = h
				}
			}
		}
		of.clusters = clusters[result.Head]
		of.confidences = probabilities[result.Head].Max(1).To(torch.F64).Float64s()
		var err error
		result.Agreement.ARI, result.Agreement.NMI, err = agreement(clusters)
		return err
	}); err != nil {
		return err
	}
	if err := a.writeHead(p, result.Head); err != nil {
		return err
	}
	return writeAssignment(a.dir, &result, a.session.Job.Source, of)
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

// assigned are images with their clusters, by row.
type assigned struct {
	rows        []int // the images' numbers
	clusters    []int
	confidences []float64
	labels      []int   // -1 is unknown
	near        [][]int // neighbours, as rows
}

// writeAssignment completes the result from the clusters and writes it, with the clusters, to a stage's folder.
func writeAssignment(dir string, result *report.Assignment, source *dataset.Source, of assigned) error {
	result.Sizes = make([]int, result.Classes)
	for r, c := range of.clusters {
		result.Sizes[c]++
		result.Confidence += of.confidences[r] / float64(len(of.clusters))
	}
	result.Score = run.Num(eval.SharedInformation(of.clusters, of.near, result.Classes))
	if scores, err := eval.ScoreClusters(of.clusters, of.labels); err == nil { // an error means no labels
		result.ACC, result.NMI, result.ARI = run.Num(scores.ACC), run.Num(scores.NMI), run.Num(scores.ARI)
	}
	table := func(w io.Writer) error {
		c := csv.NewWriter(w)
		_ = c.Write([]string{"path", "cluster", "confidence"}) // Error below returns its error
		for r, image := range of.rows {
			confidence := strconv.FormatFloat(of.confidences[r], 'f', 4, 64)
			_ = c.Write([]string{source.Name(image), strconv.Itoa(of.clusters[r]), confidence})
		}
		c.Flush()
		return c.Error()
	}
	if err := run.WriteFile(filepath.Join(dir, report.ClustersFile), table); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(dir, assignmentFile), run.JSON(result))
}

// writeHead writes the chosen head as heads.0.
func (a *assigner) writeHead(p *train.Progress, chosen int) error {
	var head []nn.State
	if err := torch.Scope(func() error {
		from := p.Params.Sub("heads").Sub(strconv.Itoa(chosen))
		for _, n := range from.All() {
			head = append(head, nn.StateOf("heads.0."+from.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(a.dir, headFile), func(w io.Writer) error {
		return nn.WriteStates(w, head, nil)
	})
}

// plain loads images without augmentation: limit of them, or all if it is 0.
func plain(s *pretrain.Session, limit int) *dataset.Loader {
	l := s.Probe.Plain(s.Job.Source)
	l.Limit, l.Quarantine = limit, nil
	return l
}

// embedded are features of the images with the numbers rows.
type embedded struct {
	eval.Features
	rows []int
}

// rowOf returns the row of each of the images.
func rowOf(images []int) map[int]int {
	row := make(map[int]int, len(images))
	for r, image := range images {
		row[image] = r
	}
	return row
}

// embedAll embeds the first view of every readable image of a loader.
func embedAll(ctx context.Context, s *pretrain.Session, l *dataset.Loader, e parallax.Encoder, params *nn.Params) (
	all embedded, err error) {
	var batches iter.Seq2[eval.Batch, error] = func(yield func(eval.Batch, error) bool) {
		for b, err := range l.Sequential(ctx) {
			if err != nil {
				yield(eval.Batch{}, err)
				return
			}
			all.rows = append(all.rows, b.Index...)
			v := b.Views[0]
			more := yield(eval.Batch{Pixels: v.Data, Shape: [4]int{v.N, v.C, v.H, v.W}, Labels: b.Labels}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
	all.Features, err = eval.Embed(e, params, s.Probe.Autocast(), batches)
	return all, err
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
	labels := eval.Answerable(bank.Labels, queries.Labels)
	if slices.Max(labels) < 0 {
		return q, nil
	}
	return q, torch.Scope(func() error {
		c := e.Config
		_, top1 := eval.KNN(bank.H, bank.Labels, queries.H, labels, c.Probe.K, c.Probe.Temperature, pr.Classes)
		q.KNN = number.OrAbsent(top1)
		linear := eval.NewLinear(p.Encoder.Features, pr.Classes, c.Seed)
		defer linear.Free()
		linear.Fit(bank.H, bank.Labels, probePasses, probeStep, rand.New(rand.NewPCG(c.Seed, 0)))
		q.Linear = number.OrAbsent(linear.Accuracy(queries.H, labels))
		return nil
	})
}
