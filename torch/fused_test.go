// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

const eps = 1e-5

// normal returns a float64 tensor of N(mean, std²), with the channels innermost in memory if it is four-dimensional.
func normal(r *rand.Rand, mean, std float64, shape ...int) torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = mean + std*r.NormFloat64()
	}
	t := torch.FromFloat64(values, shape...)
	if len(shape) == 4 {
		t = t.ChannelsLast()
	}
	return t
}

// distance returns the largest difference of a and b over the largest value of b, at least 1.
func distance(a, b torch.Tensor) float64 {
	a, b = a.To(torch.F64), b.To(torch.F64)
	return a.Sub(b).Abs().Max().Item() / math.Max(1, b.Abs().Max().Item())
}

// normCase is a batch norm with what may come with it.
type normCase struct {
	shape                  []int
	relu, residual, affine bool
}

func (c normCase) String() string {
	return fmt.Sprintf("%v relu=%t residual=%t affine=%t", c.shape, c.relu, c.residual, c.affine)
}

// run returns y, mean, variance and all gradients for an upstream gradient dy: by BatchNormAct, or by libtorch's
// operations one after the other.
func (c normCase) run(fused bool, x, w, b, residual, dy torch.Tensor) map[string]torch.Tensor {
	leaf := func(t torch.Tensor) torch.Tensor { return t.Detach().Clone().RequireGrad(true) }
	x, w, b, residual = leaf(x), leaf(w), leaf(b), leaf(residual)
	var none, weight, bias, more torch.Tensor
	if c.affine {
		weight, bias = w, b
	}
	if c.residual {
		more = residual
	}
	out := map[string]torch.Tensor{}
	if fused {
		out["y"], out["mean"], out["variance"] = torch.BatchNormAct(x, weight, bias, more, c.relu, eps, nil)
	} else {
		dtype := torch.F64
		if x.DType() != torch.F64 {
			dtype = torch.F32
		}
		// Running statistics that move all the way are those of the batch.
		out["mean"], out["variance"] = torch.Zeros(dtype, c.shape[1]), torch.Zeros(dtype, c.shape[1])
		y := torch.BatchNorm(x, weight, bias, out["mean"], out["variance"], true, 1, eps)
		if c.residual {
			y = y.Add(residual)
		}
		if c.relu {
			y = y.ReLU()
		}
		out["y"] = y
	}
	out["y"].Mul(dy).Sum().Backward()
	out["dx"], out["dw"], out["db"], out["dresidual"] = x.Grad(), w.Grad(), b.Grad(), residual.Grad()
	for name, t := range out {
		if t == none {
			delete(out, name)
		}
	}
	return out
}

var normCases = func() (all []normCase) {
	for _, shape := range [][]int{{2, 1}, {7, 3}, {64, 16}, {33, 17}, {300, 64}, {70, 2048}, {5, 100}, {20000, 1},
		{1, 3, 1, 2}, {2, 16, 3, 3}, {9, 16, 32, 32}, {3, 17, 5, 7}, {5, 64, 16, 16}, {2, 130, 4, 4}, {4, 2048, 2, 2},
		{8, 48, 31, 1}} {
		for i := range 8 {
			all = append(all, normCase{shape, i&1 != 0, i&2 != 0, i&4 != 0})
		}
	}
	return all
}()

