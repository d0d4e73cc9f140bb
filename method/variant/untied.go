// SPDX-License-Identifier: Apache-2.0

package variant

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// Untied gives every second view a network of its own (VICReg, table 5). Forward of both methods returns one tensor for
// each view.
type Untied struct {
	parallax.Method
	Second parallax.Method // a method like the first; its network is built under "second"
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

// Forward gives the views to the two networks in turn, and returns the results in the order of the views.
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
			torch.Fail("untied", "Forward of %T returned %d tensors for %d views: only a method with one tensor for "+
				"each view can be untied", one, len(out), len(own.Views))
		}
		for k := range out {
			z[i+2*k] = out[k]
		}
	}
	return z
}

// Joins reports whether each network sees one view only.
func (m *Untied) Joins() bool { return len(m.Views(1)) == 2 }

// Update calls Update of both methods.
func (m *Untied) Update(s *parallax.Step) {
	for _, one := range []parallax.Method{m.Method, m.Second} {
		if u, ok := parallax.As[parallax.Updater](one); ok {
			u.Update(s)
		}
	}
}
