// SPDX-License-Identifier: Apache-2.0

package weights_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/weights"
)

// A checkpoint of MoCo becomes an encoder.
func ExampleImport() {
	dir, err := os.MkdirTemp("", "import")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "encoder.safetensors")
	r, err := weights.Import("testdata/moco.pth.tar", weights.Options{As: "resnet18", Out: out})
	if err != nil {
		fmt.Println(err)
		return
	}
	used, left := r.Count()
	fmt.Printf("%s of %s: %d entries used, %d left out\n", r.Encoder.Architecture, r.Family, used, left)
	for _, f := range r.Skipped {
		fmt.Println("not run:", f.Name)
	}
	// Output:
	// resnet18 of MoCo: 120 entries used, 128 left out
	// not run: argparse.Namespace
}

// The weights of a checkpoint embed images without a file in between.
func ExampleRead() {
	w, err := weights.Read("testdata/dino.pth", weights.Options{Which: weights.Student, Size: 32})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := encoder.New(w.Encoder, w.States)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	fmt.Println(w.Report.As, e.Features())
	// Output:
	// vit_tiny_patch16_224 192
}
