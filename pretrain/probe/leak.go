// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/torch"
)

// WithLeak returns the method of a run such that every step reports what parallax.Leaker measures, as bn_leak: m itself
// unless the config asks for it.
func WithLeak(m parallax.Method, c *config.Config) (parallax.Method, error) {
	if !c.Probe.Leak {
		return m, nil
	}
	l, ok := parallax.As[parallax.Leaker](m)
	if !ok {
		return nil, fmt.Errorf("probe.leak does not go with %s: leave it out, or train mocov1, mocov2 or mocov2plus",
			c.Method.Name)
	}
	return leaking{m, l}, nil
}

// leaking reports the leak of the method inside.
type leaking struct {
	parallax.Method
	leaker parallax.Leaker
}

// Unwrap returns the method inside.
func (m leaking) Unwrap() parallax.Method { return m.Method }

// Forward is the method's. The leak is measured in it, so that the second pass has the first one's precision.
func (m leaking) Forward(s *parallax.Step) []torch.Tensor {
	z := m.Method.Forward(s)
	s.Report("bn_leak", m.leaker.Leak(s, z))
	return z
}
