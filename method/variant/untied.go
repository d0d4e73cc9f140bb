// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// Untied gives every second view a network of its own (VICReg, table 5): Second, a method like the one inside, built
// under "second". Both return one tensor a view from Forward.
type Untied struct {
	parallax.Method
	Second parallax.Method
}

// Unwrap returns the method of the first network.
func (m *Untied) Unwrap() parallax.Method { return m.Method }

// Build makes both networks and returns the first.
func (m *Untied) Build(b *parallax.Build) parallax.Encoder {
	first := m.Method.Build(b)
	second := *b
	second.Params = b.Params.Sub("second")
	m.Second.Build(&second)
	return first
}

// Forward returns what the two networks make of their views, in the views' order.
func (m *Untied) Forward(s *parallax.Step) []torch.Tensor {
	z := make([]torch.Tensor, len(s.Views))
	for i, one := range []parallax.Method{m.Method, m.Second} {
		own := *s
		own.Views = nil
		for v := i; v < len(s.Views); v += 2 {
			own.Views = append(own.Views, s.Views[v])
		}
		out := one.Forward(&own)
		if len(out) != len(own.Views) {
			torch.Fail("untied", "%T makes %d tensors of %d views: only a method with one of each can be untied",
				one, len(out), len(own.Views))
		}
		for k := range out {
			z[i+2*k] = out[k]
		}
	}
	return z
}

// Update moves what either network's method moves.
func (m *Untied) Update(s *parallax.Step) {
	for _, one := range []parallax.Method{m.Method, m.Second} {
		if u, ok := parallax.As[parallax.Updater](one); ok {
			u.Update(s)
		}
	}
}
