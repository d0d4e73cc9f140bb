// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/parallax-ssl/parallax"

// anything marks the packages that wire the others together.
var anything = []string{"*"}

// may is the import table: the packages of the module that each may import, by their path below the module's root (the
// root itself is "."). A line ending in /... stands for the packages below it. Packages under an internal/ may be
// imported wherever Go allows it. They count as part of the package that imports them: through them it may reach only
// what it may import itself.
var may = map[string][]string{
	"torch":           {},
	"nn":              {"torch"},
	"dist":            {"torch"},
	"augment":         {},
	"augment/corrupt": {"augment"},
	".":               {"nn", "augment", "torch", "collapse"},
	"method":          {".", "nn", "augment", "torch", "collapse"},
	"method/variant":  {".", "nn", "augment", "torch", "collapse", "config", "method"},
	"backbone":        {".", "nn", "augment", "torch"},
	"eval/report": {".", "nn", "augment", "augment/corrupt", "torch", "optim", "cluster/report", "dataset", "eval",
		"method", "method/variant", "pretrain", "pretrain/probe", "checkpoint", "config", "run", "train", "weights"},
	"eval":             {".", "nn", "augment", "torch"},
	"dataset":          {"augment"},
	"dataset/survey":   {"augment", "dataset"},
	"dataset/pack":     {"augment", "dataset", "run"},
	"collapse":         {},
	"collapse/measure": {"collapse", "torch"},
	"collapse/...":     {"collapse", "collapse/history", "config", "run"},
	"optim":            {"nn", "torch"},
	"config":           {"augment"},
	"run":              {"collapse", "config"},
	"run/replay":       {"augment", "config", "dataset", "run"},
	"run/report": {"augment", "collapse", "config", "dataset", "run", "run/features", "run/replay", "run/series",
		"run/summary"},
	"run/series":   {"run"},
	"run/summary":  {"collapse", "collapse/guard", "config", "run"},
	"run/watch":    {"run", "run/series", "run/summary"},
	"run/features": {"run"},
	"checkpoint":   {"nn", "augment", "torch", "config", "run"},
	"train":        {".", "nn", "augment", "torch", "dataset", "dist", "optim", "checkpoint", "config", "run"},
	"encoder": {".", "nn", "augment", "torch", "backbone", "checkpoint", "config", "method", "method/variant", "run",
		"run/features", "run/replay", "dataset", "weights"},
	"embedding":      {"run"},
	"embed":          {"augment", "torch", "dataset", "embedding", "encoder", "run"},
	"search":         {"torch", "run"},
	"serve":          {"augment", "embedding", "encoder", "run", "search", "torch", "dataset"},
	"search/pixels":  {"augment"},
	"weights":        {"nn", "torch", "backbone", "checkpoint", "run", "weights/pth"},
	"weights/pickle": {},
	"weights/pth":    {"weights/pickle"},
	"dashboard": {"augment", "cluster/report", "compare", "config", "dataset", "lab", "lab/claims",
		"lab/report", "run", "run/features", "run/replay", "run/series",
		"run/summary"},
	"sweep":                 {"compare", "config", "run"},
	"dashboard/browsertest": {}, // tests alone
	"compare":               {"config", "run", "run/series"},
	"search/report": {"augment", "torch", "dataset", "embed", "embedding", "encoder", "run", "search",
		"search/pixels"},
	"export": {"nn", "augment", "torch", "backbone", "checkpoint", "dataset", "encoder", "method", "method/variant",
		"config", "run"},
	"pretrain": {".", "nn", "augment", "torch", "backbone", "checkpoint", "dataset", "dist", "method",
		"method/variant", "preset", "pretrain/guard", "pretrain/probe", "config", "run", "run/features", "run/report",
		"train"},
	"pretrain/advice": {".", "config", "dataset", "dataset/survey", "method", "pretrain"},
	"pretrain/scale":  {".", "backbone", "dataset", "method", "nn", "preset", "pretrain", "run", "torch"},
	"pretrain/guard":  {"collapse/guard", "method", "config", "run", "train"},
	"pretrain/probe": {".", "nn", "augment", "torch", "collapse", "collapse/measure", "dataset", "eval", "config",
		"run", "run/features", "train"},
	"cluster": {".", "nn", "augment", "torch", "optim", "cluster/report", "dataset", "eval", "method", "preset",
		"pretrain", "pretrain/probe", "config", "run", "train"},
	"cluster/report": {"run"},
	"preset":         {}, // plain data; only the packages that wire things together see it
	"lab":            {"collapse", "collapse/history", "cluster/report", "config", "dataset", "preset", "run"},
	"lab/expect":     {"lab", "collapse"},
	"lab/theory":     {}, // numbers alone
	"lab/claims":     {"lab", "lab/expect", "lab/theory", "collapse"},
	"lab/report":     {"lab", "lab/claims", "collapse", "config", "run"},
	"cmd/...":        anything,
	"examples/...":   anything,
}

// listed is go list's description of a package.
type listed struct {
	ImportPath        string
	Imports, CgoFiles []string
	TestImports       []string
	XTestImports      []string
	Error             *struct{ Err string }
}

