// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
)

// look is what a survey keeps of an image, about 200 bytes.
type look struct {
	bad           string // why the image could not be read
	format        string
	deep          string // the channels, depth and pages of the file if 8-bit RGB does not hold them
	width, height int
	grey, level   bool // red, green and blue are equal; all pixels are equal
	mean, squares [3]float64
	pixels        [16]byte // a hash
	thumb         thumbnail
	tried         bool
}

// at looks at an image.
func at(img *augment.Image) look {
	if img.Deep != nil {
		return atDeep(img)
	}
	l := look{width: img.W, height: img.H, tried: true, grey: true, level: true}
	var sum, squares [3]uint64
	first := [3]uint8(img.Pix[:3])
	for p := 0; p+2 < len(img.Pix); p += 3 {
		px := [3]uint8(img.Pix[p : p+3])
		l.grey = l.grey && px[0] == px[1] && px[1] == px[2]
		l.level = l.level && px == first
		for c, v := range px {
			sum[c] += uint64(v)
			squares[c] += uint64(v) * uint64(v)
		}
	}
	n := float64(len(img.Pix) / 3)
	for c := range 3 {
		l.mean[c], l.squares[c] = float64(sum[c])/n/255, float64(squares[c])/n/(255*255)
	}
	h := sha256.New()
	var size [16]byte
	binary.LittleEndian.PutUint64(size[:], uint64(img.W))
	binary.LittleEndian.PutUint64(size[8:], uint64(img.H))
	h.Write(size[:])
	h.Write(img.Pix)
	l.pixels = [16]byte(h.Sum(nil))
	l.thumb = shrink(img)
	return l
}

// atDeep looks at a deep image as people see it; its hash is that of its values.
func atDeep(img *augment.Image) look {
	l := at(augment.AutoContrast{}.Apply(img.Clone()).Shown())
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, []uint64{uint64(img.W), uint64(img.H), uint64(img.C)}) // never fails
	_ = binary.Write(h, binary.LittleEndian, img.Deep)
	l.pixels = [16]byte(h.Sum(nil))
	l.mean, l.squares = [3]float64{}, [3]float64{}
	l.level = true
	for i, v := range img.Deep {
		l.level = l.level && v == img.Deep[i%img.C]
	}
	return l
}

// deepOf describes the file of an image if 8-bit RGB does not hold it, and is "" otherwise. Alpha beside 8-bit colours
// is dropped, and no loss.
func deepOf(s *dataset.Source, i int) string {
	f, pages, ok := s.Stored(i)
	eight := slices.Contains([]string{"uint8", "uint4", "uint2", "uint1"}, f.Samples)
	if !ok || pages <= 1 && f.Channels <= 4 && eight {
		return ""
	}
	if pages > 1 {
		return fmt.Sprintf("%v on each of %d pages", f, pages)
	}
	return f.String()
}
