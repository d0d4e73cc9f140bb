// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/parallax-ssl/parallax/internal/pagetest"
)

// The page shows every route, asks nobody but the service, and its buttons work.
func TestPageInABrowser(t *testing.T) {
	site := httptest.NewServer(open(t, nil))
	defer site.Close()

	var mu sync.Mutex
	var complaints, requests []string
	listen := func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			requests = append(requests, e.Request.URL)
		}
	}
	tab := pagetest.Open(t, 2*time.Minute, listen)
	// within reports whether an expression becomes true in so much time.
	within := func(limit time.Duration, expression string) bool {
		t.Helper()
		for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
			ok, err := chromedp.Run(tab, chromedp.Evaluate[bool](expression))
			if err != nil {
				t.Fatalf("%v in %s", err, expression)
			}
			if ok || time.Now().After(deadline) {
				return ok
			}
		}
	}
	await := func(expression string) {
		t.Helper()
		if !within(time.Minute, expression) {
			text, _ := chromedp.Run(tab, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("never: %s\n%.2000s", expression, text)
		}
	}
	// Swagger UI shows an operation before it has resolved it, and an operation that is clicked so early never runs.
	// People click later. The test waits before it clicks, and begins again with a longer wait if nothing runs.
	answered := false
	for pause := time.Second; !answered && pause <= 8*time.Second; pause *= 2 {
		if err := chromedp.Do(tab, chromedp.Navigate(site.URL)); err != nil {
			t.Fatal(err)
		}
		await(`document.querySelectorAll(".opblock").length === 6`)
		time.Sleep(pause)
		await(`document.querySelector(".opblock-get .opblock-summary-control").click() === undefined`)
		await(`document.querySelector(".execute") !== null`)
		time.Sleep(pause)
		await(`document.querySelector(".execute").click() === undefined`)
		answered = within(10*time.Second,
			`[...document.querySelectorAll(".live-responses-table")].some(e => e.textContent.includes('"ok"'))`)
	}
	if !answered {
		t.Error("the operation does not run")
	}

	mu.Lock()
	defer mu.Unlock()
	if len(complaints) > 0 {
		t.Errorf("the page complains: %q", complaints)
	}
	if len(requests) < 4 {
		t.Errorf("requests were not seen: %q", requests)
	}
	for _, url := range requests {
		if !strings.HasPrefix(url, site.URL+"/") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks for %s", url)
		}
	}
}
