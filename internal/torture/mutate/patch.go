// SPDX-License-Identifier: Apache-2.0

// Package mutate changes the program on purpose, without touching its files: go build and go test take changed copies
// in place of them (-overlay).
package mutate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Patch replaces a text that stands in a file exactly once.
type Patch struct{ File, Old, New string }

// Overlay writes a patched copy of the file, and the overlay that puts it in place of the original, into a folder. It
// returns the overlay's path. A text that is gone is an error: the patch must follow the program.
func Overlay(root, dir string, p Patch) (string, error) {
	path := filepath.Join(root, filepath.FromSlash(p.File))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), p.Old); n != 1 {
		return "", fmt.Errorf("%s has %q %d times, not once: change the patch", p.File, p.Old, n)
	}
	return Replace(dir, path, []byte(strings.Replace(string(text), p.Old, p.New, 1)))
}

// Replace writes an overlay that puts a text in place of a file.
func Replace(dir, path string, text []byte) (string, error) {
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, text, 0o666); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "overlay.json")
	return to, os.WriteFile(to, overlay, 0o666)
}

// Build compiles the command with an overlay.
func Build(ctx context.Context, root, overlay, to string) error {
	c := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", to, "./cmd/parallax")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building a changed program: %w\n%s", err, out)
	}
	return nil
}
