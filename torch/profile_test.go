// SPDX-License-Identifier: Apache-2.0

package torch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/trace"
	"github.com/parallax-ssl/parallax/torch"
)

func TestProfile(t *testing.T) {
	in(t, func() {
		x := torch.Ones(torch.F32, 4, 3, 16, 16)
		w := torch.Ones(torch.F32, 8, 3, 3, 3).RequireGrad(true)
		loss := func() { torch.Conv2d(x, w, torch.Tensor{}, 1, 1, 1).Sum().Backward() }
		loss() // not recorded
		before := time.Now()
		from := torch.StartProfile(10_000)
		if from.Before(before) || from.After(time.Now()) {
			t.Errorf("the profile began at %v, in a call between %v and %v", from, before, time.Now())
		}
		loss()
		x.MatMul(x)
		if err := torch.Scope(func() error { torch.StartProfile(1); return nil }); err == nil {
			t.Error("two profiles at once")
		}
		calls, dropped := torch.StopProfile()
		took := time.Since(from)
		loss() // not recorded either

		count := map[string]int{}
		var spans []trace.Span
		for _, c := range calls {
			count[c.Name]++
			if c.Start < 0 || c.End < c.Start || c.End > took {
				t.Errorf("%s is from %v to %v of %v", c.Name, c.Start, c.End, took)
			}
			if c.Thread != calls[0].Thread {
				t.Errorf("%s is of thread %d, others of %d", c.Name, c.Thread, calls[0].Thread)
			}
			spans = append(spans, trace.Span{Name: c.Name, Start: c.Start, End: c.End})
		}
		for name, n := range map[string]int{
			"aten::conv2d": 1, "SumBackward0": 1, "aten::matmul": 1, "aten::convolution_backward": 1,
			"ConvolutionBackward0": 1,
		} {
			if count[name] != n {
				t.Errorf("%s ran %d times, want %d: %v", name, count[name], n, count)
			}
		}
		paths := ""
		for _, n := range trace.Nest(spans) {
			paths += n.Path + "\n"
			if n.Self < 0 {
				t.Errorf("%s takes %v without what is in it", n.Path, n.Self)
			}
		}
		for _, path := range []string{
			"aten::conv2d/aten::convolution/aten::_convolution",
			"autograd::engine::evaluate_function: ConvolutionBackward0/ConvolutionBackward0/aten::convolution_backward",
		} {
			if !slices.ContainsFunc(trace.Nest(spans), func(n trace.Node) bool { return n.Path == path }) {
				t.Errorf("%s is not among\n%s", path, paths)
			}
		}
		if dropped != 0 {
			t.Errorf("%d calls found no room", dropped)
		}

		torch.StartProfile(3)
		loss()
		if calls, dropped = torch.StopProfile(); len(calls) != 3 || dropped < 5 {
			t.Errorf("%d calls of at most 3, %d found no room", len(calls), dropped)
		}
		if calls, dropped = torch.StopProfile(); len(calls) != 0 {
			t.Errorf("without a profile: %d calls, %d dropped", len(calls), dropped)
		}
	})
}