// list runs go list in the module's root with additions to the environment.
func list(t *testing.T, env []string, arguments ...string) []listed {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-e", "-json"}, arguments...)...)
	command.Dir = root(t)
	command.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, said.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatalf("%s: no packages", command)
	}
	return packages
}

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("finding the module's root: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// below turns an import path of the module into the table's form; ok is false for packages of other modules.
func below(importPath string) (short string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func isInternal(short string) bool {
	return slices.Contains(strings.Split(short, "/"), "internal")
}

// allowed looks a package up in the table.
func allowed(table map[string][]string, short string) ([]string, bool) {
	if list, ok := table[short]; ok {
		return list, true
	}
	for dir := short; dir != "."; dir = path.Dir(dir) {
		if list, ok := table[dir+"/..."]; ok {
			return list, true
		}
	}
	return nil, false
}

// violations returns one line for each import that the table does not allow. imports holds each package's imports, all
// in the table's form.
func violations(table, imports map[string][]string) []string {
	var lines []string
	for _, short := range slices.Sorted(maps.Keys(imports)) {
		if isInternal(short) {
			continue
		}
		list, ok := allowed(table, short)
		if !ok {
			lines = append(lines, fmt.Sprintf("package %s is not in the import table: decide what it may import "+
				"and add it to the table in internal/archtest and to docs/architecture.md", short))
			continue
		}
		seen := map[string]bool{}
		var walk func(at, way string)
		walk = func(at, way string) {
			for _, to := range imports[at] {
				if seen[to] {
					continue
				}
				seen[to] = true
				switch {
				case isInternal(to):
					walk(to, way+" -> "+to)
				case slices.Equal(list, anything):
				case !slices.Contains(list, to):
					lines = append(lines, fmt.Sprintf("%s -> %s: the import table allows %s only %v", way, to, short,
						list))
				}
			}
		}
		walk(short, short)
	}
	return lines
}

func TestImports(t *testing.T) {
	imports := map[string][]string{}
	for _, p := range list(t, nil, "./...") {
		short, ok := below(p.ImportPath)
		if !ok {
			continue
		}
		imports[short] = nil
		for _, to := range p.Imports {
			if to, ok := below(to); ok {
				imports[short] = append(imports[short], to)
			}
		}
	}
	for _, line := range violations(may, imports) {
		t.Error(line)
	}
}

// The rule itself is tested on invented modules.
func TestViolations(t *testing.T) {
	for name, c := range map[string]struct {
		imports map[string][]string
		want    int
	}{
		"as it should be": {map[string][]string{"method": {".", "torch"}, ".": {"nn", "torch"}, "nn": {"torch"},
			"torch": {"internal/x"}}, 0},
		"a method sees train": {map[string][]string{"method": {"train"}}, 1},
		"through an internal": {map[string][]string{"method": {"internal/x"}, "internal/x": {"internal/y"},
			"internal/y": {"dataset", "torch"}}, 1},
		"upwards":                {map[string][]string{"torch": {"nn"}, "augment": {"dataset"}, "nn": {"."}}, 3},
		"a command":              {map[string][]string{"cmd/parallax": {"train", "eval", "dashboard"}}, 0},
		"a page with an encoder": {map[string][]string{"dashboard": {"run", "encoder"}}, 1},
		"a package in a folder":  {map[string][]string{"method/simclr": {"torch"}}, 1},
		"not in the table":       {map[string][]string{"util": nil}, 1},
	} {
		if got := violations(may, c.imports); len(got) != c.want {
			t.Errorf("%s: %d violations, want %d: %q", name, len(got), c.want, got)
		}
	}
}

// C is called in two places, for libtorch's shim and for libjpeg-turbo, both opened at run time. A third has C that
// runs before Go's runtime does.
func TestCgo(t *testing.T) {
	places := []string{"torch", "internal/turbojpeg", "internal/early", "augment/internal/kernel"}
	for _, p := range list(t, []string{"CGO_ENABLED=1"}, "./...") {
		if short, ok := below(p.ImportPath); ok && len(p.CgoFiles) > 0 && !slices.Contains(places, short) {
			t.Errorf("%s uses cgo in %v; only %v may", short, p.CgoFiles, places)
		}
	}
}

func TestPureGo(t *testing.T) {
	var patterns []string
	for _, pattern := range []string{
		"augment/...", "collapse", "collapse/guard", "collapse/history", "config/...", "dataset/...", "embedding",
		"run/...", "dashboard/...", "compare", "sweep", "lab/report", "internal/parquetcheck", "weights/pickle",
		"weights/pth",
	} {
		if _, err := os.Stat(path.Join(root(t), strings.TrimSuffix(pattern, "/..."))); err == nil {
			patterns = append(patterns, "./"+pattern)
		}
	}
	if len(patterns) == 0 {
		t.Skip("none of the packages without cgo is in this tree")
	}
	for _, p := range list(t, []string{"CGO_ENABLED=0"}, append([]string{"-deps"}, patterns...)...) {
		if p.Error != nil {
			t.Errorf("%s, with CGO_ENABLED=0: %s", p.ImportPath, p.Error.Err)
		}
		if len(p.CgoFiles) > 0 || p.ImportPath == "runtime/cgo" || p.ImportPath == module+"/torch" {
			t.Errorf("%s needs C and is imported by one of %v", p.ImportPath, patterns)
		}
	}
}
