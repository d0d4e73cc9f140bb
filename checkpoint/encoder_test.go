// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"fmt"
	"testing"
)

// The metadata of an encoder is foreign text: the ends of every range, and what lies beyond.
func TestParseEncoderBounds(t *testing.T) {
	for _, c := range []struct {
		key, value string
		fits       bool
	}{
		{"width", "0", false}, {"width", "1", true}, {"width", "4096", true}, {"width", "4097", false},
		{"width", "4.5", false}, {"width", "", false},
		{"size", "7", false}, {"size", "8", true}, {"size", "4096", true}, {"size", "4097", false},
		{"features", "0", false}, {"features", "1", true}, {"features", fmt.Sprint(1 << 20), true},
		{"features", fmt.Sprint(1<<20 + 1), false},
		{"mean", "[0 0 0]", true}, {"mean", "[1 1 1]", true}, {"mean", "[0.5 0.5 1.0001]", false},
		{"mean", "[-0.0001 0.5 0.5]", false}, {"mean", "[0.5 0.5]", false}, {"mean", "[0.5 0.5 0.5 0.5]", false},
		{"mean", "0.5 0.5 0.5]", false}, {"mean", "[0.5 0.5 0.5", false}, {"mean", "[0.5 a 0.5]", false},
		{"mean", "[NaN 0.5 0.5]", false},
		{"std", "[1 1 1]", true}, {"std", "[1e-9 1 1]", true}, {"std", "[0 1 1]", false}, {"std", "[1 0 1]", false},
		{"std", "[1 1 0]", false}, {"std", "[1 1 1.1]", false}, {"std", "[1 1]", false},
		{"architecture", "", false}, {"architecture", "anything", true},
	} {
		m := example.Metadata()
		m[c.key] = c.value
		if _, err := ParseEncoder(m); (err == nil) != c.fits {
			t.Errorf("%s %q: %v", c.key, c.value, err)
		}
	}
}
