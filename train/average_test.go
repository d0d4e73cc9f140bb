// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// shown is a hook that keeps what it sees of one tensor, by step.
type shown struct {
	name   string
	values map[int][]float64
}

func (*shown) Name() string { return "shown" }

func (s *shown) After(p *train.Progress) (train.Decision, error) {
	if s.values == nil {
		s.values = map[int][]float64{}
	}
	w, _ := p.Params.Get(s.name)
	s.values[p.Step] = w.To(torch.F64).Float64s()
	return nil, nil
}

// named returns the values of one of the states.
func named(t *testing.T, states []nn.State, name string) (values []float64) {
	t.Helper()
	for _, s := range states {
		if s.Name == name {
			must(t, torch.Scope(func() error {
				values = s.Tensor().To(torch.F64).Float64s()
				return nil
			}))
			return values
		}
	}
	t.Fatalf("there is no tensor %s", name)
	return nil
}

// Evaluations, the exported encoder and whoever reads a checkpoint for its networks have the average, computed here by
// hand. Training does not: its weights are those of a run without an average.
func TestAverageOfTheWeights(t *testing.T) {
	for _, name := range []string{"backbone.conv1.weight", "backbone.bn1.running_mean"} {
		t.Run(name, func(t *testing.T) {
			const steps = 6
			dirs := map[float64]string{}
			hooks := map[float64]*shown{}
			for _, decay := range []float64{0, 0.3} {
				hooks[decay] = &shown{name: name}
				j := job{method: "simsiam", hooks: []train.Hook{hooks[decay]}, set: func(c *config.Config) {
					c.Optim.Average, c.Optim.WarmupSteps = decay, 0
					c.Train.MaxSteps, c.Train.EvalEvery = steps, steps
				}}
				dirs[decay] = j.whole(t)
			}
			weights := hooks[0].values
			want := append([]float64(nil), weights[0]...)
			for step := 1; step <= steps; step++ {
				decay := min(0.3, float64(1+step)/float64(10+step))
				for i := range want {
					want[i] = decay*want[i] + (1-decay)*weights[step][i]
				}
			}
			agrees := func(what string, got []float64, want []float64) {
				t.Helper()
				for i := range want {
					if math.Abs(got[i]-want[i]) > 1e-6*(1+math.Abs(want[i])) {
						t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
					}
				}
			}
			for step := range steps {
				agrees("a step without evaluation", hooks[0.3].values[step], weights[step])
			}
			agrees("the evaluation", hooks[0.3].values[steps], want)
			folder := filepath.Join(dirs[0.3], run.CheckpointsDir, stepFolder(steps))
			read, err := checkpoint.ReadNetworks(folder, "simsiam")
			must(t, err)
			agrees("the networks of the checkpoint", named(t, read.Networks, name), want)
			whole, err := checkpoint.Read(folder, "simsiam")
			must(t, err)
			agrees("the weights that are trained", named(t, whole.Networks, name), weights[steps])
			exported, _, err := nn.ReadStates(filepath.Join(dirs[0.3], run.EncoderFile))
			must(t, err)
			agrees("the exported encoder", named(t, exported, name[len("backbone."):]), want)
		})
	}
}
