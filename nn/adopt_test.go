// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// Weights of other programs are taken under any prefix, with a classifier and without counters; and an error says what
// there is instead.
func TestAdopt(t *testing.T) {
	err := torch.Scope(func() error {
		net := func(seed uint64) *Params {
			p := NewParams(seed, torch.F32).Sub("backbone")
			NewConv(p.Sub("conv1"), 3, 2, 3, 1, 1)
			NewBatchNorm(p.Sub("bn1"), 2, true)
			return p
		}
		source := net(1)
		var plain []State
		for _, n := range source.All() {
			plain = append(plain, StateOf(source.Local(n), n.Tensor))
		}
		prefixed := func(prefix string, more ...State) []State {
			states := slices.Clone(plain)
			for i := range states {
				states[i].Name = prefix + states[i].Name
			}
			return append(states, more...)
		}
		other := State{Name: "queue", DType: torch.F32, Shape: []int{1}, Bytes: make([]byte, 4)}
		head := State{Name: "fc.weight", DType: torch.F32, Shape: []int{1}, Bytes: make([]byte, 4)}
		nan := State{Name: "conv1.weight", DType: torch.F32, Shape: plain[0].Shape,
			Bytes: slices.Repeat([]byte{0xff}, len(plain[0].Bytes))}
		whole := State{Name: "conv1.weight", DType: torch.I32, Shape: plain[0].Shape, Bytes: plain[0].Bytes}
		long := other
		long.Name = strings.Repeat("x", 1000)
		moco := append(prefixed("module.encoder_q."), prefixed("module.encoder_k.", other)...)
		two := append(prefixed("a."), prefixed("b.")...)
		uncounted := slices.DeleteFunc(slices.Clone(plain), func(s State) bool {
			return strings.HasSuffix(s.Name, counter)
		})
		for name, c := range map[string]struct {
			states       []State
			prefix, want string
		}{
			"as they are":  {states: plain},
			"a classifier": {states: append(slices.Clone(plain), head)},
			"a prefix":     {states: prefixed("module."), prefix: "module."},
			"MoCo":         {states: moco, prefix: "module.encoder_q."},
			"no counters":  {states: uncounted},
			"two networks": {states: two, want: `several such networks, under the prefixes "a.", "b."`},
			"no tensors":   {want: "holds no tensors"},
			"other names":  {states: []State{other, long}, want: `tensors called "queue", "xxxxxxxx`},
			"one missing":  {states: prefixed("net.")[:4], want: `tensor "backbone.bn1.running_var" is missing`},
			"one too many": {
				states: append(slices.Clone(plain), other), want: `tensor "queue" belongs to no part`,
			},
			"whole numbers": {states: append([]State{whole}, plain[1:]...), want: "holds numbers of type I32"},
			"not finite": {
				states: append([]State{nan}, plain[1:]...), want: `tensor "conv1.weight" is not finite`,
			},
			"the prefix itself": {states: prefixed("backbone."), prefix: "backbone."},
		} {
			into := net(2)
			prefix, err := into.Adopt(c.states)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
					t.Errorf("%s: error %v, want %s", name, err, c.want)
				}
				continue
			}
			weight, _ := into.Get("conv1.weight")
			if err != nil || prefix != c.prefix || !slices.Equal(weight.Bytes(), plain[0].Bytes) {
				t.Errorf("%s: prefix %q, error %v, or other weights", name, prefix, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