// In float64, BatchNormAct is batch norm, addition and ReLU to the last digits; in float32 and bfloat16 it is as near
// to float64's values as its types allow.
func TestBatchNormActIsItsParts(t *testing.T) {
	for i, c := range normCases {
		in(t, func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			x, residual := normal(r, 0.7, 2, c.shape...), normal(r, 0, 1, c.shape...)
			w, b := normal(r, 1, 0.5, c.shape[1]), normal(r, 0, 0.5, c.shape[1])
			dy := normal(r, 0, 1, c.shape...)
			for _, dtype := range []torch.DType{torch.F64, torch.F32, torch.BF16} {
				tolerance, wide := 1e-11, torch.F64
				switch dtype {
				case torch.F32:
					tolerance, wide = 2e-4, torch.F32
				case torch.BF16:
					tolerance, wide = 0.02, torch.F32
				}
				// The ReLU of a value near 0 may fall on either side, so the parts get the rounded inputs, too, and the
				// gradient at elements near the kink is left out.
				x, residual, dy := x.To(dtype), residual.To(dtype), dy.To(dtype)
				w, b := w.To(wide), b.To(wide)
				f64 := func(t torch.Tensor) torch.Tensor { return t.To(torch.F64) }
				if c.relu {
					pre := normCase{c.shape, false, c.residual, c.affine}
					y := pre.run(false, f64(x), f64(w), f64(b), f64(residual), f64(dy))["y"]
					dy = dy.MaskedFill(y.Abs().Lt(torch.Full(tolerance, torch.F64)), 0)
				}
				want := c.run(false, f64(x), f64(w), f64(b), f64(residual), f64(dy))
				got := c.run(true, x, w, b, residual, dy)
				if len(got) != len(want) {
					t.Errorf("%v, %v: %d results, want %d", c, dtype, len(got), len(want))
				}
				for name, want := range want {
					have := got[name]
					narrow := name == "y" || name == "dx" || name == "dresidual"
					if narrow && have.DType() != dtype {
						t.Errorf("%v, %v: %s is %v", c, dtype, name, have.DType())
					}
					if d := distance(have, want); !(d <= tolerance) {
						t.Errorf("%v, %v: %s is off by %g", c, dtype, name, d)
					}
				}
				if got["mean"].RequiresGrad() || got["variance"].RequiresGrad() {
					t.Errorf("%v, %v: the statistics have a gradient", c, dtype)
				}
			}
		})
	}
}

// The gradient of a weighted sum of y is that of finite differences.
func TestBatchNormActGradient(t *testing.T) {
	for i, c := range normCases {
		if n := c.shape[0]; n > 40 || len(c.shape) == 4 && c.shape[2] > 8 || c.shape[1] > 100 {
			continue
		}
		in(t, func() {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			leaves := map[string]torch.Tensor{
				"dx": normal(r, 3, 1, c.shape...), "dresidual": normal(r, 0, 1, c.shape...),
				"dw": normal(r, 1, 0.5, c.shape[1]), "db": normal(r, 0, 0.5, c.shape[1]),
			}
			dy := normal(r, 0, 1, c.shape...)
			run := func(in map[string]torch.Tensor) map[string]torch.Tensor {
				return c.run(true, in["dx"], in["dw"], in["db"], in["dresidual"], dy)
			}
			got := run(leaves)
			for name := range leaves {
				if !got[name].Defined() {
					continue
				}
				direction := normal(r, 0, 1, leaves[name].Shape()...)
				const h = 1e-7
				value := func(step float64) float64 {
					moved := map[string]torch.Tensor{}
					for n, t := range leaves {
						moved[n] = t
					}
					moved[name] = leaves[name].Add(direction.Scale(step))
					return run(moved)["y"].Mul(dy).Sum().Item()
				}
				want := (value(h) - value(-h)) / (2 * h)
				along := got[name].Mul(direction).Sum().Item()
				if !(math.Abs(along-want) < 1e-4*math.Max(1, math.Abs(want))) {
					t.Errorf("%v: %s is %g along a direction, want %g", c, name, along, want)
				}
			}
		})
	}
}

