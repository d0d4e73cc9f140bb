// SPDX-License-Identifier: Apache-2.0

package pagetest

import (
	"math"
	"testing"
)

// TestContrast has the ratios that WCAG gives as examples: black on white, and the lightest grey that passes.
func TestContrast(t *testing.T) {
	light, dark := Colours(`:root { --ink: #000000; --bg: #ffffff; --grey: #767676; }
		@media (prefers-color-scheme: dark) { :root { --bg: #000000 } } :root { --more: #ffffff; }`)
	for _, c := range []struct {
		scheme      Scheme
		front, back string
		want        float64
	}{{light, "ink", "bg", 21}, {light, "grey", "bg", 4.54}, {dark, "ink", "bg", 1}, {dark, "more", "bg", 21}} {
		if got := c.scheme.Contrast(c.front, c.back); math.Abs(got-c.want) > 0.005 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.front, c.back, got, c.want)
		}
	}
	if got := light.Contrast("ink", "none"); !math.IsNaN(got) {
		t.Errorf("a colour that is not defined has a contrast of %g", got)
	}
}

// TestFaults has a page without faults, and one fault at a time.
func TestFaults(t *testing.T) {
	page := func(head, body string) string {
		return `<!doctype html><title>t</title><style>p{}` + head + `</style><header><h1>a</h1></header><main>` +
			body + `</main>`
	}
	if got := Faults(page("", `<h2 id="x">b</h2><a href="#x">c</a><a href="https://arxiv.org/abs/1">d</a>
		<img src="data:image/png;base64,AA" alt="e"><svg aria-label="f"></svg>`), "https://arxiv.org/"); len(got) > 0 {
		t.Errorf("a good page has the faults %q", got)
	}
	for _, bad := range []string{
		`<script>1</script>`, `<p onclick="x">`, `<img src="https://a/b.png" alt="x">`, `<img src="data:image/png,x">`,
		`<img src="data:image/svg+xml,x" alt="x">`, `<a href="javascript:x">x</a>`,
		`<a href="https://other.org/">x</a>`,
		`<p style="background:url(x)">`, `<h3>x</h3>`, `<p id="x"><p id="x">`, `<a href="#y">x</a>`, `<svg></svg>`,
		`<iframe srcdoc="x"></iframe>`, `<form action="x"></form>`, `<video poster="x"></video>`, `<h1>x</h1>`,
	} {
		if got := Faults(page("", bad), "https://arxiv.org/"); len(got) == 0 {
			t.Errorf("no fault is found in %s", bad)
		}
	}
	if got := Faults(page("@import 'x'", "")); len(got) == 0 {
		t.Error("no fault is found in an import")
	}
}
