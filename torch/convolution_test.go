// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// convCase is a convolution of n images of in channels and h x w pixels with kernels of k x k.
type convCase struct {
	n, in, h, w, out, k, stride, padding int
}

func (c convCase) String() string {
	return fmt.Sprintf("%d x %d x %d x %d to %d, kernel %d, stride %d, padding %d", c.n, c.in, c.h, c.w, c.out, c.k,
		c.stride, c.padding)
}

// convCases are those of ResNets, and odd ones: sizes that tiles and blocks of 8 rows do not divide, taps that never
// lie within the image, gradients that no output reaches.
var convCases = []convCase{
	{64, 16, 32, 32, 16, 3, 1, 1}, {16, 64, 32, 32, 64, 3, 1, 1}, {64, 128, 16, 16, 128, 3, 1, 1},
	{64, 64, 32, 32, 128, 3, 2, 1}, {64, 64, 32, 32, 128, 1, 2, 0}, {64, 512, 4, 4, 512, 3, 1, 1},
	{256, 3, 32, 32, 16, 3, 1, 1}, {9, 3, 23, 21, 32, 7, 2, 3}, {8, 16, 7, 7, 48, 3, 1, 1}, {11, 32, 5, 4, 16, 3, 1, 1},
	{70, 16, 4, 9, 16, 3, 1, 1}, {13, 48, 9, 9, 80, 3, 2, 1}, {13, 48, 8, 8, 80, 1, 2, 0}, {67, 16, 1, 1, 16, 3, 1, 1},
	{31, 32, 2, 2, 32, 3, 1, 1}, {8, 1, 12, 12, 16, 3, 2, 1}, {8, 5, 12, 12, 16, 3, 1, 2},
	{17, 144, 3, 3, 272, 3, 1, 1}, {10, 16, 6, 6, 16, 5, 3, 0}, {10, 16, 6, 6, 32, 1, 1, 0},
	{12, 16, 3, 3, 16, 3, 1, 3}, {66, 160, 6, 6, 144, 3, 1, 1},
	{300, 48, 10, 10, 32, 3, 1, 1}, {19, 2, 9, 7, 16, 3, 1, 1}, {35, 4, 7, 9, 16, 3, 2, 1},
}

// run returns y and the gradients of x and w for an upstream gradient dy. Images need no gradient.
func (c convCase) run(convolve func(x, w torch.Tensor) torch.Tensor, x, w, dy torch.Tensor) map[string]torch.Tensor {
	x, w = x.Detach().Clone().RequireGrad(c.in%16 == 0), w.Detach().Clone().RequireGrad(true)
	y := convolve(x, w)
	out := map[string]torch.Tensor{"y": y}
	y.To(dy.DType()).Mul(dy).Sum().Backward()
	out["dw"] = w.Grad()
	if c.in%16 == 0 {
		out["dx"] = x.Grad()
	}
	return out
}

func (c convCase) own(x, w torch.Tensor) torch.Tensor {
	return torch.Convolution(x, w, c.stride, c.padding)
}

func (c convCase) dy(r *rand.Rand) torch.Tensor {
	h, w := (c.h+2*c.padding-c.k)/c.stride+1, (c.w+2*c.padding-c.k)/c.stride+1
	return normal(r, 0, 1, c.n, c.out, h, w)
}

// Convolution is Conv2d in float64 as nearly as float32 can be, and with autocast as nearly as its rounded results.
func TestConvolution(t *testing.T) {
	for i, c := range convCases {
		in(t, func() {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			x, w, dy := normal(r, 0.5, 1, c.n, c.in, c.h, c.w), normal(r, 0, 1, c.out, c.in, c.k, c.k), c.dy(r)
			for _, bf16 := range []bool{false, true} {
				tolerance := 1e-5 // a gradient of w adds up hundreds of thousands of products
				if torch.Describe()["own convolutions"] == "none" {
					tolerance = 3e-5 // oneDNN's with AVX2
				}
				if bf16 {
					tolerance = 0.005
					x, w = x.To(torch.BF16).To(torch.F64), w.To(torch.BF16).To(torch.F64)
					dy = dy.To(torch.BF16).To(torch.F64)
				}
				want := c.run(func(x, w torch.Tensor) torch.Tensor {
					return torch.Conv2d(x, w, torch.Tensor{}, c.stride, c.padding, 1)
				}, x, w, dy)
				for _, images := range []torch.Tensor{x.To(torch.F32), x.To(torch.F32).ChannelsLast()} {
					var got map[string]torch.Tensor
					torch.Autocast(bf16, func() { got = c.run(c.own, images, w.To(torch.F32), dy.To(torch.F32)) })
					for name := range want {
						if d := distance(got[name], want[name]); d > tolerance {
							t.Errorf("%v, bf16 %t: %s differs by %g of its largest value", c, bf16, name, d)
						}
					}
				}
			}
		})
	}
}

