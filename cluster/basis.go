// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// How the pretext is judged. The limits were chosen on CIFAR-10 and Fashion-MNIST; see docs/numbers.md.
const (
	augmented       = 2000 // images whose neighbours are compared with those of an augmented view
	restarts        = 10   // of k-means, as in parallax eval cluster
	leastAgreement  = 0.4
	leastConsistent = 0.7
)

// isGood says whether the pretext is good enough to cluster.
func isGood(p report.Premise) bool {
	return p.Agreement >= leastAgreement && p.Consistency >= leastConsistent
}

// basis is what a clustering stage begins with, from the pretext's features of all images.
type basis struct {
	near    [][]int // the nearest neighbours of every image, nearest first
	heads   []nn.State
	premise report.Premise
}

// basis returns what the clustering stage with this number of clusters begins with. Files keep it, together with the
// data and the encoder that it depends on; files of other data or another encoder are replaced.
func (k *clustering) basis(s *pretrain.Session, m *method.SCAN) (*basis, error) {
	about, err := k.about(s, m)
	if err != nil {
		return nil, err
	}
	b := &basis{}
	if b.near, err = readNeighbours(filepath.Join(k.dir, neighboursFile), about); err != nil {
		return nil, err
	}
	heads := filepath.Join(k.dir, fmt.Sprintf(headsFile, m.Classes))
	of := maps.Clone(about)
	of["heads"], of["passes"] = strconv.Itoa(triedHeads(m)), strconv.Itoa(m.HeadEpochs)
	of["neighbours"], of["seed"] = strconv.Itoa(m.Neighbours), strconv.FormatUint(s.Job.Config.Seed, 10)
	if b.near != nil {
		if found, err := b.read(heads, of); found || err != nil {
			return b, err
		}
	}
	if err := k.embed(s, m); err != nil {
		return nil, fmt.Errorf("embedding the images with the pretext's encoder: %w", err)
	}
	if b.near == nil {
		k.note(fmt.Sprintf("looking for the %s nearest neighbours of %d images", about["most"], len(k.plain.rows)))
		if err := torch.Scope(func() error { b.near = k.mine(m, s.Job.Source.Len()); return nil }); err != nil {
			return nil, fmt.Errorf("looking for nearest neighbours: %w", err)
		}
		if err := writeNeighbours(filepath.Join(k.dir, neighboursFile), b.near, about); err != nil {
			return nil, err
		}
	}
	near := among(b.near, k.plain.rows, m.Neighbours)
	fit, err := fitHeads(k.plain.H, near, m, s.Job.Config.Seed)
	if err != nil {
		return nil, fmt.Errorf("training heads on the pretext's features: %w", err)
	}
	b.heads = fit.states
	if b.premise.Agreement, _, err = agreement(fit.clusters); err != nil {
		return nil, err
	}
	if err := torch.Scope(func() error { b.premise.Consistency = k.consistency(m); return nil }); err != nil {
		return nil, fmt.Errorf("comparing the neighbours of augmented images: %w", err)
	}
	b.premise.Good = isGood(b.premise)
	if err := k.kMeans(s, m, near); err != nil {
		return nil, fmt.Errorf("clustering the pretext's features by k-means: %w", err)
	}
	return b, b.write(heads, of)
}

// about is what a basis depends on.
func (k *clustering) about(s *pretrain.Session, m *method.SCAN) (map[string]string, error) {
	encoder, err := os.ReadFile(k.encoder())
	if err != nil {
		return nil, fmt.Errorf("reading the pretext's encoder: %w", err)
	}
	sum := sha256.Sum256(encoder)
	return map[string]string{
		"data": s.Job.Config.Data.Fingerprint, "encoder": hex.EncodeToString(sum[:]), "by": m.NeighboursBy,
		"most": strconv.Itoa(max(m.Neighbours, widest)),
	}, nil
}

// embed computes the pretext's features of all images, and of an augmented view of some, once.
func (k *clustering) embed(s *pretrain.Session, m *method.SCAN) error {
	if k.plain.rows != nil {
		return nil
	}
	return torch.Scope(func() error {
		torch.SetThreads(s.Job.Config.Train.Threads)
		params := nn.NewParams(0, torch.F32)
		defer params.Free()
		e, err := k.networks(s, params, m.NeighboursBy == "z")
		if err != nil {
			return err
		}
		all := plain(s, 0)
		if k.plain, err = embedAll(k.ctx, s, all, e, params); err != nil {
			return err
		}
		if len(k.plain.rows) < 2 {
			return errors.New("only one image could be read")
		}
		c := s.Job.Config
		k.augmented, err = embedAll(k.ctx, s, &dataset.Loader{
			Data: s.Job.Source, Recipes: c.Augment[:1], Normalize: c.Data.Normalize(), Batch: all.Batch,
			Workers: c.Train.Workers, Seed: c.Seed, Limit: augmented,
		}, e, params)
		return err
	})
}

