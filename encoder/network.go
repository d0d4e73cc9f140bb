// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Network calls f inside torch.Scope with the network, N x 3 x H x W -> N x Features, and its parameters and buffers
// under the backbone's names. f must not change them, or keep them after it returns.
func (e *Encoder) Network(f func(layer nn.Layer, params *nn.Params) error) error {
	return torch.Scope(func() error {
		if e.freed {
			return ErrClosed
		}
		return f(e.layer, e.params)
	})
}
