// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/internal/pagetest"
	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
)

var update = flag.Bool("update", false, "write testdata/report.outline anew; look at the difference")

// pageText returns the page's HTML.
func pageText(t *testing.T, g *page) string {
	t.Helper()
	var b bytes.Buffer
	if err := reportTemplate.Execute(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestReportOutline compares what a blind reader finds in the report: headings, captions, table headers and the texts
// of drawings, with their nesting. The page parses as XML, so no element is left open.
func TestReportOutline(t *testing.T) {
	text := pageText(t, fabricatedPage(6, 3))
	var outline strings.Builder
	named := map[string]bool{"h1": true, "h2": true, "h3": true, "h4": true, "caption": true, "th": true,
		"figcaption": true, "summary": true}
	d := xml.NewDecoder(strings.NewReader(text))
	depth := 0
	collect := 0 // depth of the element whose text is being collected
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range x.Attr {
				if x.Name.Local == "svg" && a.Name.Local == "aria-label" {
					outline.WriteString("svg: " + a.Value + "\n")
				}
			}
			if collect == 0 && named[x.Name.Local] {
				collect = depth
				outline.WriteString(x.Name.Local + ": ")
			}
		case xml.EndElement:
			if depth == collect {
				collect = 0
				outline.WriteString("\n")
			}
			depth--
		case xml.CharData:
			if collect > 0 {
				outline.WriteString(strings.Join(strings.Fields(string(x)), " ") + " ")
			}
		}
	}
	got := regexp.MustCompile(` +\n`).ReplaceAllString(outline.String(), "\n")
	file := filepath.Join("testdata", "report.outline")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("outline (-want +got; go test ./lab/report -run Outline -update writes it anew):\n%s", diff)
	}
}

