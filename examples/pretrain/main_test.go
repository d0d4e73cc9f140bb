// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/encoder"
)

func TestTrain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := train(context.Background(), dir, 3); err != nil {
		t.Fatal(err)
	}
	e, err := encoder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if d := e.Describe(); d.Method != "simclr" || d.Size != 16 || d.Width != 8 {
		t.Errorf("the encoder is %+v", d)
	}
	if err := train(context.Background(), dir, 3); err == nil {
		t.Error("a second run in the same directory is accepted")
	}
}