// The result of our own kernels does not depend on the number of threads.
func TestConvolutionWithThreads(t *testing.T) {
	for i, c := range convCases {
		in(t, func() {
			r := rand.New(rand.NewPCG(3, uint64(i)))
			x := normal(r, 0.5, 1, c.n, c.in, c.h, c.w).To(torch.F32)
			w := normal(r, 0, 1, c.out, c.in, c.k, c.k).To(torch.F32)
			dy := c.dy(r).To(torch.F32)
			defer torch.SetThreads(1)
			own := torch.Describe()["own convolutions"]
			for _, bf16 := range []bool{false, true} {
				if !strings.Contains(own, map[bool]string{false: "float32", true: "bf16"}[bf16]) {
					continue // Conv2d's result may depend on the threads
				}
				var first map[string]torch.Tensor
				for _, threads := range []int{1, 2, 3} {
					torch.SetThreads(threads)
					torch.Autocast(bf16, func() {
						got := c.run(c.own, x, w, dy)
						if first == nil {
							first = got
						}
						for name := range got {
							if d := distance(got[name], first[name]); d != 0 {
								t.Errorf("%v, bf16 %t, %d threads: %s differs by %g", c, bf16, threads, name, d)
							}
						}
					})
				}
			}
		})
	}
}

// RowProducts is a matrix product as nearly as float32 can be, with as many rows and columns as there are.
func TestRowProducts(t *testing.T) {
	for _, c := range [][3]int{{1, 1, 1}, {3, 5, 7}, {8, 32, 64}, {100, 48, 33}, {65, 200, 512}, {7, 15, 20},
		{300, 17, 1}} {
		in(t, func() {
			r := rand.New(rand.NewPCG(5, uint64(c[0])))
			a, b := normal(r, 0.5, 1, c[0], c[2]), normal(r, 0, 1, c[1], c[2])
			want := a.MatMul(b.T())
			if d := distance(a.To(torch.F32).RowProducts(b.To(torch.F32)), want); d > 2e-6 {
				t.Errorf("%d x %d times %d x %d differs by %g of its largest value", c[0], c[2], c[1], c[2], d)
			}
			x := a.To(torch.F32).RequireGrad(true)
			x.RowProducts(b.To(torch.F32)).Sum().Backward()
			if d := distance(x.Grad(), b.Sum(0).Unsqueeze(0)); d > 2e-6 {
				t.Errorf("the gradient of %d x %d differs by %g", c[0], c[2], d)
			}
		})
	}
}

// batchInner returns t (N x C x H x W) in memory H x W x N x C, as Convolution does.
func batchInner(t torch.Tensor) torch.Tensor {
	return t.Permute(2, 1, 3, 0).ChannelsLast().Permute(3, 1, 0, 2).Detach()
}

// Forward and backward at the sizes of a ResNet-18 of width 64 with batches of 64, and of width 16 with 256.
func BenchmarkConvolution(b *testing.B) {
	for _, c := range []convCase{{64, 64, 32, 32, 64, 3, 1, 1}, {64, 64, 32, 32, 128, 3, 2, 1},
		{64, 128, 16, 16, 128, 3, 1, 1}, {64, 256, 8, 8, 256, 3, 1, 1}, {64, 512, 4, 4, 512, 3, 1, 1},
		{256, 16, 32, 32, 16, 3, 1, 1}, {256, 16, 32, 32, 32, 3, 2, 1}, {256, 32, 16, 16, 32, 3, 1, 1},
		{256, 3, 32, 32, 16, 3, 1, 1}} {
		for _, dtype := range []torch.DType{torch.F32, torch.BF16} {
			for _, own := range []bool{false, true} {
				b.Run(fmt.Sprintf("%v/%v/own=%t", c, dtype, own), func(b *testing.B) {
					bench(b, func() func() {
						r := rand.New(rand.NewPCG(4, 1))
						x, dy := normal(r, 0.5, 1, c.n, c.in, c.h, c.w).To(dtype), c.dy(r).To(dtype)
						if own {
							x, dy = batchInner(x), batchInner(dy)
						}
						w := normal(r, 0, 1, c.out, c.in, c.k, c.k).To(torch.F32).RequireGrad(true)
						x.RequireGrad(c.in%16 == 0)
						return func() {
							torch.Autocast(dtype == torch.BF16, func() {
								var y torch.Tensor
								if own {
									y = c.own(x, w)
								} else {
									y = torch.Conv2d(x, w, torch.Tensor{}, c.stride, c.padding, 1)
								}
								y.Mul(dy).Sum().Backward()
							})
						}
					})
				})
			}
		}
	}
}
