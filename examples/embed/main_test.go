// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/pretrain"
)

func TestEmbed(t *testing.T) {
	folder := t.TempDir()
	dir := filepath.Join(folder, "run")
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("method.name", "simsiam"),
		pretrain.Set("data.path", "synthetic:32"), pretrain.Set("data.size", 16),
		pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16), pretrain.Set("train.max_steps", 2),
	}}
	if _, err := pretrain.Run(context.Background(), request, pretrain.Options{Out: dir}); err != nil {
		t.Fatal(err)
	}
	picture, text := filepath.Join(folder, "a.png"), filepath.Join(folder, "b.txt")
	f, err := os.Create(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 20, 30))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(text, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	var whole, alone bytes.Buffer
	pictures := []string{picture, picture}
	if err := embed(context.Background(), &whole, dir, pictures); err != nil {
		t.Fatal(err)
	}
	if err := embed(context.Background(), &alone, filepath.Join(dir, "encoder.safetensors"), pictures); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(whole.String()), "\n")
	if len(lines) != 2 || lines[0] != lines[1] || len(strings.Fields(lines[0])) != 1+32 ||
		!strings.HasPrefix(lines[0], picture) {
		t.Errorf("one image twice:\n%s", whole.String())
	}
	if whole.String() != alone.String() {
		t.Error("the run directory and its encoder file give different features")
	}
	err = embed(context.Background(), &alone, dir, []string{text})
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("a file that is no image: %v", err)
	}
}
