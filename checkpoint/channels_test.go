// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An encoder of images that keep their channels says so, and reads back.
func TestEncoderOfChannels(t *testing.T) {
	e := example
	e.Kept, e.Samples = "pages", "float32"
	e.Mean, e.Std = []float64{280.5, -3, 1e-9, 0, 7}, []float64{20, 1e-7, 1, 2, 3}
	m := e.Metadata()
	if m["channels"] != "5" || m["channels_of"] != "pages" || m["samples"] != "float32" {
		t.Errorf("%v", m)
	}
	back, err := ParseEncoder(m)
	must(t, err)
	if d := cmp.Diff(e, back); d != "" || back.Channels() != 5 {
		t.Error(d)
	}
	if n := back.Normalize(); n.Channels() != 5 || n.Mean[0] != 280.5 || len(n.Low) != 0 {
		t.Errorf("%+v", n)
	}
	for _, c := range []struct{ key, value, want string }{
		{"channels", "4", "mean"}, {"channels", "0", "channels"}, {"channels", "257", "channels"},
		{"channels", "", "channels"}, {"channels_of", "planes", "want keep or pages"},
		{"channels_of", "", "want keep or pages"},
		{"mean", "[1 2 3 4 NaN]", "mean"}, {"mean", "[1 2 3 4 1e31]", "mean"}, {"std", "[1 2 3 4 -1]", "std"},
		{"std", "[1 2 3 4 1e-60]", "std"}, {"std", "[1 2 3]", "std"}, {"samples", strings.Repeat("u", 99), "samples"},
	} {
		m := e.Metadata()
		m[c.key] = c.value
		if got, err := ParseEncoder(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %+v, %v", c.key, c.value, got, err)
		}
	}
}
