// SPDX-License-Identifier: Apache-2.0

package optim_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// rules are one of each kind, with everything switched on that has state.
var rules = map[string]optim.Rule{
	"sgd":          optim.SGD{WeightDecay: 0.1},
	"sgd_momentum": optim.SGD{Momentum: 0.9, WeightDecay: 0.1, Nesterov: true},
	"adam":         optim.Adam{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1},
	"adamw":        optim.AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1},
	"lars": optim.LARS{Momentum: 0.9, WeightDecay: 0.1, Eta: 0.02, Eps: 1e-8, Clip: true,
		ExcludeBiasAndNorm: true},
}

// in runs f in a Scope. f runs on libtorch's goroutine, where t.Fatal must not be called.
func in(t *testing.T, f func() error) {
	t.Helper()
	if err := torch.Scope(f); err != nil {
		t.Fatal(err)
	}
}

// network returns parameters as a method has them: a matrix and a bias of two parts, and a convolution.
func network() []nn.Named {
	r := rand.New(rand.NewPCG(1, 2))
	var params []nn.Named
	for _, p := range []struct {
		name  string
		shape []int
	}{{"backbone.weight", []int{5, 7}}, {"backbone.bias", []int{7}}, {"backbone.conv", []int{4, 3, 3, 3}},
		{"predictor.weight", []int{3, 2}}, {"predictor.bias", []int{3}}} {
		params = append(params, nn.Named{Name: p.name, Tensor: random(r, p.shape).RequireGrad(true)})
	}
	return params
}

func random(r *rand.Rand, shape []int) torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	return torch.FromFloat32(values, shape...)
}

// step makes step number at, its gradients a function of at.
func step(o *optim.Optimizer, params []nn.Named, at int, groups ...nn.Group) {
	r := rand.New(rand.NewPCG(3, uint64(at)))
	for _, p := range params {
		p.Tensor.SetGrad(random(r, p.Tensor.Shape()))
	}
	o.Step(0.1/float64(at+1), 0.1, groups)
}

func same(what string, a, b []nn.State) error {
	if len(a) != len(b) {
		return fmt.Errorf("%s: %d tensors and %d", what, len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name || !bytes.Equal(a[i].Bytes, b[i].Bytes) {
			return fmt.Errorf("%s: %s and %s differ", what, a[i].Name, b[i].Name)
		}
	}
	return nil
}

func states(params []nn.Named) (out []nn.State) {
	for _, p := range params {
		out = append(out, nn.StateOf(p.Name, p.Tensor))
	}
	return out
}

// TestResumeIsExact makes 6 steps, and 3 + State + Load + 3, where the predictor is frozen during the first 2.
func TestResumeIsExact(t *testing.T) {
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			in(t, func() error {
				groups := func(at int) []nn.Group {
					return []nn.Group{{Prefix: "predictor.", Scale: 2, Frozen: at < 2}}
				}
				whole, parts := network(), network()
				a := optim.New(rule, whole)
				defer a.Free()
				for at := range 6 {
					step(a, whole, at, groups(at)...)
				}
				b := optim.New(rule, parts)
				for at := range 3 {
					step(b, parts, at, groups(at)...)
				}
				saved := b.State()
				b.Free()
				b = optim.New(rule, parts)
				defer b.Free()
				if err := b.Load(saved); err != nil {
					return err
				}
				if err := same("the state after Load", b.State(), saved); err != nil {
					return err
				}
				for at := 3; at < 6; at++ {
					step(b, parts, at, groups(at)...)
				}
				if err := same("weights", states(whole), states(parts)); err != nil {
					return err
				}
				return same("state", a.State(), b.State())
			})
		})
	}
}

// TestForgettingTheStateShows is why TestResumeIsExact can fail: without Load the weights differ.
func TestForgettingTheStateShows(t *testing.T) {
	for name, rule := range rules {
		if len(rule.Slots()) == 0 {
			continue
		}
		in(t, func() error {
			whole, parts := network(), network()
			a, b, c := optim.New(rule, whole), optim.New(rule, parts), optim.New(rule, parts)
			for at := range 4 {
				step(a, whole, at)
				if at < 2 {
					step(b, parts, at)
				} else {
					step(c, parts, at)
				}
			}
			if same("weights", states(whole), states(parts)) == nil {
				t.Errorf("%s: an optimiser that forgets everything goes the same way", name)
			}
			for _, o := range []*optim.Optimizer{a, b, c} {
				o.Free()
			}
			return nil
		})
	}
}

