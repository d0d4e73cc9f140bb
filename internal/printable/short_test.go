// SPDX-License-Identifier: Apache-2.0

package printable_test

import (
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/printable"
)

func TestShortAndMiddle(t *testing.T) {
	long := strings.Repeat("\x1b", 50) + strings.Repeat("x", 5<<20)
	if got := printable.Short(long); len(got) > 300 || !strings.HasSuffix(got, `x"...`) {
		t.Errorf("shown in %d bytes: %s", len(got), got)
	}
	if got := printable.Short("a b"); got != `"a b"` {
		t.Error(got)
	}
	if got := printable.Middle("begin"+long+"end", 100); len(got) > 110 || !strings.HasPrefix(got, "begin") ||
		!strings.HasSuffix(got, "end") {
		t.Errorf("shown in %d bytes: %s", len(got), got)
	}
}
