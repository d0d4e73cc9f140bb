// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
)

// A caption has the end of a long path.
func TestCaption(t *testing.T) {
	for _, c := range []struct{ mark, path, want string }{
		{"0.974 ", "test/automobile/0147.jpg", "0.974 automobile/0147"},
		{"keep ", "new.png", "keep new"},
		{"1 ", "/a/photograph of a cat.png", "1 ..otograph of a cat"},
		{"", "ä/" + strings.Repeat("ö", 30) + ".png", ".." + strings.Repeat("ö", 19)},
	} {
		if got := caption(c.mark, c.path); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.mark, c.path, got, c.want)
		}
	}
}
