// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a scope. It fails the test on an error and on tensors left behind.
func in(t *testing.T, f func()) {
	t.Helper()
	live := -1
	err := torch.Scope(func() error {
		live = torch.Live()
		return torch.Scope(func() error { f(); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	var after int
	if err := torch.Scope(func() error { after = torch.Live(); return nil }); err != nil {
		t.Fatal(err)
	}
	if after != live {
		t.Errorf("%d tensors before, %d after", live, after)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestArithmetic(t *testing.T) {
	in(t, func() {
		a := torch.FromFloat64([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
		b := torch.FromFloat64([]float64{10, 20, 30}, 3)
		near(t, "sum(a+b)", a.Add(b).Sum().Item(), 141)
		near(t, "sum(a·bᵀ)", a.MatMul(b.Reshape(3, 1)).Sum().Item(), 140+320)
		near(t, "mean over rows", a.Mean(0).Float64s()[2], 4.5)
		near(t, "unbiased variance", a.Var(1).Item(), 3.5)
		near(t, "norm of a row", a.Norm(1).Float64s()[0], math.Sqrt(14))
		near(t, "unit rows", a.Normalize(1).Square().Sum().Item(), 2)
		near(t, "standardised rows", a.Standardize(0).Float64s()[0], -1.5/math.Sqrt(2.25+1e-5))
		near(t, "log-sum-exp", a.LogSumExp(1).Float64s()[0], math.Log(math.Exp(1)+math.Exp(2)+math.Exp(3)))
		values, index := a.TopK(2, 1)
		near(t, "second of row 1", values.Float64s()[3], 5)
		if got := index.Ints(); got[0] != 2 || got[1] != 1 {
			t.Errorf("top 2 of row 0 are at %v, want 2 1", got[:2])
		}
		c := a.MatMul(a.T())
		near(t, "off-diagonal", c.OffDiagonal().Sum().Item(), 64)
		near(t, "diagonal", c.Diagonal().Sum().Item(), 14+77)
		near(t, "chunk", a.Chunk(0, 2)[1].Sum().Item(), 15)
	})
}

func TestBackwardMatchesTheDerivative(t *testing.T) {
	in(t, func() {
		x := torch.FromFloat64([]float64{0.3, -1.2, 2}, 3).RequireGrad(true)
		x.Exp().Mul(x).Sum().Backward()
		for i, g := range x.Grad().Float64s() {
			v := []float64{0.3, -1.2, 2}[i]
			near(t, "d(x·eˣ)", g, math.Exp(v)*(1+v))
		}
		torch.NoGrad(func() {
			if x.Square().RequiresGrad() {
				t.Error("NoGrad recorded an operation")
			}
		})
		if !x.Square().RequiresGrad() {
			t.Error("NoGrad outlived its function")
		}
	})
}

func TestScopeReturnsTheErrorAndGoesOn(t *testing.T) {
	var engine *torch.Error
	err := torch.Scope(func() error {
		torch.Zeros(torch.F32, 2, 3).MatMul(torch.Zeros(torch.F32, 2, 3))
		t.Error("an impossible product was computed")
		return nil
	})
	if !errors.As(err, &engine) || engine.Op != "MatMul" {
		t.Fatalf("got %v, want a *torch.Error of MatMul", err)
	}
	if strings.Contains(err.Error(), "Exception raised from") {
		t.Errorf("the message carries a C++ stack: %v", err)
	}
	in(t, func() { near(t, "after the error", torch.Ones(torch.F64, 3).Sum().Item(), 3) })
}

func TestLifetime(t *testing.T) {
	var outer, dead, owned torch.Tensor
	in(t, func() {
		if err := torch.Scope(func() error {
			dead = torch.Ones(torch.F32, 1)
			outer = torch.Ones(torch.F32, 2).Keep()
			owned = torch.Ones(torch.F32, 3).Own()
			return nil
		}); err != nil {
			t.Error(err)
			return
		}
		near(t, "kept", outer.Sum().Item(), 2)
		torch.Free(owned)
	})
	for name, tensor := range map[string]torch.Tensor{"dead": dead, "kept": outer, "freed": owned, "zero": {}} {
		if !refused(func() { tensor.Item() }) {
			t.Errorf("%s: a tensor that is gone could be read", name)
		}
	}
}

// refused reports whether f fails: with an error, or with the panic that the tag parallax_debug makes of the error.
func refused(f func()) (failed bool) {
	defer func() { failed = failed || recover() != nil }()
	return torch.Scope(func() error { f(); return nil }) != nil
}

func TestOtherPanicsPassThrough(t *testing.T) {
	defer func() {
		r, ok := recover().(*crash.Error)
		if !ok || r.Value != "mine" || !bytes.Contains(r.Stack, []byte("torch_test.go")) {
			t.Errorf("recovered %v", r)
		}
		in(t, func() {})
	}()
	torch.Scope(func() error { panic("mine") })
}

// What libtorch, the system or the device says of a failed allocation is one kind of error, which names the size.
func TestMemoryErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to " +
			"allocate 4294967296 bytes. Error code 12", "not enough memory for 4096 MiB more (Op)"},
		{"CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has", "not enough memory for 2.50 GiB more (Op)"},
		{"std::bad_alloc", "not enough memory (Op): use a smaller batch"},
	} {
		err := error(&torch.Error{Op: "Op", Text: c.text})
		if !errors.Is(err, torch.ErrMemory) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v", err)
		}
	}
	if errors.Is(&torch.Error{Op: "Op", Text: "shapes differ"}, torch.ErrMemory) {
		t.Error("every error is one of memory")
	}
}

func TestManyGoroutines(t *testing.T) {
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for range 50 {
				var got float64
				if err := torch.Scope(func() error {
					got = torch.Full(float64(g), torch.F64, 10).Sum().Item()
					return nil
				}); err != nil || got != float64(10*g) {
					t.Errorf("goroutine %d: %v, %v", g, got, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestBytesRoundTrip(t *testing.T) {
	in(t, func() {
		for _, dtype := range []torch.DType{torch.F64, torch.F32, torch.F16, torch.BF16, torch.I64, torch.U8,
			torch.Bool} {
			a := torch.FromFloat64([]float64{0, 1, 1, 0}, 2, 2).To(dtype)
			b := torch.FromBytes(a.Bytes(), dtype, 2, 2)
			near(t, dtype.String(), a.To(torch.F64).Sub(b.To(torch.F64)).Abs().Sum().Item(), 0)
			if parsed, err := torch.ParseDType(dtype.String()); err != nil || parsed != dtype {
				t.Errorf("%s parses as %v, %v", dtype, parsed, err)
			}
		}
	})
}

func TestEmptyAndScalar(t *testing.T) {
	in(t, func() {
		if n := torch.FromFloat32(nil, 0, 3).Len(); n != 0 {
			t.Errorf("an empty tensor has %d elements", n)
		}
		if s := torch.Ones(torch.F32).Shape(); len(s) != 0 {
			t.Errorf("a scalar has shape %v", s)
		}
	})
}

func TestInPlace(t *testing.T) {
	in(t, func() {
		for _, dtype := range []torch.DType{torch.F64, torch.I64} {
			a := torch.FromInts([]int{1, 2, 3}, 3).To(dtype).Clone()
			torch.Ones(dtype, 3).AddInto(a, 2)
			near(t, "a + 2·1 as "+dtype.String(), a.Sum().Item(), 12)
			torch.FromInts([]int{7}, 1).To(dtype).IndexCopyInto(a, torch.FromInts([]int{1}, 1))
			near(t, "row 1 as "+dtype.String(), a.Float64s()[1], 7)
		}
		a, b := torch.Zeros(torch.F64, 2), torch.Ones(torch.F64, 2)
		torch.LerpInto([]torch.Tensor{a}, []torch.Tensor{b}, 0.25)
		near(t, "moving average", a.Sum().Item(), 0.5)
	})
}

func TestAutocast(t *testing.T) {
	in(t, func() {
		a := torch.Ones(torch.F32, 2, 2)
		torch.Autocast(true, func() {
			if d := a.MatMul(a).DType(); d != torch.BF16 {
				t.Errorf("under autocast a product is %v", d)
			}
			torch.Autocast(false, func() {
				if d := a.MatMul(a).DType(); d != torch.F32 {
					t.Errorf("with autocast off inside, a product is %v", d)
				}
			})
		})
		if d := a.MatMul(a).DType(); d != torch.F32 {
			t.Errorf("after autocast a product is %v", d)
		}
	})
}

func TestCholesky(t *testing.T) {
	in(t, func() {
		a := torch.FromFloat64([]float64{4, 2, 2, 5}, 2, 2)
		l, ok := a.Cholesky()
		if !ok {
			t.Error("a positive definite matrix was not factored")
		}
		near(t, "L·Lᵀ - A", l.MatMul(l.T()).Sub(a).Abs().Sum().Item(), 0)
		x := l.SolveTriangular(torch.Eye(2, torch.F64), false)
		near(t, "L·L⁻¹ - I", l.MatMul(x).Sub(torch.Eye(2, torch.F64)).Abs().Sum().Item(), 0)
		if _, ok := torch.FromFloat64([]float64{1, 2, 2, 1}, 2, 2).Cholesky(); ok {
			t.Error("an indefinite matrix was factored")
		}
	})
}

func TestEigH(t *testing.T) {
	in(t, func() {
		a := torch.FromFloat64([]float64{2, 1, 1, 2}, 2, 2)
		values, u := a.EigH()
		near(t, "the smaller eigenvalue", values.Float64s()[0], 1)
		near(t, "the larger", values.Float64s()[1], 3)
		near(t, "the larger one's eigenvector (1, 1)/√2", u.Narrow(1, 1, 1).Sum().Abs().Item(), math.Sqrt2)
		near(t, "U·diag(s)·Uᵀ - A", u.Mul(values).MatMul(u.T()).Sub(a).Abs().Sum().Item(), 0)
		near(t, "UᵀU - I", u.T().MatMul(u).Sub(torch.Eye(2, torch.F64)).Abs().Sum().Item(), 0)
		if err := torch.Scope(func() error { torch.Ones(torch.F64, 2, 3).EigH(); return nil }); err == nil {
			t.Error("a matrix that is not square has eigenvectors")
		}
	})
}

func TestNormsAndAttention(t *testing.T) {
	in(t, func() {
		x := torch.FromFloat64([]float64{1, 2, 3, 6}, 1, 4)
		w, b := torch.Ones(torch.F64, 4), torch.Zeros(torch.F64, 4)
		near(t, "layer norm", torch.LayerNorm(x, w, b, 0).Float64s()[0], -2/math.Sqrt(3.5))
		near(t, "group norm", torch.GroupNorm(x, 2, w, b, 0).Float64s()[3], 1)
		q := torch.Zeros(torch.F64, 1, 1, 2, 1)
		near(t, "uniform attention", torch.Attention(q, q,
			torch.FromFloat64([]float64{1, 5}, 1, 1, 2, 1)).Float64s()[1], 3)
	})
}

// A strided 1 x 1 convolution is a product with every stride-th pixel, and so is its gradient. With few channels in
// channels-last, libtorch's own gradient wrote past the end of the kernel's (train.cpp) and corrupted the heap.
func TestStridedPointwiseConvolution(t *testing.T) {
	for _, channels := range []int{2, 3, 4, 6, 8, 12} {
		in(t, func() {
			const n, out, side, stride = 16, 8, 16, 2
			x := seeded(n, channels, side, side).ChannelsLast().RequireGrad(true)
			w := seeded(out, channels, 1, 1).RequireGrad(true)
			for range 20 {
				w.SetGrad(torch.Tensor{})
				x.SetGrad(torch.Tensor{})
				torch.Conv2d(x, w, torch.Tensor{}, stride, 0, 1).Square().Sum().Backward()
			}
			var rows []float32 // of every second pixel
			data := x.Float64s()
			for i := range n {
				for r := 0; r < side; r += stride {
					for c := 0; c < side; c += stride {
						for k := range channels {
							rows = append(rows, float32(data[((i*channels+k)*side+r)*side+c]))
						}
					}
				}
			}
			v := seeded(out, channels).RequireGrad(true)
			torch.FromFloat32(rows, len(rows)/channels, channels).MatMul(v.T()).Square().Sum().Backward()
			want := v.Grad().Float64s()
			for i, got := range w.Grad().Float64s() {
				if math.Abs(got-want[i]) > 1e-4*math.Max(1, math.Abs(want[i])) {
					t.Errorf("%d channels: gradient %d is %v, want %v", channels, i, got, want[i])
					return
				}
			}
			// ∂/∂x is 2 wᵀ(w x) at those pixels, and 0 elsewhere.
			down, weight := x.Grad().Float64s(), w.Float64s()
			for at, got := range down {
				c, r, k, i := at%side, at/side%side, at/side/side%channels, at/side/side/channels
				sum := 0.0
				if c%stride == 0 && r%stride == 0 {
					for o := range out {
						y := 0.0
						for l := range channels {
							y += weight[o*channels+l] * data[((i*channels+l)*side+r)*side+c]
						}
						sum += 2 * y * weight[o*channels+k]
					}
				}
				if math.Abs(got-sum) > 1e-4 {
					t.Errorf("%d channels: the gradient by pixel %d is %v, want %v", channels, at, got, sum)
					return
				}
			}
		})
	}
}

// seeded holds numbers from -0.5 to 0.5 that are the same every time.
func seeded(shape ...int) torch.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i*7%17)/17 - 0.5
	}
	return torch.FromFloat32(v, shape...)
}
