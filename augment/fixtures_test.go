// SPDX-License-Identifier: Apache-2.0

package augment_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/internal/golden/views"
)

// TestFixtures checks every Pillow case of the oracle manifest, to the byte. PARALLAX_ORACLES names another folder of
// cases to use instead.
func TestFixtures(t *testing.T) {
	root := os.Getenv("PARALLAX_ORACLES")
	if root == "" {
		root = filepath.Join("..", "testdata", "oracles")
	}
	cases, err := views.Cases(filepath.Join(root, "augment"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range cases {
		t.Run(c.ID(), func(t *testing.T) {
			skip, err := c.Run()
			if skip != "" {
				t.Skip(skip)
			}
			ran++
			if err != nil {
				t.Error(err)
			}
		})
	}
	if ran == 0 {
		t.Error("the manifest holds no case of the pil backend")
	}
}
