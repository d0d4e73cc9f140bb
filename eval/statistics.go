// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// running holds one batch norm's running statistics and their sums over the batches.
type running struct {
	mean, variance, seen torch.Tensor
	before               [3]nn.State // of mean, variance, seen
	sums                 [2]torch.Tensor
	rows                 int
}

// RecomputeStatistics sets the running mean and variance of every batch norm on the layer's path to the average of the
// batches' own statistics, weighted by their images; about 20 batches will do. With momentum 0.1 the running statistics
// are those of an untrained network for some 30 steps, and an embedding made with them looks collapsed when it is not:
// call this before an early evaluation. params is the tree in which layer was built. Only its statistics change, and
// restore puts them back bit for bit. A batch of fewer than two images has no variance and is left out. On an error
// nothing has changed.
//
// From statistics set to 0, one forward pass in training mode leaves momentum times the batch's statistics, whatever
// the momentum. Dividing by it is exact up to one rounding; solving for the statistics from other values is not. A norm
// that is not on the layer's path counts no batch and does not change.
func RecomputeStatistics(
	params *nn.Params, layer nn.Layer, autocast bool, batches iter.Seq2[Batch, error],
) (restore func() error, err error) {
	var norms []*running
	restore = func() error {
		return torch.Scope(func() error {
			for _, n := range norms {
				n.restore()
			}
			return nil
		})
	}
	defer params.Train(params.Training())
	params.Train(true)
	err = torch.Scope(func() error {
		norms = findNorms(params)
		images := 0
		err := each(batches, func(b Batch, x torch.Tensor) {
			rows := b.Shape[0]
			if rows < 2 {
				return
			}
			for _, n := range norms {
				n.clear()
			}
			torch.Autocast(autocast, func() { layer.Forward(x) })
			for _, n := range norms {
				n.add(rows)
			}
			images += rows
		})
		if err == nil && images == 0 {
			err = errors.New("there is no batch of two or more images")
		}
		if err == nil {
			for _, n := range norms {
				n.restore()
				n.average()
			}
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recomputing batch-norm statistics: %w", err), restore())
	}
	return restore, nil
}

// momentum is nn.BatchNorm's.
const momentum = 0.1

// findNorms finds the batch norms of a tree, including iterative ones, by their buffers' names.
func findNorms(params *nn.Params) []*running {
	var norms []*running
	for _, n := range params.All() {
		name, ok := strings.CutSuffix(params.Local(n), "running_mean")
		if !ok || !n.Buffer {
			continue
		}
		r := &running{mean: n.Tensor}
		if r.variance, ok = params.Get(name + "running_var"); !ok {
			r.variance, _ = params.Get(name + "running_wm") // nn.IterNorm's; it can be averaged like a variance
		}
		r.seen, _ = params.Get(name + "num_batches_tracked")
		r.before = [3]nn.State{nn.StateOf("", r.mean), nn.StateOf("", r.variance), nn.StateOf("", r.seen)}
		r.sums = [2]torch.Tensor{torch.Zeros(torch.F64, r.mean.Shape()...),
			torch.Zeros(torch.F64, r.variance.Shape()...)}
		norms = append(norms, r)
	}
	return norms
}

// clear sets the statistics to 0.
func (r *running) clear() {
	for _, t := range []torch.Tensor{r.mean, r.variance, r.seen} {
		torch.Zeros(t.DType(), t.Shape()...).CopyInto(t)
	}
}

// add adds the statistics of a batch of the given number of rows, if there was a batch since clear.
func (r *running) add(rows int) {
	passes := r.seen.Item()
	if passes == 0 {
		return
	}
	left := 1 - math.Pow(1-momentum, passes)
	r.mean.To(torch.F64).AddInto(r.sums[0], float64(rows)/left)
	r.variance.To(torch.F64).AddInto(r.sums[1], float64(rows)/left)
	r.rows += rows
}

// average sets the statistics to the average of the added ones.
func (r *running) average() {
	if r.rows == 0 {
		return
	}
	r.sums[0].Scale(1 / float64(r.rows)).CopyInto(r.mean)
	r.sums[1].Scale(1 / float64(r.rows)).CopyInto(r.variance)
}

// restore puts the old statistics back.
func (r *running) restore() {
	for i, t := range []torch.Tensor{r.mean, r.variance, r.seen} {
		r.before[i].Tensor().CopyInto(t)
	}
}