// Sums are shifted, so a mean of many standard deviations costs no digits of the variance; a constant channel has the
// variance 0; NaN is not hidden.
func TestBatchNormActOfExtremes(t *testing.T) {
	var none torch.Tensor
	in(t, func() {
		r := rand.New(rand.NewPCG(3, 4))
		for _, mean := range []float64{1e4, -1e6} {
			x := normal(r, mean, 1, 64, 32, 16, 16).To(torch.F32)
			y, _, variance := torch.BatchNormAct(x, none, none, none, false, eps, nil)
			exact := x.To(torch.F64)
			want := exact.Var(1, 0, 2, 3)
			if d := distance(variance, want); d > 2e-5 {
				t.Errorf("mean %g: the variance is off by %g", mean, d)
			}
			wide, _, _ := torch.BatchNormAct(exact, none, none, none, false, eps, nil)
			if d := distance(y, wide); d > 1e-5 {
				t.Errorf("mean %g: y is off by %g", mean, d)
			}
		}
		for _, dtype := range []torch.DType{torch.F64, torch.F32, torch.BF16} {
			x := torch.Full(5.3, dtype, 10, 20, 9, 9).ChannelsLast().RequireGrad(true)
			y, _, variance := torch.BatchNormAct(x, none, none, none, true, eps, nil)
			if v := variance.Abs().Max().Item(); v > 1e-28 { // float64 is added in float64
				t.Errorf("%v: the variance of a constant is %g", dtype, v)
			}
			if v := y.Abs().Max().Item(); !(v < 1e-3) {
				t.Errorf("%v: a constant becomes %g", dtype, v)
			}
			y.Sum().Backward()
			if !(x.Grad().Abs().Max().Item() < 1e-3) {
				t.Errorf("%v: the gradient of a constant's sum is %g", dtype, x.Grad().Abs().Max().Item())
			}
			broken := normal(r, 0, 1, 3, 70).To(dtype).MaskedFill(torch.FromInts([]int{1, 0, 0}, 3, 1).Eq(
				torch.FromInts([]int{1})), math.NaN())
			y, _, _ = torch.BatchNormAct(broken, none, none, none, true, eps, nil)
			if n := y.IsFinite().To(torch.I64).Sum().Item(); n != 0 {
				t.Errorf("%v: %g values of channels with NaN are finite", dtype, n)
			}
		}
	})
}

// A single row has no unbiased variance, as in libtorch; it comes out as the bias.
func TestBatchNormActOfOneRow(t *testing.T) {
	var none torch.Tensor
	in(t, func() {
		for _, shape := range [][]int{{1, 3}, {1, 70}, {1, 3, 1, 1}} {
			x := normal(rand.New(rand.NewPCG(1, 1)), 0, 1, shape...).To(torch.F32).RequireGrad(true)
			bias := torch.Full(0.5, torch.F32, shape[1])
			y, mean, variance := torch.BatchNormAct(x, none, bias, none, true, eps, nil)
			y.Sum().Backward()
			most := func(t torch.Tensor) float64 { return t.Abs().Max().Item() }
			if most(y.Shift(-0.5)) != 0 || distance(mean, x.Reshape(shape[1])) != 0 || most(x.Grad()) != 0 ||
				variance.IsFinite().To(torch.I64).Sum().Item() != 0 {
				t.Errorf("%v: y %v, mean %v, variance %v", shape, y.Float64s(), mean.Float64s(), variance.Float64s())
			}
		}
	})
}

