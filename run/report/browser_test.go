// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
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
	"github.com/parallax-ssl/parallax/run"
)

// seen collects what a page says and asks for.
type seen struct {
	lock                 sync.Mutex
	complaints, requests []string
}

func (s *seen) listen(event any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		s.complaints = append(s.complaints, "console "+string(e.Type))
	case *runtime.EventExceptionThrown:
		s.complaints = append(s.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		s.complaints = append(s.complaints, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			s.requests = append(s.requests, e.Request.URL)
		}
	}
}

const (
	unfold = `document.querySelectorAll("details").forEach(d => d.open = true)`
	// tooWide lists what a reader would have to scroll sideways to see. Tables in .scroll are to be scrolled.
	tooWide = `[document.documentElement, ...document.body.querySelectorAll("*")].filter(e =>
		!e.closest("svg, .scroll") && e.getBoundingClientRect().right > innerWidth + 1).
		map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60))`
	// outside lists texts that extend beyond their drawing.
	outside = `[...document.querySelectorAll("svg.chart text")].filter(e => {
		const r = e.getBoundingClientRect(), s = e.closest("svg").getBoundingClientRect();
		return r.width > 0 && (r.right > s.right + 1 || r.left < s.left - 1 || r.top < s.top - 2 ||
			r.bottom > s.bottom + 2) }).map(e => e.textContent)`
	// unseen counts pictures and drawings that have no size or could not be shown.
	unseen = `[...document.querySelectorAll("img")].filter(e =>
			!e.complete || e.naturalWidth == 0 || e.getBoundingClientRect().width < 8).length +
		[...document.querySelectorAll("svg")].filter(e => e.getBoundingClientRect().width < 4).length`
)

// A browser shows the report at all widths and in both colour schemes, prints it, and asks for nothing else.
func TestInABrowser(t *testing.T) {
	s := &seen{}
	tab := pagetest.Open(t, 5*time.Minute, s.listen)
	dir := good(t).write(t)
	file, err := WriteFile(context.Background(), dir, "", Options{Method: simSiam})
	must(t, err)
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(tab, actions...); err != nil {
			t.Fatal(err)
		}
	}
	do(chromedp.Navigate("file://" + file))
	backgrounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{1440, 800, 390} {
			do(chromedp.EmulateViewport(width, 844), chromedp.Evaluate[chromedp.Void](unfold))
			for what, script := range map[string]string{"wider than the page": tooWide,
				"text outside its drawing": outside} {
				found, err := chromedp.Run(tab, chromedp.Evaluate[[]string](script))
				if err != nil || len(found) > 0 {
					t.Errorf("%s, %d px: %s: %q %v", scheme, width, what, found, err)
				}
			}
			if n, err := chromedp.Run(tab, chromedp.Evaluate[int](unseen)); err != nil || n > 0 {
				t.Errorf("%s, %d px: %d pictures are not seen (%v)", scheme, width, n, err)
			}
		}
		colour, err := chromedp.Run(tab, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		must(t, err)
		backgrounds[colour] = true
	}
	if len(backgrounds) != 2 || !backgrounds["rgb(255, 255, 255)"] {
		t.Errorf("backgrounds are %v", backgrounds)
	}
	pdf, err := chromedp.Run(tab, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(pdf) < 50_000 {
		t.Errorf("printing gives %d bytes that begin with %.8q: %v", len(pdf), pdf, err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if len(s.complaints) > 0 {
		t.Errorf("the page complains: %q", s.complaints)
	}
	if len(s.requests) != 1 || !strings.HasSuffix(s.requests[0], run.ReportFile) {
		t.Errorf("the page asks for %q", s.requests)
	}
}
