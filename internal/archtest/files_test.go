// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const license = "// SPDX-License-Identifier: Apache-2.0"

// files calls visit with the slash-separated path of every file that belongs to the module.
func files(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	dir := root(t)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			switch {
			case name == ".git" || name == "bin" || name == "runs" || entry.Name() == "__pycache__",
				strings.HasPrefix(name, ".libtorch") || strings.HasPrefix(name, ".venv"):
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || name == ".git" { // in a linked work tree, .git is a file
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(name, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

func TestGoFiles(t *testing.T) {
	documented := map[string]bool{} // by folder
	count := 0
	files(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return
		}
		count++
		if first, _, _ := bytes.Cut(text, []byte("\n")); string(first) != license {
			t.Errorf("%s: its first line is not %q", name, license)
		}
		folder := filepath.Dir(name)
		if isTest(name) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		documented[folder] = documented[folder] || says(file)
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.Name == "init" && !ast.IsGenerated(file) {
				t.Errorf("%s has an init function: list things where they are used, so that the list can be read", name)
			}
		}
	})
	if count == 0 {
		t.Fatal("found no Go files")
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

// says reports whether a file has the package's comment: "Package name ..." or, for a program, any comment.
func says(file *ast.File) bool {
	if file.Doc == nil {
		return false
	}
	text := file.Doc.Text()
	return strings.HasPrefix(text, "Package "+file.Name.Name+" ") || file.Name.Name == "main" &&
		strings.TrimSpace(text) != ""
}

// home matches a path that exists only on somebody's machine.
var home = regexp.MustCompile(`(^|[^\w.$}~-])/(work|tmp|root|home|Users)/\w`)

func TestNoMachinePaths(t *testing.T) {
	files(t, func(name string, text []byte) {
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			return
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if found := home.Find(line); found != nil {
				t.Errorf("%s:%d names a path of one machine: %q", name, i+1, found)
			}
		}
	})
}

func TestHome(t *testing.T) {
	slash := "/"
	for text, want := range map[string]bool{
		slash + "work/x": true, "in " + slash + "tmp/a.png": true, `"` + slash + "home/me": true,
		"=" + slash + "root/x": true,
		"a/work/b":             false, "$HOME/work/x": false, "./tmp/x": false, "LIBTORCH=/path": false,
		"/homework/x": false,
	} {
		if got := home.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