// networks builds the pretext's encoder: its backbone, from the exported file; or, with the projector, all networks of
// the pretext's method, from the run's newest checkpoint.
func (k *clustering) networks(s *pretrain.Session, params *nn.Params, projector bool) (e parallax.Encoder, err error) {
	if projector {
		e, err = pretrain.Networks(filepath.Dir(k.encoder()), params)
		switch {
		case err != nil:
			return e, fmt.Errorf("%w; or compare the backbone's features: --set clustering.method.neighbours_by=h", err)
		case e.Projector == nil:
			return e, errors.New("the pretext has no projector: give --set clustering.method.neighbours_by=h")
		}
		return e, nil
	}
	weights, err := pretrain.InitialWeights(k.encoder())
	if err != nil {
		return e, err
	}
	own := params.Sub("backbone")
	e = parallax.Encoder{Backbone: s.Job.Backbone.Build(own), Params: own, Features: s.Job.Backbone.Features()}
	_, err = own.Adopt(weights)
	return e, err
}

// compared are the features by which neighbours are found.
func compared(f embedded, m *method.SCAN) torch.Tensor {
	if m.NeighboursBy == "z" {
		return f.Z
	}
	return f.H
}

// mine returns the nearest neighbours of each image.
func (k *clustering) mine(m *method.SCAN, images int) [][]int {
	near := make([][]int, images)
	found := eval.Neighbours(compared(k.plain, m), max(m.Neighbours, widest))
	for r, image := range k.plain.rows {
		for _, other := range found[r] {
			near[image] = append(near[image], k.plain.rows[other])
		}
	}
	for image := range near { // an unreadable image is its own neighbour
		for len(near[image]) < len(found[0]) {
			near[image] = append(near[image], image)
		}
	}
	return near
}

// consistency measures report.Premise.Consistency.
func (k *clustering) consistency(m *method.SCAN) (share float64) {
	row := rowOf(k.plain.rows)
	some := make([]int, len(k.augmented.rows))
	for i, image := range k.augmented.rows {
		some[i] = row[image]
	}
	bank := compared(k.plain, m).Normalize(1)
	n := bank.Size(0)
	top := func(rows torch.Tensor, count int) [][]int {
		_, index := rows.MatMul(bank.T()).TopK(count, 1)
		return matrix(index.Reshape(-1).Ints(), count)
	}
	within := min(max(m.Neighbours, n/100)+1, n) // with the image itself
	around := top(bank.IndexSelect(0, torch.FromInts(some, len(some))), within)
	for i, others := range top(compared(k.augmented, m).Normalize(1), min(m.Neighbours, n)) {
		near := map[int]bool{}
		for _, other := range around[i] {
			near[other] = true
		}
		for _, other := range others {
			if near[other] {
				share += 1 / float64(len(others)*len(some))
			}
		}
	}
	return share
}

// kMeans clusters the pretext's features, of length 1, by k-means, and writes the clusters as those of a stage.
func (k *clustering) kMeans(s *pretrain.Session, m *method.SCAN, near [][]int) error {
	return torch.Scope(func() error {
		unit := k.plain.H.Normalize(1)
		c := eval.KMeans(unit, m.Classes, restarts, rand.New(rand.NewPCG(s.Job.Config.Seed, 0)))
		clusters, _ := c.Assign(unit)
		a := report.Assignment{Stage: report.KMeans, Classes: m.Classes}
		dir := k.of(report.KMeans, m.Classes)
		if err := run.MakeFolder(dir); err != nil {
			return run.Output("writing the clusters of k-means", err)
		}
		return writeAssignment(dir, &a, s.Job.Source, assigned{
			rows: k.plain.rows, clusters: clusters, confidences: c.Margins(unit), labels: k.plain.Labels, near: near,
		})
	})
}

// among returns the nearest neighbours of the images, at most most of each, as indices into images. The image itself
// replaces a neighbour that could not be read.
func among(near [][]int, images []int, most int) [][]int {
	row := rowOf(images)
	out := make([][]int, len(images))
	for r, image := range images {
		for _, other := range near[image][:min(most, len(near[image]))] {
			at, ok := row[other]
			if !ok {
				at = r
			}
			out[r] = append(out[r], at)
		}
	}
	return out
}

// read reads the heads and the premise; found is false if there are none, or they are of other data or another encoder.
func (b *basis) read(path string, about map[string]string) (found bool, err error) {
	states, metadata, err := nn.ReadStates(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the heads in %s (%v): remove the file to train them again", path, err)
	}
	if !holds(metadata, about) {
		return false, nil
	}
	b.heads = states
	b.premise.Agreement, err = strconv.ParseFloat(metadata["agreement"], 64)
	var err2 error
	b.premise.Consistency, err2 = strconv.ParseFloat(metadata["consistency"], 64)
	b.premise.Good = isGood(b.premise)
	return true, errors.Join(err, err2)
}

// write writes what read reads.
func (b *basis) write(path string, about map[string]string) error {
	metadata := map[string]string{
		"agreement":   strconv.FormatFloat(b.premise.Agreement, 'g', -1, 64),
		"consistency": strconv.FormatFloat(b.premise.Consistency, 'g', -1, 64),
	}
	maps.Copy(metadata, about)
	return run.WriteFile(path, func(w io.Writer) error { return nn.WriteStates(w, b.heads, metadata) })
}
