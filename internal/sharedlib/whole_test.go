// SPDX-License-Identifier: Apache-2.0

package sharedlib

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWhole(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this program is no ELF file")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := Whole(self); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{70, 5000, len(text) / 2, len(text) - 1} {
		path := filepath.Join(t.TempDir(), "half")
		if err := os.WriteFile(path, text[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		if err := Whole(path); err == nil || !strings.Contains(err.Error(), "is truncated") {
			t.Errorf("%d of %d bytes: %v", size, len(text), err)
		}
	}
	for name, text := range map[string]string{"empty": "", "text": "no library"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := Whole(path); name == "text" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
