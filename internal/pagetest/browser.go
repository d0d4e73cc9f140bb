// SPDX-License-Identifier: Apache-2.0

package pagetest

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browsers are the names under which Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Open opens a headless Chromium, which runs until the test ends, at most for limit. It returns the context of an empty
// tab for chromedp. listen gets the tab's events, also those of its network, from another goroutine. Without Chromium
// the test is skipped.
func Open(t testing.TB, limit time.Duration, listen func(event any)) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser(t)),
		chromedp.WSURLReadTimeout(time.Minute),
		chromedp.NoSandbox) // which a container's root cannot have; the pages are the test's own
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	timed, cancel := context.WithTimeout(allocated, limit)
	t.Cleanup(cancel)
	tab, closeTab := chromedp.NewContext(timed, chromedp.WithListener(listen))
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	})); err != nil {
		t.Fatal(err)
	}
	return tab
}

// browser returns the path of Chromium. Without it the test is skipped.
func browser(t testing.TB) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("no browser: none of %s is installed (apt-get install chromium)", strings.Join(browsers, ", "))
	return ""
}
