// SPDX-License-Identifier: Apache-2.0

package optim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

// A step of each rule, with clipping, over the tensors of a small ResNet.
func BenchmarkStep(b *testing.B) {
	for name, rule := range rules {
		for _, fused := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fused=%t", name, fused), func(b *testing.B) {
				err := torch.Scope(func() error {
					torch.SetThreads(1)
					r := rand.New(rand.NewPCG(1, 2))
					var params []nn.Named
					for i := range 30 {
						shape := []int{32}
						if i%3 == 0 {
							shape = []int{32, 32, 3, 3}
						}
						p := nn.Named{Name: fmt.Sprint(i), Tensor: random(r, shape).RequireGrad(true)}
						p.Tensor.SetGrad(random(r, shape))
						params = append(params, p)
					}
					o := optim.New(rule, params)
					defer o.Free()
					o.Fuse(fused)
					for b.Loop() {
						err := torch.Scope(func() error {
							o.ClipNorm(1)
							o.Step(1e-9, 1e-9, nil)
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
}
