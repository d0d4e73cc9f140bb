// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/together"
	"github.com/parallax-ssl/parallax/torch"
)

// Rows come in the order of the processes, of any type, also if there are more of one than of another.
func TestGroupGather(t *testing.T) {
	together.Run(t, 3, func(t *testing.T, g *torch.Group) {
		if g.Processes() != 3 {
			t.Fatalf("%d processes", g.Processes())
		}
		for _, rows := range [][]int{{2, 2, 2}, {1, 0, 3}} {
			var want []float64
			own := 0.
			for rank, n := range rows {
				for i := range n {
					want = append(want, float64(10*rank+i), float64(10*rank+i)+0.5)
				}
				if rank == g.Rank() {
					own = float64(n)
				}
			}
			var values []float64
			for i := range int(own) {
				values = append(values, float64(10*g.Rank()+i), float64(10*g.Rank()+i)+0.5)
			}
			for _, d := range []torch.DType{torch.F64, torch.F32, torch.BF16} {
				got := g.Gather(torch.FromFloat64(values, int(own), 2).To(d))
				if !slices.Equal(got.Float64s(), want) || got.DType() != d || got.Size(1) != 2 {
					t.Errorf("%v %v: %v, want %v", rows, d, got.Float64s(), want)
				}
			}
		}
		ints := g.Gather(torch.FromInts([]int{g.Rank(), 7}, 2))
		if !slices.Equal(ints.Float64s(), []float64{0, 7, 1, 7, 2, 7}) {
			t.Errorf("whole numbers: %v", ints.Float64s())
		}
		if err := torch.Scope(func() error {
			g.Gather(torch.Zeros(torch.F32, 2,
				1+g.Rank()))
			return nil
		}); err == nil ||
			!strings.Contains(err.Error(), "another shape") {
			t.Errorf("rows of different widths: %v", err)
		}
	})
}

// The gradient of the mean over the processes of their losses is that of one process with all rows, for a loss of the
// own rows, of the rows of all, and of both.
func TestGroupGradients(t *testing.T) {
	together.Run(t, 2, func(t *testing.T, g *torch.Group) {
		const n = 4 // rows, of 3 values
		all := make([]float64, 3*n)
		for i := range all {
			all[i] = math.Sin(float64(3 * i))
		}
		weights := []float64{0.5, -1, 2}
		rows := torch.FromFloat64(all, n, 3)
		share := n / g.Processes()
		type gather = func(torch.Tensor) torch.Tensor
		for _, c := range []struct {
			name string
			loss func(own torch.Tensor, all gather) torch.Tensor
		}{
			{"own", func(own torch.Tensor, _ gather) torch.Tensor { return own.Square().Mean() }},
			{"all", func(own torch.Tensor, all gather) torch.Tensor {
				whole := all(own)
				return whole.T().MatMul(whole).Square().Sum()
			}},
			{"own with all", func(own torch.Tensor, all gather) torch.Tensor {
				return own.MatMul(all(own).T()).LogSumExp(1).Mean()
			}},
		} {
			gradient := func(x torch.Tensor, group *torch.Group) []float64 {
				w := torch.FromFloat64(weights, 3).RequireGrad(true)
				z := x.Mul(w).Exp()
				group.Average([]torch.Tensor{w}, func() { c.loss(z, group.Gather).Backward() })
				return w.Grad().Float64s()
			}
			want := gradient(rows, nil)
			got := gradient(rows.Narrow(0, g.Rank()*share, share), g)
			for i := range want {
				if math.Abs(got[i]-want[i]) > 1e-12*math.Abs(want[i]) {
					t.Errorf("%s: %v, want %v", c.name, got, want)
				}
			}
		}
	})
}

// Batch norm over a group is batch norm of one process with all rows: what comes out, the statistics, and every
// gradient.
func TestGroupBatchNorm(t *testing.T) {
	together.Run(t, 3, func(t *testing.T, g *torch.Group) {
		for _, d := range []torch.DType{torch.F64, torch.F32, torch.F16} {
			for _, shape := range [][]int{{12, 5}, {12, 5, 3, 4}} {
				tolerance := map[torch.DType]float64{torch.F64: 1e-12, torch.F32: 1e-5, torch.F16: 4e-3}[d]
				size := 1
				for _, s := range shape {
					size *= s
				}
				values, up := make([]float64, size), make([]float64, size)
				for i := range values {
					values[i], up[i] = 3+math.Sin(float64(i*i)), math.Cos(float64(5*i))
				}
				pass := func(from, n int, group *torch.Group) map[string]torch.Tensor {
					part := func(v []float64) torch.Tensor {
						return torch.FromFloat64(v, shape...).Narrow(0, from, n).Clone().To(d)
					}
					numbers := d
					if d == torch.F16 {
						numbers = torch.F32
					}
					x, more := part(values).RequireGrad(true), part(up).RequireGrad(true)
					w := torch.FromFloat64([]float64{1, 2, -1, 0.5, 3}, 5).To(numbers).RequireGrad(true)
					b := torch.FromFloat64([]float64{0, 1, -1, 0.25, 2}, 5).To(numbers).RequireGrad(true)
					var y, mean, variance torch.Tensor
					// The loss is the mean over the rows of all, times their number.
					scale := float64(group.Processes())
					group.Average([]torch.Tensor{w, b}, func() {
						y, mean, variance = torch.BatchNormAct(x, w, b, more, true, 1e-5, group)
						y.Mul(part(up)).To(torch.F64).Sum().Scale(scale).Backward()
					})
					whole := func(t torch.Tensor) torch.Tensor { return group.Gather(t.Detach()) }
					return map[string]torch.Tensor{"y": whole(y), "mean": mean, "variance": variance,
						"dx": whole(x.Grad()).Scale(1 / scale), "residual": whole(more.Grad()).Scale(1 / scale),
						"dw": w.Grad(), "db": b.Grad()}
				}
				want := pass(0, 12, nil)
				for name, got := range pass(4*g.Rank(), 4, g) {
					off := got.To(torch.F64).Sub(want[name].To(torch.F64)).Norm().Item()
					if size := want[name].To(torch.F64).Norm().Item(); !(off <= tolerance*size) {
						t.Errorf("%v %v: %s is off by %v of %v", d, shape, name, off, size)
					}
				}
			}
		}
	})
}

