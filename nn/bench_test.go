// SPDX-License-Identifier: Apache-2.0

package nn_test

import (
	"fmt"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// A moving average of a small ResNet's number of tensors.
func BenchmarkMoveTowards(b *testing.B) {
	for _, fused := range []bool{false, true} {
		b.Run(fmt.Sprintf("fused=%t", fused), func(b *testing.B) {
			err := torch.Scope(func() error {
				torch.SetThreads(1)
				p := nn.NewParams(1, torch.F32)
				defer p.Free()
				p.Fuse(fused)
				for _, name := range []string{"own", "online"} {
					for i := range 10 {
						p.Sub(name).Param(fmt.Sprint("weight", i), nn.Uniform(1), 32, 32, 3, 3)
						p.Sub(name).Param(fmt.Sprint("bias", i), nn.Uniform(1), 32)
					}
				}
				for b.Loop() {
					p.Sub("own").MoveTowards(p.Sub("online"), 0.99)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
