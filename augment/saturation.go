// SPDX-License-Identifier: Apache-2.0

package augment

// Saturation moves every pixel away from its luma by Factor: 0 gives grey, 1 the image itself. Of a deep
// image it is the mean of the pixel's channels.
type Saturation struct {
	inPlace
	Factor float64 // 0 or more; used in float32
}

// Apply changes img in place.
func (d Saturation) Apply(img *Image) *Image {
	factor := float32(d.Factor)
	if img.Deep != nil {
		for i := 0; i < len(img.Deep); i += img.C {
			px := img.Deep[i : i+img.C]
			mean := pixelMean(px)
			for c, v := range px {
				px[c] = mean + factor*(v-mean)
			}
		}
		return img
	}
	var scaled [511]float32 // Factor times each difference of two levels
	for i := range scaled {
		scaled[i] = factor * float32(i-255)
	}
	pix := img.Pix
	for i := 0; i+2 < len(pix); i += 3 {
		p := pix[i : i+3 : i+3]
		grey := luma(p[0], p[1], p[2])
		base, from := float32(grey), 255-int(grey)
		p[0] = truncate(base + scaled[from+int(p[0])])
		p[1] = truncate(base + scaled[from+int(p[1])])
		p[2] = truncate(base + scaled[from+int(p[2])])
	}
	return img
}