// TestReportNeedsNoNetwork looks for every way in which a page can load something.
func TestReportNeedsNoNetwork(t *testing.T) {
	text := pageText(t, fabricatedPage(12, 2))
	link := regexp.MustCompile(`(?i)(src|href|srcset|action|poster|data|xlink:href)\s*=\s*"([^"]*)"`)
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		switch {
		case strings.HasPrefix(m[2], "#") && strings.Contains(text, `id="`+m[2][1:]+`"`):
		case strings.HasPrefix(m[2], "https://arxiv.org/abs/"):
		default:
			t.Errorf("%s leads elsewhere, or nowhere in the page", m[0])
		}
	}
	for _, not := range []string{"url(", "@import", "fetch(", "XMLHttp", "import(", "<link", "<iframe", "<img"} {
		if strings.Contains(text, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if rest := regexp.MustCompile(`https?://[^"<\s]*`).FindAllString(text, -1); len(rest) > 0 {
		for _, u := range rest {
			if !strings.HasPrefix(u, "https://arxiv.org/abs/") {
				t.Errorf("an address that is no paper's: %s", u)
			}
		}
	}
}

// TestReportIsSmall holds a report of the whole laboratory below two megabytes.
func TestReportIsSmall(t *testing.T) {
	text := pageText(t, fabricatedPage(45, 5))
	if len(text) > 2_000_000 {
		t.Errorf("45 experiments with 5 seeds make a report of %d bytes", len(text))
	}
	t.Logf("%d bytes", len(text))
}

// A rule's text names every metric in words.
func TestReadable(t *testing.T) {
	for _, e := range claims.All {
		if e.Closed != nil {
			continue // its numbers have names of their own
		}
		for _, m := range e.Shows {
			if text := readable(string(m) + " ends below 1"); strings.ContainsAny(text, "._") {
				t.Errorf("%s: %s is no text for readers: %s", e.ID, m, text)
			}
		}
	}
	if got, want := readable("prediction.commutator of A"), "commutator of the predictor of A"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReportOfADirectory reads runs from disk, some of which are missing.
func TestReportOfADirectory(t *testing.T) {
	dir := t.TempDir()
	p := lab.Plan{Experiments: []string{"SIM-01"}, Data: "synthetic:2000", Seeds: 2, Steps: 200}
	writeRuns(t, dir, p, map[string]fate{"without stop-gradient": onePoint})
	var b bytes.Buffer
	if err := Write(&b, dir, claims.All, titles); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SIM-01", "confirmed", "preliminary", "COMPLETE", "2000 images, 32×32 pixels",
		"resnet8, width 16", "https://arxiv.org/abs/2011.10566",
		"parallax lab run SIM-01 --data synthetic:2000 --seeds 2 --steps 200", "method.stop_gradient=false"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(b.String(), dir) {
		t.Error("the report says where it was made")
	}
	if err := os.RemoveAll(filepath.Join(dir, "arms")); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := Write(&b, dir, claims.All, titles); err != nil || !strings.Contains(b.String(), "inconclusive") {
		t.Errorf("before any run has ended: %v", err)
	}
	if err := Write(&b, t.TempDir(), claims.All, titles); err == nil ||
		!strings.Contains(err.Error(), "is no laboratory") {
		t.Errorf("of another directory: %v", err)
	}
}

// Experiments that share a run share its picture. All other pictures are drawn.
func TestReportSharesPictures(t *testing.T) {
	shared, err := lab.Find(claims.All, "SIM-01")
	if err != nil {
		t.Fatal(err)
	}
	all := []lab.Experiment{shared, shared}
	text := pageText(t, newPage(titles, lab.Plan{Seeds: 1}, nil, all, func(e lab.Experiment, long bool) []lab.Sample {
		if long {
			return nil
		}
		return fabricatedSamples(e, 1, well, onePoint)
	}))
	drawn, used := strings.Count(text, `<g id="drawn-`), strings.Count(text, `<use href="#drawn-`)
	if drawn != 2 || used != 2 {
		t.Errorf("of twice two arms %d pictures are drawn and %d used again, want 2 and 2", drawn, used)
	}
}

// TestReportEscapes gives the page names that would be markup, script or shell commands without escaping.
func TestReportEscapes(t *testing.T) {
	hostile := `/data/"><script>alert(1)</script><img src=x onerror=alert(1)>'; rm -rf ~ #`
	p := lab.Plan{Experiments: []string{"SIM-01"}, Data: hostile, Seeds: 1, Steps: 200,
		Set: []string{`data.labels=</style><b>`}}
	e := lab.Experiment{
		ID: "X", Method: "<i>", Question: "a<b?", Claim: `"&'`, Reported: "</title>",
		Source: `<a href="javascript:x">arXiv:2011.10566</a>`,
		Arms: []lab.Arm{
			{Name: `<svg onload="x">`, Method: "simsiam"},
			{Name: "--></style>", Method: "simsiam", Set: []string{"method.x=<u>"}},
		},
		Shows: []lab.Metric{lab.MeanCosine},
	}
	text := pageText(t, newPage(titles, p, setup(p, t.TempDir(), []lab.Experiment{e}), []lab.Experiment{e},
		func(e lab.Experiment, long bool) []lab.Sample {
			if long {
				return nil
			}
			return fabricatedSamples(e, 1, well, onePoint)
		}))
	for _, not := range []string{
		"<script>alert", "<img", "<svg onload", "<i>", "<u>", "</style><b>", `href="javascript`, "--></style>",
	} {
		if strings.Contains(text, not) {
			t.Errorf("the page has %s as it was given", not)
		}
	}
	if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
		t.Errorf("the page is not well formed: %v", err)
	}
	if !strings.Contains(text, `&#39;\&#39;&#39;; rm -rf`) {
		t.Error("a quote in a path ends the shell's word")
	}
}

// TestContrast computes the contrast of all text and of all lines of drawings in both colour schemes. WCAG 2.2 requires
// 4.5 and 3.
func TestContrast(t *testing.T) {
	light, dark := pagetest.Colours(Style)
	for scheme, c := range map[string]pagetest.Scheme{"light": light, "dark": dark} {
		check := func(front, back string, least float64) {
			if got := c.Contrast(front, back); !(got >= least) {
				t.Errorf("%s: %s on %s has a contrast of %.2f, and %.1f is required", scheme, front, back, got, least)
			}
		}
		for _, text := range []string{
			"ink", "dim", "link", "differs", "yes", "no", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
		} {
			check(text, "bg", 4.5)
		}
		check("ink", "soft", 4.5)
		for _, verdict := range []string{"yes", "no", "differs", "open", "none"} {
			check(verdict, verdict+"-bg", 4.5)
		}
	}
}
