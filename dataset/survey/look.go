// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/parallax-ssl/parallax/augment"
)

// look is what a survey keeps of an image, about 200 bytes.
type look struct {
	bad           string // why the image could not be read
	format        string
	width, height int
	grey, level   bool // red, green and blue are equal; all pixels are equal
	mean, squares [3]float64
	pixels        [16]byte // a hash
	thumb         thumbnail
	tried         bool
}

// at looks at an image.
func at(img *augment.Image) look {
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
