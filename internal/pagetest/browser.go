// SPDX-License-Identifier: Apache-2.0

package pagetest

import (
	"os/exec"
	"strings"
	"testing"
)

// browsers are the names under which Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Browser returns the path of Chromium. Without one the test is skipped.
func Browser(t testing.TB) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("no browser: none of %s is installed (apt-get install chromium)", strings.Join(browsers, ", "))
	return ""
}