func TestFrozenGroupIsUntouched(t *testing.T) {
	for name, rule := range rules {
		in(t, func() error {
			params := network()
			o := optim.New(rule, params)
			defer o.Free()
			step(o, params, 0)
			weights, state := states(params[3:]), o.State()
			step(o, params, 1, nn.Group{Prefix: "predictor.", Scale: 1, Frozen: true}, nn.Group{Scale: 1})
			if err := same(name+": frozen weights", weights, states(params[3:])); err != nil {
				t.Error(err)
			}
			if same("weights", weights[:1], states(params[:1])) == nil {
				t.Errorf("%s: the others did not move", name)
			}
			for i, s := range o.State() {
				moved := !bytes.Equal(s.Bytes, state[i].Bytes)
				if frozen := strings.Contains(s.Name, ".predictor."); frozen == moved {
					t.Errorf("%s: %s: frozen %t, moved %t", name, s.Name, frozen, moved)
				}
			}
			return nil
		})
	}
}

func TestNoGradientNoStep(t *testing.T) {
	for name, rule := range rules {
		in(t, func() error {
			params := network()
			o := optim.New(rule, params)
			defer o.Free()
			before, state := states(params), o.State()
			o.Step(0.1, 0.1, nil)
			if err := same(name+": weights", before, states(params)); err != nil {
				return err
			}
			return same(name+": state", state, o.State())
		})
	}
}

// TestGroupsSetTheRate uses plain gradient descent, where p moves by rate·1.
func TestGroupsSetTheRate(t *testing.T) {
	groups := []nn.Group{{Prefix: "", Scale: 1}, {Prefix: "a.", Scale: 2}, {Prefix: "a.b.", Scale: 3, Constant: true}}
	for name, want := range map[string]float64{"c": 0.25, "a.c": 0.5, "a.b.c": 3 * 0.5, "a.bc": 0.5} {
		in(t, func() error {
			p := torch.Zeros(torch.F64, 2).RequireGrad(true)
			p.SetGrad(torch.Ones(torch.F64, 2))
			o := optim.New(optim.SGD{}, []nn.Named{{Name: name, Tensor: p}})
			o.Step(0.25, 0.5, groups)
			if got := -p.Float64s()[1]; got != want {
				t.Errorf("%s moved by %v, want %v", name, got, want)
			}
			return nil
		})
	}
}

// In a group without weight decay, parameters move as by a rule without weight decay; the others move as before.
func TestGroupsWithoutWeightDecay(t *testing.T) {
	const rate, decay = 0.1, 0.2
	for name, with := range map[string]func(decay float64) optim.Rule{
		"sgd":   func(d float64) optim.Rule { return optim.SGD{Momentum: 0.9, WeightDecay: d} },
		"adam":  func(d float64) optim.Rule { return optim.Adam{Beta1: 0.9, Beta2: 0.9, Eps: 1e-8, WeightDecay: d} },
		"adamw": func(d float64) optim.Rule { return optim.AdamW{Beta1: 0.9, Beta2: 0.9, Eps: 1e-8, WeightDecay: d} },
		"lars":  func(d float64) optim.Rule { return optim.LARS{WeightDecay: d, Eta: 0.1, Eps: 1e-8} },
	} {
		in(t, func() error {
			after := func(rule optim.Rule, groups ...nn.Group) (encoder, predictor float64) {
				var params []nn.Named
				for _, name := range []string{"backbone.weight", "predictor.weight"} {
					p := torch.FromFloat64([]float64{3, 1, -2, 5}, 2, 2).RequireGrad(true)
					params = append(params, nn.Named{Name: name, Tensor: p})
				}
				o := optim.New(rule, params)
				defer o.Free()
				for range 2 {
					for _, p := range params {
						p.Tensor.SetGrad(torch.FromFloat64([]float64{0.5, -0.1, 2, 0.3}, 2, 2))
					}
					o.Step(rate, rate, groups)
				}
				return params[0].Tensor.Float64s()[0], params[1].Tensor.Float64s()[0]
			}
			decayed, _ := after(with(decay))
			undecayed, _ := after(with(0))
			encoder, predictor := after(with(decay), nn.Group{Prefix: "predictor.", Scale: 1},
				nn.Group{Scale: 1, Undecayed: true})
			if decayed == undecayed || encoder != undecayed || predictor != decayed {
				t.Errorf("%s: without weight decay %v, want %v; with it %v, want %v", name, encoder, undecayed,
					predictor, decayed)
			}
			return nil
		})
	}
}

