// SPDX-License-Identifier: Apache-2.0

package compare_test

import (
	"archive/zip"
	"testing"

	"github.com/parallax-ssl/parallax/internal/codec/compare"
)

// TestMatrix holds every format's options to Pillow: equal pixels, or a refusal. What is refused is counted by format,
// so that it cannot grow unseen.
func TestMatrix(t *testing.T) {
	z, err := zip.OpenReader("testdata/matrix.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r, err := compare.Folder(z)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total(); n.Files < 800 || r.Failed() {
		t.Errorf("%d files\n%s", n.Files, r)
	}
	// A PNG with a wrong checksum; CIELab, 16-bit planes, 16-bit grey with white as zero, and JPEG of two components.
	refused := map[string]int{"png": 1, "tiff": 13}
	for format, n := range r.Formats {
		if n.Refused != refused[format] {
			t.Errorf("%s: %d files are refused that Pillow reads, want %d\n%s", format, n.Refused, refused[format], r)
		}
	}
}
