// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/torch"
)

// bench times f in a scope, and reports the CPU time as well: on a busy machine it says more than the clock.
func bench(b *testing.B, setUp func() (f func())) {
	b.Helper()
	err := torch.Scope(func() error {
		torch.SetThreads(1)
		f := setUp()
		f()
		before := cpu()
		for b.Loop() {
			if err := torch.Scope(func() error { f(); return nil }); err != nil {
				return err
			}
		}
		b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Batch norm, a residual and ReLU, forward and backward, at the sizes of a ResNet: the first stage at width 16 and at
// width 64, a later stage, and an MLP.
func BenchmarkBatchNormAct(b *testing.B) {
	for _, shape := range [][]int{{256, 16, 32, 32}, {64, 64, 32, 32}, {64, 512, 4, 4}, {256, 2048}} {
		for _, dtype := range []torch.DType{torch.F32, torch.BF16} {
			for _, residual := range []bool{false, true} {
				for _, fused := range []bool{false, true} {
					name := fmt.Sprintf("%v/%v/residual=%t/fused=%t", shape, dtype, residual, fused)
					b.Run(name, func(b *testing.B) {
						bench(b, func() func() {
							r := rand.New(rand.NewPCG(1, 2))
							x := normal(r, 0, 1, shape...).To(dtype).RequireGrad(true)
							w := torch.Ones(torch.F32, shape[1]).RequireGrad(true)
							bias := torch.Zeros(torch.F32, shape[1]).RequireGrad(true)
							mean, variance := torch.Zeros(torch.F32, shape[1]), torch.Ones(torch.F32, shape[1])
							dy := normal(r, 0, 1, shape...).To(dtype)
							var more torch.Tensor
							if residual {
								more = normal(r, 0, 1, shape...).To(dtype).RequireGrad(true)
							}
							return func() {
								var y torch.Tensor
								if fused {
									y, _, _ = torch.BatchNormAct(x, w, bias, more, true, eps, nil)
								} else {
									y = torch.BatchNorm(x, w, bias, mean, variance, true, 0.1, eps)
									if residual {
										y = y.Add(more)
									}
									y = y.ReLU()
								}
								y.Mul(dy).Sum().Backward() // three more passes
								for _, t := range []torch.Tensor{x, w, bias, more} {
									if t.Defined() {
										t.SetGrad(torch.Tensor{})
									}
								}
							}
						})
					})
				}
			}
		}
	}
}
