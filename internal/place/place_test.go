// SPDX-License-Identifier: Apache-2.0

package place

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestModuleRoot(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "a", "b")
	other := filepath.Join(root, "other")
	for _, dir := range []string{inside, other} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		filepath.Join(root, "go.mod"):  module + "\ngo 1.26\n",
		filepath.Join(other, "go.mod"): "module example.com/other\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{root: root, inside: root, other: ""} {
		if got := moduleRoot(dir); got != want {
			t.Errorf("from %s: %q, want %q", dir, got, want)
		}
	}
	t.Chdir(inside)
	if folders := Libraries(); !slices.Contains(folders, filepath.Join(root, "bin")) {
		t.Errorf("%q does not have the module's bin", folders)
	}
}

func TestSetUp(t *testing.T) {
	root := t.TempDir()
	library := filepath.Join(root, "bin", "lib.so")
	for _, dir := range []string{"bin", "scripts"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	// A checkout has scripts/libtorch.py and no setup beside bin/.
	for _, name := range []string{"scripts/libtorch.py", "setup"} {
		if got := SetUp(library); got != "" {
			t.Errorf("without %s: %q", name, got)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := SetUp(library), filepath.Join(root, "setup"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
