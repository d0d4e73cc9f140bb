// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/config"
)

// example is a small config to make runs with.
func example(t testing.TB) *config.Layered {
	t.Helper()
	c := config.Default()
	c.Method = config.MethodConfig{Name: "contrast", Fields: &struct{ Temperature float64 }{0.5}}
	c.Data = config.Data{Path: "photos:2024/summer", Labels: "none", Split: "train", Size: 32, Images: 50000}
	l, err := config.New(&c)
	must(t, err)
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encoded(t testing.TB, l *config.Layered) string {
	t.Helper()
	b, err := l.Encode()
	must(t, err)
	return string(b)
}

func readFile(t testing.TB, elements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elements...))
	must(t, err)
	return string(b)
}

// wantError checks the exact text of an error: it is what a user reads.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want:\n%s", want)
	} else if err.Error() != want {
		t.Errorf("error is:\n%s\nwant:\n%s", err, want)
	}
}
