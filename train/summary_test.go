// SPDX-License-Identifier: Apache-2.0

package train

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parallax-ssl/parallax/internal/trace"
)

// The sums of a profile, by hand: two steps of 100 and 60 ms, with two lanes and a loader.
func TestSummary(t *testing.T) {
	ms := func(track, name string, thread, start, end int) trace.Span {
		return trace.Span{Track: track, Name: name, Thread: thread,
			Start: time.Duration(start) * time.Millisecond, End: time.Duration(end) * time.Millisecond}
	}
	p := &profiler{ends: []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 260 * time.Millisecond}}
	got := p.summary([]trace.Span{
		ms("trainer", "hooks", 1, 0, 40), ms("trainer", "probe", 1, 10, 40), // before the profiled steps
		ms("trainer", "forward", 1, 60, 90), // of the warm-up
		ms("trainer", "wait", 1, 100, 110), ms("trainer", "forward", 1, 110, 140),
		ms("trainer", "network", 1, 115, 135), ms("trainer", "backward", 1, 140, 190),
		ms("trainer", "forward", 1, 200, 220),
		ms("trainer", "backward", 1, 220, 250), ms("lane 2", "forward", 2, 110, 140),
		ms("trainer", "forward", 1, 260, 300), // after the last step
		ms("steps", "step", 1, 100, 200), ms("steps", "step", 1, 200, 260),
		ms("loader 1", "decode", 9, 90, 120), ms("loader 2", "augment", 8, 240, 280),
	}, classify([]trace.Span{
		ms("operators", "aten::conv2d", 1, 116, 134), ms("operators", "aten::empty", 1, 117, 118),
		ms("operators", "aten::mkldnn_convolution", 1, 118, 130), ms("operators", "aten::add", 1, 141, 145),
		ms("operators", "aten::convolution_backward", 1, 220, 240), ms("operators", "aten::to", 1, 191, 195),
		ms("operators, thread 2", "aten::native_batch_norm", 2, 120, 130), ms("operators", "aten::conv2d", 1, 261, 270),
	}))
	want := &Profile{
		Steps: 2, WarmUp: ProfileWarmUp, Seconds: 0.16,
		Phases: []Part{
			{"lane 2: forward", 0.03, 30. / 160, 0.015}, {"wait", 0.01, 10. / 160, 0.005},
			{"forward", 0.05, 50. / 160, 0.025}, {"forward/network", 0.02, 20. / 160, 0.01},
			{"backward", 0.08, 80. / 160, 0.04}, {"other", 0.02, 20. / 160, 0.01},
		},
		Loading: []Part{{"decode", 0.02, 20. / 320, 0.01}, {"augment", 0.02, 20. / 320, 0.01}},
		// Two threads compute in 130 ms.
		Kinds: []Part{{"convolution", 0.038, 38. / 260, 0.019}, {"norm", 0.01, 10. / 260, 0.005},
			{"addition", 0.004, 4. / 260, 0.002}},
		Before: []Part{{"hooks", 0.04, 0.4, 0}, {"hooks/probe", 0.03, 0.3, 0}},
		Operators: []Operator{
			{"aten::convolution_backward", "convolution", 1, 0.02, 20. / 160},
			{"aten::mkldnn_convolution", "convolution", 1, 0.012, 12. / 160},
			{"aten::native_batch_norm", "norm", 1, 0.01, 10. / 160},
			{"aten::conv2d", "convolution", 1, 0.005, 5. / 160},
			{"aten::add", "addition", 1, 0.004, 4. / 160}, {"aten::to", "cast and copy", 1, 0.004, 4. / 160},
			{"aten::empty", "convolution", 1, 0.001, 1. / 160},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
}

// A part stands behind what it is a part of, also if it came up in a later step only.
func TestNested(t *testing.T) {
	s := &sums{names: []string{"forward", "forward/network", "hooks", "hooks/probe", "hooks/guard", "loss",
		"hooks/probe/network", "update", "hooks/guard/network"}}
	want := []string{"forward", "forward/network", "hooks", "hooks/probe", "hooks/probe/network", "hooks/guard",
		"hooks/guard/network", "loss", "update"}
	if diff := cmp.Diff(want, s.nested()); diff != "" {
		t.Error(diff)
	}
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]string{
		"aten::mkldnn_convolution": "convolution", "ConvolutionBackward0": "convolution",
		"autograd::engine::evaluate_function: AddBackward0": "addition",
		"aten::convolution_backward":                        "convolution",
		"aten::conv2d":                                      "convolution", "aten::mm": "product",
		"aten::mm_other": "other", "aten::addmm": "product", "aten::linear": "product",
		"aten::_scaled_dot_product_flash_attention_for_cpu":                 "product",
		"torch::autograd::CppNode<plx::(anonymous namespace)::Convolution>": "convolution",
		"parallax::convolution": "convolution", "aten::native_batch_norm": "norm",
		"aten::native_layer_norm_backward": "norm", "aten::linalg_vector_norm": "other",
		"aten::threshold_backward": "activation", "aten::gelu_backward": "activation",
		"aten::relu": "activation", "aten::_to_copy": "cast and copy", "aten::copy_": "cast and copy",
		"aten::topk": "other", "aten::_fused_sgd_": "optimiser", "aten::_foreach_lerp_": "optimiser",
		"aten::_foreach_norm": "other", "aten::add_": "addition", "aten::addcmul": "other",
		"aten::empty": "other",
	} {
		if got := kindOf(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
