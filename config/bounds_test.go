// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// A number out of its bounds is refused where it is given, and the value stays what it was.
func TestBounds(t *testing.T) {
	for _, c := range []struct{ path, value, want string }{
		{"train.accumulate", "1000000000000000000",
			"flag: train.accumulate is 1000000000000000000, want 1 to 65536"},
		{"train.max_steps", "4611686018427387904", "flag: train.max_steps is 4611686018427387904, want 0 to 99999999"},
		{"train.threads", "1000000", "flag: train.threads is 1000000, want 0 to 1024"},
		{"train.workers", "-1", "flag: train.workers is -1, want 0 to 1024"},
		{"train.batch", "0", "flag: train.batch is 0, want 1 to 1048576"},
		{"backbone.width", "1000000000", "flag: backbone.width is 1000000000, want 1 to 4096"},
		{"optim.rate", "1e37", "flag: optim.rate is 1e+37, want -1e+36 to 1e+36"},
		{"optim.rate", ".nan", `flag: optim.rate is ".nan", want a finite number`},
		{"method.queue_size", "2000000", "flag: method.queue_size is 2000000, want -1048576 to 1048576"},
		{"variant.asymmetric.predictor.widths", "[8, 1000000000]",
			"flag: variant.asymmetric.predictor.widths is 1000000000, want 1 to 1048576"},
		{"variant.asymmetric.predictor.widths", "[" + strings.Repeat("8, ", 100) + "8]",
			"flag: variant.asymmetric.predictor.widths is a list of 101, want at most 64"},
		{"augment.random_resized_crop.size", "1000000000",
			"flag: augment.0.random_resized_crop.size is 1000000000, want -1048576 to 1048576"},
	} {
		l := example(t)
		before := encoded(t, l)
		wantError(t, l.Set(c.path, c.value, "flag"), c.want)
		if encoded(t, l) != before {
			t.Errorf("%s=%s: the refused value changed the config", c.path, c.value)
		}
	}
	l := example(t)
	must(t, l.Set("seed", "18446744073709551615", "flag"))
	l.Train.Accumulate = 1 << 60 // a program sets fields
	wantError(t, l.Validate(), "train.accumulate is 1152921504606846976, want 1 to 65536")
	wantError(t, example(t).Merge([]byte("train:\n  threads: 2000\n"), "f.yaml"),
		"f.yaml:2: train.threads is 2000, want 0 to 1024")
}
