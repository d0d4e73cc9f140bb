// SPDX-License-Identifier: Apache-2.0

package optim_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// apart returns how far apart two lists of states are, over the largest value of each tensor.
func apart(t *testing.T, a, b []nn.State) (most float64) {
	if len(a) != len(b) {
		t.Errorf("%d tensors and %d", len(a), len(b))
		return math.Inf(1)
	}
	for i := range a {
		x, y := a[i].Tensor().To(torch.F64), b[i].Tensor().To(torch.F64)
		most = math.Max(most, x.Sub(y).Abs().Max().Item()/math.Max(1e-3, y.Abs().Max().Item()))
	}
	return most
}

var fusedRules = func() map[string]optim.Rule {
	all := map[string]optim.Rule{
		"sgd_no_nesterov": optim.SGD{Momentum: 0.9, WeightDecay: 0.1, ExcludeBiasAndNorm: true},
		"lars_plain":      optim.LARS{WeightDecay: 0.1, Eta: 0.02, Eps: 1e-8},
		"lars_nesterov":   optim.LARS{Momentum: 0.9, WeightDecay: 0.1, Eta: 0.02, Eps: 1e-8, Nesterov: true},
	}
	for name, rule := range rules {
		all[name] = rule
	}
	return all
}()

// A fused optimiser goes the way of the reference, within rounding: with groups, with parameters that have no gradient
// or a zero one, with tensors of more than one piece, and in both layouts.
func TestFusedIsTheReference(t *testing.T) {
	for name, rule := range fusedRules {
		for _, dtype := range []torch.DType{torch.F32, torch.F64} {
			in(t, func() error {
				var ends [2][]nn.State
				for fused := range ends {
					r := rand.New(rand.NewPCG(1, 2))
					var params []nn.Named
					for _, p := range []struct {
						name  string
						shape []int
					}{{"backbone.weight", []int{300, 257}}, {"backbone.conv", []int{8, 6, 3, 3}},
						{"backbone.bias", []int{19}}, {"predictor.weight", []int{3, 2}},
						{"predictor.still", []int{3, 2}}, {"predictor.zero", []int{2, 2}}} {
						w := random(r, p.shape).To(dtype)
						if strings.HasSuffix(p.name, "conv") {
							w = w.ChannelsLast()
						}
						params = append(params, nn.Named{Name: p.name, Tensor: w.RequireGrad(true)})
					}
					o := optim.New(rule, params)
					o.Fuse(fused == 1)
					for at := range 4 {
						for _, p := range params {
							g := random(r, p.Tensor.Shape()).To(dtype)
							// The reference runs through both in memory order, whatever their layouts.
							if strings.HasSuffix(p.Name, "conv") && (fused == 0 || at%2 == 0) {
								g = g.ChannelsLast()
							}
							if strings.HasSuffix(p.Name, "zero") {
								g = torch.Zeros(dtype, 2, 2)
							}
							if strings.HasSuffix(p.Name, "still") {
								continue
							}
							p.Tensor.SetGrad(g)
						}
						o.Step(0.1/float64(at+1), 0.1, []nn.Group{{Prefix: "predictor.", Scale: 2, Undecayed: at > 1},
							{Prefix: "backbone.bias", Scale: 1, Frozen: at < 2}})
					}
					ends[fused] = append(o.State(), states(params)...)
					o.Free()
				}
				tolerance := 1e-12
				if dtype == torch.F32 {
					tolerance = 2e-5
				}
				if d := apart(t, ends[1], ends[0]); !(d <= tolerance) {
					t.Errorf("%s, %v: off by %g", name, dtype, d)
				}
				return nil
			})
		}
	}
}

// A gradient in bfloat16 moves its float32 parameter as the same gradient in float32 does.
func TestFusedTakesBFloat16Gradients(t *testing.T) {
	for name, rule := range fusedRules {
		in(t, func() error {
			var ends [2][]nn.State
			for half := range ends {
				params := network()
				o := optim.New(rule, params)
				o.Fuse(true)
				r := rand.New(rand.NewPCG(5, 6))
				for range 3 {
					for _, p := range params {
						g := random(r, p.Tensor.Shape()).To(torch.BF16)
						if half == 0 {
							g = g.To(torch.F32)
						}
						p.Tensor.SetGrad(g)
					}
					o.ClipNorm(1e6) // it measures alone
					o.Step(0.1, 0.1, nil)
				}
				ends[half] = append(o.State(), states(params)...)
				o.Free()
			}
			if d := apart(t, ends[1], ends[0]); d > 1e-6 {
				t.Errorf("%s: off by %g", name, d)
			}
			return nil
		})
	}
}

// Clipping in one call is the function ClipNorm.
func TestFusedClipNorm(t *testing.T) {
	for _, limit := range []float64{0, 1, 1e6, math.Inf(1)} {
		for _, bad := range []float64{0, math.NaN(), math.Inf(1)} {
			in(t, func() error {
				var norms [2]float64
				var ends [2][]nn.State
				for fused := range ends {
					params := network()
					o := optim.New(optim.SGD{}, params)
					o.Fuse(fused == 1)
					r := rand.New(rand.NewPCG(7, 8))
					for i, p := range params {
						if i != 3 {
							p.Tensor.SetGrad(random(r, p.Tensor.Shape()))
						}
					}
					if bad != 0 {
						params[1].Tensor.SetGrad(torch.Full(bad, torch.F32, 7))
					}
					norms[fused] = o.ClipNorm(limit)
					for i, p := range params {
						if i != 3 {
							ends[fused] = append(ends[fused], nn.StateOf(p.Name, p.Tensor.Grad()))
						}
					}
				}
				if !(math.Abs(norms[0]-norms[1]) < 1e-5) && !math.IsNaN(bad+norms[1]) && norms[0] != norms[1] {
					t.Errorf("limit %g: the norm is %g, want %g", limit, norms[1], norms[0])
				}
				if bad == 0 {
					if d := apart(t, ends[1], ends[0]); d > 1e-6 {
						t.Errorf("limit %g: off by %g", limit, d)
					}
				} else if err := same("gradients", ends[0], ends[1]); err != nil {
					t.Errorf("limit %g, with %g: %v", limit, bad, err)
				}
				return nil
			})
		}
	}
}

// The bits of a fused step do not depend on the number of threads.
func TestFusedStepOfAnyThreads(t *testing.T) {
	for name, rule := range fusedRules {
		in(t, func() error {
			defer torch.SetThreads(1)
			var first []nn.State
			for _, threads := range []int{1, 2, 3} {
				torch.SetThreads(threads)
				r := rand.New(rand.NewPCG(9, 1))
				params := []nn.Named{{Name: "w", Tensor: random(r, []int{400, 333}).RequireGrad(true)}}
				params[0].Tensor.SetGrad(random(r, []int{400, 333}))
				o := optim.New(rule, params)
				o.Fuse(true)
				o.ClipNorm(1)
				o.Step(0.1, 0.1, nil)
				end := append(o.State(), states(params)...)
				o.Free()
				if first == nil {
					first = end
				}
				if err := same(name, first, end); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// A parameter that the loops cannot move is refused in one line.
func TestFusedRefusesOtherTypes(t *testing.T) {
	err := torch.Scope(func() error {
		p := torch.Ones(torch.F16, 2, 2).RequireGrad(true)
		p.SetGrad(torch.Ones(torch.F16, 2, 2))
		o := optim.New(optim.SGD{}, []nn.Named{{Name: "p", Tensor: p}})
		o.Fuse(true)
		o.Step(0.1, 0.1, nil)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "float32") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a parameter of float16: %v", err)
	}
}