// A process that does not come is named by an error after the group's time, and ends no other one.
func TestGroupWaits(t *testing.T) {
	store, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Serve: true, Wait: time.Second})
	if err != nil {
		t.Skip(err)
	}
	defer store.Close()
	port, err := store.Port()
	if err != nil || port == 0 {
		t.Fatalf("port %d: %v", port, err)
	}
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", port)); err != nil { // on Linux another of the loopback
		t.Errorf("the store listens on more than its address: %v", err)
	} else {
		l.Close()
	}
	other, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Port: port, Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Set("a key", "ein Wort, µ"); err != nil {
		t.Fatal(err)
	}
	if v, err := store.Get("a key", time.Second); err != nil || v != "ein Wort, µ" {
		t.Errorf("%q, %v", v, err)
	}
	if has, err := store.Has("another key"); err != nil || has {
		t.Errorf("%v, %v", has, err)
	}
	if _, err := store.Get("another key", 50*time.Millisecond); err == nil {
		t.Error("a key without a value was read")
	}
	for want := range 3 {
		if n, err := other.Add("a number", 1); err != nil || n != want+1 {
			t.Errorf("%d, %v", n, err)
		}
	}
	begun := time.Now()
	err = torch.Scope(func() error {
		torch.OpenGroup(store, torch.GroupOptions{Name: "g", Rank: 0, Processes: 2, Host: "127.0.0.1",
			Wait: 200 * time.Millisecond})
		return nil
	})
	if err == nil || time.Since(begun) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	if _, err := torch.OpenStore(torch.StoreOptions{Host: "127.0.0.1", Port: 1,
		Wait: 300 * time.Millisecond}); err == nil {
		t.Error("a store that nobody serves was opened")
	}
	var alone *torch.Group
	if fmt.Sprint(alone.Rank(), alone.Processes()) != "0 1" {
		t.Error("no group is not one process alone")
	}
}

// NCCL is in the library for CUDA alone, which make test-cuda builds. On a machine without a GPU c10d answers that
// there is none.
func TestNCCL(t *testing.T) {
	want := "this engine library has no NCCL"
	if os.Getenv("PARALLAX_TEST_NCCL") != "" {
		want = "no GPUs found"
	}
	store := opened(t, torch.StoreOptions{File: filepath.Join(t.TempDir(), "store"), Processes: 1})
	open := func(backend string) error {
		return torch.Scope(func() error {
			torch.OpenGroup(store, torch.GroupOptions{Name: "nccl", Processes: 1, Backend: backend}).Close()
			return nil
		})
	}
	if err := open("nccl"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if err := open("mpi"); err == nil || !strings.Contains(err.Error(), "neither gloo nor nccl") {
		t.Error(err)
	}
}

func opened(t *testing.T, o torch.StoreOptions) *torch.Store {
	t.Helper()
	if err := torch.Load(); err != nil {
		t.Skip(err)
	}
	o.Wait = 5 * time.Second
	s, err := torch.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A store in a file is one for every process that opens it.
func TestStoreInAFile(t *testing.T) {
	o := torch.StoreOptions{File: filepath.Join(t.TempDir(), "store"), Processes: 2}
	a, b := opened(t, o), opened(t, o)
	if err := a.Set("name", "value"); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get("name", time.Second); got != "value" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for i, s := range []*torch.Store{a, b, a} {
		if n, err := s.Add("count", 2); n != 2*i+2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if was, err := b.Delete("name"); !was || err != nil {
		t.Errorf("%v, %v", was, err)
	}
	if has, err := a.Has("name"); has || err != nil {
		t.Errorf("%v, %v", has, err)
	}
	if _, err := a.Get("name", 100*time.Millisecond); err == nil {
		t.Error("a value that was deleted")
	}
}

// What is counted are results, which do not depend on how the batch is divided; of notes a process's own.
func TestExchanged(t *testing.T) {
	together.Run(t, 2, func(t *testing.T, g *torch.Group) {
		before := torch.Exchanged()
		p := torch.Ones(torch.F32, 3, 5).RequireGrad(true)
		g.Average([]torch.Tensor{p}, func() { g.Gather(p).Sum().Backward() })
		g.Sum(torch.Ones(torch.F64, 7))
		g.Broadcast(0, torch.Ones(torch.F32, 2), torch.Ones(torch.F32, 4))
		rows, note := 2*3*5*4, 8*8
		want := torch.Traffic{
			Gathered: torch.Exchanges{Calls: 1, Bytes: rows},
			Summed:   torch.Exchanges{Calls: 2, Bytes: rows + 7*8}, // the rows on their way back, too
			Sent:     torch.Exchanges{Calls: 2, Bytes: 6 * 4},
			Averaged: torch.Exchanges{Calls: 1, Bytes: 3 * 5 * 4},
			Noted:    torch.Exchanges{Calls: 1, Bytes: note},
		}
		if got := torch.Exchanged().Since(before); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}
