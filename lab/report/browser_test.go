// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/parallax-ssl/parallax/internal/pagetest"
)

// A browser shows one page, and collects its errors and requests.
type browser struct {
	context.Context
	lock       sync.Mutex
	complaints []string
	requests   []string
}

// openInBrowser shows the HTML in a headless Chromium until the test ends. Without Chromium the test is skipped.
func openInBrowser(t *testing.T, html string) *browser {
	t.Helper()
	b := &browser{}
	b.Context = pagetest.Open(t, 5*time.Minute, b.listen)
	file := filepath.Join(t.TempDir(), File)
	if err := os.WriteFile(file, []byte(html), 0o666); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate("file://"+file))
	return b
}

// listen collects the page's errors and requests.
func (b *browser) listen(event any) {
	b.lock.Lock()
	defer b.lock.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console "+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluate returns the value of an expression on the page.
func evaluate[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%v in %s", err, expression)
	}
	return v
}

// scheme makes the browser prefer light or dark.
func (b *browser) scheme(t *testing.T, name string) {
	t.Helper()
	if _, err := chromedp.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		t.Fatal(err)
	}
}

const (
	// fold and unfold are scripts that close and open all details.
	fold   = `document.querySelectorAll("details").forEach(d => d.open = false)`
	unfold = `document.querySelectorAll("details").forEach(d => d.open = true)`
	// tooWide lists elements that readers must scroll sideways. Clipped elements are for screen readers.
	tooWide = `[document.documentElement, ...document.body.querySelectorAll("*")].filter(e =>
		e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && !e.closest("svg") &&
			!["inline", "none"].includes(getComputedStyle(e).display) ||
		e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60))`
	// noSize counts the drawings, curves and texts that are invisible.
	noSize = `[...document.querySelectorAll("svg, .chart g path, svg text")].filter(e => { const r = e.getBoundingClientRect(); return r.width < 1 && r.height < 1 }).length`
	// outside lists texts that extend beyond their drawing.
	outside = `[...document.querySelectorAll("svg text")].filter(e => {
		const r = e.getBoundingClientRect(), s = e.closest("svg").getBoundingClientRect();
		return r.right > s.right + 1 || r.left < s.left - 1 || r.top < s.top - 2 || r.bottom > s.bottom + 2 }).map(e => e.textContent)`
)

// TestReportInABrowser views the page as readers do: on a phone and on a screen, in both colour schemes, and in print.
func TestReportInABrowser(t *testing.T) {
	b := openInBrowser(t, pageText(t, fabricatedPage(12, 3)))
	for _, width := range []int64{390, 1280} {
		b.do(t, chromedp.EmulateViewport(width, 844), chromedp.Evaluate[chromedp.Void](unfold))
		if found := evaluate[[]string](t, b, tooWide); len(found) > 0 {
			t.Errorf("at %d pixels these are too wide: %q", width, found)
		}
		if n := evaluate[int](t, b, `document.querySelectorAll("svg.chart").length`); n < 20 {
			t.Errorf("at %d pixels there are %d charts", width, n)
		}
		if n := evaluate[int](t, b, noSize); n > 0 {
			t.Errorf("at %d pixels %d drawings or parts of them have no size", width, n)
		}
		if found := evaluate[[]string](t, b, outside); len(found) > 0 {
			t.Errorf("at %d pixels text leaves its drawing: %q", width, found)
		}
	}
	backgrounds := map[string]string{}
	for _, name := range []string{"light", "dark"} {
		b.scheme(t, name)
		backgrounds[name] = evaluate[string](t, b, `getComputedStyle(document.body).backgroundColor`)
	}
	if backgrounds["light"] != "rgb(255, 255, 255)" || backgrounds["dark"] == backgrounds["light"] {
		t.Errorf("backgrounds are %v", backgrounds)
	}
	b.do(t, chromedp.Evaluate[chromedp.Void](fold))
	pdf, err := chromedp.Run(b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(pdf) < 50_000 {
		t.Errorf("printing gives %d bytes that begin with %.8q: %v", len(pdf), pdf, err)
	}
	n := evaluate[int](t, b, `dispatchEvent(new Event("beforeprint")),
		document.querySelectorAll("details:not([open])").length`)
	if n > 0 {
		t.Errorf("%d folded parts would not be printed", n)
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	if len(b.complaints) > 0 {
		t.Errorf("the page complains: %q", b.complaints)
	}
	if len(b.requests) == 0 {
		t.Error("requests were not seen, so that none can be missed")
	}
	for _, url := range b.requests {
		if !strings.HasPrefix(url, "file://") {
			t.Errorf("the page asks for %s", url)
		}
	}
}