// What the loops cannot take goes through libtorch's operations: three dimensions, a residual of another type. A view
// in another layout is copied.
func TestBatchNormActOfOtherInput(t *testing.T) {
	var none torch.Tensor
	in(t, func() {
		r := rand.New(rand.NewPCG(5, 6))
		c := normCase{shape: []int{4, 6, 5}, relu: true, residual: true, affine: true}
		x, residual, dy := normal(r, 1, 1, 4, 6, 5), normal(r, 0, 1, 4, 6, 5), normal(r, 0, 1, 4, 6, 5)
		w, b := normal(r, 1, 0.5, 6), normal(r, 0, 1, 6)
		want := c.run(false, x, w, b, residual, dy)
		for name, got := range c.run(true, x, w, b, residual, dy) {
			if d := distance(got, want[name]); d > 1e-11 {
				t.Errorf("three dimensions: %s is off by %g", name, d)
			}
		}
		square := normal(r, 0, 1, 6, 6, 3, 3)
		turned, _, _ := torch.BatchNormAct(square.Transpose(0, 1), none, none, none, true, eps, nil)
		plain, _, _ := torch.BatchNormAct(square.Transpose(0, 1).Clone().ChannelsLast(), none, none, none, true, eps,
			nil)
		if d := distance(turned, plain); d != 0 {
			t.Errorf("a transposed view: off by %g", d)
		}
		half := square.To(torch.BF16)
		y, _, _ := torch.BatchNormAct(half, none, none, square.To(torch.F32), true, eps, nil)
		if d := distance(y, torch.BatchNorm(half, none, none, none, none, true, 0, eps).Add(square).ReLU()); d > 0.01 ||
			y.DType() != torch.F32 {
			t.Errorf("a float32 residual of bfloat16: off by %g, %v", d, y.DType())
		}
	})
	err := torch.Scope(func() error {
		torch.BatchNormAct(torch.Ones(torch.F32, 4, 6), torch.Ones(torch.F32, 5), none, none, true, eps, nil)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "BatchNormAct") {
		t.Errorf("a weight of another length: %v", err)
	}
}

// NormAct is batch norm by running statistics, addition and ReLU, with gradients or without.
func TestBatchNormActInEvaluation(t *testing.T) {
	for i, c := range normCases {
		in(t, func() {
			var weight, bias, more torch.Tensor
			r := rand.New(rand.NewPCG(8, uint64(i)))
			x, w, b := normal(r, 1, 1, c.shape...), normal(r, 1, 0.5, c.shape[1]), normal(r, 0, 1, c.shape[1])
			mean, variance := normal(r, 0, 1, c.shape[1]), normal(r, 0, 1, c.shape[1]).Square()
			if c.affine {
				weight, bias = w, b
			}
			if c.residual {
				more = normal(r, 0, 1, c.shape...)
			}
			want := torch.BatchNorm(x, weight, bias, mean, variance, false, 0.1, eps)
			if c.residual {
				want = want.Add(more)
			}
			if c.relu {
				want = want.ReLU()
			}
			got := torch.NormAct(x, weight, bias, mean, variance, more, c.relu, eps)
			if d := distance(got, want); d > 1e-11 {
				t.Errorf("%v: off by %g", c, d)
			}
			x.RequireGrad(true)
			recorded := torch.NormAct(x, weight, bias, mean, variance, more, c.relu, eps)
			if d := distance(recorded, want); d != 0 || !recorded.RequiresGrad() {
				t.Errorf("%v, with gradient: off by %g", c, d)
			}
		})
	}
}

// The bits do not depend on the number of threads.
func TestBatchNormActOfAnyThreads(t *testing.T) {
	in(t, func() {
		defer torch.SetThreads(1)
		for i, c := range normCases {
			var first map[string]torch.Tensor
			for _, threads := range []int{1, 2, 3} {
				torch.SetThreads(threads)
				r := rand.New(rand.NewPCG(7, uint64(i)))
				x, residual, dy := normal(r, 1, 1, c.shape...), normal(r, 0, 1, c.shape...), normal(r, 0, 1, c.shape...)
				w, b := normal(r, 1, 0.5, c.shape[1]), normal(r, 0, 1, c.shape[1])
				single := func(t torch.Tensor) torch.Tensor { return t.To(torch.F32) }
				got := c.run(true, single(x), single(w), single(b), single(residual), single(dy))
				if first == nil {
					first = got
				}
				for name := range got {
					if string(got[name].Bytes()) != string(first[name].Bytes()) {
						t.Errorf("%v: %s differs with %d threads", c, name, threads)
					}
				}
			}
		}
	})
}

// The tests of this file hold for the kernels of every processor, as libtorch's variable asks for them.
func TestFusedOnOlderProcessors(t *testing.T) {
	if os.Getenv("ATEN_CPU_CAPABILITY") != "" {
		t.Skip("is such a test itself")
	}
	if testing.Short() {
		t.Skip("runs tests twice more")
	}
	for _, capability := range []string{"default", "avx2"} {
		cmd := exec.Command(os.Args[0], "-test.run", "TestBatchNormAct", "-test.v")
		cmd.Env = append(os.Environ(), "ATEN_CPU_CAPABILITY="+capability)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "--- PASS") < 5 {
			t.Errorf("%s: %v\n%s", capability, err, out)
		}
	}
}
