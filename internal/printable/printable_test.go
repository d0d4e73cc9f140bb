// SPDX-License-Identifier: Apache-2.0

package printable_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/internal/printable"
)

func TestNameAndText(t *testing.T) {
	for _, c := range []struct{ in, name, text string }{
		{"photos/cat 1.png", "photos/cat 1.png", "photos/cat 1.png"},
		{"Straße/猫\u3000.png", "Straße/猫\u3000.png", "Straße/猫\u3000.png"},
		{`back\slash "quoted"`, `back\slash "quoted"`, `back\slash "quoted"`},
		{"a\ufffdb", "a\ufffdb", "a\ufffdb"},
		{"\x1b]0;title\x07\x1b[31mred", `"\x1b]0;title\a\x1b[31mred"`, `\x1b]0;title\a\x1b[31mred`},
		{"two\nlines", `"two\nlines"`, "two\nlines"},
		{"gnp\u202efdp.exe", `"gnp\u202efdp.exe"`, `gnp\u202efdp.exe`},
		{"caf\xe9.png", `"caf\xe9.png"`, `caf\xe9.png`},
		{"c1\u009b31m", `"c1\u009b31m"`, `c1\u009b31m`},
		{"zero\u200bwidth\u2028", `"zero\u200bwidth\u2028"`, `zero\u200bwidth\u2028`},
		{"", "", ""},
	} {
		if got := printable.Name(c.in); got != c.name {
			t.Errorf("Name(%q) is %s, want %s", c.in, got, c.name)
		}
		if got := printable.Text(c.in); got != c.text {
			t.Errorf("Text(%q) is %q, want %q", c.in, got, c.text)
		}
	}
	if got := printable.Names([]string{"a", "b\x00"}); got != `a, "b\x00"` {
		t.Errorf("Names: %s", got)
	}
}
