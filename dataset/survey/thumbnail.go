// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"math"
	"math/bits"

	"github.com/parallax-ssl/parallax/augment"
)

// A thumbnail is an image of 9 x 8 grey pixels. Its difference hash (Krawetz, "Kind of Like That", 2013) has a bit for
// each of the 64 pairs of neighbours in a row: whether the left one is darker. The hash survives another size, another
// compression and other brightness.
type thumbnail struct {
	grey [thumbHeight][thumbWidth]uint8
	hash uint64
	// contrast is the standard deviation of the pixels. Images with little of it resemble one another, whatever they
	// show.
	contrast float64
}

const (
	thumbWidth, thumbHeight = 9, 8

	// Two images look the same if their hashes differ in at most nearBits bits, their thumbnails by at most nearLevels
	// of 255 grey levels on average, and both have some contrast. The hash alone takes small images of few shapes,
	// such as digits, for one another. So all of 50 photographs were recognised after a compression with quality 50,
	// and 49 after halving; of 60,000 images of CIFAR-10 three pairs are found, rightly.
	nearBits      = 4
	nearLevels    = 3
	leastContrast = 8
)

// shrink makes the thumbnail of an image: the mean of each cell of a grid. Cells of an image that is smaller than the
// grid overlap.
func shrink(img *augment.Image) thumbnail {
	var t thumbnail
	var sum, squares float64
	for y := range thumbHeight {
		for x := range thumbWidth {
			v := cell(img, x*img.W/thumbWidth, y*img.H/thumbHeight, (x+1)*img.W/thumbWidth, (y+1)*img.H/thumbHeight)
			t.grey[y][x] = uint8(math.Round(v))
			sum, squares = sum+v, squares+v*v
		}
	}
	const n = thumbWidth * thumbHeight
	t.contrast = math.Sqrt(max(0, squares/n-sum/n*sum/n))
	for y := range thumbHeight {
		for x := range thumbWidth - 1 {
			t.hash <<= 1
			if t.grey[y][x] < t.grey[y][x+1] {
				t.hash |= 1
			}
		}
	}
	return t
}

// cell is the mean grey level of the pixels from (x0, y0) to before (x1, y1), and at least of one of them.
func cell(img *augment.Image, x0, y0, x1, y1 int) float64 {
	x1, y1 = max(x1, x0+1), max(y1, y0+1)
	var sum int
	for y := y0; y < y1; y++ {
		row := img.Pix[3*(y*img.W+x0) : 3*(y*img.W+x1)]
		for p := 0; p < len(row); p += 3 {
			sum += 299*int(row[p]) + 587*int(row[p+1]) + 114*int(row[p+2]) // ITU-R BT.601
		}
	}
	return float64(sum) / 1000 / float64((x1-x0)*(y1-y0))
}

// like reports whether two images look the same.
func (t *thumbnail) like(o *thumbnail) bool {
	if bits.OnesCount64(t.hash^o.hash) > nearBits || t.contrast < leastContrast || o.contrast < leastContrast {
		return false
	}
	difference := 0
	for y := range thumbHeight {
		for x := range thumbWidth {
			difference += max(int(t.grey[y][x])-int(o.grey[y][x]), int(o.grey[y][x])-int(t.grey[y][x]))
		}
	}
	return difference <= nearLevels*thumbWidth*thumbHeight
}
