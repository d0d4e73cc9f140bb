// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
)

// TestHeldPixels has goroutines hold images of several sizes and formats, whose memory is used again once they are
// released: an image that is held, and one that is the caller's, keeps its pixels.
func TestHeldPixels(t *testing.T) {
	root := greyFiles(t, 4, 60, 50)
	for k := range 12 {
		img := image.NewGray(image.Rect(0, 0, 40+7*k, 30+5*(k%4)))
		for i := range img.Pix {
			img.Pix[i] = uint8(20 * k)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("grey%02d.jpg", k)), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t, root, Options{})
	owned, want := make([]*augment.Image, s.Len()), make([][]uint8, s.Len())
	for i := range owned {
		img, err := s.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		owned[i], want[i] = img, slices.Clone(img.Pix)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := range 200 {
				i := (7*n + 3*worker) % s.Len()
				img, release, err := s.Hold(i)
				if err != nil {
					t.Error(err)
					return
				}
				if !slices.Equal(img.Pix, want[i]) {
					t.Errorf("image %d has other pixels when it is held", i)
				}
				release()
			}
		})
	}
	all.Wait()
	for i, img := range owned {
		if !slices.Equal(img.Pix, want[i]) {
			t.Errorf("image %d was the caller's, and has been written to", i)
		}
	}
}
