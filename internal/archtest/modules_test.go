// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// outside is the table of third-party modules: the packages of this module whose code may import each. Tests may import
// what their package may, and what forTests names. The decisions (docs/adr) say why a module was chosen.
var outside = map[string][]string{
	"charm.land/bubbletea/v2":           {"run/watch"},
	"charm.land/lipgloss/v2":            {"run/watch"},
	"github.com/charmbracelet/x/ansi":   {"run/watch"},
	"github.com/guptarohit/asciigraph":  {"run/watch"},
	"github.com/chromedp":               {"internal/pagetest"},
	"github.com/johannesboyne/gofakes3": {"internal/objects/s3test"},
	"gocloud.dev":                       {"cmd/parallax", "internal/objects", "internal/objects/s3test", "pretrain"},
	"github.com/agnivade/levenshtein":   {"internal/spelling"},
	"github.com/dustin/go-humanize": {"cmd/parallax", "config", "dataset", "dataset/pack", "dist", "internal/codec",
		"internal/pages", "pretrain", "pretrain/advice", "run/watch", "run/report", "serve"},
	"github.com/gofrs/flock":           {"run"},
	"github.com/google/flatbuffers":    {"embedding"},
	"github.com/parquet-go/parquet-go": {"embedding", "dataset", "internal/parquetcheck"},
	"github.com/spf13":                 {"cmd/parallax"}, // cobra and pflag
	"github.com/vbauerster/mpb/v8":     {"cmd/parallax"},
	"github.com/tidwall/gjson":         {"run/series", "run/summary"},
	"golang.org/x/image":               {"internal/codec", "internal/codec/tiff", "internal/sheet", "run/replay"},
	"golang.org/x/net":                 {"dashboard", "internal/pagetest"},
	"golang.org/x/sync":                {"internal/codec", "serve"},
	"golang.org/x/sys": {"augment/internal/kernel", "cmd/parallax", "dataset", "internal/machine",
		"internal/torture/parts"},
	"go.yaml.in/yaml/v3": {"config", "internal/freeze", "internal/pages", "preset", "pretrain", "run/replay", "serve",
		"sweep"},
	"golang.org/x/term":                     {"cmd/parallax"},
	"github.com/KimMachineGun/automemlimit": {"internal/machine"},
	"github.com/klauspost/compress":         {"internal/codec/tiff", "internal/parquetcheck"},
	"github.com/tetratelabs/wazero":         {"internal/codec/heif"},
	"github.com/therootcompany/xz":          {"internal/codec/tiff"},
	"gonum.org/v1/gonum": {"augment/corrupt", "collapse", "collapse/measure", "compare", "eval", "eval/report",
		"internal/curves", "lab", "lab/claims", "lab/theory", "pretrain/probe"},
	"github.com/prometheus/client_golang": {"serve"},
	"github.com/swaggest/swgui":           {"serve"},
	"gonum.org/v1/plot":                   {"internal/curves"},
	"google.golang.org/protobuf":          {"internal/tfevents", "export", "internal/onnx", "export/internal/onnxfile"},
}

// forTests are the modules that only tests import.
var forTests = map[string][]string{
	"github.com/chromedp":             {"dashboard/browsertest", "lab/report", "run/report", "serve"},
	"github.com/creack/pty":           {"cmd/parallax"},
	"github.com/charmbracelet/x/ansi": {"cmd/parallax"},
	"github.com/getkin/kin-openapi":   {"serve"},
	"github.com/google/go-cmp":        {"..."},
	"github.com/rogpeppe/go-internal": {"cmd/parallax"},
	"gonum.org/v1/gonum":              {"method", "run/features", "search"},
}

// foreign returns a line for each import of a third-party module that table does not allow short.
func foreign(short string, imports []string, tables ...map[string][]string) (lines []string) {
	for _, path := range imports {
		first, _, _ := strings.Cut(path, "/")
		if _, ours := below(path); ours || !strings.Contains(first, ".") {
			continue // this module's, or the standard library's
		}
		allowed := func(table map[string][]string) bool {
			for module, packages := range table {
				if path == module || strings.HasPrefix(path, module+"/") {
					if slices.Contains(packages, short) || slices.Contains(packages, "...") {
						return true
					}
				}
			}
			return false
		}
		if !slices.ContainsFunc(tables, allowed) {
			lines = append(lines, fmt.Sprintf("%s imports %s: add the package to the module's line in the table in "+
				"internal/archtest; for a new module, write a decision that compares it with others", short, path))
		}
	}
	return lines
}

func TestModules(t *testing.T) {
	used := map[string]bool{}
	for _, p := range list(t, nil, "./...") {
		short, ok := below(p.ImportPath)
		if !ok {
			continue
		}
		tests := slices.Concat(p.TestImports, p.XTestImports)
		for _, line := range append(foreign(short, p.Imports, outside), foreign(short, tests, outside, forTests)...) {
			t.Error(line)
		}
		for _, path := range slices.Concat(p.Imports, tests) {
			used[path] = true
		}
	}
	for _, table := range []map[string][]string{outside, forTests} {
		for _, module := range slices.Sorted(maps.Keys(table)) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(used)), func(path string) bool {
				return path == module || strings.HasPrefix(path, module+"/")
			}) {
				t.Errorf("nothing imports %s any more: take its line out of the table", module)
			}
		}
	}
}

func TestForeign(t *testing.T) {
	table := map[string][]string{"example.org/a": {"run"}, "example.org/b": {"..."}}
	for _, c := range []struct {
		short, path string
		want        int
	}{
		{"run", "example.org/a", 0}, {"run", "example.org/a/deep", 0}, {"train", "example.org/a", 1},
		{"train", "example.org/ab", 1},
		{"train", "example.org/b/c", 0}, {"run", "fmt", 0}, {"run", "net/http", 0}, {"run", module + "/config", 0},
		{"run", "example.org/c", 1},
	} {
		if got := foreign(c.short, []string{c.path}, table); len(got) != c.want {
			t.Errorf("%s imports %s: %q, want %d lines", c.short, c.path, got, c.want)
		}
	}
}
