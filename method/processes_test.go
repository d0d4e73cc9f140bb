// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/internal/together"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// wholeBatch is how many images a batch has that 2, 3 and 4 processes share.
const wholeBatch = 24

// shareOf returns a process's part of a step with the whole batch.
func shareOf(s *parallax.Step, g *torch.Group) *parallax.Step {
	if g == nil {
		return s
	}
	rows := func(t torch.Tensor) torch.Tensor {
		n := t.Size(0)
		from, to := g.Rank()*n/g.Processes(), (g.Rank()+1)*n/g.Processes()
		return t.Narrow(0, from, to-from)
	}
	own, n := *s, len(s.Index)/g.Processes()
	own.Group, own.Gather = g, g.Gather
	own.Views = nil
	for _, v := range s.Views {
		own.Views = append(own.Views, rows(v))
	}
	own.Index, own.Labels = s.Index[g.Rank()*n:][:n], s.Labels[g.Rank()*n:][:n]
	if s.Support != nil {
		support := *s.Support
		support.Views = nil
		for _, v := range s.Support.Views {
			support.Views = append(support.Views, rows(v))
		}
		own.Support = &support
	}
	return &own
}

// shared makes a forward and a backward pass of a fresh copy of a method and its update, by the processes of a group,
// or by one that has the whole batch.
func shared(fresh func() parallax.Method, dtype torch.DType, g *torch.Group) result {
	got := result{}
	torch.Nested(func() {
		b := buildShared(fresh(), dtype, wholeBatch, g)
		defer b.params.Free()
		b.params.Fuse(true) // as in training
		s := shareOf(b.step(2, wholeBatch, 5), g)
		var parameters []torch.Tensor
		for _, p := range b.params.Trainable() {
			parameters = append(parameters, p.Tensor)
		}
		var loss torch.Tensor
		g.Average(parameters, func() {
			loss = b.Loss(s, b.Forward(s))
			loss.Backward()
		})
		loss = loss.Detach().Clone()
		g.Sum(loss)
		got["loss"] = loss.Scale(1 / float64(g.Processes())).Float64s()
		if u, ok := parallax.As[parallax.Updater](b.Method); ok {
			u.Update(s)
		}
		for _, p := range b.params.All() {
			if p.Buffer {
				got[p.Name] = p.Tensor.To(torch.F64).Float64s()
			} else if grad := p.Tensor.Grad(); grad.Defined() {
				got["gradient of "+p.Name] = grad.Float64s()
			}
		}
	})
	return got
}

// distance is the largest distance of two results, relative to a tensor's norm, and the tensor in which it is. exact is
// want in float64. A tensor that is 0 there but for rounding, as is the gradient of a bias before batch norm, has no
// norm to compare with: it counts relative to the largest gradient or, if it is none, to 1. So does a loss, which may
// be near 0 by chance.
func (r result) distance(want, exact result) (worst float64, where string) {
	largest := 0.
	for name, values := range exact {
		if isGradient(name) {
			largest = math.Max(largest, norm(values))
		}
	}
	if len(r) != len(want) {
		return math.Inf(1), fmt.Sprintf("%d results, want %d", len(r), len(want))
	}
	for name, values := range want {
		if len(r[name]) != len(values) {
			return math.Inf(1), name + " is missing"
		}
		off := make([]float64, len(values))
		for i, v := range values {
			off[i] = r[name][i] - v
		}
		scale, other := norm(exact[name]), 1.
		if isGradient(name) {
			other = largest
		}
		if scale < 1e-9*other || name == "loss" {
			scale = math.Max(scale, other)
		}
		if d := norm(off) / scale; !(d <= worst) {
			worst, where = d, name
		}
	}
	return worst, where
}

func isGradient(name string) bool { return strings.HasPrefix(name, "gradient of ") }

func norm(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// unstable are methods whose loss is behind a Cholesky factor or Sinkhorn's iterations, which amplify rounding.
var unstable = []string{"wmse", "swav"}

// A batch that processes share has the gradients, the loss, the statistics and the queues of one process with the whole
// batch. The test prints the distances.
func TestProcessesAreOneProcess(t *testing.T) {
	for _, n := range []int{2, 3, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			together.Run(t, n, func(t *testing.T, g *torch.Group) {
				if g.Rank() == 0 {
					fmt.Printf("%-60s %12s %12s  with %d processes\n", "method", "float32", "float64", n)
				}
				for _, s := range subjects() {
					if n > 2 && strings.Contains(s.name, "/") {
						continue // the switches are the same mathematics for any number
					}
					fresh := func() parallax.Method { return ofProcesses(s.new()) }
					var off [2]float64
					exact := shared(fresh, torch.F64, nil)
					for i, dtype := range []torch.DType{torch.F32, torch.F64} {
						limit := []float64{1e-5, 1e-12}[i]
						if slices.Contains(unstable, strings.Split(s.name, "/")[0]) {
							limit = []float64{1e-4, 1e-9}[i]
						}
						var where string
						alone := shared(fresh, dtype, nil)
						off[i], where = shared(fresh, dtype, g).distance(alone, exact)
						if strings.Contains(s.name, "/") {
							// Rounding may be amplified: then one process is as far from float64.
							rounding, _ := alone.distance(exact, exact)
							limit = math.Max(limit, 2*rounding)
						}
						if !(off[i] <= limit) {
							t.Errorf("%s with %d processes, %v: %s is off by %.3g of its norm, want at most %g", s.name,
								n, dtype, where, off[i], limit)
						}
					}
					if g.Rank() == 0 {
						fmt.Printf("%-60s %12.2g %12.2g\n", s.name, off[0], off[1])
					}
				}
			})
		})
	}
}

// ofProcesses gives a method as many groups of batch norm as 2, 3 and 4 processes can share.
func ofProcesses(m parallax.Method) parallax.Method {
	for _, groups := range groupsOf(m) {
		if *groups > 1 {
			*groups = 12
		}
	}
	return m
}

func groupsOf(m parallax.Method) []*int {
	if v, ok := parallax.As[*method.MoCo](m); ok {
		return []*int{&v.Groups, &v.ShuffleGroups}
	}
	if v, ok := parallax.As[*method.ReSSL](m); ok {
		return []*int{&v.Groups, &v.ShuffleGroups}
	}
	return nil
}
