// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/lab/report"
)

// The site is built from web/ by `make web`, and committed: a build of the command needs no Node.js. This test finds
// a change of the sources that was not built.
func TestSiteIsBuiltFromItsSources(t *testing.T) {
	names := []string{"build.mjs", "package-lock.json", "package.json", "tsconfig.json"}
	web := os.DirFS("web")
	err := fs.WalkDir(web, "src", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		text, err := fs.ReadFile(web, name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(hash, name+"\n")
		_, _ = hash.Write(text)
	}
	want, err := site.ReadFile("site/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Error("dashboard/web has changed since the site was built: run make web")
	}
}

// Whatever the page loads is a part of the program, and the licences of its libraries are with it.
func TestSiteIsWhole(t *testing.T) {
	for _, name := range []string{"app.js", "app.css", "icon.svg", "licences.txt"} {
		text, err := site.ReadFile(path.Join("site/static", name))
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		if name == "licences.txt" {
			for _, library := range []string{"preact", "uplot"} {
				if !strings.Contains(string(text), "--- "+library+" ") {
					t.Errorf("licences.txt lacks %s", library)
				}
			}
		}
	}
}

func TestLaboratoryStyle(t *testing.T) {
	style := shadowed.Replace(report.Style)
	for _, part := range []string{":host {", ":host([data-dark=true]) {", "\n.report {"} {
		if !strings.Contains(style, part) {
			t.Errorf("the style of a laboratory's report lacks %q: the report's style has changed", part)
		}
	}
	if strings.Contains(style, ":root") || strings.Contains(style, "prefers-color-scheme") {
		t.Error("the style has rules for a page's root, which a shadow tree does not have")
	}
}
