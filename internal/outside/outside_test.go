// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/torch"
)

// A program in another module pretrains for 20 steps with its own objective, that of examples/method, and its own
// metric. It opens the encoder and embeds 100 images. It sees only exported identifiers, and needs no network.
func TestProgram(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, from := range map[string]string{
		"main.go":         filepath.Join("testdata", "program", "main.go"),
		"alignuniform.go": filepath.Join(root, "examples", "method", "alignuniform.go"),
		"go.sum":          filepath.Join(root, "go.sum"),
	} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	language := regexp.MustCompile(`(?m)^go .*$`)
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	module := "module example.com/outside\n\n" + string(language.Find(ours)) +
		"\n\nrequire github.com/parallax-ssl/parallax v0.0.0\n\n" +
		"replace github.com/parallax-ssl/parallax => " + root + "\n"
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o666); err != nil {
		t.Fatal(err)
	}
	// The engine is in this module's bin, where a program of another module does not look.
	if err := torch.Load(); err != nil {
		t.Fatal(err)
	}
	engines, err := filepath.Glob(filepath.Join(root, "bin", "libparallax_shim*"))
	if err != nil || len(engines) == 0 {
		t.Fatalf("no engine library in bin (%v): run make build", err)
	}
	said := func(name string, arguments ...string) string {
		command := exec.Command(name, arguments...)
		command.Dir = folder
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "OMP_NUM_THREADS=1")
		if os.Getenv("PARALLAX_SHIM") == "" {
			command.Env = append(command.Env, "PARALLAX_SHIM="+engines[0])
		}
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return string(out)
	}
	said("go", "build", "-o", "outside", ".")
	out := said(filepath.Join(folder, "outside"), "run")
	want := regexp.MustCompile(`step 10: features of length \d+\.\d+
step 20: features of length \d+\.\d+
trained for 20 steps by alignuniform
embedded 100 images: 32 features each
$`)
	if !want.MatchString(out) || strings.Contains(out, "length 0.000") {
		t.Errorf("the program said\n%s\nwant\n%s", out, want)
	}
	e, err := encoder.Open(filepath.Join(folder, "run"))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if d := e.Describe(); d.Method != "alignuniform" || d.Features != 32 {
		t.Errorf("the run has left %+v", d)
	}
}
