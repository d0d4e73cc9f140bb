// SPDX-License-Identifier: Apache-2.0

package method_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
)

// BenchmarkLoss computes each method's loss of 256 images and its gradient, between narrow heads on hardly any network:
// what a method costs by itself.
func BenchmarkLoss(b *testing.B) {
	const n = 256
	for _, e := range method.All {
		b.Run(e.Name, func(b *testing.B) {
			err := torch.Scope(func() error {
				torch.SetThreads(1)
				m := build(shrink(e.New()), torch.F32, n)
				defer m.params.Free()
				s := m.step(1, n, 1)
				for b.Loop() {
					err := torch.Scope(func() error {
						m.loss(s).Backward()
						m.clearGradients()
						return nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
