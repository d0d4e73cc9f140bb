// SPDX-License-Identifier: Apache-2.0

package train

import "github.com/parallax-ssl/parallax/torch"

// Weights returns how many numbers the optimiser changes.
func (t *Trainer) Weights() (n int, err error) {
	err = torch.Scope(func() error {
		for _, p := range t.params.Trainable() {
			n += p.Tensor.Len()
		}
		return nil
	})
	return n, err
}
