// SPDX-License-Identifier: Apache-2.0

package augment

// Contrast spreads the levels about the image's mean luma by Factor: 0 gives a flat grey, 1 the image itself. It
// spreads those of a deep image about the mean of each channel.
type Contrast struct {
	inPlace
	Factor float64 // 0 or more; used in float32
}

// Apply changes img in place.
func (d Contrast) Apply(img *Image) *Image {
	if img.Deep != nil {
		for c := range img.C {
			mean := meanOf(img, c)
			for i := c; i < len(img.Deep); i += img.C {
				img.Deep[i] = float32(mean + d.Factor*(float64(img.Deep[i])-mean))
			}
		}
		return img
	}
	if len(img.Pix) == 0 {
		return img
	}
	sum := 0
	for i := 0; i+2 < len(img.Pix); i += 3 {
		sum += int(luma(img.Pix[i], img.Pix[i+1], img.Pix[i+2]))
	}
	mean := float64(sum) / float64(img.W*img.H)
	return blendWithLevel(img, int(mean+0.5), float32(d.Factor))
}
