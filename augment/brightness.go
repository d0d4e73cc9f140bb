// SPDX-License-Identifier: Apache-2.0

package augment

// Brightness scales every level by Factor: 0 gives black, 1 the image itself.
type Brightness struct {
	inPlace
	Factor float64 // 0 or more; used in float32
}

// Apply changes img in place.
func (d Brightness) Apply(img *Image) *Image {
	if img.Deep != nil {
		factor := float32(d.Factor)
		for i := range img.Deep {
			img.Deep[i] *= factor
		}
		return img
	}
	return blendWithLevel(img, 0, float32(d.Factor))
}

// blendWithLevel blends img with a flat grey image of one level, in place.
func blendWithLevel(img *Image, level int, factor float32) *Image {
	var lut [256]uint8
	for v := range lut {
		lut[v] = blend(level, v, factor)
	}
	return lookUp(img, &lut)
}
