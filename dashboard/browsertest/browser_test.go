// SPDX-License-Identifier: Apache-2.0

package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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

// open opens a browser, which runs until the test ends. Without one the test is skipped.
func open(t *testing.T) *browser {
	t.Helper()
	b := &browser{}
	b.Context = pagetest.Open(t, 5*time.Minute, b.listen)
	return b
}

// listen collects the page's errors and requests.
func (b *browser) listen(event any) {
	b.lock.Lock()
	defer b.lock.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		text := "console " + string(e.Type)
		for _, a := range e.Args {
			text += " " + string(a.Value) + a.Description
		}
		b.complaints = append(b.complaints, text)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// quiet fails the test if a page has complained, or has asked anything of another origin.
func (b *browser) quiet(t *testing.T, origin string) {
	t.Helper()
	b.lock.Lock()
	defer b.lock.Unlock()
	if len(b.complaints) > 0 {
		t.Errorf("the pages complain: %q", b.complaints)
	}
	if len(b.requests) < 10 {
		t.Errorf("%d requests were seen: some would be missed", len(b.requests))
	}
	for _, url := range b.requests {
		if !strings.HasPrefix(url, origin+"/") && !strings.HasPrefix(url, "data:image/png;") {
			t.Errorf("a page asks for %s", url)
		}
	}
	b.complaints = nil
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// helpers are functions for the expressions of the tests: all and one return the elements that a selector finds and
// whose text or label begins with some words, text the text of an element on one line.
const helpers = `{
	const text = e => (e?.textContent ?? "").replace(/\s+/g, " ").trim()
	const all = (selector, begins = "") => [...document.querySelectorAll(selector)].filter(e =>
		text(e).startsWith(begins) || (e.getAttribute("aria-label") ?? "").startsWith(begins))
	const one = (selector, begins) => all(selector, begins)[0]
	const enter = (e, value) => {
		const p = [HTMLSelectElement, HTMLTextAreaElement].find(k => e instanceof k) ?? HTMLInputElement
		Object.getOwnPropertyDescriptor(p.prototype, "value").set.call(e, value)
		e.dispatchEvent(new Event("input", { bubbles: true }))
		e.dispatchEvent(new Event("change", { bubbles: true }))
	}
`

// evaluate returns the value of an expression on the page.
func evaluate[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](helpers+expression+"\n}", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v in %s", err, expression)
	}
	return v
}

// act does something on the page.
func (b *browser) act(t *testing.T, expression string) {
	t.Helper()
	evaluate[bool](t, b, expression+"\ntrue")
}

// until waits until an expression is true on the page.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !evaluate[bool](t, b,
		"!!("+expression+")"); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never comes true: %s\nthe page at %s has: %.1500s", expression,
				evaluate[string](t, b, "location.href"),
				evaluate[string](t, b, "text(document.body)"))
		}
	}
}

// visit opens an address, and waits until an expression is true.
func (b *browser) visit(t *testing.T, url, ready string) {
	t.Helper()
	b.do(t, chromedp.Navigate(url))
	b.until(t, ready)
}

// scheme makes the browser prefer light or dark.
func (b *browser) scheme(t *testing.T, name string) {
	t.Helper()
	if _, err := chromedp.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		t.Fatal(err)
	}
}

// wide lists what a reader would have to scroll sideways for: the page, and elements that reach beyond it and are in no
// part that scrolls by itself.
const wide = `[document.documentElement, ...document.body.querySelectorAll("*")].filter(e => {
	if (e === document.documentElement) return e.scrollWidth > innerWidth
	for (let p = e; p && p !== document.body; p = p.parentElement) {
		const s = getComputedStyle(p)
		if (p !== e && ["auto", "scroll", "hidden", "clip"].includes(s.overflowX)) return false
		if (s.position === "fixed" || s.clipPath !== "none") return false
	}
	return e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1
}).map(e => e.tagName + "." + e.className + ": " + text(e).slice(0, 60))`

//go:embed testdata/axe.min.js
var axe string

// faults returns the faults of accessibility that axe calls serious or critical.
func (b *browser) faults(t *testing.T) []string {
	t.Helper()
	if !evaluate[bool](t, b, `"axe" in window`) {
		if _, err := chromedp.Run(b, chromedp.Evaluate[chromedp.Void](axe+";0")); err != nil {
			t.Fatal(err)
		}
	}
	return evaluate[[]string](t, b, `axe.run(document, { preload: false, resultTypes: ["violations"] })
		.then(r => r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.flatMap(v => v.nodes.slice(0, 4).map(n =>
			[v.id, n.target.join(" "), n.html.slice(0, 160), n.failureSummary.slice(0, 300)].join(": "))))`)
}

// ask asks the dashboard for JSON.
func ask[T any](t testing.TB, url string) (v T) {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", a.StatusCode, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return v
}