// TestWeightDecayAlone gives a zero gradient: weights shrink by each paper's factor, excluded ones stay.
func TestWeightDecayAlone(t *testing.T) {
	const rate, decay = 0.1, 0.2
	for _, c := range []struct {
		name           string
		rule           optim.Rule
		matrix, vector float64
	}{
		{"sgd", optim.SGD{WeightDecay: decay}, 1 - rate*decay, 1 - rate*decay},
		{"sgd, excluded", optim.SGD{Momentum: 0.9, WeightDecay: decay, ExcludeBiasAndNorm: true}, 1 - rate*decay, 1},
		// g/√g² = 1
		{"adam", optim.Adam{Beta1: 0.9, Beta2: 0.9, Eps: 1e-12, WeightDecay: decay, ExcludeBiasAndNorm: true},
			1 - rate, 1},
		{"adamw", optim.AdamW{Beta1: 0.9, Beta2: 0.9, Eps: 1e-12, WeightDecay: decay, ExcludeBiasAndNorm: true},
			1 - rate*decay, 1},
		{"lars", optim.LARS{WeightDecay: decay, Eta: 1, Eps: 1e-8}, 1, 1}, // no gradient, no trust, no decay
	} {
		in(t, func() error {
			params := []nn.Named{{Name: "matrix", Tensor: torch.Ones(torch.F64, 2, 3).RequireGrad(true)},
				{Name: "vector", Tensor: torch.Ones(torch.F64, 3).RequireGrad(true)}}
			for _, p := range params {
				p.Tensor.SetGrad(torch.Zeros(torch.F64, p.Tensor.Shape()...))
			}
			o := optim.New(c.rule, params)
			defer o.Free()
			o.Step(rate, rate, nil)
			for i, want := range []float64{c.matrix, c.vector} {
				if got := params[i].Tensor.Float64s()[0]; math.Abs(got-want) > 1e-9 {
					t.Errorf("%s: the %s is %v, want %v", c.name, params[i].Name, got, want)
				}
			}
			return nil
		})
	}
}

// A rule with another weight decay goes on with the same state: without gradients, AdamW's decay alone moves a
// parameter, by the decay in force in each step.
func TestAnotherWeightDecay(t *testing.T) {
	in(t, func() error {
		p := torch.FromFloat64([]float64{1, -2}, 2, 1).RequireGrad(true)
		o := optim.New(optim.AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}, []nn.Named{{Name: "weight", Tensor: p}})
		defer o.Free()
		want := 1.0
		for _, decay := range []float64{0.04, 0.4, 0} {
			o.Use(optim.AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: decay})
			p.SetGrad(torch.Zeros(torch.F64, 2, 1))
			o.Step(0.5, 0.5, nil)
			want *= 1 - 0.5*decay
			if got := p.Float64s(); math.Abs(got[0]-want) > 1e-12 || math.Abs(got[1]+2*want) > 1e-12 {
				return fmt.Errorf("after a step with decay %v the parameter is %v, want %v times what it was", decay,
					got, want)
			}
		}
		return nil
	})
}

// The buffer starts as the gradient, also when the group was frozen before.
func TestFirstStepOfMomentum(t *testing.T) {
	in(t, func() error {
		p := torch.Zeros(torch.F64, 1, 1).RequireGrad(true)
		p.SetGrad(torch.Ones(torch.F64, 1, 1))
		o := optim.New(optim.SGD{Momentum: 0.5}, []nn.Named{{Name: "p", Tensor: p}})
		defer o.Free()
		for at, want := range []float64{0, -1, -2.5, -2.5, -4.25} { // m = 1, 1.5, 1.75
			o.Step(1, 1, []nn.Group{{Prefix: "p", Scale: 1, Frozen: at == 0 || at == 3}})
			if got := p.Item(); got != want {
				t.Errorf("after step %d p is %v, want %v", at, got, want)
			}
		}
		return nil
	})
}

// TestLARSScalesTheGradient computes the trust by hand: ‖p‖ = 5, ‖g‖ = 10.
func TestLARSScalesTheGradient(t *testing.T) {
	for name, c := range map[string]struct {
		rule optim.LARS
		want float64 // of the first element, 3 at first
	}{
		"plain":        {optim.LARS{Eta: 0.1}, 3 - 0.5*(0.1*5/10)*6},
		"decay":        {optim.LARS{Eta: 0.1, WeightDecay: 2}, 3 - 0.5*(0.1*5/(10+2*5))*(6+2*3)},
		"clipped to 1": {optim.LARS{Eta: 10, Clip: true}, 3 - 0.5*6},
		"clipped":      {optim.LARS{Eta: 0.1, Clip: true}, 3 - 0.5*(0.1*5/10/0.5)*6},
	} {
		in(t, func() error {
			p := torch.FromFloat64([]float64{3, 4}, 2, 1).RequireGrad(true)
			p.SetGrad(torch.FromFloat64([]float64{6, 8}, 2, 1))
			optim.New(c.rule, []nn.Named{{Name: "p", Tensor: p}}).Step(0.5, 0.5, nil)
			if got := p.Float64s()[0]; math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
			return nil
		})
	}
}

// TestLayoutOfParametersDoesNotMatter: channels-last weights, whose gradients are channels-last, move like contiguous
// ones.
func TestLayoutOfParametersDoesNotMatter(t *testing.T) {
	for name, rule := range rules {
		in(t, func() error {
			var ends [2][]nn.State
			for i := range ends {
				w := random(rand.New(rand.NewPCG(5, 6)), []int{4, 3, 3, 3})
				if i == 1 {
					w = w.ChannelsLast()
				}
				w.RequireGrad(true)
				o := optim.New(rule, []nn.Named{{Name: "w", Tensor: w}})
				for at := range 3 {
					w.SetGrad(torch.Tensor{})
					w.Mul(random(rand.New(rand.NewPCG(7, uint64(at))), []int{4, 3, 3, 3})).Sum().Backward()
					o.Step(0.1, 0.1, nil)
				}
				ends[i] = append(o.State(), nn.StateOf("w", w))
				o.Free()
			}
			// The kernels' vector body and scalar tail round differently, and the layout decides which element meets
			// which.
			for k, s := range ends[0] {
				other := ends[1][k].Tensor().To(torch.F64)
				if gap := s.Tensor().To(torch.F64).Sub(other).Abs().Max().Item(); !(gap < 1e-6) {
					t.Errorf("%s: %s differs by %g", name, s.Name, gap)
				}
			}
			return nil
		})
	}
}

func TestClipNorm(t *testing.T) {
	for _, c := range []struct{ limit, scale float64 }{{1, 1 / (5 + 1e-6)}, {5, 1}, {0, 1}} {
		in(t, func() error {
			var params []nn.Named
			for _, g := range []float64{3, 4, 0} {
				p := torch.Ones(torch.F64, 1).RequireGrad(true)
				if g != 0 {
					p.SetGrad(torch.Full(g, torch.F64, 1))
				}
				params = append(params, nn.Named{Tensor: p})
			}
			if norm := optim.ClipNorm(params, c.limit); norm != 5 {
				t.Errorf("the norm is %v, want 5", norm)
			}
			if got, want := params[0].Tensor.Grad().Item(), 3*c.scale; math.Abs(got-want) > 1e-12 {
				t.Errorf("limit %v: a gradient of 3 becomes %v, want %v", c.limit, got, want)
			}
			params[1].Tensor.SetGrad(torch.Full(math.NaN(), torch.F64, 1))
			if norm := optim.ClipNorm(params, 1); !math.IsNaN(norm) || math.IsNaN(params[0].Tensor.Grad().Item()) {
				t.Errorf("with a gradient that is NaN the norm is %v", norm)
			}
			return nil
		})
	}
	if norm := optim.ClipNorm(nil, 1); norm != 0 {
		t.Errorf("no parameters have the norm %v", norm)
	}
}

func TestLoadIsStrict(t *testing.T) {
	for name, change := range map[string]func([]nn.State) []nn.State{
		`"momentum.backbone.bias" is missing`: func(s []nn.State) []nn.State { s[3].Name = "momentum.other"; return s },
		"11 optimiser states instead of 10": func(s []nn.State) []nn.State {
			return append(s,
				nn.State{Name: "more"})
		},
		"shape [35], but the network has":   func(s []nn.State) []nn.State { s[1].Shape = []int{35}; return s },
		"has 3 bytes":                       func(s []nn.State) []nn.State { s[1].Bytes = s[1].Bytes[:3]; return s },
		`"step.backbone.weight" is not one`: func(s []nn.State) []nn.State { s[0].Bytes = s[0].Bytes[:4]; return s },
		"a negative number of steps": func(s []nn.State) []nn.State {
			s[0].Bytes = bytes.Repeat([]byte{255},
				8)
			return s
		},
		`"step.backbone.weight" has shape [1]`: func(s []nn.State) []nn.State { s[0].Shape = []int{1}; return s },
	} {
		in(t, func() error {
			params := network()
			a := optim.New(rules["sgd_momentum"], params)
			defer a.Free()
			step(a, params, 0)
			changed := change(a.State())
			step(a, params, 1)
			before := a.State()
			if err := a.Load(changed); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want an error with %s", err, name)
			}
			return same("the state after a failed Load", before, a.State())
		})
	}
}

func TestNoTensorIsLeaked(t *testing.T) {
	live := func() (n int) {
		in(t, func() error { n = torch.Live(); return nil })
		return n
	}
	before := live()
	for _, rule := range rules {
		in(t, func() error {
			params := network()
			o := optim.New(rule, params)
			step(o, params, 0)
			o.Free()
			return nil
		})
	}
	if after := live(); after != before {
		t.Errorf("%d tensors before and %d after", before, after)
	}
}
